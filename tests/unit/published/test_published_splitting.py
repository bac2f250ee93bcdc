"""Sentences and words are NLTK's own, with its English model or without one."""

from __future__ import annotations

import random

import nltk
import pytest
from nltk.tokenize import NLTKWordTokenizer
from nltk.tokenize.punkt import PunktSentenceTokenizer, PunktTrainer, TabEncoder
from paper_inputs import UNTRAINED, answers, splitter
from pydantic import ValidationError

from manybaskets.config.evaluation import PublishedProcedures
from manybaskets.errors import UserError
from manybaskets.published.splitting import model_files, model_folder, open_splitter

TEXT = "We met Dr. Miller in the town. He sang at 3 p.m. and left. (He did!) Who was he?\nNobody."


@pytest.fixture(scope="session")
def punkt(tmp_path_factory):
    """A model as NLTK's downloader lays it out, trained on made-up text; and its tokenizer."""
    rng = random.Random(5)
    names = ["Miller", "Smith", "Marsh", "Potter"]
    lines = [
        f"Yesterday Dr. {rng.choice(names)} walked to the {rng.choice(['river', 'mill', 'town'])}. "
        f"The {rng.choice(['baker', 'fisher', 'teacher'])} sang at {rng.randint(1, 9)} p.m. and left."
        for _ in range(400)
    ]
    trainer = PunktTrainer()
    trainer.train("\n".join(lines), finalize=True)
    model, encoder = trainer.get_params(), TabEncoder()
    folder = tmp_path_factory.mktemp("nltk") / "tokenizers" / "punkt_tab" / "english"
    folder.mkdir(parents=True)
    contents = {
        "collocations.tab": encoder.tups2tab(model.collocations),
        "sent_starters.txt": encoder.set2txt(model.sent_starters),
        "abbrev_types.txt": encoder.set2txt(model.abbrev_types),
        "ortho_context.tab": encoder.ivdict2tab(model.ortho_context),
    }
    for name, content in contents.items():
        (folder / name).write_text(content, encoding="utf-8")
    tokenizer = PunktSentenceTokenizer()
    tokenizer._params = model
    return folder, tokenizer


def test_without_a_model_sentences_and_words_are_those_of_nltk():
    ours, theirs = splitter(), PunktSentenceTokenizer()
    assert ours.suffix == ", untrained splitter"
    for text in [TEXT, "", "One", *answers(30, 1)]:
        assert ours.sentences(text) == theirs.tokenize(text)
        words = [w for s in theirs.tokenize(text) for w in NLTKWordTokenizer().tokenize(s)]
        assert ours.words(text) == words


@pytest.mark.parametrize("above", [0, 1, 2, 3])
def test_a_trained_model_is_read_from_its_folder_or_the_downloaders(punkt, above):
    folder, tokenizer = punkt
    given = folder.parents[above - 1] if above else folder
    ours = open_splitter(PublishedProcedures(splitter="punkt", punkt_folder=str(given)))
    assert ours.suffix == ""
    assert ours.sentences(TEXT) == tokenizer.tokenize(TEXT)
    assert any("Dr. Miller in" in each for each in ours.sentences(TEXT))
    assert not any("Dr. Miller in" in each for each in splitter().sentences(TEXT))
    assert {"Dr.", "p.m.", ",", "?"} - set(ours.words(TEXT + " Yes, so.")) == set()


def test_with_a_model_sentences_and_words_are_those_of_nltks_functions(punkt, monkeypatch):
    """`sent_tokenize` and `word_tokenize`, which the study calls, find the same model."""
    folder, _ = punkt
    monkeypatch.setattr(nltk.data, "path", [str(folder.parents[2])])
    nltk.tokenize._get_punkt_tokenizer.cache_clear()
    ours = open_splitter(PublishedProcedures(splitter="punkt", punkt_folder=str(folder)))
    for text in [TEXT, *answers(20, 2)]:
        assert ours.sentences(text) == nltk.sent_tokenize(text)
        assert ours.words(text) == nltk.word_tokenize(text)
    nltk.tokenize._get_punkt_tokenizer.cache_clear()


def test_a_missing_model_is_told_before_the_run_with_the_command_that_fetches_it(tmp_path):
    with pytest.raises(ValidationError, match="nltk.downloader -d FOLDER punkt_tab"):
        PublishedProcedures()
    (tmp_path / "english").mkdir()
    for given in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(UserError, match="nltk.downloader -d FOLDER punkt_tab") as told:
            model_folder(str(given))
        assert "`published_procedures.splitter` to `untrained`" in str(told.value)


def test_a_broken_model_is_named(punkt, tmp_path):
    folder, _ = punkt
    for name in model_files(str(folder)):
        target = tmp_path / name.rsplit("/", 1)[1]
        target.write_bytes(b"\xff\xfe broken" if name.endswith("types.txt") else b"")
    with pytest.raises(UserError, match="abbrev_types.txt"):
        open_splitter(PublishedProcedures(splitter="punkt", punkt_folder=str(tmp_path)))


def test_settings_without_a_model_need_none():
    assert UNTRAINED.punkt_folder is None and open_splitter(UNTRAINED).sentences("A b. C d.")
