"""The page of the browser, and what it knows of the study before it reads any prompt."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from manybaskets.browse.packing import Write, write_value
from manybaskets.browse.sampling import allotted, drawn_prompts
from manybaskets.browse.set_reading import (
    DISAGREEMENT,
    Condition,
    ValueColumn,
    conditions_of,
    listed_prompts,
    read_values,
)
from manybaskets.browse.set_writing import write_set
from manybaskets.errors import UserError
from manybaskets.layout.answer_sets import AnswerSet
from manybaskets.measures import get
from manybaskets.presentation.formatting import shown_unit
from manybaskets.records.measured import SOURCES
from manybaskets.records.resources import library_folder

_SCRIPTS = ("loading", "values", "word_diff", "prompt_list", "prompt_view", "controls", "start")


def write_browser(
    write: Write,
    sets: Sequence[AnswerSet],
    *,
    study: str,
    seed: int,
    restricted: bool = False,
) -> None:
    """Write the page and its data.

    Args:
        write: writes a file of the page's folder.
        sets: in the order of the page.
        study: its name.
        seed: of the study, for the sample of a study with very many prompts.
        restricted: the page says that its texts must not be shared.
    """
    frames = {each.name: listed_prompts(each) for each in sets}
    counts = allotted({name: frame.height for name, frame in frames.items()})
    known: set[str] = set()
    described = []
    for number, answer_set in enumerate(sets):
        every = frames.pop(answer_set.name)
        prompts = drawn_prompts(every, counts[answer_set.name], seed)
        values = read_values(answer_set, prompts["prompt_id"])
        ids = prompts["prompt_id"].to_list()
        repeated = [row for row, prompt_id in enumerate(ids) if prompt_id in known]
        known.update(ids)
        write_set(write, number, answer_set, prompts, values, repeated)
        described.append(
            {
                "name": answer_set.name,
                "title": answer_set.title or answer_set.name,
                "conditions": _described(conditions_of(answer_set)),
                "measures": [_measure(column) for column in values.columns],
                "prompts": prompts.height,
                "of": every.height,
                "withheld": answer_set.withheld,
            }
        )
    about = {"study": study, "restricted": restricted, "sets": described}
    write_value(write, "study", about)
    write("index.html", page_html(study).encode("utf-8"))


def page_html(study: str) -> str:
    """The page: its style and its script, which the policy knows by their digests."""
    folder = library_folder() / "browse" / "page"
    scripts = "".join(_read(folder / f"{name}.js") for name in _SCRIPTS)
    script = f'"use strict";\n(() => {{\n{scripts}}})();\n'
    style = _read(folder / "page.css")
    environment = Environment(
        loader=FileSystemLoader(folder), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template("index.html.j2").render(
        study=study,
        script=Markup(script),
        style=Markup(style),
        script_digest=_digest(script),
        style_digest=_digest(style),
    )


def _read(file: Path) -> str:
    return file.read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")


def _described(conditions: Sequence[Condition]) -> list[dict[str, Any]]:
    """Conditions with the words for them: a model where there are several, a seed likewise."""
    models = {model for model, _, _ in conditions if model != SOURCES}
    described = []
    for model, mix, seed in conditions:
        group = mix if model == SOURCES or len(models) < 2 else f"{model} / {mix}"
        seeds = sum((model, mix) == each[:2] for each in conditions)
        label = group if seeds < 2 else f"{group}, seed {seed}"
        described.append({"label": label, "group": group, "source": model == SOURCES})
    return described


def _measure(column: ValueColumn) -> dict[str, Any]:
    """What the page calls a column of values."""
    described = {"name": column.measure, "label": column.measure, "unit": "", "kind": "measure",
                 "transform": "identity", "likelihood": False}  # fmt: skip
    if column.judge:
        by = "range of the judges' scores" if column.judge == DISAGREEMENT else column.judge
        name = f"{column.measure}:{column.judge}"
        label = f"{column.measure}: {by}"
        return described | {"name": name, "label": label, "unit": "points", "kind": "judge"}
    try:
        measure = get(column.measure)
    except UserError:  # a measure of an extension that is not loaded here
        return described
    return described | {
        "label": measure.label,
        "unit": shown_unit(measure),
        "transform": measure.transform,
        "likelihood": "likelihood" in measure.needs,
    }
