"""Base class of all config sections."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Self, get_args, get_origin

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializationInfo,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

# Several names make one file name, which file systems limit to 255 bytes.
LONGEST_NAME = 64
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=LONGEST_NAME)]
Share = Annotated[float, Field(ge=0.0, lt=1.0)]
# What all libraries take that draw random numbers.
Seed = Annotated[int, Field(ge=0, lt=2**32)]
VALUE_ERRORS = ("duplicate_value", "boolean_number", "not_a_variable")
_VARIABLE = re.compile("[A-Z_][A-Z0-9_]{0,39}|[a-z_]{1,40}")


def _no_key(value: Any) -> Any:
    if isinstance(value, str) and not _VARIABLE.fullmatch(value):
        raise PydanticCustomError(
            "not_a_variable",
            "this is not the name of an environment variable (the value is not shown, because it may be "
            "a key); put the key into a variable and its name here, e.g. OPENAI_API_KEY",
        )
    return value


# Name of an environment variable that contains a secret; a secret itself is refused and never shown.
Variable = Annotated[str, BeforeValidator(_no_key)]
_NEW_KEYS = {"keys": "new"}  # a dump's context


class Section(BaseModel):
    """A section of the config: unknown keys are errors, values do not change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    # Lists in which a value may occur more than once.
    repeatable: ClassVar[frozenset[str]] = frozenset()

    # Keys that change a job's speed, cost or safety but not its results: changing them does not
    # rerun finished jobs.
    operational: ClassVar[frozenset[str]] = frozenset()
    # Renamed keys: new -> old. Configs may use the old name for one release. Dumps keep it, so that
    # the parameters and digests of finished jobs stay the same.
    renamed: ClassVar[Mapping[str, str]] = {}
    # Newer keys: dumps leave them out unless set, so that the parameters and digests of jobs that
    # finished without them stay the same.
    newer: ClassVar[frozenset[str]] = frozenset()

    @model_validator(mode="before")
    @classmethod
    def _accept_old_keys(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        settings = dict(given)
        for new, old in cls.old_keys().items():
            if old in settings and new in settings:
                raise PydanticCustomError(
                    "renamed_key",
                    "remove `{old}`, which is the old name of `{new}` (both are given)",
                    {"old": old, "new": new},
                )
            if old in settings:
                settings[new] = settings.pop(old)
        unmeant = [
            InitErrorDetails(type=error, loc=(name,), input=settings[name])
            for name in settings
            if name in cls.model_fields and (error := cls._unmeant(name, settings[name]))
        ]
        if unmeant:
            raise ValidationError.from_exception_data(cls.__name__, unmeant)
        return settings

    @classmethod
    def _unmeant(cls, name: str, value: Any) -> PydanticCustomError | None:
        """What a type would accept and nobody means: `yes` as a number, a value twice.

        Not a validator of fields, which pydantic does not allow for the key that tells the kinds of
        a union apart.
        """
        values = value if isinstance(value, list) else [value]
        if any(isinstance(each, bool) for each in values):
            kinds = set(_plain_types(cls.model_fields[name].annotation))
            if kinds & {int, float} and bool not in kinds:
                return PydanticCustomError(
                    "boolean_number",
                    "expected a number, found true or false (YAML reads `yes`, `no`, `on` and `off` "
                    "as these)",
                )
        if isinstance(value, list) and name not in cls.repeatable:
            scalars = [each for each in value if isinstance(each, str | int | float)]
            doubled = [each for each in dict.fromkeys(scalars) if scalars.count(each) > 1]
            if doubled:
                return PydanticCustomError(
                    "duplicate_value", "remove the duplicate {value}", {"value": repr(doubled[0])}
                )
        return None

    @model_serializer(mode="wrap")
    def _dump_old_keys(
        self, dump: SerializerFunctionWrapHandler, info: SerializationInfo
    ) -> dict[str, Any]:
        plain = dump(self)
        if info.context == _NEW_KEYS:
            return plain
        old = self.old_keys()
        unset = {key for key in self.newer if key not in self.model_fields_set}
        return {old.get(key, key): value for key, value in plain.items() if key not in unset}

    @classmethod
    def old_keys(cls) -> dict[str, str]:
        """Renamed keys of this section and its base classes: new -> old."""
        sections = reversed(cls.__mro__)
        return {new: old for section in sections
                for new, old in vars(section).get("renamed", {}).items()}  # fmt: skip

    def stands_alone(self) -> bool:
        """Whether a study may consist of this section alone, without a dataset."""
        return False

    def settings(self) -> dict[str, Any]:
        """All keys with their current names, as JSON values."""
        return self.model_dump(mode="json", context=_NEW_KEYS)

    def science(self) -> dict[str, Any]:
        """The keys that determine results, as plain values."""
        return self._dump(wanted=False)

    def operations(self) -> dict[str, Any]:
        """The other keys; `assembled` combines both again."""
        return self._dump(wanted=True)

    def _dump(self, wanted: bool) -> dict[str, Any]:
        plain = {}
        for name in type(self).model_fields:
            value, key = getattr(self, name), self.old_keys().get(name, name)
            if (name in self.operational) == wanted:
                plain |= self.model_dump(include={name})
            if isinstance(value, Section) and name not in self.operational:
                plain[key] = value._dump(wanted)
        return plain

    @classmethod
    def assembled(cls, science: dict[str, Any], operations: dict[str, Any]) -> Self:
        """The section from its two halves."""
        return cls.model_validate(_merged(science, operations))


class Fields(Section):
    """Column names of a dataset, a prompt set or a file of answers."""

    instruction: str = Field("instruction", description="Column with the question or task.")
    context: str | None = Field(
        "context",
        description="Column with a passage that the question refers to; null if there is none.",
    )
    response: str | None = Field(
        "response", description="Column with the human answer; null if there is none."
    )
    category: str | None = Field(
        None, description="Column with the category used for stratification; null if there is none."
    )
    messages: str | None = Field(
        None,
        description="Column with a whole conversation: a list of `{role, content}` or `{from, value}` "
        "(ShareGPT), or of texts by turns (UltraChat); in CSV as JSON. If it is set, `instruction` and `context` are ignored, and the assistant turns are the "
        "answers unless `response` is null. Null if there is none.",
    )


def _plain_types(annotation: Any) -> Iterator[type]:
    """The classes that an annotation is made of."""
    if get_origin(annotation) is None:
        if isinstance(annotation, type):
            yield annotation
        return
    for each in get_args(annotation):
        yield from _plain_types(each)


def _merged(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    merged = dict(one)
    for key, value in other.items():
        both = isinstance(merged.get(key), dict) and isinstance(value, dict)
        merged[key] = _merged(merged[key], value) if both else value
    return merged
