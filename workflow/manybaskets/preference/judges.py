"""Who judges with one load of a model, whose texts each sees, and the engine that they share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from manybaskets.config.parts import Prompting, Sampling
from manybaskets.config.preference import Judging
from manybaskets.config.study import VANILLA
from manybaskets.engines import LocalEngine
from manybaskets.engines.opening import open_engine
from manybaskets.preference.items import Panel
from manybaskets.preference.readout import Judge
from manybaskets.preference.records import GOLD, OWN, own_of
from manybaskets.preference.summaries import texts_of

Run = tuple[str, int]


def judges_of_load(
    target: str,
    runs: Sequence[Run],
    *,
    adapters: Sequence[Path | None],
    summaries: Mapping[str, Path],
    own: Mapping[Run, Path],
    held_out: Sequence[str],
    outputs: Sequence[Path],
) -> list[Judge]:
    """The runs of a target that judge, each with its panel.

    A tuned run sees its own summaries beside the authors'. The untuned target sees those of all
    runs, each against the authors. The published form has the authors that are not held out.

    Args:
        runs: mix and training seed; adapters, outputs: theirs, in the same order.
        summaries: file by author, in the order of the config.
        own: file of every run's own summaries.
    """
    texts = {author: texts_of(file) for author, file in summaries.items()}
    of_runs = {run: texts_of(file) for run, file in own.items()}
    authors = list(summaries)
    published = [author for author in authors if author not in held_out]
    judges = []
    for run, adapter, output in zip(runs, adapters, outputs, strict=True):
        shown, panel = dict(texts), Panel(authors, [], published)
        if run[0] == VANILLA:
            shown |= {own_of(*each): written for each, written in of_runs.items()}
            panel = Panel(authors, [own_of(*each) for each in of_runs], published)
        elif run[0] != GOLD and run in of_runs:
            shown[OWN] = of_runs[run]
            panel = Panel([*authors, OWN], [], published)
        judges.append(Judge(target, *run, adapter, panel, shown, output))
    return judges


def open_judge(
    how: Judging,
    folder: Path,
    name: str,
    *,
    prompting: Prompting,
    precision: str,
    threads: int,
    gpus: int,
) -> LocalEngine:
    """The engine of a judge. Prompts are never cut; system prompt and date are those of training."""
    return open_engine(
        how.engine,
        folder,
        name,
        prompting=prompting.model_copy(
            update={"max_prompt_tokens": how.max_prompt_tokens, "long_prompts": "stop"}
        ),
        # Room for the answer's first token.
        sampling=Sampling(temperature=0.0, max_new_tokens=1),
        precision=precision,
        threads=threads,
        gpus=gpus,
    )
