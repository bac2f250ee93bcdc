"""Dataset cards: the hub's own tools read them and find exactly the rows, whatever a model wrote."""

from __future__ import annotations

import json
import re
import shlex
import statistics
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from manybaskets.cards.markdown import block, code
from manybaskets.cards.mix_card import write_mix_card
from manybaskets.cards.origins import dataset_settings, origin_settings, read_origin
from manybaskets.cards.rendering import size_category
from manybaskets.cards.source_card import write_source_card
from manybaskets.config import parse_study
from manybaskets.errors import UserError
from manybaskets.records.responses import PROMPTS, write_responses
from manybaskets.records.writing import write_table

HOSTILE = (
    "</script><script>alert(1)</script> | `\n---\nlicense: mit\n---\n[x](https://evil.example)"
)
HUB_DATASET = {"kind": "hub", "repo": "databricks/databricks-dolly-15k", "revision": "v1"}
HUB_MODEL = {"kind": "hub", "repo": "meta-llama/Llama-3.1-8B-Instruct", "revision": "0e9e39f"}
METADATA = {
    "engine": "vllm",
    "engine_version": "0.32.0",
    "model": "llama",
    "weights": "0123abcd",
    "precision": "bfloat16",
    "quantization": None,
    "max_model_len": 2048,
    "template": "feed0123",
    "system_prompt": "You are ``` careful | <b>",
    "system_turn": True,
    "date": "26 Jul 2024",
    "adapter": None,
    "sampling": {"temperature": 0.7, "top_p": 0.9, "max_new_tokens": 1024},
    "study_seed": 4711,
    "max_prompt_tokens": 768,
    "samples": 1,
    "shortened_prompts": 3,
    "prompts_with_control_text": 2,
    "served": [],
    "git_commit": "c0ffee",
}
STUDY = {
    "study": "eggs",
    "dataset": HUB_DATASET | {"fields": {}},
    "models": {"llama": HUB_MODEL, "own": {"kind": "folder", "path": "/home/me/secret/model"}},
    "sources": {
        "hen": {"model": "llama", "quality": {"languages": ["en", "de"]}},
        "duck": {"model": "own"},
        "goose": {"engine": {"kind": "openai", "served_model": "gpt-4o-2024-08-06"}},
        "swan": {"engine": {"kind": "replay", "repo": "nyu/answers", "revision": "r7"}},
    },
    "mixes": {"multi": {"kind": "weighted", "weights": {"human": 1, "hen": 3}}},
    "targets": ["llama"],
    "measures": ["response_words"],
}
EMBEDDED = STUDY | {
    "dataset": {"kind": "embedded"},
    "models": {"llama": {"kind": "embedded", "architecture": "llama", "habit": "terse"}},
    "sources": {"hen": {"model": "llama"}},
}
TURNS = {"a": 1, "b": 3, "c": 1, "d": 1}


def answers(changes=()):
    """Responses to the prompts of `TURNS`; `changes` replaces columns of some (prompt, turn)."""
    changes = dict(changes)
    rows = [
        {
            "prompt_id": prompt,
            "sample": 0,
            "turn": turn,
            "text": f"answer to {prompt}" + " word" * (7 * turn),
            "finish_reason": "stop",
            "prompt_tokens": 10 + turn,
            "completion_tokens": 5,
            "attempts": 1,
            "error": None,
        }
        | changes.get((prompt, turn), {})
        for prompt, turns in TURNS.items()
        for turn in range(turns)
    ]
    return rows


def prompts():
    return pl.DataFrame(
        [
            {
                "prompt_id": prompt,
                "instruction": f"question {prompt}",
                "context": "a passage" if prompt == "c" else "",
                "follow_ups": [f"later {prompt} {turn}" for turn in range(1, turns)],
            }
            for prompt, turns in TURNS.items()
        ],
        schema=PROMPTS,
    )


def source_folder(folder, name="hen", study=STUDY, metadata=METADATA, rows=None, asked=None):
    """A source's folder with card and rows, and beside them what the workflow leaves there."""
    folder.mkdir(parents=True, exist_ok=True)
    write_responses(answers() if rows is None else rows, folder / "train.parquet", metadata)
    write_table(prompts() if asked is None else asked, folder / "prompts.parquet")
    checked = parse_study(study, "test")
    write_source_card(
        read_origin(name, origin_settings(checked, name), folder / "train.parquet"),
        study=checked.study,
        dataset=dataset_settings(checked),
        responses=folder / "train.parquet",
        prompts=folder / "prompts.parquet",
        rows=folder / "dataset.parquet",
        card=folder / "README.md",
    )
    (folder / "shards").mkdir(exist_ok=True)
    write_responses(answers(), folder / "shards" / "0-of-1.parquet", METADATA)
    (folder / "shards" / "0-of-1.usage.json").write_text("{}")
    (folder / "quarantine.jsonl").write_text('{"text": "set apart"}\n')
    return folder


def mix_rows(split):
    """Rows of a mix: three for training and one for validation."""
    texts = {"a": ["one two three"], "b": ["\u2028 é", "", "x"], "c": ["#" * 40], "d": ["4 words are here"]}  # fmt: skip
    chosen = {"train": "abc", "validation": "d"}[split]
    return [
        {
            "messages": [{"role": "system", "content": "Be brief."}]
            + [
                turn
                for number, text in enumerate(texts[prompt])
                for turn in (
                    {"role": "user", "content": f"question {number}"},
                    {"role": "assistant", "content": text},
                )
            ],
            "prompt_id": prompt,
            "source": "human" if prompt == "c" else "hen",
            "sample": 0,
            "part": None if prompt == "a" else 2,
            "split": split,
        }
        for prompt in chosen
    ]


COUNTS = """split,source,rows,share,prompt_tokens,answer_tokens,effective_sources,target
train,hen,2,0.6666666666666666,100,20,1.8,llama
train,human,1,0.3333333333333333,50,7,1.8,llama
validation,hen,1,1.0,11,3,1.0,llama
train,hen,2,0.6666666666666666,90,18,1.8,qwen
train,human,1,0.3333333333333333,40,6,1.8,qwen
validation,hen,1,1.0,10,2,1.0,qwen
"""


def mix_folder(folder, study=STUDY, long_prompts=None):
    folder.mkdir(parents=True, exist_ok=True)
    checked = parse_study(study, "test")
    for split in ("train", "validation"):
        lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in mix_rows(split)]
        (folder / f"{split}.jsonl").write_text("".join(lines), encoding="utf-8")
    (folder / "counts.csv").write_text(COUNTS)
    lengths = [
        (prompt, source, target, tokens * factor, None if target == "qwen" else prompt in "ab")
        for prompt, tokens in (("a", 3), ("b", 4), ("c", 20), ("d", 5))
        for source in ("hen", "human")
        for target, factor in (("llama", 1), ("qwen", 2))
    ]
    origins = []
    for name in ("human", "hen"):
        file = folder.parent / f"{name}.parquet"
        write_responses(answers(), file, METADATA if name == "hen" else {"who": "human"})
        origins.append(read_origin(name, origin_settings(checked, name), file))
    write_mix_card(
        "multi",
        origins,
        study=checked.study,
        dataset=dataset_settings(checked),
        recipe=checked.mixes["multi"].model_dump(),
        system_prompt="Be brief.",
        seed=checked.seed,
        splits={split: folder / f"{split}.jsonl" for split in ("train", "validation")},
        counts=folder / "counts.csv",
        lengths=pl.DataFrame(
            lengths,
            schema=["prompt_id", "source", "target", "answer_tokens", "control_text"],
            orient="row",
        ),
        long_prompts=long_prompts or {},
        rows={split: folder / f"{split}.parquet" for split in ("train", "validation")},
        card=folder / "README.md",
    )
    return folder


def card_of(folder):
    return (folder / "README.md").read_text(encoding="utf-8")


def metadata_of(folder):
    """The card's metadata as the hub's library reads it, which fails on what it does not know."""
    from huggingface_hub import DatasetCard, DatasetCardData

    data = DatasetCard(card_of(folder)).data
    assert isinstance(data, DatasetCardData)
    return data.to_dict()


def loaded(folder, tmp_path, monkeypatch, **options):
    monkeypatch.setenv("HF_DATASETS_OFFLINE", "1")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    return datasets.load_dataset(str(folder), cache_dir=str(tmp_path / "cache"), **options)


def table_of(card, heading):
    """Rows of the Markdown table whose first line begins like this, by their first cell."""
    lines = card[card.index(f"| {heading} |") :].split("\n\n")[0].splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
    return {row[0]: row[1:] for row in cells}


def test_a_source_loads_from_its_folder_and_nothing_else_does(tmp_path, monkeypatch):
    failed = {"text": None, "finish_reason": "error", "error": "not taken: empty", "attempts": 3}
    folder = source_folder(tmp_path / "hen", rows=answers({("d", 0): failed}))
    splits = loaded(folder, tmp_path, monkeypatch)
    assert list(splits) == ["train"]
    rows = splits["train"].to_list()
    assert [(row["prompt_id"], row["turn"]) for row in rows] == [
        ("a", 0), ("b", 0), ("b", 1), ("b", 2), ("c", 0), ("d", 0)
    ]  # fmt: skip
    assert rows[3] == {
        "prompt_id": "b",
        "sample": 0,
        "turn": 2,
        "instruction": "question b",
        "context": "",
        "follow_up": "later b 2",
        "response": "answer to b" + " word" * 14,
        "finish_reason": "stop",
        "prompt_tokens": 12,
        "completion_tokens": 5,
        "attempts": 1,
        "error": None,
    }
    assert [row["follow_up"] for row in rows] == [None, None, "later b 1", "later b 2", None, None]
    assert rows[4]["context"] == "a passage"
    assert rows[5]["response"] is None and rows[5]["error"] == "not taken: empty"


def test_a_mix_loads_from_its_folder_with_the_rows_of_its_json_lines(tmp_path, monkeypatch):
    folder = mix_folder(tmp_path / "multi")
    splits = loaded(folder, tmp_path, monkeypatch)
    assert list(splits) == ["train", "validation"]
    for split in splits:
        assert splits[split].to_list() == mix_rows(split)


def test_columns_have_the_plain_types_that_other_datasets_have(tmp_path, monkeypatch):
    """Trainers join datasets, and the hub's library joins none whose types differ."""
    datasets = pytest.importorskip("datasets")
    mix = loaded(mix_folder(tmp_path / "multi"), tmp_path, monkeypatch, split="train")
    usual = datasets.Dataset.from_list([{"messages": [{"role": "user", "content": "hello"}]}])
    joined = datasets.concatenate_datasets([mix.select_columns("messages"), usual])
    assert joined[-1] == usual[0] and len(joined) == 4
    source = loaded(source_folder(tmp_path / "hen"), tmp_path, monkeypatch, split="train")
    usual = datasets.Dataset.from_list([{"instruction": "why", "response": "because"}])
    joined = datasets.concatenate_datasets(
        [source.select_columns(["instruction", "response"]), usual]
    )
    assert len(joined) == 7


def test_rows_in_any_order_give_the_same_bytes(tmp_path):
    one = source_folder(tmp_path / "hen")
    first = {name: (one / name).read_bytes() for name in ("README.md", "dataset.parquet")}
    shuffled = list(reversed(answers()))
    again = source_folder(tmp_path / "hen", rows=shuffled, asked=prompts().reverse())
    assert {name: (again / name).read_bytes() for name in first} == first
    mix = mix_folder(tmp_path / "multi")
    made = {file.name: file.read_bytes() for file in mix.iterdir()}
    mix_folder(tmp_path / "multi")
    assert {file.name: file.read_bytes() for file in mix.iterdir()} == made


def test_large_tables_are_written_whole(tmp_path):
    """More rows than are written at a time."""
    ids = [f"p{number:05d}" for number in range(20_001)]
    row = {"sample": 0, "turn": 0, "finish_reason": "stop", "attempts": 1}
    rows = [row | {"prompt_id": each, "text": each[::-1]} for each in ids]
    asked = pl.DataFrame(
        {"prompt_id": ids, "instruction": "q", "context": "", "follow_ups": [[]] * len(ids)},
        schema=PROMPTS,
    )
    folder = source_folder(tmp_path / "hen", rows=rows, asked=asked)
    frame = pl.read_parquet(folder / "dataset.parquet")
    assert frame["prompt_id"].to_list() == ids
    assert frame["response"].to_list() == [each[::-1] for each in ids]
    assert metadata_of(folder)["size_categories"] == ["10K<n<100K"]


def test_the_hub_reads_what_a_card_says_of_a_source(tmp_path):
    data = metadata_of(source_folder(tmp_path / "hen"))
    assert data == {
        "pretty_name": "Answers of hen (eggs)",
        "language": ["de", "en"],
        "license": "other",
        "license_name": "see-the-notes-on-licences",
        "task_categories": ["text-generation"],
        "size_categories": ["n<1K"],
        "source_datasets": ["databricks/databricks-dolly-15k"],
        "tags": ["many-baskets", "instruction-tuning", "synthetic"],
        "configs": [
            {
                "config_name": "default",
                "data_files": [{"split": "train", "path": "dataset.parquet"}],
            }
        ],
    }


def test_a_card_tells_how_the_answers_were_made(tmp_path):
    card = card_of(source_folder(tmp_path / "hen"))
    assert "`meta-llama/Llama-3.1-8B-Instruct` at revision `0e9e39f`" in card
    for line in (
        "- engine: `vllm`",
        "- engine version: `0.32.0`",
        "- weights (digest): `0123abcd`",
        "- precision: `bfloat16`",
        "- chat template (digest): `feed0123`",
        "- seed of the study: `4711`",
        "- longest sequence, in tokens: `2048`",
    ):
        assert f"{line}\n" in card
    sampling = re.search("- sampling: (.*)", card)[1]
    assert sorted(sampling.split(", ")) == [
        "max_new_tokens `1024`", "temperature `0.7`", "top_p `0.9`"
    ]  # fmt: skip
    assert "quantisation" not in card
    assert "git commit `c0ffee`" in card
    assert "\n````text\nYou are ``` careful | <b>\n````\n" in card
    assert f'load_dataset("{tmp_path}/hen", split="train")' in card
    assert "2024-" not in card and "2025" not in card and "2026" not in card  # no wall clock


def test_a_card_says_what_left_before_anything_was_answered(tmp_path):
    counts = {"long_prompts": {"excluded": 3, "shortened": 17}}
    card = card_of(mix_folder(tmp_path / "multi", long_prompts=counts))
    assert "3 prompts left the study" in card and "the contexts of 17 were shortened" in card
    assert "left the study" not in card_of(mix_folder(tmp_path / "other"))


def test_counts_and_lengths_of_a_source(tmp_path):
    changes = {
        ("a", 0): {"finish_reason": "length", "attempts": 2},
        ("c", 0): {"text": None, "finish_reason": "error", "error": "not taken: empty",
                   "completion_tokens": 900},
        ("d", 0): {"text": None, "finish_reason": "error", "error": "out of memory",
                   "prompt_tokens": None, "completion_tokens": None},
    }  # fmt: skip
    card = card_of(source_folder(tmp_path / "hen", rows=answers(changes)))
    assert table_of(card, "count") == {
        "rows": ["6"],
        "prompts": ["4"],
        "rows without an answer": ["2"],
        "of these, answers rejected by the quality checks": ["1"],
        "answers truncated at the token limit": ["1"],
        "rows asked more than once": ["1"],
        "prompts shortened to fit": ["3"],
        "prompts that spell a control token, read as text": ["2"],
        "reasoning removed from": ["0"],
        "tokens in, for these rows": [str(10 + 10 + 11 + 12 + 10)],
        "tokens out, for these rows": [str(4 * 5 + 900)],
    }
    # Answered are a and three turns of b: of 3, 3, 10 and 17 words.
    lengths = table_of(card, "| mean")
    words = [3, 3, 10, 17]
    low, median, high = statistics.quantiles(words, n=4, method="inclusive")
    assert lengths["words"] == ["8.25", "3.00", f"{low:.2f}", f"{median:.2f}", f"{high:.1f}", "15.9", "17"]  # fmt: skip
    assert lengths["characters"][-1] == str(len("answer to b" + " word" * 14))
    # An answer that was set apart is no answer here: its 900 tokens are none of the lengths.
    assert lengths["tokens"] == ["5.00"] * 6 + ["5"]


def test_the_human_reference_is_marked_as_such(tmp_path):
    rows = [row | {"prompt_tokens": None, "completion_tokens": None} for row in answers()]
    folder = source_folder(tmp_path / "human", "human", metadata={"who": "human"}, rows=rows)
    data, card = metadata_of(folder), card_of(folder)
    assert data["tags"] == ["many-baskets", "instruction-tuning"]
    assert "language" not in data and data["license"] == "other"
    assert "the humans of the dataset" in card and "How the answers were made" not in card
    assert "system prompt" not in card and "under its licence" in card
    counts = table_of(card, "count")
    assert {counts[f"tokens {way}, for these rows"][0] for way in ("in", "out")} == {"not counted"}
    assert "tokens" not in table_of(card, "| mean")
    assert re.search(r"git commit `([0-9a-f]{40}|unknown|no checkout: [^`]+)`", card)


@pytest.mark.parametrize("name", ["human", "hen"])
def test_only_the_embedded_world_has_a_licence_that_is_known(tmp_path, name):
    metadata = {"who": "human"} if name == "human" else METADATA
    folder = source_folder(tmp_path / name, name, EMBEDDED, metadata)
    data, card = metadata_of(folder), card_of(folder)
    assert data["license"] == "apache-2.0" and "license_name" not in data
    assert data["language"] == ["en"] and "synthetic" in data["tags"]
    assert "source_datasets" not in data
    assert "Check" not in card and "https://huggingface.co" not in card


def test_ready_answers_and_servers_say_what_is_known(tmp_path):
    ready = {"engine": "replay", "model": "nyu/answers", "revision": "r7", "sha256": "ab12",
             "sampling": None, "matched_by": "texts", "samples": 1, "served": []}  # fmt: skip
    card = card_of(source_folder(tmp_path / "swan", "swan", metadata=ready))
    assert "ready answers from `nyu/answers` at revision `r7`" in card
    assert "- sampling: unknown\n" in card and "- matched to prompts by: `texts`\n" in card
    assert "It is unknown whether there was a system prompt." in card
    served = {"engine": "openai", "model": "gpt-4o-2024-08-06", "base_url": "https://api.example/v1",
              "system_prompt": "", "send_seed": False, "samples": 1, "sampling": {"top_p": 1.0},
              "served": [f"gpt-{number} | [x](y)\n#" for number in range(7)]}  # fmt: skip
    card = card_of(source_folder(tmp_path / "goose", "goose", metadata=served))
    assert "`gpt-4o-2024-08-06` behind the server `https://api.example/v1`" in card
    assert "`gpt-4 | [x](y) #` and 2 more\n" in card and "gpt-5" not in card
    assert "- seed sent with every request: `False`\n" in card
    assert "the terms of the operator of `https://api.example/v1`" in card
    card = card_of(source_folder(tmp_path / "duck", "duck"))
    assert "from a user's folder" in card and "secret" not in card
    without = METADATA | {"system_prompt": "", "system_turn": False}
    card = card_of(source_folder(tmp_path / "hen", metadata=without))
    assert "The model was given no system prompt." in card and "```text" not in card


def test_a_users_own_file_is_named_and_its_place_is_not(tmp_path):
    study = STUDY | {"dataset": {"kind": "file", "path": "/home/me/secret/rows.jsonl"}}
    folder = source_folder(tmp_path / "hen", study=study)
    card = card_of(folder)
    assert "the file `rows.jsonl`" in card and "secret" not in card
    assert "source_datasets" not in metadata_of(folder)


def test_nothing_that_a_model_wrote_stands_on_a_card(tmp_path, monkeypatch):
    rows = answers({("a", 0): {"text": HOSTILE}, ("b", 1): {"text": "\x00\u202e" + HOSTILE}})
    rows[-1] |= {"text": None, "finish_reason": "error", "error": HOSTILE}
    asked = prompts().with_columns(instruction=pl.lit(HOSTILE))
    folder = source_folder(tmp_path / "hen", rows=rows, asked=asked)
    card = card_of(folder)
    assert "script" not in card and "evil" not in card and "\x00" not in card
    assert metadata_of(folder)["license"] == "other"
    read = loaded(folder, tmp_path, monkeypatch, split="train")
    assert read[0]["response"] == HOSTILE and read[0]["instruction"] == HOSTILE
    assert read[2]["response"] == "\x00\u202e" + HOSTILE


def test_hostile_names_and_prompts_of_a_config_change_no_card(tmp_path, monkeypatch):
    study = STUDY | {
        "dataset": HUB_DATASET | {"repo": HOSTILE},
        "models": STUDY["models"] | {"llama": HUB_MODEL | {"repo": HOSTILE, "revision": HOSTILE}},
    }
    metadata = METADATA | {"system_prompt": HOSTILE, "served": [HOSTILE], "model": HOSTILE}
    folder = source_folder(tmp_path / "hen", study=study, metadata=metadata)
    assert metadata_of(folder)["license"] == "other"
    assert metadata_of(folder)["source_datasets"] == [HOSTILE]
    assert len(loaded(folder, tmp_path, monkeypatch, split="train")) == 6
    # The hub's pages and editors show Markdown: none of it may be a link or HTML.
    markdown_it = pytest.importorskip("markdown_it")
    body = card_of(folder).split("\n---\n\n# ", 1)[1]
    shown = markdown_it.MarkdownIt("commonmark").render(body)
    assert "<script" not in shown and 'href="https://evil' not in shown


@given(st.text(st.characters(codec="utf-8") | st.sampled_from("`|<[]\n *_"), max_size=40))
def test_code_is_code_whatever_it_holds(text):
    markdown_it = pytest.importorskip("markdown_it")
    parsed = markdown_it.MarkdownIt("commonmark").parse(f"- value: {code(text)}, more\n")
    (inline,) = [token for token in parsed if token.type == "inline"]
    kinds = [(child.type, child.content) for child in inline.children]
    plain = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    assert [kind for kind, _ in kinds] == ["text", "code_inline", "text"]
    assert kinds[1][1].strip() == plain and kinds[2][1] == ", more"


@given(st.text(st.characters(codec="utf-8", exclude_characters="\r\x00") | st.sampled_from("`\n "), max_size=60))  # fmt: skip
def test_a_block_is_a_block_whatever_it_holds(text):
    markdown_it = pytest.importorskip("markdown_it")
    parsed = markdown_it.MarkdownIt("commonmark").parse(f"before\n\n{block(text)}\n\nafter\n")
    blocks = [token.content for token in parsed if token.type == "fence"]
    assert blocks == [f"{text}\n"]
    assert [token.content for token in parsed if token.type == "inline"] == ["before", "after"]


def test_counts_and_lengths_of_a_mix(tmp_path):
    folder = mix_folder(tmp_path / "multi")
    card, data = card_of(folder), metadata_of(folder)
    assert data["configs"] == [
        {
            "config_name": "default",
            "data_files": [
                {"split": "train", "path": "train.parquet"},
                {"split": "validation", "path": "validation.parquet"},
            ],
        }
    ]
    # The language of the human answers is not known, so that of the mix is not.
    assert "language" not in data and "synthetic" in data["tags"]
    assert "| train | hen | 2 | 0.667 |\n| train | human | 1 | 0.333 |" in card
    assert "| validation | hen | 1 | 1.00 |" in card
    assert card.count("| train | h") == 2
    assert "| llama | train | 150 | 27 |\n| llama | validation | 11 | 3 |" in card
    assert "| qwen | train | 130 | 24 |\n| qwen | validation | 10 | 2 |" in card
    # Not those of qwen, whose lengths are from an older version.
    assert table_of(card, "rows that spell a control token of") == {"llama": ["2"]}
    assert "encoded as the characters that it is.\n\nLengths of the answers" in card
    lengths = table_of(card, "| mean")
    # Answers of a, b (three turns), c and d; only those of the assistant count.
    characters = [13, 3 + 0 + 1, 40, 16]
    assert lengths["characters"][0] == f"{statistics.mean(characters):.1f}"
    assert lengths["characters"][3] == f"{statistics.median(characters):.1f}"
    assert lengths["characters"][6] == "40"
    assert lengths["words"][0] == f"{statistics.mean([3, 2, 1, 4]):.2f}"
    assert lengths["tokens of llama"][6] == "20" and lengths["tokens of qwen"][6] == "40"
    assert lengths["tokens of llama"][3] == "4.50"
    assert "`meta-llama/Llama-3.1-8B-Instruct` at revision `0e9e39f`; weight 3" in card
    assert "- `human`: the humans of the dataset; weight 1" in card
    assert "\n```text\nBe brief.\n```\n" in card and "seed of the study: 42." in card


def test_a_damaged_mix_is_named_with_its_line(tmp_path):
    folder = mix_folder(tmp_path / "multi")
    with open(folder / "train.jsonl", "a") as file:
        file.write('{"messages": []}\n')
    checked = parse_study(STUDY, "test")
    with pytest.raises(UserError, match="line 4"):
        write_mix_card(
            "multi",
            [],
            study="eggs",
            dataset=dataset_settings(checked),
            recipe={"kind": "human"},
            system_prompt="",
            seed=1,
            splits={"train": folder / "train.jsonl"},
            counts=folder / "counts.csv",
            lengths=pl.DataFrame(),
            long_prompts={},
            rows={"train": folder / "new.parquet"},
            card=folder / "new.md",
        )
    assert not (folder / "new.parquet").exists() and not (folder / "new.md").exists()


@pytest.mark.parametrize(
    ("rows", "category"),
    [(0, "n<1K"), (999, "n<1K"), (1000, "1K<n<10K"), (15_011, "10K<n<100K"),
     (999_999, "100K<n<1M"), (10**6, "1M<n<10M"), (10**12 - 1, "100B<n<1T"), (10**12, "n>1T")],
)  # fmt: skip
def test_size_categories_are_the_hubs(rows, category):
    assert size_category(rows) == category


@pytest.mark.parametrize(
    ("make", "wanted"),
    [
        (source_folder, {"README.md", "dataset.parquet"}),
        (mix_folder, {"README.md", "train.parquet", "validation.parquet"}),
    ],
)
def test_the_upload_command_is_one_that_the_hubs_tool_takes(tmp_path, monkeypatch, make, wanted):
    """The documented command through the tool's own parser, with its two calls of the hub replaced."""
    from huggingface_hub import HfApi
    from huggingface_hub.cli.hf import app
    from huggingface_hub.utils import filter_repo_objects

    folder = make(tmp_path / "folder")
    (command,) = re.findall("```bash\n(.*)\n```", card_of(folder))
    created, uploaded = {}, {}

    def create(self, **options):
        created.update(options)
        return SimpleNamespace(repo_id="someone/answers")

    def upload(self, **options):
        uploaded.update(options)
        return "made"

    monkeypatch.setattr(HfApi, "create_repo", create)
    monkeypatch.setattr(HfApi, "upload_folder", upload)
    program, *arguments = shlex.split(command.replace("<user>/<name>", "someone/answers"))
    app.main(args=arguments, standalone_mode=False)
    assert program == "hf"
    assert created["repo_type"] == "dataset" and created["private"] is True
    assert Path(uploaded["folder_path"]) == folder and uploaded["path_in_repo"] == "."
    files = [str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()]
    sent = filter_repo_objects(files, allow_patterns=uploaded["allow_patterns"])
    assert set(sent) == wanted and len(files) > len(wanted)
