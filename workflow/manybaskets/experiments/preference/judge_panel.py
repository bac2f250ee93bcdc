"""Judges of one model load, the texts that each sees, and their shared engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from manybaskets.config.engine_kinds import Opening
from manybaskets.config.models import ModelPrompting
from manybaskets.config.participants import judged_mixes
from manybaskets.config.preference_judging import PreferenceJudging
from manybaskets.config.sampling import Sampling
from manybaskets.config.study import Study
from manybaskets.engines.base import LocalEngine
from manybaskets.engines.factory import open_engine
from manybaskets.experiments.preference.questions import TextPanel
from manybaskets.experiments.preference.readout import JudgedRun
from manybaskets.experiments.preference.schemas import GOLD, OWN, own_of
from manybaskets.experiments.preference.summaries import texts_of
from manybaskets.names import VANILLA, Run


def judges_of_load(
    target: str,
    runs: Sequence[Run],
    *,
    adapters: Sequence[Path],
    summaries: Mapping[str, Path],
    own: Mapping[Run, Path],
    published: Sequence[str],
    outputs: Sequence[Path],
) -> list[JudgedRun]:
    """The judging runs of a target, each with its panel.

    A tuned run sees its own summaries and the authors' summaries. The untuned target sees the
    summaries of all runs, each against the authors.

    Args:
        runs: mix and training seed; outputs: theirs, in the same order.
        adapters: of runs with an adapter, in their order.
        summaries: file by author in config order.
        own: file of every run's own summaries.
        published: authors of the published form; empty if it is not asked.
    """
    texts = {author: texts_of(file) for author, file in summaries.items()}
    of_runs = {run: texts_of(file) for run, file in own.items()}
    texts |= {own_of(*run): written for run, written in of_runs.items()}
    tuned = [run for run in runs if run[0] not in (VANILLA, GOLD)]
    adapter_of = dict(zip(tuned, adapters, strict=True))
    judges = []
    for run, output in zip(runs, outputs, strict=True):
        panel = panel_of(run, list(summaries), list(of_runs), published)
        shown = texts | ({OWN: of_runs[run]} if run in of_runs else {})
        judges.append(JudgedRun(target, *run, adapter_of.get(run), panel, shown, output))
    return judges


def panel_of(
    run: Run, authors: Sequence[str], writers: Sequence[Run], published: Sequence[str]
) -> TextPanel:
    """The panel of authors that a run sees.

    Args:
        writers: runs that write their own summaries.
    """
    if run[0] == VANILLA:
        return TextPanel(authors, [own_of(*each) for each in writers], published)
    return TextPanel([*authors, OWN] if run in writers else authors, [], published)


def panel_in(study: Study, judge: str, run: Run) -> TextPanel:
    """The panel of a run of a target, or of a gold judge."""
    settings = study.preference
    if run[0] == GOLD:
        return panel_of(run, settings.authors, [], settings.published(judge, settings.authors))
    mixes = judged_mixes(study) if settings.own_summaries else []
    writers = [(mix, seed) for mix in mixes for seed in study.seeds_of(mix)]
    panel = settings.panel(judge)
    return panel_of(run, panel, writers, settings.published(judge, panel))


def open_judge_engine(
    settings: PreferenceJudging,
    name: str,
    params: Mapping[str, Any],
    *,
    model: str,
    threads: int,
    gpus: int,
) -> LocalEngine:
    """A judge's engine. Prompts are never truncated; system prompt and date are as in training.

    Args:
        params: `prompting` and `precision` from the config.
        model: folder of the judge.
        gpus: GPUs of the job.
    """
    never_cut = {"max_prompt_tokens": settings.max_prompt_tokens, "long_prompts": "stop"}
    opening = Opening(
        name=name,
        folder=Path(model),
        prompting=ModelPrompting(**params["prompting"]).model_copy(update=never_cut),
        # Room for the answer's first token.
        sampling=Sampling(temperature=0.0, max_new_tokens=1),
        precision=params["precision"],
        threads=threads,
        gpus=gpus,
    )
    return open_engine(settings.engine_of(name), opening)
