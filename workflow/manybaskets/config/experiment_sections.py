"""Config sections of experiments, registered by the experiments themselves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from pydantic import Field, create_model

from manybaskets.config.sections import Section
from manybaskets.config.study import Study
from manybaskets.extensions import load_shipped
from manybaskets.registry import Registry


@dataclass(frozen=True)
class ExperimentSection:
    """A config key of an experiment.

    Args:
        section: the class of the section.
        description: one line for docs/configuration.md.
        check: checks the section against the rest of the study; raises ValueError.
    """

    section: type[Section]
    description: str
    check: Callable[[Study], None]


EXPERIMENT_SECTIONS: Registry[ExperimentSection] = Registry("experiment's section")


def add_section(name: str, declared: ExperimentSection) -> None:
    """Register an experiment's section as a config key.

    Raises:
        ValueError: the config has another key of this name.
    """
    own = Study.model_fields.get(name)
    if own is not None and own.annotation != declared.section | None:
        raise ValueError(f"'{name}' is already a config key; use another name")
    EXPERIMENT_SECTIONS.add(name, declared)


def study_model() -> type[Study]:
    """The model of a config: `Study` with the sections of all registered experiments."""
    load_shipped()
    return _extended(
        *(
            (name, each)
            for name, each in EXPERIMENT_SECTIONS.items()
            if name not in Study.model_fields
        )
    )


@cache  # studies with the same values are equal only if they are of one class
def _extended(*added: tuple[str, ExperimentSection]) -> type[Study]:
    fields = {
        name: (
            declared.section | None,
            # A study without the experiment has the same plain values whether or not it is registered.
            Field(None, exclude_if=_is_none, description=declared.description),
        )
        for name, declared in added
    }
    return (
        create_model("Study", __base__=Study, __doc__=Study.__doc__, **fields) if fields else Study
    )


def check_experiment_sections(study: Study) -> None:
    """Check the sections of the experiments against the rest of the study.

    Raises:
        ValueError: an invalid value; the message starts with the key.
    """
    for name, declared in EXPERIMENT_SECTIONS.items():
        if getattr(study, name) is not None:
            declared.check(study)


def _is_none(value: object) -> bool:
    return value is None
