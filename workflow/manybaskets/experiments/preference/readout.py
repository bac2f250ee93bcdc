"""Read judges' preferences from the logits of the first token of their answer."""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from manybaskets.chat import ChatRenderer, prompts_of
from manybaskets.config.articles import Summaries
from manybaskets.config.preference_judging import PreferenceJudging
from manybaskets.engines.base import LocalEngine, Question, Reading
from manybaskets.experiments.preference.markers import MarkerTokens, marker_tokens
from manybaskets.experiments.preference.questions import Item, TextPanel, Texts, lay_out
from manybaskets.experiments.preference.schemas import ABSOLUTE, PAPER, READ, READINGS
from manybaskets.experiments.preference.summaries import summary_prompts
from manybaskets.generation.runs import in_turn
from manybaskets.jobs.provenance import git_commit
from manybaskets.measures.tokens import words
from manybaskets.records.writing import write_table
from manybaskets.scoring.likelihood import batches_of

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class JudgedRun:
    """A judging run, its panel, and its output file."""

    target: str
    mix: str
    seed: int
    adapter: Path | None
    panel: TextPanel
    texts: Texts
    output: Path


def read_judges(
    engine: LocalEngine,
    judges: Sequence[JudgedRun],
    articles: pl.DataFrame,
    settings: PreferenceJudging,
    *,
    summaries: Summaries,
    study_seed: int,
) -> None:
    """Write the readings of all judges that share a base model, with one load.

    Args:
        articles: columns of `records.ARTICLES`.
        summaries: the request used for the likelihood of a text.

    Raises:
        UserError: a marker is not a single token for the judge, or its logits are not finite.
    """
    reader = _Reader(engine, articles, settings, summaries)
    runs = [(judge.mix, judge.seed) for judge in judges]
    adapters = [judge.adapter for judge in judges]
    in_use = in_turn(engine, judges[0].target, runs, adapters)
    for judge, _ in zip(judges, in_use, strict=True):
        items = lay_out(settings, judge.panel, reader.articles, judge.texts, study_seed)
        frame = reader.rows(judge, items)
        counts = Counter(frame["status"].to_list())
        log.info("judge %s/%s/%s: %s", judge.target, judge.mix, judge.seed, dict(counts))
        forms = {
            system or "": renderer.system_turn for system, renderer in reader.renderers.items()
        }
        metadata = {
            **engine.identity,
            "target": judge.target,
            "mix": judge.mix,
            "training_seed": judge.seed,
            "max_prompt_tokens": reader.longest,
            "system_turns": forms,
            "git_commit": git_commit(),
        }
        write_table(frame, judge.output, metadata)


class _Reader:
    """A judge's model with the renderers and marker tokens shared by its runs."""

    def __init__(
        self,
        engine: LocalEngine,
        articles: pl.DataFrame,
        settings: PreferenceJudging,
        summaries: Summaries,
    ) -> None:
        self.engine, self.settings, self.system = engine, settings, summaries.system_prompt
        self.articles = dict(articles.select("article_id", "article").iter_rows())
        self.requests = {
            prompt.prompt_id: prompt.text()
            for prompt in prompts_of(summary_prompts(articles, summaries))
        }
        self.longest = min(settings.max_prompt_tokens, (engine.context or math.inf) - 1)
        self.renderers: dict[str | None, ChatRenderer] = {None: engine.renderer}
        self.tokens: dict[tuple[str, ...], MarkerTokens] = {}

    def rows(self, judge: JudgedRun, items: Sequence[Item]) -> pl.DataFrame:
        """The judge's readings, with the columns of `READINGS`."""
        asked: dict[int, Question] = {}
        status = [item.status for item in items]
        for index, item in enumerate(items):
            if item.status != READ:
                continue
            question = self._question(item)
            if len(question.ids) > self.longest:
                status[index] = "too_long"
            else:
                asked[index] = question
        readings = self.engine.read(list(asked.values()), self.settings.batch_tokens)
        told = dict(zip(asked, readings, strict=True))
        nats = self._nats(judge) if self.settings.perplexity else {}
        adapter = self.engine.identity["adapter"]
        who = {"target": judge.target, "mix": judge.mix, "seed": judge.seed, "adapter": adapter}
        rows = []
        for index, item in enumerate(items):
            row = who | _about(item, nats) | {"status": status[index]}
            if index in told:
                row |= _read(item, told[index], len(self.tokens[item.markers].ids))
            rows.append(row)
        return pl.DataFrame(rows, schema=READINGS)

    def _question(self, item: Item) -> Question:
        renderer = self._renderer(item.system)
        prompt = item.prompt
        if item.system and not renderer.system_turn:
            prompt = f"{item.system}\n\n{prompt}"  # the template does not support a system turn
        if item.markers not in self.tokens:
            self.tokens[item.markers] = marker_tokens(self.engine.renderer, item.markers)
        tokens = self.tokens[item.markers]
        warp = self.settings.published_form.sampling if item.variant == PAPER else None
        return Question(renderer.encode_prompt(prompt), (*tokens.ids, *tokens.variants), warp)

    def _renderer(self, system: str | None) -> ChatRenderer:
        if system not in self.renderers:
            self.renderers[system] = self.engine.renderer.with_system(system, shorten=False)
        return self.renderers[system]

    def _nats(self, judge: JudgedRun) -> dict[tuple[str, str], float]:
        """Nats per token, with the end token, of every text as the judge's summary, by author and
        article; missing for texts that do not fit."""
        renderer = self._renderer(self.system)
        pairs, keys = {}, {}
        longest = self.engine.context or math.inf
        for author in judge.panel.texts():
            for article_id, request in self.requests.items():
                text = judge.texts[author].get(article_id)
                if not text or not text.strip():
                    continue
                pair = (renderer.encode_prompt(request), renderer.encode_answer(text))
                if (
                    len(pair[0]) <= self.settings.max_prompt_tokens
                    and sum(map(len, pair)) <= longest
                ):
                    key = f"{article_id} {author}"
                    pairs[key], keys[key] = pair, (author, article_id)
        found = {}
        for batch in batches_of(pairs, self.settings.batch_tokens):
            scored = self.engine.score([pairs[key] for key in batch])
            for key, nats in zip(batch, scored, strict=True):
                found[keys[key]] = -math.fsum(nats) / len(nats)
        return found


def _about(item: Item, nats: Mapping[tuple[str, str], float]) -> dict[str, Any]:
    row: dict[str, Any] = {
        "protocol": item.protocol,
        "variant": item.variant,
        "article_id": item.article_id,
        "first": item.first,
        "second": item.second,
        "markers": item.label,
    }
    authors = (item.first, item.second)
    for place, author, text in zip(("first", "second"), authors, item.shown, strict=False):
        row[f"words_{place}"] = None if text is None else len(words(text))
        row[f"nll_{place}"] = nats.get((author, item.article_id))
    return row


def _read(item: Item, reading: Reading, size: int) -> dict[str, Any]:
    """Result of a reading for an item; its first `size` tokens are the markers."""
    shares = [math.exp(logit - reading.log_total) for logit in reading.logits]
    logits, warped = reading.logits[:size], (reading.warped or [])[:size]
    row: dict[str, Any] = {
        "logits": logits,
        "mass": min(1.0, math.fsum(shares[:size])),
        "mass_spaced": min(1.0, math.fsum(shares[size:])),
    }
    weights = warped if item.variant == PAPER else _softmax(logits)
    total = math.fsum(weights)
    if total == 0:
        row["status"] = "no_marker"
    if item.protocol == ABSOLUTE:
        digits = map(int, item.markers)
        mean = sum(k * p for k, p in zip(digits, weights, strict=True)) / total if total else None
        return row | {"expected": mean}
    row |= {"z_first": logits[0], "z_second": logits[1]}
    if item.variant == PAPER:
        row["pi_first"] = weights[0] / total if total else None
    return row


def _softmax(logits: Sequence[float]) -> list[float]:
    top = max(logits)
    weights = [math.exp(logit - top) for logit in logits]
    total = math.fsum(weights)
    return [weight / total for weight in weights]
