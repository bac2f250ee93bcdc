"""Measure every prompt under a model's tokenizer, before anything is answered."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from manybaskets.chat import ChatRenderer, Prompt, load_tokenizer, prompts_of
from manybaskets.chat.conversation_check import check_conversations
from manybaskets.config.models import ModelPrompting
from manybaskets.config.sections import Fields
from manybaskets.data.prompt_readers import (
    LONG_PROMPTS,
    PromptReader,
    find_long,
    listed_long,
    longest_prompt,
)
from manybaskets.data.reading import read_prompts
from manybaskets.errors import UserError
from manybaskets.models.chat_rendering import renderer_of
from manybaskets.models.context_window import context_window
from manybaskets.models.folder import check_folder
from manybaskets.records.responses import long_prompt_counts
from manybaskets.records.writing import write_text

log = logging.getLogger(__name__)


def open_renderer(name: str, folder: Path, prompting: ModelPrompting) -> ChatRenderer:
    """Load the tokenizer of a model to measure texts with; weights are not loaded.

    Raises:
        UserError: the tokenizer does not load or has no usable template.
    """
    check_folder(folder, name)
    tokenizer = load_tokenizer(folder, name)
    tokenizer.model_max_length = sys.maxsize  # else it warns of what is measured here
    return renderer_of(tokenizer, prompting, name)


def open_reader(
    name: str, folder: Path, use: Mapping[str, Any], prompting: ModelPrompting
) -> PromptReader:
    """Load the tokenizer of a model that reads prompts; weights are not loaded.

    Args:
        use: its entry of `config.participants.prompt_readers`.

    Raises:
        UserError: the tokenizer does not load or has no usable template; answers leave no room for a
            prompt.
    """
    renderer = open_renderer(name, folder, prompting)
    window = context_window(folder, use["sequence"])
    limit = longest_prompt(name, prompting.max_prompt_tokens, window, use["answer_tokens"])
    log.info("'%s' takes prompts of at most %d tokens", name, limit)

    def count(text: str) -> int:
        return len(renderer.encode_prompt(text))

    def check(prompts: Sequence[Prompt]) -> None:
        if use["conversations"]:
            check_conversations(renderer, prompts, trained=use["conversations"] == "trained")

    return PromptReader(name, limit, count, count("?"), use["evaluates"], check)


def measure_prompts(
    rows: Path,
    prompt_sets: Mapping[str, Mapping[str, Any]],
    reader: PromptReader | None,
    others: Sequence[pl.DataFrame],
    output: Path,
) -> None:
    """Find the rows of a dataset that are too long for a reader, and write them, followed by those
    of prompt sets and of experiments.

    Args:
        rows: clean rows.
        prompt_sets: `path` and `fields` of the prompt sets from files, by name; read if the reader
            evaluates.
        reader: null for a model that reads no rows of the dataset, only judges.
        others: what is too long of experiments' prompts, in the columns of `LONG_PROMPTS`.

    Raises:
        UserError: the reader's chat template does not take the dataset's conversations.
    """
    found = [LONG_PROMPTS.to_frame()]
    if reader:
        frame = pl.read_parquet(rows)
        prompts = prompts_of(frame)
        if reader.check:
            reader.check(prompts)
        found.append(find_long(prompts, reader))
        log.info("%d of %d rows are too long", found[-1].height, frame.height)
    for name, settings in prompt_sets.items() if reader and reader.evaluates else ():
        key, fields = f"prompt_sets.{name}", Fields(**settings["fields"])
        given = prompts_of(read_prompts(Path(settings["path"]), fields, key))
        found.append(find_long(given, reader, name))
        log.info("%d of %d prompts of '%s' are too long", found[-1].height, len(given), name)
    write_text(pl.concat([*found, *others]).write_ndjson(), output)


def require_fitted_prompts(
    prompts: Path,
    name: str | None,
    folder: Path | str | None,
    uses: Mapping[str, Mapping[str, Any]],
    prompting: Mapping[str, Any],
) -> None:
    """Check that a model takes the prompts as all others were asked, also if it was added later.

    Args:
        prompts: the split or a prompt set; nothing is checked if it was not fitted to models.
        name: of the model; null for a server, which has no tokenizer here.
        uses: as `config.participants.prompt_readers`; embedded models are not among them, and are
            not checked.
        prompting: section of the config.

    Raises:
        UserError: a prompt is too long for it.
    """
    if name not in uses or not long_prompt_counts(prompts):
        return
    frame = pl.read_parquet(prompts)
    asked = frame.filter("used") if "used" in frame.columns else frame
    reader = open_reader(name, Path(folder), uses[name], ModelPrompting(**prompting))
    long = find_long(prompts_of(asked), reader)
    if long.height:
        raise UserError(
            what=f"{long.height} of the study's prompts are too long for a model that was added or "
            f"changed later:{listed_long(long)}",
            where=str(prompts),
            expected="a model that takes the prompts as they are, so that all sources and targets "
            "see the same text",
            remedy="use another model or a lower `max_new_tokens`, or delete "
            "`data/prompts/train.parquet` of the study and rerun the same command: these prompts "
            "then become shorter or leave, and everything that depends on them runs again",
        )
