"""Questions to a judge: every pair in both orders with every marker set, and every single text."""

from __future__ import annotations

import itertools
import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from manybaskets.config.preference_judging import PreferenceJudging
from manybaskets.experiments.preference.corruption import shuffled
from manybaskets.experiments.preference.schemas import (
    ABSOLUTE,
    CORRECTED,
    DISCRIMINATION,
    PAIRWISE,
    PAPER,
    READ,
    corrupted,
)

Texts = Mapping[str, Mapping[str, str | None]]  # text or null, by author and article id


@dataclass(frozen=True)
class Item:
    """One question to a judge, with its text if it can be asked.

    `status` is `read` or why it is not asked; `system` is its own system prompt, null for that of
    the study; `shown` are the texts, null if missing.
    """

    protocol: str
    variant: str
    article_id: str
    first: str
    second: str | None
    markers: tuple[str, ...]
    status: str
    prompt: str
    shown: tuple[str | None, ...]
    system: str | None = None

    @property
    def label(self) -> str:
        """Label of the markers in rows: `A/B`, or `1..5` for a scale."""
        if self.protocol == ABSOLUTE:
            return f"{self.markers[0]}..{self.markers[-1]}"
        return "/".join(self.markers)


@dataclass(frozen=True)
class TextPanel:
    """The authors whose texts a judge sees.

    Attributes:
        authors: compared pairwise.
        guests: own texts of other judges; compared with all authors, but not with each other.
        published: authors of the published form.
    """

    authors: Sequence[str]
    guests: Sequence[str]
    published: Sequence[str]

    def pairs(self) -> Iterator[tuple[str, str]]:
        yield from itertools.combinations(self.authors, 2)
        yield from itertools.product(self.guests, self.authors)

    def texts(self) -> list[str]:
        """All authors whose texts are shown."""
        return [*self.authors, *self.guests]


def lay_out(
    settings: PreferenceJudging,
    panel: TextPanel,
    articles: Mapping[str, str],
    texts: Texts,
    seed: int,
) -> list[Item]:
    """All questions to one judge, article by article.

    Args:
        articles: text by id.
        seed: the study's seed; the planted gap derives from it.
    """
    items: list[Item] = []
    for article_id, article in articles.items():
        text_of = {author: texts[author].get(article_id) for author in panel.texts()}
        one = _Article(settings, article_id, article, text_of)
        if PAIRWISE in settings.protocols:
            for pair in panel.pairs():
                items += one.pairs(PAIRWISE, *pair)
        if ABSOLUTE in settings.protocols:
            items += [one.rating(author) for author in panel.texts()]
        if DISCRIMINATION in settings.protocols:
            for author in settings.discrimination.authors:
                if author in panel.authors:
                    items += one.planted(author, seed)
        if settings.published_form and PAIRWISE in settings.protocols:
            for pair in itertools.combinations(panel.published, 2):
                items += one.published_pair(*pair)
        if settings.published_form and ABSOLUTE in settings.protocols:
            items += [one.published_rating(author) for author in panel.published]
    return items


def number_of_questions(
    settings: PreferenceJudging, panel: TextPanel
) -> dict[tuple[str, str], int]:
    """Number of questions to a judge about each article, by protocol and variant."""
    forms = 2 * len(settings.markers)  # orders and sets of markers
    planted = [author for author in settings.discrimination.authors if author in panel.authors]
    every = {
        (PAIRWISE, CORRECTED): forms * len(list(panel.pairs())),
        (ABSOLUTE, CORRECTED): len(panel.texts()),
        (DISCRIMINATION, CORRECTED): forms * len(planted),
    }
    if settings.published_form:
        every[PAIRWISE, PAPER] = len(panel.published) * (len(panel.published) - 1)
        every[ABSOLUTE, PAPER] = len(panel.published)
    return {key: number for key, number in every.items() if key[0] in settings.protocols}


class _Article:
    """The questions about one article."""

    def __init__(
        self,
        settings: PreferenceJudging,
        article_id: str,
        article: str,
        texts: dict[str, str | None],
    ) -> None:
        self.settings, self.article_id, self.article, self.texts = (
            settings,
            article_id,
            article,
            texts,
        )
        self.digits = tuple(str(digit) for digit in range(settings.scale[0], settings.scale[1] + 1))

    def pairs(self, protocol: str, one: str, two: str) -> Iterator[Item]:
        for markers in self.settings.markers:
            for first, second in ((one, two), (two, one)):
                template = self.settings.prompts.pairwise
                yield self._pair(protocol, CORRECTED, first, second, markers, template)

    def planted(self, author: str, seed: int) -> Iterator[Item]:
        what, text = self.settings.discrimination.shuffle, self.texts[author]
        worse = text and shuffled(text, what, seed, self.article_id, author)
        self.texts[corrupted(author)] = worse
        return self.pairs(DISCRIMINATION, author, corrupted(author))

    def published_pair(self, one: str, two: str) -> Iterator[Item]:
        form = self.settings.published_form
        for first, second in ((one, two), (two, one)):
            yield self._pair(
                PAIRWISE, PAPER, first, second, form.markers, form.pairwise, form.pairwise_system
            )

    def rating(self, author: str) -> Item:
        return self._rating(CORRECTED, author, self.settings.prompts.absolute)

    def published_rating(self, author: str) -> Item:
        form = self.settings.published_form
        return self._rating(PAPER, author, form.absolute, form.absolute_system)

    def _pair(self, protocol, variant, first, second, markers, template, system=None) -> Item:
        pair = (self.texts[first], self.texts[second])
        slots = {"article": self.article, "first": pair[0], "second": pair[1]}
        slots |= {"one": markers[0], "two": markers[1]}
        return self._item(protocol, variant, first, second, markers, template, slots, pair, system)

    def _rating(self, variant, author, template, system=None) -> Item:
        rated = (self.texts[author],)
        slots = {"article": self.article, "first": rated[0]}
        slots |= {"low": self.digits[0], "high": self.digits[-1]}
        return self._item(
            ABSOLUTE, variant, author, None, self.digits, template, slots, rated, system
        )

    def _item(
        self, protocol, variant, first, second, markers, template, slots, shown, system
    ) -> Item:
        status = _fault(shown)
        prompt = filled(template, slots) if status == READ else ""
        return Item(
            protocol, variant, self.article_id, first, second, markers, status, prompt,
            shown, system,
        )  # fmt: skip


def _fault(shown: Sequence[str | None]) -> str:
    if any(text is None for text in shown):
        return "missing"
    if not all(text.strip() for text in shown):
        return "empty"
    return "identical" if len(shown) > len(set(shown)) else READ


def filled(template: str, slots: Mapping[str, str | None]) -> str:
    """A template with its slots filled; braces in inserted texts are literal."""
    return "".join(
        text + (slots[name] if name is not None else "")
        for text, name, _, _ in string.Formatter().parse(template)
    )
