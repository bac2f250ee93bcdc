"""Answers to one prompt set, with what was measured of them: the files that are read side by side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple


class ConditionFile(NamedTuple):
    """A file of one condition: of a run, or of a source under the model `sources`.

    Args:
        rows: in a file of several prompt sets, the set whose rows are meant.
    """

    model: str
    mix: str
    seed: int
    file: str
    rows: str = ""


@dataclass(frozen=True)
class AnswerSet:
    """Files of a prompt set's prompts, answers and scores.

    Args:
        name: of the prompt set.
        title: for readers.
        prompts: files of prompts; none where the texts are withheld.
        categories: files with the columns `prompt_id` and `category`, and perhaps `prompt_set`.
        references: files with the columns `prompt_id` and `response`.
        answers: responses by condition.
        measured: measured rows, of any prompt set.
        scores: judges' scores by condition.
        listed_as: name of the prompt set in those `categories` that list several.
        withheld: the texts are restricted, so that only scores can be shown.
    """

    name: str
    title: str = ""
    prompts: Sequence[str] = ()
    categories: Sequence[str] = ()
    references: Sequence[str] = ()
    answers: Sequence[ConditionFile] = ()
    measured: Sequence[str] = ()
    scores: Sequence[ConditionFile] = ()
    listed_as: str = ""
    withheld: bool = False

    def files(self) -> Iterator[Path]:
        """All files of the set."""
        for file in [*self.prompts, *self.categories, *self.references, *self.measured]:
            yield Path(file)
        for each in [*self.answers, *self.scores]:
            yield Path(each.file)

    def plain(self) -> dict[str, Any]:
        """The set as plain lists and strings, for the parameters of a rule."""
        plain = asdict(self)
        return {
            key: [list(each) if isinstance(each, tuple) else each for each in value]
            if isinstance(value, (list, tuple))
            else value
            for key, value in plain.items()
        }

    @classmethod
    def of_plain(cls, plain: Mapping[str, Any]) -> AnswerSet:
        """The set that `plain` was made of."""
        conditions = {
            key: [ConditionFile(*each) for each in plain[key]] for key in ("answers", "scores")
        }
        return cls(**(dict(plain) | conditions))

    def joined(self, other: AnswerSet) -> AnswerSet:
        """Both sets, where an experiment adds to a set that exists; titles are those of this one."""
        values = {}
        for each in fields(self):
            ours, theirs = getattr(self, each.name), getattr(other, each.name)
            several = isinstance(ours, (list, tuple))
            values[each.name] = [*ours, *theirs] if several else ours or theirs
        return AnswerSet(**values)


def joined_sets(sets: Iterable[AnswerSet]) -> list[AnswerSet]:
    """Sets of the same name joined into one, in the order of their first mention."""
    joined: dict[str, AnswerSet] = {}
    for each in sets:
        joined[each.name] = joined[each.name].joined(each) if each.name in joined else each
    return list(joined.values())
