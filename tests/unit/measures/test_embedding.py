"""Sentence vectors: right, unit length, each sentence encoded once."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from manybaskets.config.evaluation import Embedding
from manybaskets.errors import UserError
from manybaskets.measures.embedding import (
    Vectors,
    embed_sentences,
    encode,
    encoder_folder,
    encoder_languages,
    keys_path,
)
from manybaskets.measures.tokens import sentences
from manybaskets.records.writing import read_metadata

MODEL = Embedding().model
TEXTS = [
    "The Mor runs past Alden. A river flows by the town!",
    "A river flows by the town!",
    "",
    "?! ...",
    "Хлеб пекут в понедельник. 我爱你。你好吗？",
    "Bread is baked " + "and baked " * 300,
]
COUNTS = [2, 1, 0, 0, 3, 1]
LANGUAGES = ["en", "ru", "zh"]  # as if the encoder knew them


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    folder = tmp_path_factory.mktemp("embeddings")
    embed_sentences(TEXTS + TEXTS, MODEL, 2, 1, folder / "work", folder / "out.npy", LANGUAGES)
    return folder


@pytest.fixture
def no_encoder(monkeypatch):
    import sentence_transformers

    def refuse(*args, **kwargs):
        raise AssertionError("the encoder was loaded")

    monkeypatch.setattr(sentence_transformers, "SentenceTransformer", refuse)


def test_vectors_are_those_of_the_encoder(work) -> None:
    from sentence_transformers import SentenceTransformer

    listed = [sentence for text in TEXTS for sentence in sentences(text)]
    reference = SentenceTransformer(str(encoder_folder(MODEL))).encode(listed)
    vectors, owner = Vectors.open(work / "out.npy").of_sentences(TEXTS)
    assert owner.tolist() == np.repeat(range(6), COUNTS).tolist()
    assert (vectors.dtype, owner.dtype) == (np.float32, np.int64)
    assert vectors == pytest.approx(reference, abs=3e-4)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(len(listed)), abs=1e-6)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[-1]
    assert np.array_equal(vectors[1], vectors[2])


def test_a_text_has_the_mean_of_its_sentences(work) -> None:
    opened = Vectors.open(work / "out.npy")
    vectors, owner = opened.of_sentences(TEXTS)
    found = opened.of_texts(TEXTS)
    assert (found.shape, found.dtype) == ((6, 384), np.float64)
    for place, count in enumerate(COUNTS):
        if count:
            expected = vectors[owner == place].astype(np.float64).mean(axis=0)
            assert found[place] == pytest.approx(expected, abs=1e-9)
        else:
            assert np.isnan(found[place]).all()
    assert opened.of_texts([]).shape == (0, 384)


def test_the_files_hold_each_sentence_once_and_tell_how_many_are_cut(work) -> None:
    stored = np.load(work / "out.npy")
    about = read_metadata(keys_path(work / "out.npy"))
    assert (stored.dtype, stored.shape) == (np.float16, (6, 384))
    assert (about["sentences"], about["sentences_over_limit"], about["token_limit"]) == (6, 1, 256)
    assert about["encoder"] == MODEL


def test_known_sentences_are_not_encoded_again(work, no_encoder) -> None:
    embed_sentences(TEXTS[:2], MODEL, 2, 1, work / "work", work / "again.npy")
    again, before = Vectors.open(work / "again.npy"), Vectors.open(work / "out.npy")
    assert np.array_equal(again.of_texts(TEXTS[:2]), before.of_texts(TEXTS[:2]))
    with pytest.raises(UserError, match="1 of 3 sentences have no vector"):
        again.of_sentences([TEXTS[0], "Bread is baked."])
    with pytest.raises(AssertionError, match="loaded"):
        embed_sentences(["new"], MODEL, 2, 1, work / "work", work / "new.npy")


def test_the_order_of_texts_changes_no_byte(work) -> None:
    embed_sentences(TEXTS[::-1], MODEL, 2, 1, work / "other", work / "reversed.npy", LANGUAGES)
    assert (work / "reversed.npy").read_bytes() == (work / "out.npy").read_bytes()
    keys = [keys_path(work / name).read_bytes() for name in ("reversed.npy", "out.npy")]
    assert keys[0] == keys[1]


def test_no_sentence_at_all(tmp_path) -> None:
    embed_sentences(["", "?!"], MODEL, 2, 1, tmp_path / "work", tmp_path / "out.npy")
    vectors, owner = Vectors.open(tmp_path / "out.npy").of_sentences(["", "?!"])
    assert vectors.shape == (0, 384) and len(owner) == 0


def test_texts_are_encoded_in_their_order_and_long_ones_are_logged(caplog) -> None:
    with caplog.at_level(logging.INFO, logger="manybaskets.measures.embedding"):
        found = encode([TEXTS[5], "b", "a", "b"], MODEL, 2, 1)
    alone = encode(["a"], MODEL, 2, 1)
    assert (found.shape, found.dtype) == ((4, 384), np.float32)
    assert np.linalg.norm(found, axis=1) == pytest.approx(np.ones(4), abs=1e-5)
    assert np.array_equal(found[1], found[3])
    assert found[2] == pytest.approx(alone[0], abs=1e-5)
    assert "encoded 3 distinct texts, 1 of them truncated" in caplog.text
    assert encode([], MODEL, 2, 1).shape == (0, 384)


def test_an_encoder_that_is_not_there(tmp_path) -> None:
    with pytest.raises(UserError, match="encoder does not exist"):
        encoder_folder(str(tmp_path))


CHINESE = "这条河从山上流下来，经过老磨坊。镇上的人靠雕刻木头为生，每个星期六都有集市。"
GERMAN = (
    "Der Fluss entspringt in den Bergen und fließt an der alten Stadt vorbei, in der viele wohnen."
)


def test_the_packaged_encoder_knows_english_and_gives_no_vector_to_others(tmp_path) -> None:
    texts = ["A river flows by the town."] * 12 + [CHINESE]
    embed_sentences([*texts, GERMAN], MODEL, 2, 1, tmp_path / "work", tmp_path / "out.npy")
    opened = Vectors.open(tmp_path / "out.npy")
    assert opened.languages == ["en"]
    assert opened.unknown([*texts, GERMAN, "12 + 3 = 15", "Oui."]).tolist() == (
        [False] * 12 + [True, True, False, False]
    )
    # One of thirteen is left out; of one in three, nothing is left.
    assert opened.of_sentences(texts)[1].tolist() == list(range(12))
    assert len(opened.of_sentences([texts[0], texts[1], CHINESE])[1]) == 0
    assert np.isnan(opened.of_texts([CHINESE])).all()


@pytest.mark.parametrize(
    ("card", "configured", "languages"),
    [
        ("---\nlanguage: de\n---\n", None, ["de"]),
        ("---\nlanguage: [en, zh]\n---\n", None, ["en", "zh"]),
        ("---\nlanguage: multilingual\n---\n", None, None),
        ("---\nlicense: mit\n---\n", None, None),
        ("An encoder.", None, None),
        ("---\nlanguage: de\n---\n", ["th"], ["th"]),
    ],
)
def test_languages_come_from_the_config_or_the_model_card(
    tmp_path, card: str, configured: list[str] | None, languages: list[str] | None
) -> None:
    (tmp_path / "modules.json").write_text("[]")
    (tmp_path / "README.md").write_text(card)
    assert encoder_languages(str(tmp_path), configured) == languages
