"""Sentences of the report on the trials of the sources."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from manybaskets.generation.pilot.trial import _stated


def pilot_findings(verdicts: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Sentences for the report: one for each source that was warned of or that went on in spite of
    its trial, with the reason, and one for all others.

    Args:
        verdicts: what `run_trial` wrote, by source.
    """
    sentences, quiet = [], []
    for name, verdict in verdicts.items():
        warned = [check for check in verdict["checks"] if check["level"] == "warn"]
        warnings = "; ".join(map(_stated, warned))
        if verdict["verdict"] == "overridden":
            failed = [check for check in verdict["checks"] if check["level"] == "fail"]
            sentence = (
                f"Source {name} failed its pilot and was used anyway, for this reason: "
                f"“{verdict['reason']}”. It failed: {'; '.join(map(_stated, failed))}."
            )
            sentences.append(sentence + (f" Warnings: {warnings}." if warned else ""))
        elif warned:
            sentences.append(f"The pilot of source {name} passed with warnings: {warnings}.")
        else:
            quiet.append(name)
    if quiet:
        which = f"source {quiet[0]}" if len(quiet) == 1 else f"sources {', '.join(quiet)}"
        sentences.append(f"The pilot of {which} passed without warnings.")
    return sentences
