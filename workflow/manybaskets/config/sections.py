"""What all sections of the configuration are made of."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")]
Share = Annotated[float, Field(ge=0.0, lt=1.0)]


class Section(BaseModel):
    """A section of the config: unknown keys are errors, values do not change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    # Keys that change how fast, how dear or how safe a job runs and not what it makes: a finished
    # job does not run again when they change.
    operational: ClassVar[frozenset[str]] = frozenset()

    def science(self) -> dict[str, Any]:
        """The keys that determine results, as plain values."""
        return self._dump(wanted=False)

    def operations(self) -> dict[str, Any]:
        """The other keys; `assembled` puts both together again."""
        return self._dump(wanted=True)

    def _dump(self, wanted: bool) -> dict[str, Any]:
        plain = {}
        for name in type(self).model_fields:
            value = getattr(self, name)
            if (name in self.operational) == wanted:
                plain[name] = self.model_dump(include={name})[name]
            if isinstance(value, Section) and name not in self.operational:
                plain[name] = value._dump(wanted)
        return plain

    @classmethod
    def assembled(cls, science: dict[str, Any], operations: dict[str, Any]) -> Self:
        """The section whose two halves these are."""
        return cls.model_validate(_merged(science, operations))


class Fields(Section):
    """Which column of the raw data is which field."""

    instruction: str = Field("instruction", description="Column with the question or task.")
    context: str | None = Field(
        "context",
        description="Column with a passage the question refers to; null where there is none.",
    )
    response: str | None = Field("response", description="Column with the human answer.")
    category: str | None = Field(
        None, description="Column to stratify by; null where there is none."
    )
    messages: str | None = Field(
        None,
        description="Column with a whole conversation: a list of `{role, content}`, in CSV as JSON. "
        "`instruction` and `context` are then not read; the answers are those of the assistant's "
        "turns, unless `response` is null.",
    )


def _merged(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    merged = dict(one)
    for key, value in other.items():
        both = isinstance(merged.get(key), dict) and isinstance(value, dict)
        merged[key] = _merged(merged[key], value) if both else value
    return merged
