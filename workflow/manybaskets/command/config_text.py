"""A first config as commented YAML."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from manybaskets.names import HUMAN

_MEASURES = ("response_words", "distinct_2@token_budget", "self_bleu@len_matched", "compression_ratio@token_budget",
             "remote_clique", "remote_clique@len_matched", "style_any_list", "style_paragraphs")  # fmt: skip
_COMPARED = ("response_words", "self_bleu@len_matched", "style_any_list")


@dataclass(frozen=True)
class Choices:
    """What a first config says.

    Args:
        rows: rows of the file.
        messages: column with whole conversations; None for columns with questions and answers.
        fields: column by field: `question`, `context`, `answer`, `category`; None if there is none.
        answers: column with a source's answers, by name of the source.
        target: model to fine-tune: a folder, or `REPO@COMMIT`; None for a study of sources alone.
    """

    study: str
    data: Path
    rows: int
    messages: str | None
    fields: Mapping[str, str | None]
    answers: Mapping[str, str]
    target: str | None = None

    def names(self) -> list[str]:
        """Names of the sources, human answers first."""
        human = [HUMAN] if self.fields.get("answer") or self.messages else []
        return [*human, *self.answers]


def config_text(choices: Choices) -> str:
    """The config, with a comment on what to change next."""
    blocks = [_head(choices), _data(choices)]
    if choices.answers:
        blocks.append(_sources(choices))
    blocks += [_analysis(choices), _comparisons(choices)]
    blocks.append(_target(choices) if choices.target else _how_to_add_a_target(choices))
    return "\n".join(blocks)


def _head(choices: Choices) -> str:
    return (
        f"# Written by `manybaskets init {choices.data}`. docs/configuration.md describes every key.\n"
        f"study: {_plain(choices.study)} # results are written to results/{choices.study}/\n"
        "seed: 42\n"
    )


def _data(choices: Choices) -> str:
    if choices.messages:
        fields = {"messages": choices.messages}
    else:
        fields = {"instruction": choices.fields["question"], "context": choices.fields["context"]}
        fields["response"] = choices.fields["answer"]
    fields["category"] = choices.fields.get("category")
    # A study of sources alone needs no held-out prompts.
    share = 0.1 if choices.target else 0
    sources = max(1, len(_models(choices))) if choices.target else 1
    return (
        f"# {choices.rows} rows. `response` is the column with human answers; null if there is none.\n"
        f"dataset:\n  kind: file\n  path: {_plain(str(choices.data))}\n  fields: {_flow(fields)}\n\n"
        "# Prompts that no model is trained on, and parts of the others: one for each source of a mix `multi`.\n"
        f"split: {{test_share: {share}, parts: {sources}}}\n"
    )


def _sources(choices: Choices) -> str:
    fields = {
        "instruction": choices.fields.get("question"),
        "context": choices.fields.get("context"),
    }
    lines = [
        "# Ready answers of models. A source may also be a model or a server: docs/sources.md.",
        "sources:",
    ]
    for name, column in choices.answers.items():
        answered = _flow({**fields, "response": column})
        engine = f"{{kind: replay, path: {_plain(str(choices.data))}, fields: {answered}}}"
        lines.append(f"  {_plain(name)}: {{engine: {engine}}}")
    return "\n".join(lines) + "\n"


def _analysis(choices: Choices) -> str:
    listed = "".join(f"    - {name}\n" for name in _MEASURES)
    return (
        "# What the sources' answers are like; docs/measures.md lists all measures.\n"
        f"source_analysis:\n  measures:\n{listed}"
        f"  similarity: {{prompts: {max(2, min(200, choices.rows))}}}\n"
        "  topics: {topics: 8}\n"
    )


def _comparisons(choices: Choices) -> str:
    baseline, *others = choices.names()
    families = []
    if others:
        families.append(
            f"  sources-against-{_key(baseline)}: {{baseline: {_plain(baseline)}, conditions: {_list(others)}, "
            f"prompt_set: train, measures: {_list(_COMPARED)}}}\n"
        )  # fmt: skip
    models = _models(choices)
    if choices.target and len(models) > 1:
        baseline = "human" if baseline == HUMAN else "vanilla"
        conditions = [f"single-{name}" for name in models] + ["multi"]
        families.append(
            f"  runs-against-{baseline}: {{baseline: {baseline}, conditions: {_list(conditions)}, "
            f"measures: {_list(_COMPARED)}}}\n"
        )
    if not families:
        return ""
    return (
        "# What is tested: each family of comparisons answers one question.\ncomparisons:\n"
        + "".join(families)
    )


def _target(choices: Choices) -> str:
    assert choices.target
    repo, at, commit = choices.target.partition("@")
    model = f"{{kind: hub, repo: {_plain(repo)}, revision: {_plain(commit)}}}"
    if not at:
        model = f"{{kind: folder, path: {_plain(repo)}}}"
    return (
        "# The model that is fine-tuned, once on each mix.\n"
        f"models:\n  target: {model}\ntargets: [target]\n\n{_mixes(choices)}\n"
        "training: {epochs: 1, seeds: [1, 2, 3]}\n"
        "scoring: {no_scorer_reason: a first look}\n"
        f"measures: {_list(_MEASURES)}\n"
    )


def _how_to_add_a_target(choices: Choices) -> str:
    lines = [
        "To fine-tune a model on these answers, give init a model: "
        f"manybaskets init {choices.data} --target MODEL --output FILE",
        "It then adds `models`, `targets`, `mixes`, `training` and `measures`.",
    ]
    return "".join(f"# {line}\n" for line in lines)


def _mixes(choices: Choices) -> str:
    lines = ["mixes:"]
    if HUMAN in choices.names():
        lines.append("  human: {kind: human}")
    models = _models(choices)
    lines += [f"  single-{name}: {{kind: single, source: {_plain(name)}}}" for name in models]
    if len(models) > 1:
        lines.append(
            f"  multi: {{kind: multi, sources: {_list(models)}}} # one source for each part"
        )
    return "\n".join(lines) + "\n"


def _models(choices: Choices) -> list[str]:
    return list(choices.answers)


def _key(name: str) -> str:
    return name.replace(".", "-")


def _flow(values: Mapping[str, str | None]) -> str:
    shown = ", ".join(
        f"{key}: {'null' if value is None else _plain(value)}" for key, value in values.items()
    )
    return f"{{{shown}}}"


def _list(names: Sequence[str]) -> str:
    return f"[{', '.join(map(_plain, names))}]"


def _plain(text: str) -> str:
    """A text as a YAML value: in quotes where YAML would read something else."""
    import yaml

    simple = all(letter.isalnum() or letter in "-_./@" for letter in text)
    safe = simple and text[:1].isalnum() and yaml.safe_load(text) == text
    return text if safe else json.dumps(text, ensure_ascii=False)
