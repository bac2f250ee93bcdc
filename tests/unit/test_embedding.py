"""Sentence vectors: right, unit length, each text encoded once."""

from __future__ import annotations

import numpy as np
import pytest

from manybaskets.config.analysis import Embedding
from manybaskets.embedding import embed_texts, encoder_folder, vectors_of
from manybaskets.errors import UserError

TEXTS = ["The Mor runs past Alden.", "A river flows by the town.", "Bread is baked on Monday.", ""]


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    folder = tmp_path_factory.mktemp("embeddings")
    embed_texts(TEXTS + TEXTS, Embedding().model, 2, 2, folder / "work", folder / "out.parquet")
    return folder


def test_vectors_are_those_of_the_encoder(work):
    from sentence_transformers import SentenceTransformer

    reference = SentenceTransformer(str(encoder_folder(Embedding().model))).encode(TEXTS)
    ours = vectors_of(TEXTS, work / "out.parquet")
    assert ours.shape == (4, 384)
    assert np.allclose(np.linalg.norm(ours, axis=1), 1, atol=1e-5)
    assert np.allclose(ours, reference, atol=1e-4)
    assert ours[0] @ ours[1] > ours[0] @ ours[2]


def test_known_texts_are_not_encoded_again(work, monkeypatch):
    import sentence_transformers

    def refuse(*args, **kwargs):
        raise AssertionError("the encoder was loaded")

    monkeypatch.setattr(sentence_transformers, "SentenceTransformer", refuse)
    embed_texts(TEXTS[:2], Embedding().model, 2, 2, work / "work", work / "again.parquet")
    assert np.array_equal(
        vectors_of(TEXTS[:2], work / "again.parquet"), vectors_of(TEXTS[:2], work / "out.parquet")
    )
    with pytest.raises(AssertionError, match="loaded"):
        embed_texts(["new"], Embedding().model, 2, 2, work / "work", work / "new.parquet")


def test_an_encoder_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match="encoder is not there"):
        encoder_folder(str(tmp_path))
