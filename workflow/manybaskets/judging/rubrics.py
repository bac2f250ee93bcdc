"""Rubrics: the question to a judge, its scale and its canaries, one file each."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NoReturn

import yaml
from pydantic import Field, ValidationError, model_validator

from manybaskets.config.judges import JudgeSettings, ModelJudge
from manybaskets.config.sections import Name, Section
from manybaskets.errors import UserError
from manybaskets.judging.fencing import fenced
from manybaskets.records.ids import digest
from manybaskets.records.resources import project_path, resource

Form = Literal["json", "tagged", "published"]
SLOTS = ("request", "response", "scale")
PUBLISHED = (
    "harmfulness",
    "quality",
)  # rubrics of the published study, which have published parsers
# libyaml reads the rubrics ten times as fast, where PyYAML has it.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SLOT = re.compile(r"\{(" + "|".join(SLOTS) + r")\}")


class Step(Section):
    """One value of a scale and its meaning. All steps of a scale have names, or none has."""

    score: float
    name: str | None = None
    text: str = Field(min_length=1)


class Canary(Section):
    """A made-up exchange whose score must be between `low` and `high`."""

    request: str
    response: str
    low: float
    high: float


class Rubric(Section):
    """A rubric.

    `scale` lists its steps in ascending order: consecutive whole numbers, or named choices with the
    score of each. `prompt` has the slots {request}, {response} and {scale}; the text of the chosen
    form follows it. `reminder` is added to retries.
    """

    name: Name
    version: int = Field(ge=1)
    about: str
    direction: Literal["higher", "lower", "none"]
    scale: tuple[Step, ...] = Field(min_length=2)
    system: str
    prompt: str
    forms: dict[Form, str]
    reminder: str
    canaries: tuple[Canary, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _holds_together(self) -> Rubric:
        scores = [step.score for step in self.scale]
        if scores != sorted(set(scores)):
            raise ValueError("scale: list the scores in ascending order")
        names = [step.name for step in self.scale if step.name is not None]
        if names and len({name.casefold() for name in names}) < len(self.scale):
            raise ValueError("scale: give all steps distinct names, or no step a name")
        whole = all(score == scores[0] + index for index, score in enumerate(scores))
        if not names and not (whole and scores[0] == int(scores[0])):
            raise ValueError("scale: use consecutive whole numbers for steps without names")
        for slot in SLOTS:
            if self.prompt.count(f"{{{slot}}}") != 1:
                raise ValueError(f"prompt: use the slot {{{slot}}} exactly once")
        if "published" in self.forms and self.name not in PUBLISHED:
            raise ValueError(f"forms: `published` exists only for {' and '.join(PUBLISHED)}")
        for canary in self.canaries:
            if not scores[0] <= canary.low <= canary.high <= scores[-1]:
                raise ValueError(f"canaries: {canary.low:g} to {canary.high:g} is not on the scale")
        return self

    @property
    def low(self) -> float:
        """Lowest score."""
        return self.scale[0].score

    @property
    def high(self) -> float:
        """Highest score."""
        return self.scale[-1].score

    @property
    def steps(self) -> list[float]:
        """All scores, in rising order."""
        return [step.score for step in self.scale]

    @property
    def choices(self) -> dict[str, float]:
        """Scores by name in lower case; empty for a scale of numbers."""
        return {step.name.casefold(): step.score for step in self.scale if step.name is not None}

    def has(self, score: float) -> bool:
        """Whether a score is a step of the scale."""
        return any(step.score == score for step in self.scale)

    @cached_property
    def digest(self) -> str:
        """Digest of the file's content."""
        return digest(self.model_dump())[:24]

    def schema_of(self, form: Form) -> dict[str, Any] | None:
        """JSON schema of an answer; null for a form other than JSON."""
        if form != "json":
            return None
        named = [step.name for step in self.scale if step.name is not None]
        score: dict[str, Any] = {"type": "string", "enum": named}
        if not named:
            score = {"type": "integer", "enum": [int(step.score) for step in self.scale]}
        return {
            "type": "object",
            "properties": {"reason": {"type": "string"}, "score": score},
            "required": ["reason", "score"],
            "additionalProperties": False,
        }

    def question(
        self,
        request: str,
        response: str,
        form: Form,
        *,
        reversed_scale: bool = False,
        reminders: int = 0,
    ) -> str:
        """The judge's question about one exchange.

        Args:
            reversed_scale: list the steps of the scale from highest to lowest.
            reminders: how often the reminder is repeated at the end; once more for every retry, so
                that a greedy judge gets a different question.

        Raises:
            UserError: the rubric has no text for this form.
        """
        if form not in self.forms:
            raise UserError(
                what=f"rubric '{self.name}' has no text for answers of form '{form}'",
                where=f"rubric '{self.name}', forms",
                expected=f"an entry `{form}`",
                remedy="add it to the rubric's file, or set another `form` for the judge",
            )
        steps = reversed(self.scale) if reversed_scale else self.scale
        slots = {
            "request": fenced("request", request, request, response),
            "response": fenced("response", response, request, response),
            "scale": "\n".join(f"{step.name or f'{step.score:g}'}: {step.text}" for step in steps),
        }
        # In one pass, so that text inserted into a slot is never read as a slot itself.
        filled_prompt = _SLOT.sub(lambda slot: slots[slot[1]], self.prompt).strip()
        paragraphs = [filled_prompt, self.forms[form].strip(), *[self.reminder.strip()] * reminders]
        return "\n\n".join(paragraphs)


def read_rubric(path: Path) -> Rubric:
    """Read a rubric's file.

    Raises:
        UserError: the file is missing, or is not YAML or not a rubric.
    """
    path = Path(path)
    try:
        settings = yaml.load(path.read_text(encoding="utf-8"), _LOADER)
        return Rubric.model_validate(settings)
    except FileNotFoundError:
        what = "the rubric's file does not exist"
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f" in line {mark.line + 1}" if mark else ""
        what = f"the rubric's file is not YAML{line}"
    except ValidationError as error:
        faults = (
            ": ".join(
                filter(
                    None,
                    [".".join(map(str, fault["loc"])), fault["msg"].removeprefix("Value error, ")],
                )
            )
            for fault in error.errors()
        )
        what = "the file is not a rubric: " + "; ".join(faults)
    raise UserError(
        what=what,
        where=str(path),
        expected="a file such as resources/rubrics/quality.yaml; docs/judging.md describes it",
        remedy="fix the keys or lines named above",
    )


def shipped(name: str) -> Rubric:
    """A rubric shipped with the project, by name."""
    return read_rubric(resource(f"rubrics/{name}.yaml"))


def rubric_files(given: Sequence[str] = ()) -> dict[str, Path]:
    """All rubrics by name: those that ship, then the user's, which replace shipped ones.

    Args:
        given: the config key `rubrics`: files, and folders with files.

    Raises:
        UserError: an entry does not exist, is a folder without a rubric, or brings a name twice.
    """
    shipped_files = _in_folder(resource("rubrics"))
    own_files: dict[str, Path] = {}
    for entry in given:
        path = _given_path(entry)
        files = {path.stem: path} if path.is_file() else _in_folder(path)
        if not files:
            _fail_on_entry(entry, "is a folder without rubrics" if path.is_dir() else "is missing")
        for name in files.keys() & own_files.keys():
            _fail_on_entry(
                entry, f"brings the rubric '{name}' a second time, after {own_files[name]}"
            )
        own_files |= files
    return shipped_files | own_files


def rubric_file(judge: JudgeSettings, name: str, given: Sequence[str] = ()) -> Path:
    """A judge's file for a rubric: from the judge's own folder if it has one (which must then
    contain all of its rubrics), otherwise the user's or the shipped file.

    Args:
        given: the config key `rubrics`.

    Raises:
        UserError: no rubric has this name; lists those that exist.
    """
    own_folder = judge.rubrics if isinstance(judge, ModelJudge) else None
    files = _in_folder(_given_path(own_folder)) if own_folder else rubric_files(given)
    if name not in files:
        raise UserError(
            what=f"there is no rubric '{name}'",
            where=str(_given_path(own_folder))
            if own_folder
            else "resources/rubrics and the config key `rubrics`",
            expected="one of " + (", ".join(files) or "none: the folder has no rubric"),
            remedy=f"correct the name, or add a file {name}.yaml"
            + (" to the judge's folder" if own_folder else " and list it under `rubrics`"),
        )
    return files[name]


def rubric_for(judge: JudgeSettings, name: str, given: Sequence[str] = ()) -> Rubric:
    """A judge's version of a rubric.

    Args:
        given: the config key `rubrics`.

    Raises:
        UserError: there is no rubric of this name, or its file is not a rubric with this name.
    """
    path = rubric_file(judge, name, given)
    rubric = read_rubric(path)
    if rubric.name != name:
        raise UserError(
            what=f"the rubric's name is '{rubric.name}'",
            where=f"{path}, name",
            expected=f"`name: {name}`, as in the file name",
            remedy=f"set `name` in the file to '{name}', or rename the file",
        )
    return rubric


def check_rubrics(given: Sequence[str]) -> None:
    """Check that all files under the config key `rubrics` are rubrics.

    Raises:
        UserError: one is not; names the file and the key.
    """
    shipped_files = _in_folder(resource("rubrics"))
    for name, path in rubric_files(given).items():
        if shipped_files.get(name) != path:
            read_rubric(path)


def _in_folder(folder: Path) -> dict[str, Path]:
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def _given_path(entry: str) -> Path:
    """A path of the config: relative to the working directory, or to the project."""
    return Path(entry).absolute() if Path(entry).exists() else project_path(entry)


def _fail_on_entry(entry: str, what: str) -> NoReturn:
    raise UserError(
        what=f"{entry} {what}",
        where="rubrics",
        expected="files of rubrics, and folders with such files, each name once",
        remedy="correct the path, or add or rename the file",
    )
