"""The model card of an adapter, in Hugging Face Hub format."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from manybaskets.cards.origins import (
    PROJECT_LICENCE,
    Origin,
    _dataset_licence,
    _made_by,
    _model_licence,
    _model_named,
    _origin_licence,
    dataset_settings,
    expected_origin,
)
from manybaskets.cards.rendering import _template
from manybaskets.config.study import Study
from manybaskets.models.adapter_base import AdapterBase
from manybaskets.names import HUMAN

_FILES = ("README.md", "adapter_config.json", "adapter_model.safetensors",
          "chat_template.jinja", "manifest.json")  # fmt: skip
# vLLM allocates memory for adapters up to one of these ranks.
_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)


def adapter_card_settings(study: Study) -> dict[str, Any]:
    """What the cards of a study's adapters tell about their origin, as plain values."""
    return {
        "study": study.study,
        "dataset": dataset_settings(study),
        "models": {name: study.models[name].model_dump() for name in study.targets},
        "sources": {name: expected_origin(study, name) for name in (HUMAN, *study.sources)},
    }


def adapter_card(
    settings: Mapping[str, Any],
    target: str,
    mix: str,
    folder: Path,
    base: AdapterBase,
    manifest: Mapping[str, Any],
    rows: Mapping[str, Sequence[Mapping[str, Any]]],
) -> str:
    """The card of an adapter as Markdown.

    Args:
        settings: result of `adapter_card_settings`.
        folder: final folder of the adapter.
        base: the base model, as in `adapter_config.json`.
        manifest: the adapter's manifest.
        rows: training rows by split, each with its `source`.
    """
    model, dataset = settings["models"][target], settings["dataset"]
    counts = {split: Counter(row["source"] for row in rows[split]) for split in rows}
    names = sorted({source for found in counts.values() for source in found})
    origins = [Origin(name, **settings["sources"][name]) for name in names]
    return _template("adapter_card.md.j2").render(
        header=_header(model, dataset, origins),
        target=target,
        mix=mix,
        study=settings["study"],
        base=_model_named(model, base.name),
        original=_model_named(model, base.name) if model["kind"] == "gguf" else None,
        name=base.name,
        revision=base.revision,
        folder=Path(folder).as_posix(),
        served=f"{target}-{mix}",
        max_rank=next(
            (rank for rank in _RANKS if rank >= manifest["training"]["rank"]), _RANKS[-1]
        ),
        manifest=manifest,
        composition=[
            {"split": split, "source": source, "rows": number, "share": number / found.total()}
            for split, found in counts.items()
            for source, number in sorted(found.items())
        ],
        prompts=_dataset_licence(dataset),
        origins=[(origin, _made_by(origin)) for origin in origins],
        settings=_settings(manifest),
        licences=[_model_licence(model, base.name), *map(_origin_licence, origins)],
        files=_FILES,
    )


def _settings(manifest: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Recipe and result of a training, as pairs of name and value."""
    recipe = {
        key: ", ".join(value) if isinstance(value, list) else value
        for key, value in manifest["training"].items()
    }
    outcome = {
        "trained layers": ", ".join(
            f"{count} {name}" for name, count in manifest["trained_modules"].items()
        ),
        "rows per step": manifest["rows_per_step"],
        "steps": manifest["steps"],
        "step of the checkpoint": manifest["kept_step"],
        "its validation loss (nats per token)": f"{manifest['kept_eval_loss']:.4f}",
        "seed": manifest["seed"],
        "peft": manifest["launch"]["versions"]["peft"],
    }
    return [(key, str(value)) for key, value in (recipe | outcome).items()]


def _header(model: Mapping[str, Any], dataset: Mapping[str, Any], origins: Sequence[Origin]) -> str:
    """The card's metadata as YAML, without unknown values."""
    own = model["kind"] == "embedded" and all(origin.own for origin in origins)
    languages = sorted({each for origin in origins for each in origin.languages or ()})
    repo = model.get("repo")
    datasets = [dataset["repo"]] if dataset["kind"] == "hub" else []
    values = {
        "base_model": repo,
        "base_model_relation": "adapter" if repo else None,
        "library_name": "peft",
        "pipeline_tag": "text-generation",
        "language": languages if all(origin.languages for origin in origins) else None,
        "license": PROJECT_LICENCE if own else "other",
        "license_name": None if own else "see-the-notes-on-licences",
        "datasets": datasets or None,
        "tags": ["many-baskets", "lora"],
    }
    kept = {key: value for key, value in values.items() if value is not None}
    return yaml.safe_dump(kept, sort_keys=False, allow_unicode=True).strip()
