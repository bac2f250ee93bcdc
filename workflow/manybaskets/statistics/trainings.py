"""How often the sides of a comparison were trained, and what a comparison may therefore claim."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from manybaskets.names import VANILLA
from manybaskets.records.measured import SOURCES


def trainings(model: str, mix: str, seeds: int) -> int | None:
    """Number of trainings of a condition; None for sources and untuned models, which have none."""
    return None if model == SOURCES or mix == VANILLA else seeds


def trained_once(model: str, seeds: Mapping[str, int]) -> list[str]:
    """The conditions that were trained once.

    Args:
        model: the target; `sources` for those.
        seeds: number of runs of every condition.
    """
    return [mix for mix, number in seeds.items() if trainings(model, mix, number) == 1]


def sides(model: str, seeds: Mapping[str, int]) -> dict[str, Any]:
    """What a comparison says about the trainings of its sides.

    Args:
        model: the target; `sources` for those.
        seeds: number of runs of the mix and of its baseline, in this order.

    Returns:
        n_seeds: the fewest trainings of a trained side; 1 without any.
        trainings: those of each side, such as `3 and 1`, or `3 and untuned`; empty for sources.
        confirmatory: false if a side was trained once. Nothing shows how another training of that
            mix would differ, so the comparison describes these trainings and not the mixes.
    """
    counted = [trainings(model, mix, number) for mix, number in seeds.items()]
    trained = [number for number in counted if number is not None]
    words = ["untuned" if number is None else str(number) for number in counted]
    return {
        "n_seeds": min(trained, default=1),
        "trainings": " and ".join(words) if trained else "",
        "confirmatory": 1 not in trained,
    }


def one_training(line: Mapping[str, Any]) -> str:
    """Remark for a condition with a single training; empty for sources and untuned models."""
    alone = trainings(line["model"], line["mix"], line["n_seeds"]) == 1
    return "; one training run" if alone else ""


def exploratory(names: list[str]) -> str:
    """Remark for a comparison with sides that were trained once; empty without any."""
    return f"; exploratory: {' and '.join(names)} trained once" if names else ""
