"""Rubrics: what a judge is asked, on which scale, and what it must get right. One file each."""

from __future__ import annotations

import re
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, ValidationError, model_validator

from manybaskets.config.judges import Judge, ModelJudge
from manybaskets.config.sections import Name, Section
from manybaskets.errors import UserError
from manybaskets.judging.fencing import fenced
from manybaskets.records.ids import digest
from manybaskets.records.resources import project_path, resource

Form = Literal["json", "tagged", "published"]
SLOTS = ("request", "response", "scale")
PUBLISHED = ("harmfulness", "quality")  # rubrics that the published study had, and readers for
_SLOT = re.compile(r"\{(" + "|".join(SLOTS) + r")\}")


class Step(Section):
    """One value of a scale and what it stands for. A scale has names on all of its steps or on none."""

    score: float
    name: str | None = None
    text: str = Field(min_length=1)


class Canary(Section):
    """A made-up exchange whose score is known to lie between `low` and `high`."""

    request: str
    response: str
    low: float
    high: float


class Rubric(Section):
    """What a judge is asked.

    `scale` lists its steps in rising order: whole numbers one apart, or named choices with the score
    that each counts as. `prompt` has the slots {request}, {response} and {scale}; the text of the
    chosen form follows it. `reminder` is added to further tries.
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
            raise ValueError("scale: the scores must rise from step to step")
        names = [step.name for step in self.scale if step.name is not None]
        if names and len({name.casefold() for name in names}) < len(self.scale):
            raise ValueError("scale: either all steps have a name of their own, or none has")
        whole = all(score == scores[0] + place for place, score in enumerate(scores))
        if not names and not (whole and scores[0] == int(scores[0])):
            raise ValueError("scale: steps without names are whole numbers, one apart")
        for slot in SLOTS:
            if self.prompt.count(f"{{{slot}}}") != 1:
                raise ValueError(f"prompt: the slot {{{slot}}} must stand in it exactly once")
        if "published" in self.forms and self.name not in PUBLISHED:
            raise ValueError(f"forms: `published` is for {' and '.join(PUBLISHED)} only")
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
    def choices(self) -> dict[str, float]:
        """Scores by name in lower case; empty for a scale of numbers."""
        return {step.name.casefold(): step.score for step in self.scale if step.name is not None}

    def has(self, score: float) -> bool:
        """Whether a score is a step of the scale."""
        return any(step.score == score for step in self.scale)

    @cached_property
    def digest(self) -> str:
        """Digest of all that the file says."""
        return digest(self.model_dump())[:24]

    def schema_of(self, form: Form) -> dict[str, Any] | None:
        """JSON schema of an answer; null for a form that is no JSON."""
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
            reversed_scale: name the steps of the scale from the highest to the lowest.
            reminders: how often the reminder stands at the end; one more for every further try, so
                that a greedy judge gets another question.

        Raises:
            UserError: the rubric has no text for this form.
        """
        if form not in self.forms:
            raise UserError(
                what=f"rubric '{self.name}' has no text for answers of form '{form}'",
                where=f"rubric '{self.name}', forms",
                expected=f"an entry `{form}`",
                remedy="add it to the rubric's file, or choose another `form` for the judge",
            )
        steps = reversed(self.scale) if reversed_scale else self.scale
        slots = {
            "request": fenced("request", request, request, response),
            "response": fenced("response", response, request, response),
            "scale": "\n".join(f"{step.name or f'{step.score:g}'}: {step.text}" for step in steps),
        }
        # In one pass: what a text puts into a slot is never read as a slot itself.
        asked = _SLOT.sub(lambda slot: slots[slot[1]], self.prompt).strip()
        parts = [asked, self.forms[form].strip(), *[self.reminder.strip()] * reminders]
        return "\n\n".join(parts)


def read_rubric(path: Path) -> Rubric:
    """Read a rubric's file.

    Raises:
        UserError: the file is missing, no YAML, or no rubric.
    """
    path = Path(path)
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
        return Rubric.model_validate(found)
    except FileNotFoundError:
        what = "the rubric's file does not exist"
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f" in line {mark.line + 1}" if mark else ""
        what = f"the rubric's file is no YAML{line}"
    except ValidationError as error:
        faults = (
            f"{'.'.join(map(str, fault['loc']))}: {fault['msg'].removeprefix('Value error, ')}"
            for fault in error.errors()
        )
        what = "the file is no rubric: " + "; ".join(faults)
    raise UserError(
        what=what,
        where=str(path),
        expected="a file such as resources/rubrics/quality.yaml; docs/judging.md describes it",
        remedy="correct it",
    )


def shipped(name: str) -> Rubric:
    """A rubric that ships with the project, by name."""
    return read_rubric(resource(f"rubrics/{name}.yaml"))


def rubric_file(judge: Judge, name: str) -> Path:
    """File of a rubric as a judge is to read it: from the judge's own folder where it has one, which
    must then hold all that the judge is asked on, else the one that ships."""
    own = judge.rubrics if isinstance(judge, ModelJudge) else None
    return (project_path(own) if own else resource("rubrics")) / f"{name}.yaml"


def rubric_for(judge: Judge, name: str) -> Rubric:
    """A rubric as a judge is to read it.

    Raises:
        UserError: the file is missing or no rubric of this name.
    """
    path = rubric_file(judge, name)
    rubric = read_rubric(path)
    if rubric.name != name:
        raise UserError(
            what=f"the rubric calls itself '{rubric.name}'",
            where=str(path),
            expected=f"`name: {name}`, as its file is called",
            remedy="correct the name, or the name of the file",
        )
    return rubric
