"""`init`: columns are found by name, named by flags or asked for; what is written is a valid config."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import yaml

from manybaskets.command.first_config import init
from manybaskets.config import load_study
from manybaskets.errors import UserError

ROWS = [
    {"Question": f"Who was number {n}?", "topic": "ab"[n % 2], "Human-Answer": "King Harl the First.",
     "Model A": "It was King Harl.", "model_b": "Harl, a king of old.", "id": str(n)}
    for n in range(30)
]  # fmt: skip


@pytest.fixture()
def data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with open("My rows.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(ROWS[0]))
        writer.writeheader()
        writer.writerows(ROWS)
    return "My rows.csv"


def written(name: str) -> dict:
    """The config that was written, which must be valid."""
    load_study(Path(name))
    return yaml.safe_load(Path(name).read_text(encoding="utf-8"))


def test_columns_are_found_by_their_names(data, capsys):
    assert init([data, "--yes"]) == 0
    made = written("my-rows.yaml")
    assert made["study"] == "my-rows" and made["dataset"]["path"] == data
    assert made["dataset"]["fields"] == {"instruction": "Question", "context": None,
                                         "response": "Human-Answer", "category": "topic"}  # fmt: skip
    answers = {
        name: source["engine"]["fields"]["response"] for name, source in made["sources"].items()
    }
    assert answers == {"model-a": "Model A", "model_b": "model_b"}  # not the ids
    (family,) = made["comparisons"].values()
    assert family["baseline"] == "human" and family["conditions"] == ["model-a", "model_b"]
    assert "30 rows" in capsys.readouterr().out


def test_flags_name_study_columns_sources_and_file(data):
    words = [data, "--study", "mine", "--question", "Question", "--answer", "", "--category", "",
             "--source", "a=Model A", "--source", "model_b", "--output", "own.yaml"]  # fmt: skip
    assert init(words) == 0
    made = written("own.yaml")
    assert made["study"] == "mine" and made["dataset"]["fields"]["response"] is None
    assert list(made["sources"]) == ["a", "model_b"]
    (family,) = made["comparisons"].values()
    assert family["baseline"] == "a" and family["conditions"] == ["model_b"]


def test_a_terminal_is_asked_with_the_guess_as_default(data):
    asked = {}

    def ask(what, default):
        asked[what.partition(" (")[0]] = default
        return {"Name of the study": "mine", "Columns with models' answers": "model_b"}.get(
            what.partition(" (")[0], default
        )

    init([data, "--category", ""], ask)
    assert (
        asked["Name of the study"] == "my-rows" and asked["Column with the questions"] == "Question"
    )
    assert asked["Columns with models' answers"] == "Model A,model_b"
    assert "Column with categories" not in asked
    assert list(written("mine.yaml")["sources"]) == ["model_b"]


@pytest.mark.parametrize(
    ("target", "model"),
    [
        ("some/model@0123456789abcdef", {"kind": "hub", "repo": "some/model", "revision": "0123456789abcdef"}),
        ("models/mine", {"kind": "folder", "path": "models/mine"}),
    ],
)  # fmt: skip
def test_a_target_adds_mixes_training_and_comparisons_of_runs(data, target, model):
    init([data, "--yes", "--target", target])
    made = written("my-rows.yaml")
    assert made["models"] == {"target": model} and made["targets"] == ["target"]
    assert list(made["mixes"]) == ["human", "single-model-a", "single-model_b", "multi"]
    assert made["split"] == {"test_share": 0.1, "parts": 2}
    runs = made["comparisons"]["runs-against-human"]
    assert runs["conditions"] == ["single-model-a", "single-model_b", "multi"]


def test_conversations_need_no_other_column(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    turns = [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": "Harl."}]
    (tmp_path / "chats.jsonl").write_text(json.dumps({"messages": turns}) + "\n")
    assert init(["chats.jsonl"]) == 0
    assert written("chats.yaml")["dataset"]["fields"] == {"messages": "messages", "category": None}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["none.csv"], "the data file does not exist"),
        (["{data}", "--question", "asked"], "there is no column 'asked'"),
        (["{data}", "--source", "model_c"], "there is no column 'model_c'; did you mean 'model_b'?"),
        (["{data}", "--study", "My Study"], "study: "),
        (["{data}", "--question", "Question", "--answer", "", "--source", "model_b", "--output", "x.yaml"],
         "the config file exists"),
    ],
)  # fmt: skip
def test_what_cannot_be_written_is_said_and_nothing_is_written(data, words, said, tmp_path):
    (tmp_path / "x.yaml").write_text("mine\n")
    with pytest.raises(UserError) as caught:
        init([word.format(data=data) for word in words])
    assert said in str(caught.value)
    assert [file.name for file in tmp_path.glob("*.yaml")] == ["x.yaml"]
    assert (tmp_path / "x.yaml").read_text() == "mine\n"


def test_a_file_without_questions_or_answers_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "numbers.csv").write_text("a,b\n1,2\n")
    with pytest.raises(UserError, match="no column with questions"):
        init(["numbers.csv"])
    (tmp_path / "questions.csv").write_text("question\nWho?\n")
    with pytest.raises(UserError, match="the file has no answers"):
        init(["questions.csv"])


def test_names_that_yaml_would_read_as_something_else_are_in_quotes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rows.csv").write_text("question,yes,null\nWho?,A king of old,Harl the First\n")
    init(["rows.csv", "--source", "one=yes", "--source", "two=null", "--study", "2024"])
    made = written("2024.yaml")
    assert made["study"] == "2024"
    assert [each["engine"]["fields"]["response"] for each in made["sources"].values()] == [
        "yes",
        "null",
    ]
