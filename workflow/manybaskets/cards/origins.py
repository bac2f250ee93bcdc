"""Dataset cards in Hugging Face Hub format, each with the Parquet files that it describes.

A card pins its files by name, so that `datasets.load_dataset` on the folder, or on its copy on the
Hub, finds only these. A card contains only statistics of model outputs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from manybaskets.cards.markdown import code
from manybaskets.config.data import HubDataset
from manybaskets.config.engine_kinds import ENGINES
from manybaskets.config.study import Study
from manybaskets.names import HUMAN
from manybaskets.records.writing import read_metadata

PROJECT_LICENCE = "apache-2.0"
EMBEDDED_LANGUAGE = "en"
HUB = "https://huggingface.co/"
_SERVED_NAMES = 5


@dataclass(frozen=True)
class Origin:
    """Origin of answers: a source's config, and the metadata of its responses.

    Args:
        name: the source's name.
        model: its entry of `models`, as plain values; None for a server, ready answers, or humans.
        languages: languages of its answers, checked or by construction, as ISO 639-1.
        own: whether the answers are the project's own (the embedded world).
        metadata: metadata of its responses file.
    """

    name: str
    model: Mapping[str, Any] | None
    languages: Sequence[str] | None
    own: bool
    metadata: Mapping[str, Any]

    @property
    def synthetic(self) -> bool:
        """Whether the answers are not written by humans; the embedded world's come from a grammar."""
        return self.name != HUMAN or self.own

    @property
    def engine(self) -> str | None:
        """The engine; None for the human reference."""
        return self.metadata.get("engine")


def origin_settings(study: Study, source: str) -> dict[str, Any]:
    """A source's `model`, `languages` and `own` for `Origin`, from the config."""
    embedded = study.embedded_world
    if source == HUMAN:
        model, languages = None, None
    else:
        section = study.sources[source]
        model = study.models[section.model].model_dump() if section.model else None
        languages = section.quality.languages
    own = embedded and (source == HUMAN or (model is not None and model["kind"] == "embedded"))
    return {
        "model": model,
        "languages": [EMBEDDED_LANGUAGE] if own else languages,
        "own": own,
    }


def expected_origin(study: Study, source: str) -> dict[str, Any]:
    """All of an `Origin` but its name, from the config alone; its metadata has no measurements."""
    settings = origin_settings(study, source)
    if source == HUMAN:
        return settings | {"metadata": {}}
    section = study.sources[source]
    engine = section.engine
    file = getattr(engine, "path", None)
    ready = getattr(engine, "repo", None) or (Path(file).name if file else None)
    metadata = {
        "engine": engine.kind,
        "model": section.model or engine.remote_model() or ready,
        "revision": getattr(engine, "revision", None),
        "base_url": getattr(engine, "base_url", None),
    }
    return settings | {"metadata": metadata}


def dataset_settings(study: Study) -> dict[str, Any]:
    """A card's description of the raw dataset; for a user's file, its name without its folder.

    Empty for a study without a dataset, which has no cards.
    """
    if study.dataset is None:
        return {}
    if study.embedded_world:
        return {"kind": "embedded"}
    if isinstance(study.dataset, HubDataset):
        return study.dataset.model_dump(include={"kind", "repo", "revision"})
    return {"kind": "file", "file": Path(study.dataset.path).name}


def read_origin(name: str, settings: Mapping[str, Any], responses: Path) -> Origin:
    """The origin from `origin_settings` and a source's responses file."""
    return Origin(name, **settings, metadata=read_metadata(responses))


def _made_by(origin: Origin) -> str:
    """The origin in Markdown."""
    model, metadata = origin.model, origin.metadata
    if origin.name == HUMAN:
        return "a grammar instead of humans" if origin.own else "the humans of the dataset"
    engine = ENGINES.get(origin.engine)
    if not engine.generates:
        at = f" at revision {code(metadata['revision'])}" if metadata["revision"] else ""
        return f"ready answers from {code(metadata['model'])}{at}"
    if engine.remote:
        return f"{code(metadata['model'])} behind the server {code(metadata['base_url'])}"
    if model is None:
        return f"the engine {code(origin.engine)}"
    return _model_named(model, metadata["model"])


def _model_named(model: Mapping[str, Any], name: str) -> str:
    """A model in Markdown, from its entry of `models` and the name to use without a repository."""
    if model["kind"] == "hub":
        return f"{code(model['repo'])} at revision {code(model['revision'])}"
    if model["kind"] == "embedded":
        return f"the tiny model {code(name)}, pretrained by the workflow itself"
    if model["kind"] != "gguf":
        return f"the model {code(name)} from a user's folder"
    if model["repo"]:
        at = f"{code(model['repo'])} at revision {code(model['revision'])}"
        return f"the GGUF file {code(model['file'])} of {at}"
    return f"the GGUF file {code(Path(model['path']).name)}"


def _facts(origin: Origin) -> list[tuple[str, str]]:
    """Generation settings from the responses file, as pairs of name and Markdown."""
    metadata = origin.metadata

    def shown(key: str) -> str | None:
        return None if metadata.get(key) is None else code(metadata[key])

    sampling = metadata.get("sampling")
    drawn = ", ".join(f"{key} {code(value)}" for key, value in (sampling or {}).items())
    served = [code(each) for each in metadata.get("served", [])]
    more = len(served) - _SERVED_NAMES
    facts = {
        "engine": shown("engine"),
        "engine version": shown("engine_version"),
        "weights (digest)": shown("weights"),
        "precision": shown("precision"),
        "quantisation": shown("quantization"),
        "longest sequence, in tokens": shown("max_model_len"),
        "chat template (digest)": shown("template"),
        "values passed to the chat template": shown("template_arguments"),
        "date passed to the template": shown("date"),
        "longest prompt, in tokens": shown("max_prompt_tokens"),
        "model name reported by the server": ", ".join(served[:_SERVED_NAMES])
        + (f" and {more} more" if more > 0 else ""),
        "seed sent with every request": shown("send_seed"),
        "digest of the file (SHA-256)": shown("sha256"),
        "matched to prompts by": shown("matched_by"),
        "sampling": drawn or ("unknown" if origin.engine else None),
        "answers per prompt": shown("samples"),
        "seed of the study": shown("study_seed"),
    }
    return [(name, value) for name, value in facts.items() if value]


def _system_turn(origin: Origin) -> tuple[str, str]:
    """Description of the system turn, and its text."""
    text = origin.metadata.get("system_prompt")
    if text:
        return "The model was given this system prompt:", text
    if origin.metadata.get("system_turn") is False:
        return "The model was given no system prompt.", ""
    if text is None and origin.engine:
        return "It is unknown whether there was a system prompt.", ""
    return "", ""


def _dataset_licence(dataset: Mapping[str, Any]) -> str:
    if dataset["kind"] == "embedded":
        return (
            "The prompts are about a made-up world generated by Many Baskets, under the project's "
            f"licence ({PROJECT_LICENCE})."
        )
    if dataset["kind"] == "hub":
        address = f"{HUB}datasets/{quote(dataset['repo'])}"
        return (
            f"The prompts and human answers come from {code(dataset['repo'])} at revision "
            f"{code(dataset['revision'])}, under the licence of that dataset: <{address}>. Check "
            "whether it requires attribution, or the same licence for derived data."
        )
    return (
        f"The prompts and human answers come from the file {code(dataset['file'])}. Check its "
        "licence, and whether its rows contain personal data."
    )


def _origin_licence(origin: Origin) -> str:
    model, metadata, who = origin.model, origin.metadata, f"Source `{origin.name}`"
    if origin.own:
        return (
            f"{who}: the answers are generated by Many Baskets, under the project's licence "
            f"({PROJECT_LICENCE})."
        )
    if origin.name == HUMAN:
        return f"{who}: the answers are part of the dataset, under its licence."
    engine = ENGINES.get(origin.engine)
    if not engine.generates:
        return (
            f"{who}: the answers were not generated here. Check the licence of "
            f"{code(metadata['model'])} and of the models that wrote them."
        )
    if model is None and not engine.remote:
        return (
            f"{who}: the answers come from the engine {code(origin.engine)}. Check whether its "
            "terms allow publishing answers and training other models on them."
        )
    if engine.remote:
        return (
            f"{who}: the answers are subject to the terms of the operator of "
            f"{code(metadata['base_url'])}. Check whether they allow publishing answers and "
            "training other models on them."
        )
    if model.get("repo"):
        return (
            f"{who}: the answers are subject to the licence of {code(model['repo'])}: "
            f"<{HUB}{quote(model['repo'])}>. Check whether it allows training other models on "
            "answers, and whether it requires marking answers or naming models trained on them "
            "after it."
        )
    return (
        f"{who}: the answers are subject to the licence of the model {code(metadata['model'])}, "
        "which was loaded from a folder. Check which licence this is, and whether it allows "
        "training other models on answers."
    )


def _model_licence(model: Mapping[str, Any], name: str) -> str:
    """Under which licence an adapter of a model is."""
    if model["kind"] == "embedded":
        return f"The base model is made by Many Baskets, under the project's licence ({PROJECT_LICENCE})."
    if model.get("repo"):
        return (
            f"The adapter is derived from {code(model['repo'])}, under the licence of that model: "
            f"<{HUB}{quote(model['repo'])}>. Check whether it allows sharing derived models, and "
            "whether their names must begin with its name."
        )
    return (
        f"The adapter is derived from {_model_named(model, name)}. Check which licence this model "
        "has, and whether it allows sharing derived models."
    )
