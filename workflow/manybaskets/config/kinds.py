"""Sections selected by their key `kind`; extensions may register more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, SerializeAsAny
from pydantic_core import PydanticCustomError, core_schema

from manybaskets.config.sections import Section
from manybaskets.registry import Registry

MISSING, UNKNOWN, UNUSABLE = KIND_ERRORS = ("kind_missing", "kind_unknown", "kind_unusable")


class Kinds:
    """Annotation of a key with one of the registered sections, selected by `kind`.

    The annotated type is the base class of the sections. Errors inside a section keep the path of the
    key; pydantic joins them to those of the rest of the config.

    Args:
        registry: section class by the value of `kind`.
        short: whether the bare name stands for the section: `vllm` for `{kind: vllm}`.
        usable: which registered sections the key accepts; `purpose` describes the use.
    """

    def __init__(
        self,
        registry: Registry[type[Any]],
        *,
        short: bool = False,
        usable: Callable[[type[Any]], bool] = lambda section: True,
        purpose: str = "be used here",
    ) -> None:
        self.registry, self.short = registry, short
        self.usable, self.purpose = usable, purpose

    def sections(self) -> dict[str, type[Section]]:
        """The section classes that the key accepts, by `kind`."""
        return {name: each for name, each in self.registry.items() if self.usable(each)}

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_before_validator_function(self._read, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        forms = {name: _referred(each) for name, each in self.sections().items()}
        chosen = handler(core_schema.tagged_union_schema(forms, "kind"))
        if not self.short:
            return chosen
        names = [name for name, each in self.sections().items() if _needs_no_other_key(each)]
        return {"anyOf": [{"enum": names}, chosen]}

    def _read(self, value: Any) -> Section:
        if isinstance(value, str) and self.short:
            value = {"kind": value}
        if isinstance(value, Section):
            self._choose(value.kind)
            return value
        if not isinstance(value, dict):
            raise PydanticCustomError(MISSING, "expected a section with the key `kind`")
        if "kind" not in value:
            raise PydanticCustomError(MISSING, "the key `kind` is missing")
        return self._choose(value["kind"]).model_validate(value)

    def _choose(self, kind: Any) -> type[Section]:
        known = self.sections()
        if kind in known:
            return known[kind]
        listed = ", ".join(repr(name) for name in known)
        if kind in self.registry.names():
            raise PydanticCustomError(
                UNUSABLE,
                "'{kind}' cannot {purpose}; use one of {listed}",
                {"kind": kind, "purpose": self.purpose, "listed": listed},
            )
        raise PydanticCustomError(
            UNKNOWN, "'{kind}' is not one of {listed}", {"kind": kind, "listed": listed}
        )


def one_of(*sections: type[Section]) -> Any:
    """Annotation of a key with one of these sections, selected by `kind`."""
    registry: Registry[type[Section]] = Registry("kind")
    for section in sections:
        registry.add(kind_of(section), section)
    return Annotated[SerializeAsAny[Section], Kinds(registry)]


def kind_of(section: type[Section]) -> str:
    """The value of `kind` that selects a section.

    Raises:
        TypeError: the section has no key `kind` of one fixed value.
    """
    field = section.model_fields.get("kind")
    values = get_args(field.annotation) if field else ()
    if len(values) != 1 or get_origin(field.annotation) is not Literal:
        raise TypeError(f"{section.__name__} needs a key `kind: Literal['its name']`")
    return values[0]


def _needs_no_other_key(section: type[Section]) -> bool:
    fields = section.model_fields.items()
    return not any(field.is_required() for name, field in fields if name != "kind")


def _referred(section: type[Section]) -> Any:
    """A section's schema with a reference, so that a JSON schema defines it once."""
    schema: Any = section.__pydantic_core_schema__
    if schema["type"] == "definitions":
        return schema
    return {"ref": f"{section.__module__}.{section.__qualname__}:{id(section)}", **schema}
