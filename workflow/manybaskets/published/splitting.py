"""NLTK's sentences and words, on which the published measures are based."""

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
        suffix: added to the names of variants if the sentences are not from the published model.
    """

    def __init__(self, cut: Callable[[str], list[str]], suffix: str = "") -> None:
        from nltk.tokenize import NLTKWordTokenizer

        self.sentences = cut
        self.suffix = suffix
        self._tokenize = NLTKWordTokenizer().tokenize

    def words(self, text: str) -> list[str]:
        """The tokens of a text from `nltk.word_tokenize`, including punctuation."""
        return list(chain.from_iterable(map(self._tokenize, self.sentences(text))))


def open_splitter(settings: PublishedProcedures) -> Splitter:
    """The splitter of the config.

    Raises:
        UserError: Punkt's English model does not exist or cannot be read.
    """
    from nltk.tokenize.punkt import PunktSentenceTokenizer

    if settings.splitter == "untrained":
        return Splitter(PunktSentenceTokenizer().tokenize, UNTRAINED)
    tokenizer = PunktSentenceTokenizer()
    # Set here, because the constructor would treat parameters as training text.
    tokenizer._params = _read_model(model_folder(settings.punkt_folder))
    return Splitter(tokenizer.tokenize)


def model_folder(given: str | None) -> Path:
    """The folder with the English model; its own folder or a parent may be given.

    Raises:
        UserError: it does not exist.
    """
    if given:
        for inner in ("", "english", "punkt_tab/english", "tokenizers/punkt_tab/english"):
            if all((Path(given, inner) / name).is_file() for name in _MODEL):
                return Path(given, inner)
    raise UserError(
        what="the English model of NLTK's sentence splitter does not exist",
        where=f"published_procedures.punkt_folder: {given}",
        expected=f"the folder that contains punkt_tab/english with {', '.join(_MODEL)}",
        remedy="fetch it with `python -m nltk.downloader -d FOLDER punkt_tab` and set "
        "`published_procedures.punkt_folder` to FOLDER, or set `published_procedures.splitter` to "
        "`untrained`, which needs no download",
    )


def model_files(given: str | None) -> list[str]:
    """The files of the English model.

    Raises:
        UserError: they do not exist.
    """
    folder = model_folder(given)
    return [str(folder / name) for name in _MODEL]


def splitter_files(study: Study) -> list[str]:
    """The model of the published sentence splitter, or None for a study without it.

    Raises:
        UserError: the files do not exist.
    """
    wanted = study.published_procedures and study.published_procedures.splitter == "punkt"
    return model_files(study.published_procedures.punkt_folder) if wanted else []


def _read_model(folder: Path) -> Any:
    """Parameters of Punkt, read here because NLTK only opens files in its own data folders."""
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
    """Check before a run that the inputs of the published procedures exist.

    Raises:
        UserError: the sentence splitter's model is missing, or published cells are named without
            the procedures that compute the project's values for them.
    """
    if study.published_procedures and study.published_procedures.splitter == "punkt":
        model_folder(study.published_procedures.punkt_folder)
    if (
        study.published_cells
        and not study.published_procedures
        and (study.published_cells.targets or study.published_cells.sources)
    ):
        raise UserError(
            what="published cells are named, but no procedures reproduce them",
            where="published_cells, with published_procedures: null",
            expected="the section `published_procedures`: published numbers are compared with its procedures only",
            remedy="add `published_procedures: {splitter: untrained}`, or remove the section "
            "`published_cells`",
        )
