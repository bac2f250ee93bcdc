"""An engine and a kind of mix from files of the user's own answer and assign by the ordinary rules."""

from __future__ import annotations

import json
import shutil

from projects import REPOSITORY, Project

from manybaskets.mixes.mix_rows import read_mix
from manybaskets.records.responses import read_responses
from manybaskets.records.writing import read_metadata

# No model answers or is trained: the folder of one is there for its tokenizer.
SETTINGS = {
    "study": "own",
    "extensions": ["phrases.py", "coin.py"],
    "dataset": {"kind": "embedded", "rows": 80, "towns": 16},
    "split": {"parts": 1},
    "prompting": {"max_prompt_tokens": 160},
    "sources": {
        "phrases": {
            "engine": {"kind": "phrases", "phrases": ["Yes, it is.", "No, never."]},
            "pilot": {"max_copied_share": 0.99},
        }
    },
    "mixes": {"coin": {"kind": "coin", "heads": "phrases", "tails": "human"}},
    "targets": ["tiny"],
    "training": {"max_length": 256, "precision": "float32"},
    "responses": {"sampling": {"max_new_tokens": 48}},
    "measures": ["response_words"],
}  # fmt: skip


def test_an_engine_and_a_mix_kind_of_ones_own_run(project: Project, tiny_models):
    for name in SETTINGS["extensions"]:
        shutil.copy2(REPOSITORY / "tests" / "extensions" / name, project.folder)
    models = {"tiny": {"kind": "folder", "path": str(tiny_models["llama"])}}
    (project.folder / "own.json").write_text(json.dumps(SETTINGS | {"models": models}))
    wanted = project.path("mixes/coin/train.jsonl", "own").relative_to(project.folder)
    project.run(str(wanted), "--cores", "2", "--configfile", "own.json")

    answers = project.path("sources/phrases/train.parquet", "own")
    texts = read_responses(answers)["text"]
    assert set(texts) == {"Yes, it is.", "No, never."}
    assert read_metadata(project.path("sources/phrases/shards/0-of-1.parquet", "own"))["engine"] == "phrases"  # fmt: skip
    rows = read_mix(project.folder / wanted)
    assert {row["source"] for row in rows} == {"phrases", "human"}
    said = {row["messages"][-1]["content"] for row in rows if row["source"] == "phrases"}
    assert said == {"Yes, it is.", "No, never."}
