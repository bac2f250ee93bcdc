"""Dataset cards in the form of the Hugging Face hub, and beside each the Parquet that it describes.

A card pins its files by name, so that `datasets.load_dataset` on the folder, or on its copy on the hub,
finds these and nothing else. Of what models wrote, a card holds numbers only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from manybaskets.config.parts import EmbeddedDataset, HubDataset
from manybaskets.config.study import HUMAN, Study
from manybaskets.jobs import git_commit
from manybaskets.mixes import read_mix
from manybaskets.records import read_metadata, read_responses, whole_file, write_text
from manybaskets.shown import number

SOURCE_ROWS = pa.schema(
    {
        "prompt_id": pa.string(),
        "sample": pa.int32(),
        "turn": pa.int32(),
        "instruction": pa.string(),
        "context": pa.string(),
        "follow_up": pa.string(),  # the later question that this turn answers; null in the first
        "response": pa.string(),
        "finish_reason": pa.string(),
        "prompt_tokens": pa.int32(),
        "completion_tokens": pa.int32(),
        "attempts": pa.int32(),
        "error": pa.string(),
    }
)
MIX_ROWS = pa.schema(
    {
        "messages": pa.list_(pa.struct({"role": pa.string(), "content": pa.string()})),
        "prompt_id": pa.string(),
        "source": pa.string(),
        "sample": pa.int32(),
        "part": pa.int32(),
        "split": pa.string(),
    }
)
PROJECT_LICENCE = "apache-2.0"
EMBEDDED_LANGUAGE = "en"
HUB = "https://huggingface.co/"
_ROWS_AT_A_TIME = 10_000
_SERVED_NAMES = 5
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_RECIPES = {
    "human": "every prompt has its human answer",
    "single": "every prompt has the answer of one source",
    "multi": "every part of the prompts has the answers of another source",
    "weighted": "sources answer shares of the prompts, by weight",
}


@dataclass(frozen=True)
class Origin:
    """Who answered: what the config knows of a source, and what its responses say.

    Args:
        name: the source's name.
        model: its entry of `models`, as plain values; none for a server, ready answers, a human.
        languages: what its answers were checked to be in, or are by construction, as ISO 639-1.
        own: the answers are the project's own: those of the embedded world.
        metadata: of its file of responses.
    """

    name: str
    model: Mapping[str, Any] | None
    languages: Sequence[str] | None
    own: bool
    metadata: Mapping[str, Any]

    @property
    def synthetic(self) -> bool:
        """Whether no human wrote the answers; those of the embedded world come from a grammar."""
        return self.name != HUMAN or self.own

    @property
    def engine(self) -> str | None:
        """The engine; none for the human reference."""
        return self.metadata.get("engine")


def origin_settings(study: Study, source: str) -> dict[str, Any]:
    """What the config knows of a source: `model`, `languages`, `own` of `Origin`."""
    embedded = isinstance(study.dataset, EmbeddedDataset)
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


def dataset_settings(study: Study) -> dict[str, Any]:
    """What a card says of the raw dataset; of a user's own file, its name and not where it lies."""
    if isinstance(study.dataset, EmbeddedDataset):
        return {"kind": "embedded"}
    if isinstance(study.dataset, HubDataset):
        return study.dataset.model_dump(include={"kind", "repo", "revision"})
    return {"kind": "file", "file": Path(study.dataset.path).name}


def read_origin(name: str, settings: Mapping[str, Any], responses: Path) -> Origin:
    """Who answered, from `origin_settings` and a source's file of responses."""
    return Origin(name, **settings, metadata=read_metadata(responses))


def source_rows(responses: pl.DataFrame, prompts: pl.DataFrame) -> pl.DataFrame:
    """Answers beside what they answer, with the columns of `SOURCE_ROWS`; sorted."""
    questions = prompts.select("prompt_id", "instruction", "context", "follow_ups")
    later = pl.col("follow_ups").list.get(pl.col("turn") - 1, null_on_oob=True)
    return (
        responses.join(questions, on="prompt_id", how="left")
        .with_columns(follow_up=pl.when(pl.col("turn") > 0).then(later))
        .rename({"text": "response"})
        .sort("prompt_id", "sample", "turn")
        .select(SOURCE_ROWS.names)
    )


def write_source_card(
    origin: Origin,
    *,
    study: str,
    dataset: Mapping[str, Any],
    responses: Path,
    prompts: Path,
    rows: Path,
    card: Path,
) -> None:
    """Write the rows of a source, answers beside what they answer, and their card.

    Args:
        study: name of the study.
        dataset: what `dataset_settings` gives.
        responses: checked responses of the source.
        prompts: what it answered, with the columns of `records.PROMPTS`.
        rows: Parquet file to write; the card lies beside it.
    """
    answers = read_responses(responses)
    frame = source_rows(answers, pl.read_parquet(prompts))
    _write_rows(
        (part.to_arrow().cast(SOURCE_ROWS) for part in frame.iter_slices(_ROWS_AT_A_TIME)),
        SOURCE_ROWS,
        rows,
    )
    text = _template("source_card.md.j2").render(
        header=_header(
            f"Answers of {origin.name} ({study})",
            [origin],
            dataset,
            frame.height,
            {"train": rows.name},
        ),
        origin=origin,
        study=study,
        made_by=_made_by(origin),
        facts=_facts(origin),
        system=_system_turn(origin),
        counts=_counts(answers, origin),
        lengths=_lengths(
            {
                "characters": answers["text"].str.len_chars(),
                "words": _words(answers["text"]),
                "tokens": answers.filter(pl.col("text").is_not_null())["completion_tokens"],
            }
        ),
        licences=[_dataset_licence(dataset), _origin_licence(origin)],
        folder=card.parent.as_posix(),
        files=[card.name, rows.name],
        commit=origin.metadata.get("git_commit") or git_commit(),
    )
    write_text(text, card)


def write_mix_card(
    name: str,
    origins: Sequence[Origin],
    *,
    study: str,
    dataset: Mapping[str, Any],
    recipe: Mapping[str, Any],
    system_prompt: str,
    seed: int,
    splits: Mapping[str, Path],
    counts: Path,
    lengths: pl.DataFrame,
    rows: Mapping[str, Path],
    card: Path,
) -> None:
    """Write the rows of a mix as Parquet and their card.

    Args:
        origins: the mix's sources, in the order of the config.
        study: name of the study.
        dataset: what `dataset_settings` gives.
        recipe: the mix's section of the config.
        splits: JSON lines of `train` and `validation`.
        counts: what `mixes.describe` counted, for every target.
        lengths: `prompt_id, source, target, answer_tokens`, of all targets.
        rows: Parquet files of `train` and `validation` to write; the card lies beside them.

    Raises:
        UserError: a line of the mix is damaged.
    """
    texts: list[tuple[str, str, int, int]] = []
    for split, file in splits.items():
        conversations = read_mix(file)
        _write_rows(_mix_parts(conversations), MIX_ROWS, rows[split])
        texts += map(_measured, conversations)
    columns = ("prompt_id", "source", "characters", "words")
    frame = pl.DataFrame(texts, schema=columns, orient="row")
    tokens = frame.join(lengths, on=["prompt_id", "source"])
    names = dict.fromkeys(("split", "source", "target"), pl.String)
    counted = pl.read_csv(counts, schema_overrides=names)
    text = _template("mix_card.md.j2").render(
        header=_header(
            f"Training set {name} ({study})",
            origins,
            dataset,
            frame.height,
            {split: file.name for split, file in rows.items()},
        ),
        name=name,
        study=study,
        recipe=_RECIPES[recipe["kind"]],
        weights=recipe.get("weights", {}),
        origins=[(origin, _made_by(origin)) for origin in origins],
        system=system_prompt,
        counts=_by_source(counted),
        tokens=counted.group_by("target", "split", maintain_order=True)
        .agg(pl.col("prompt_tokens", "answer_tokens").sum())
        .iter_rows(named=True),
        lengths=_lengths(
            {"characters": frame["characters"], "words": frame["words"]}
            | {
                f"tokens of {target}": part["answer_tokens"]
                for (target,), part in tokens.group_by("target", maintain_order=True)
            }
        ),
        licences=[_dataset_licence(dataset), *map(_origin_licence, origins)],
        seed=seed,
        folder=card.parent.as_posix(),
        files=[card.name, *(file.name for file in rows.values())],
        commit=git_commit(),
    )
    write_text(text, card)


def _write_rows(parts: Iterable[pa.Table], schema: pa.Schema, path: Path) -> None:
    """Write Parquet with Arrow's plain types: what trainers join with other datasets, which the large
    types of data frames do not allow."""
    with whole_file(path) as partial, pq.ParquetWriter(partial, schema, compression="zstd") as file:
        for part in parts:
            file.write_table(part)


def _mix_parts(rows: Sequence[Mapping[str, Any]]) -> Iterable[pa.Table]:
    remaining = iter(rows)
    while part := list(islice(remaining, _ROWS_AT_A_TIME)):
        yield pa.Table.from_pylist(part, schema=MIX_ROWS)


def _measured(row: Mapping[str, Any]) -> tuple[str, str, int, int]:
    said = [turn["content"] for turn in row["messages"] if turn["role"] == "assistant"]
    words = sum(len(text.split()) for text in said)
    return row["prompt_id"], row["source"], sum(map(len, said)), words


def _words(texts: pl.Series) -> pl.Series:
    return pl.Series([len(text.split()) for text in texts.drop_nulls()], dtype=pl.Int64)


def _header(
    title: str,
    origins: Sequence[Origin],
    dataset: Mapping[str, Any],
    rows: int,
    files: Mapping[str, str],
) -> str:
    """The card's metadata as YAML; what is not known is left out."""
    own = dataset["kind"] == "embedded" and all(origin.own for origin in origins)
    known = all(origin.languages for origin in origins)
    languages = sorted({each for origin in origins for each in origin.languages or ()})
    synthetic = any(origin.synthetic for origin in origins)
    data_files = [{"split": split, "path": file} for split, file in files.items()]
    values = {
        "pretty_name": title,
        "language": languages if known else None,
        "license": PROJECT_LICENCE if own else "other",
        "license_name": None if own else "see-the-notes-on-licences",
        "task_categories": ["text-generation"],
        "size_categories": [size_category(rows)],
        "source_datasets": [dataset["repo"]] if dataset["kind"] == "hub" else None,
        "tags": ["many-baskets", "instruction-tuning", *(["synthetic"] if synthetic else [])],
        "configs": [{"config_name": "default", "data_files": data_files}],
    }
    kept = {key: value for key, value in values.items() if value is not None}
    return yaml.safe_dump(kept, sort_keys=False, allow_unicode=True).strip()


def size_category(rows: int) -> str:
    """The hub's class of a number of rows."""
    bounds = ["1K", "10K", "100K", "1M", "10M", "100M", "1B", "10B", "100B", "1T"]
    place = next((i for i in range(len(bounds)) if rows < 1000 * 10**i), len(bounds))
    if place == 0:
        return f"n<{bounds[0]}"
    return f"{bounds[place - 1]}<n<{bounds[place]}" if place < len(bounds) else f"n>{bounds[-1]}"


def _made_by(origin: Origin) -> str:
    """Who answered, in Markdown."""
    model, metadata = origin.model, origin.metadata
    if origin.name == HUMAN:
        return "a grammar, in the place of humans" if origin.own else "the humans of the dataset"
    if origin.engine == "replay":
        at = f" at revision {code(metadata['revision'])}" if metadata["revision"] else ""
        return f"ready answers from {code(metadata['model'])}{at}"
    if model is None:
        return f"{code(metadata['model'])} behind the server {code(metadata['base_url'])}"
    if model["kind"] == "hub":
        return f"{code(model['repo'])} at revision {code(model['revision'])}"
    if model["kind"] == "embedded":
        return f"the tiny model {code(metadata['model'])}, which the workflow pretrains itself"
    return f"the model {code(metadata['model'])} from a folder of its user's"


def _facts(origin: Origin) -> list[tuple[str, str]]:
    """How the answers were made, as far as the file of responses says: pairs of name and Markdown."""
    metadata = origin.metadata

    def shown(key: str) -> str | None:
        return None if metadata.get(key) is None else code(metadata[key])

    sampling = metadata.get("sampling")
    drawn = ", ".join(f"{key} {code(value)}" for key, value in (sampling or {}).items())
    served = [code(each) for each in metadata.get("served", [])]
    more = len(served) - _SERVED_NAMES
    facts = {
        "engine": shown("engine"),
        "engine's version": shown("engine_version"),
        "weights (digest)": shown("weights"),
        "precision": shown("precision"),
        "quantisation": shown("quantization"),
        "longest sequence, in tokens": shown("max_model_len"),
        "chat template (digest)": shown("template"),
        "date given to the template": shown("date"),
        "longest prompt, in tokens": shown("max_prompt_tokens"),
        "what the server called the model": ", ".join(served[:_SERVED_NAMES])
        + (f" and {more} more" if more > 0 else ""),
        "seed sent with every request": shown("send_seed"),
        "digest of the file (SHA-256)": shown("sha256"),
        "matched to prompts by": shown("matched_by"),
        "sampling": drawn or ("not known" if origin.engine else None),
        "answers per prompt": shown("samples"),
        "seed of the study": shown("study_seed"),
    }
    return [(name, value) for name, value in facts.items() if value]


def _system_turn(origin: Origin) -> tuple[str, str]:
    """What is known of the system turn, and its text."""
    text = origin.metadata.get("system_prompt")
    if text:
        return "The model was given this system prompt:", text
    if origin.metadata.get("system_turn") is False:
        return "The model was given no system prompt.", ""
    if text is None and origin.engine:
        return "Whether there was a system prompt is not known.", ""
    return "", ""


def _counts(answers: pl.DataFrame, origin: Origin) -> list[tuple[str, str]]:
    failed = answers["finish_reason"] == "error"
    apart = answers["error"].str.starts_with("not taken").fill_null(False)
    counts = {
        "rows": answers.height,
        "prompts": answers["prompt_id"].n_unique(),
        "rows without an answer": int(failed.sum()),
        "of these, answers set apart by the checks of quality": int(apart.sum()),
        "answers cut at the token limit": int((answers["finish_reason"] == "length").sum()),
        "rows asked more than once": int((answers["attempts"] > 1).sum()),
        "prompts shortened to fit": origin.metadata.get("shortened_prompts", 0),
        "tokens in, of these rows": _total(answers["prompt_tokens"]),
        "tokens out, of these rows": _total(answers["completion_tokens"]),
    }
    return [(name, "not counted" if n is None else str(n)) for name, n in counts.items()]


def _total(tokens: pl.Series) -> int | None:
    known = tokens.drop_nulls()
    return int(known.cast(pl.Int64).sum()) if known.len() else None


def _by_source(counted: pl.DataFrame) -> list[dict[str, Any]]:
    """Rows and shares by split and source; they are the same for every target."""
    rows = counted.unique(["split", "source"], keep="first", maintain_order=True)
    return rows.select("split", "source", "rows", "share").rows(named=True)


def _lengths(values: Mapping[str, pl.Series]) -> list[tuple[str, list[str]]]:
    """Mean and quantiles of each length, as text; none of what nobody counted."""
    table = []
    for name, lengths in values.items():
        known = lengths.drop_nulls()
        if known.len():
            quantiles = (known.quantile(each, "linear") for each in _QUANTILES)
            cells = [known.mean(), *quantiles, known.max()]
            table.append((name, [number(cell) for cell in cells]))
    return table


def _dataset_licence(dataset: Mapping[str, Any]) -> str:
    if dataset["kind"] == "embedded":
        return (
            "The prompts are about a made-up world that Many Baskets writes itself; they fall under "
            f"the project's own licence ({PROJECT_LICENCE})."
        )
    if dataset["kind"] == "hub":
        address = f"{HUB}datasets/{quote(dataset['repo'])}"
        return (
            f"The prompts, and human answers, are those of {code(dataset['repo'])} at revision "
            f"{code(dataset['revision'])}, under the licence of that dataset: <{address}>. Check "
            "whether it asks for attribution, or for the same licence on what is made from it."
        )
    return (
        f"The prompts, and human answers, come from the file {code(dataset['file'])}. Check under "
        "which licence its rows stand, and whether they hold personal data."
    )


def _origin_licence(origin: Origin) -> str:
    model, metadata, who = origin.model, origin.metadata, f"Source `{origin.name}`"
    if origin.own:
        return (
            f"{who}: the answers are made by Many Baskets itself and fall under its own licence "
            f"({PROJECT_LICENCE})."
        )
    if origin.name == HUMAN:
        return f"{who}: the answers are part of the dataset and fall under its licence."
    if origin.engine == "replay":
        return (
            f"{who}: the answers were not made here. Check the licence of {code(metadata['model'])} "
            "and those of the models that wrote them."
        )
    if model is None:
        return (
            f"{who}: the answers fall under the terms of whoever runs {code(metadata['base_url'])}. "
            "Check whether they let you publish answers and train other models on them."
        )
    if model["kind"] == "hub":
        return (
            f"{who}: the answers fall under the licence of {code(model['repo'])}: "
            f"<{HUB}{quote(model['repo'])}>. Check whether it lets you train other models on answers, "
            "and whether it asks that they be marked or that models trained on them bear its name."
        )
    return (
        f"{who}: the answers fall under the licence of the model {code(metadata['model'])}, which came "
        "from a folder. Check which one that is, and whether it lets you train other models on answers."
    )


def _template(name: str) -> Any:
    # The cards are Markdown: what comes from outside is made safe by the filters, not as HTML is.
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"code": code, "block": block, "number": number}
    return environment.get_template(name)


def code(value: Any) -> str:
    """A value as code within a line of Markdown, whatever it holds."""
    text = " ".join("".join(mark if mark.isprintable() else " " for mark in str(value)).split())
    fence = _fence(text, 1)
    # Where a text begins or ends with a backtick, or is empty, the fence needs room.
    room = " " if not text or "`" in (text[0], text[-1]) else ""
    return f"{fence}{room}{text}{room}{fence}"


def block(text: str) -> str:
    """A text as a block of code in Markdown, whatever it holds."""
    fence = _fence(text, 3)
    return f"{fence}text\n{text}\n{fence}"


def _fence(text: str, shortest: int) -> str:
    longest = max(map(len, re.findall("`+", text)), default=0)
    return "`" * max(shortest, longest + 1)
