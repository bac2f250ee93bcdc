"""Training rows: token ids, labels, batches and their order."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from manybaskets.chat import ChatRenderer
from manybaskets.errors import UserError

IGNORED = -100


def encode_rows(
    rows: Sequence[Mapping[str, Any]],
    renderer: ChatRenderer,
    max_length: int,
    loss: Literal["answers", "all"] = "answers",
) -> list[dict]:
    """Token ids and labels of chat rows; tokens without loss have label -100.

    Args:
        loss: `answers`: every answer of a conversation with its end token; `all`: every token
            except BOS.

    Raises:
        UserError: a row is longer than `max_length` (mixes exclude such rows), or the template
            rewrites earlier turns.
    """
    encoded = []
    for row in rows:
        turns = [turn["content"] for turn in row["messages"] if turn["role"] != "system"]
        ids: list[int] = []
        labels: list[int] = []
        for prompt, answer in renderer.encode_turns(turns[0::2], turns[1::2]):
            ids += [*prompt, *answer]
            labels += [*(prompt if loss == "all" else [IGNORED] * len(prompt)), *answer]
        if ids[0] == renderer.tokenizer.bos_token_id:
            labels[0] = IGNORED
        if len(ids) > max_length:
            raise UserError(
                what=f"a training row has {len(ids)} tokens",
                where=f"prompt {row['prompt_id']}, source {row['source']}",
                expected=f"at most {max_length} tokens (`training.max_length`)",
                remedy="delete the mixes and rerun the same command: mixes exclude prompts with "
                "rows that are too long",
            )
        encoded.append({"input_ids": ids, "labels": labels})
    return encoded


def pad_batch(rows: Sequence[Mapping[str, Any]], pad: int) -> dict[str, Any]:
    """Right-pad rows to equal length; padding is masked and never a label."""
    import torch

    width = max(len(row["input_ids"]) for row in rows)

    def filled(key: str, value: int) -> Any:
        return torch.tensor([[*row[key], *[value] * (width - len(row[key]))] for row in rows])

    mask = [[1] * len(r["input_ids"]) + [0] * (width - len(r["input_ids"])) for r in rows]
    return {
        "input_ids": filled("input_ids", pad),
        "labels": filled("labels", IGNORED),
        "attention_mask": torch.tensor(mask),
    }


class LengthBuckets:
    """Order of training rows: batches of similar length, in random order.

    Rows are shuffled, sorted by length within windows of a few batches, and the batches shuffled
    again. Sorting over long windows, as `group_by_length` does, would show the model one kind of
    question after the other, and a tiny model then does not learn which town is asked about.

    Every process has the same order and takes every n-th batch of it: the rows of a step are the
    same whether one process accumulates the gradients of four batches or four processes have one
    batch each. The number of rows is padded to a multiple of what all processes take at a time, so
    that no process waits for a batch that another does not have, and no row is seen twice.

    Args:
        lengths: tokens of every row.
        batch_size: rows per batch.
        together: number of processes, each of which takes a batch.
    """

    BATCHES_IN_STRETCH = 16

    def __init__(
        self, lengths: Sequence[int], batch_size: int, seed: int, together: int = 1
    ) -> None:
        self.lengths, self.batch_size, self.seed, self.epoch = lengths, batch_size, seed, 0
        self.fillers = -len(lengths) % (batch_size * together) if together > 1 else 0

    def set_epoch(self, epoch: int) -> None:
        """Called before every pass, so that a resumed run has the order of an uninterrupted one."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.lengths) + self.fillers

    def __iter__(self) -> Iterator[int]:
        rng = random.Random(f"{self.seed}/{self.epoch}")
        rows = list(range(len(self.lengths)))
        rng.shuffle(rows)
        stretch = self.batch_size * self.BATCHES_IN_STRETCH
        batches = []
        for start in range(0, len(rows), stretch):
            near = sorted(rows[start : start + stretch], key=self.lengths.__getitem__)
            batches += [near[i : i + self.batch_size] for i in range(0, len(near), self.batch_size)]
        # A short batch stays last, or it would shift the boundaries of all following batches.
        last = [batches.pop()] if len(batches[-1]) < self.batch_size else []
        rng.shuffle(batches)
        order = [row for batch in batches + last for row in batch]
        return iter(order + [len(rows)] * self.fillers)


def filler_row(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A row without loss for padding batches; its index follows the last row."""
    ids = list(min((row["input_ids"] for row in rows), key=len))
    return {"input_ids": ids, "labels": [IGNORED] * len(ids)}


def longest(rows: Sequence[dict], count: int) -> list[dict]:
    """The rows with the most tokens, longest first; repeated if there are too few."""
    ordered = sorted(rows, key=lambda row: len(row["input_ids"]), reverse=True)
    return [ordered[number % len(ordered)] for number in range(count)]


def answer_tokens(batch: Mapping[str, Any]) -> int:
    """Number of tokens with loss in a batch: labels that follow another token."""
    return int((batch["labels"][:, 1:] != IGNORED).sum())
