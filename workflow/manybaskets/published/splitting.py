"""Sentences and words as NLTK cuts them, which the published measures are built on."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any

from manybaskets.config.evaluation import PublishedProcedures
from manybaskets.config.study import Study
from manybaskets.errors import UserError

UNTRAINED = ", untrained splitter"
_MODEL = ("collocations.tab", "sent_starters.txt", "abbrev_types.txt", "ortho_context.tab")


class Splitter:
    """NLTK's Punkt for sentences, its Treebank-like tokenizer for the words of each.

    Args:
        cut: the sentences of a text.
        suffix: what the names of variants get when the sentences are not those of the published
            model.
    """

    def __init__(self, cut: Callable[[str], list[str]], suffix: str = "") -> None:
        from nltk.tokenize import NLTKWordTokenizer

        self.sentences = cut
        self.suffix = suffix
        self._tokenize = NLTKWordTokenizer().tokenize

    def words(self, text: str) -> list[str]:
        """The tokens of a text, as `nltk.word_tokenize` gives them; punctuation counts."""
        return list(chain.from_iterable(map(self._tokenize, self.sentences(text))))


def open_splitter(settings: PublishedProcedures) -> Splitter:
    """The splitter of the config.

    Raises:
        UserError: Punkt's English model is not there, or is no such model.
    """
    from nltk.tokenize.punkt import PunktSentenceTokenizer

    if settings.splitter == "untrained":
        return Splitter(PunktSentenceTokenizer().tokenize, UNTRAINED)
    tokenizer = PunktSentenceTokenizer()
    # Set and not given to the constructor, which would take parameters for text to learn from.
    tokenizer._params = _read_model(model_folder(settings.punkt_folder))
    return Splitter(tokenizer.tokenize)


def model_folder(given: str | None) -> Path:
    """The folder with the English model, whether its own or one above it was given.

    Raises:
        UserError: it is not there.
    """
    if given:
        for inner in ("", "english", "punkt_tab/english", "tokenizers/punkt_tab/english"):
            if all((Path(given, inner) / name).is_file() for name in _MODEL):
                return Path(given, inner)
    raise UserError(
        what="the English model of NLTK's sentence splitter is not there",
        where=f"published_procedures.punkt_folder: {given}",
        expected=f"the folder that holds punkt_tab/english with {', '.join(_MODEL)}",
        remedy="fetch it with `python -m nltk.downloader -d FOLDER punkt_tab` and set published_procedures.punkt_folder to "
        "FOLDER, or set published_procedures.splitter to untrained, which needs no download",
    )


def model_files(given: str | None) -> list[str]:
    """The files of the English model.

    Raises:
        UserError: they are not there.
    """
    folder = model_folder(given)
    return [str(folder / name) for name in _MODEL]


def splitter_files(study: Study) -> list[str]:
    """The model of the published sentence splitter, or nothing for a study without it.

    Raises:
        UserError: the files are not there.
    """
    wanted = study.published_procedures and study.published_procedures.splitter == "punkt"
    return model_files(study.published_procedures.punkt_folder) if wanted else []


def _read_model(folder: Path) -> Any:
    """Parameters of Punkt, read here since NLTK opens files in its own data folders only."""
    from nltk.tabdata import PunktDecoder
    from nltk.tokenize.punkt import PunktParameters

    decoder, model = PunktDecoder(), PunktParameters()
    readers = (
        ("collocations", lambda file: set(decoder.tab2tups(file))),
        ("sent_starters", decoder.txt2set),
        ("abbrev_types", decoder.txt2set),
        ("ortho_context", decoder.tab2intdict),
    )
    for (field, read), name in zip(readers, _MODEL, strict=True):
        try:
            with open(folder / name, encoding="utf-8") as file:
                setattr(model, field, read(file))
        except (ValueError, OSError) as error:
            raise UserError(
                what=f"the English model of NLTK's sentence splitter cannot be read: {error}",
                where=str(folder / name),
                expected="a file of NLTK's punkt_tab, in UTF-8",
                remedy="fetch the model again: `python -m nltk.downloader -d FOLDER punkt_tab`",
            ) from None
    return model


def check_paper(study: Study) -> None:
    """Check, before a run, that the published procedures have what they need.

    Raises:
        UserError: the sentence splitter's model is missing, or published cells are named without
            the procedures that make the project's side of them.
    """
    if study.published_procedures and study.published_procedures.splitter == "punkt":
        model_folder(study.published_procedures.punkt_folder)
    if (
        study.published_cells
        and not study.published_procedures
        and (study.published_cells.targets or study.published_cells.sources)
    ):
        raise UserError(
            what="published cells are named, but nothing reproduces them",
            where="published, with paper: null",
            expected="the section `published_procedures`: published numbers are compared with its procedures only",
            remedy="add `published_procedures: {splitter: untrained}`, or take the section `published_cells` out",
        )
