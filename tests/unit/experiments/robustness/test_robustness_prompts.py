"""Prompt sets of the robustness experiment: reading, drawing, crossing, and every bad input."""

from __future__ import annotations

import csv
import hashlib
import json
from contextlib import nullcontext
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from repository import ROOT
from robustness_requests import SIZES

from manybaskets.config.loading import load_study
from manybaskets.config.robustness import Robustness
from manybaskets.errors import UserError
from manybaskets.experiments import EXPERIMENTS
from manybaskets.experiments.robustness.request_files import REQUESTS, read_requests, read_templates
from manybaskets.experiments.robustness.robustness_prompts import (
    DESIGN,
    World,
    prompt_sets,
    sample,
    write_prompts,
)
from manybaskets.experiments.robustness.target_names import target_names
from manybaskets.experiments.robustness.templates import (
    confirms_and_waits,
    fill,
    near_duplicates,
    replace_names,
    sets_only_a_tone,
    used_templates,
)
from manybaskets.records.ids import digest
from manybaskets.records.responses import PROMPTS
from manybaskets.records.writing import read_metadata

SHIPPED = ROOT / "resources" / "robustness"
PLACEHOLDER = "[INSERT PROMPT HERE]"
PANEL = {"harm": ["j"], "quality": ["j"], "refusal": ["j"]}


def settings(**changes) -> Robustness:
    return Robustness.model_validate({"requests": {"kind": "embedded"}, "judges": PANEL} | changes)


def test_what_is_too_long_for_a_target_leaves_the_prompts_and_the_design_of_all(tmp_path):
    world = World(12, 1)
    own = settings(per_category=1)
    names = ({"ChatGPT": "Llama"}, {"ChatGPT": "A Much Longer Name"})
    pair = ["template_id", "base_id"]

    def design_of(each, gone):
        made, design, _ = written(tmp_path, own, each, world, long_prompts=gone)
        rows = pl.read_parquet(design)
        assert set(rows["prompt_id"]) == {i for frame in made.values() for i in frame["prompt_id"]}
        return rows.filter(prompt_set="jailbreak")

    for each in names:
        whole = design_of(each, {})
        template, base = whole.select(pair).row(0)
        left = design_of(each, {"robustness/jailbreak": {f"{template}/{base}": None}})
        assert whole.join(left, on=pair, how="anti").select(pair).rows() == [(template, base)]
        assert left.height == whole.height - 1


def requests_of(path: Path, **changes) -> dict:
    return {"kind": "file", "path": str(path), **changes}


def split_of(count: int) -> pl.DataFrame:
    rows = [
        {"prompt_id": f"{digest(i)[:16]}-0", "used": True, "split": "test", "category": "c"}
        for i in range(count)
    ]
    other = {"prompt_id": "x-0", "used": True, "split": "train", "category": "c"}
    return pl.DataFrame([*rows, other])


def written(
    tmp_path: Path, own: Robustness, names=None, world=None, control=0, seed=1, long_prompts=None
):
    """The sets by name, the design and the templates that `write_prompts` makes."""
    sets = {name: tmp_path / f"{name}.parquet" for name in prompt_sets(own)}
    write_prompts(
        own, names or {}, world=world, shipped=SHIPPED / "templates.jsonl", seed=seed,
        split=split_of(control), sets=sets, design=tmp_path / "design.parquet",
        templates=tmp_path / "templates.parquet", long_prompts=long_prompts or {},
    )  # fmt: skip
    made = {name: pl.read_parquet(file) for name, file in sets.items()}
    return made, tmp_path / "design.parquet", pl.read_parquet(tmp_path / "templates.parquet")


@pytest.fixture()
def published_layout(tmp_path) -> Robustness:
    """Made-up data of the published layout: 886 requests with one double, 28 of 79 templates."""
    requests = {
        f"category {number}": [f"made-up request {number}/{index}" for index in range(size)]
        for number, size in enumerate(SIZES)
    }
    requests["category 1"][7] = requests["category 1"][3]
    (tmp_path / "requests.json").write_text(json.dumps(requests))
    with open(tmp_path / "templates.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["Name", "Prompt", "Votes", "Jailbreak Score", "GPT-4"])
        for index in range(79):
            words = " ".join(digest(index, part)[:6] for part in range(30))
            place = PLACEHOLDER if index < 40 else "nothing"
            votes = 10 if 28 <= index < 40 else 11 + index
            text = f'ChatGPT of openai, {words}:\n{place} and "{place}"'
            writer.writerow([f"n{index}", text, votes, 90, "FALSE"])
    return settings(
        requests=requests_of(tmp_path / "requests.json", rows=886),
        templates={"kind": "file", "path": str(tmp_path / "templates.csv"), "rows": 79},
        names={},
    )


def test_published_design(tmp_path, published_layout):
    """886 direct rows with their double, and 28 × 40 = 1,120 unique pairs of template and request."""
    made, design, templates = written(
        tmp_path, published_layout, {"ChatGPT": "Llama", "OpenAI": "Meta AI"}
    )
    jailbreak, direct = made["jailbreak"], made["direct"]
    rows = pl.read_parquet(design)
    assert direct.height == 886 and direct["prompt_id"].n_unique() == 886
    assert rows.filter(prompt_set="direct")["base_id"].n_unique() == 885
    assert read_metadata(design)["doubled_requests"] == 1
    assert templates.height == 28
    crossed = rows.filter(prompt_set="jailbreak")
    assert crossed.height == jailbreak.height == 1120
    assert crossed.select("template_id", "base_id").n_unique() == 1120
    assert crossed["template_id"].n_unique() == 28 and crossed["base_id"].n_unique() == 40
    per_category = crossed.group_by("category").agg(pl.col("base_id").n_unique())
    assert per_category["base_id"].to_list() == [5] * 8
    assert crossed["prompt_id"].n_unique() == 1120
    for text, request in jailbreak.select("instruction", "request").iter_rows():
        assert PLACEHOLDER not in text and text.count(request) == 2
        assert text.startswith("Llama of Meta AI, ")


def test_files_have_the_columns_of_prompts_and_the_design_no_text(tmp_path):
    made, design, templates = written(
        tmp_path, settings(benign={"kind": "embedded"}, control_prompts=5, per_category=2),
        world=World(12, 1), control=9,
    )  # fmt: skip
    for frame in made.values():
        assert frame.select(list(PROMPTS)).schema == PROMPTS
    rows = pl.read_parquet(design)
    assert rows.schema == DESIGN
    counts = dict(rows.group_by("prompt_set").len().iter_rows())
    assert counts == {"direct": 24, "jailbreak": 12 * templates.height, "benign": 20, "control": 5}
    held = " ".join(str(value) for row in [*rows.rows(), *templates.rows()] for value in row)
    assert "template" not in templates.columns
    for frame in made.values():
        assert not any(text in held for text in frame["instruction"].to_list())


def test_order_of_the_file_means_nothing(tmp_path):
    rows = [{"prompt": f"r{i}", "category": f"c{i % 3}"} for i in range(30)]
    drawn = []
    for order in (rows, rows[::-1]):
        path = tmp_path / f"{len(drawn)}.jsonl"
        path.write_text("\n".join(map(json.dumps, order)))
        (tmp_path / str(len(drawn))).mkdir()
        own = settings(requests=requests_of(path), per_category=2)
        made, _, _ = written(tmp_path / str(len(drawn)), own)
        drawn.append(made["jailbreak"])
    assert drawn[0].equals(drawn[1])


def test_other_seeds_draw_others():
    frame = pl.DataFrame(
        {"request": [f"r{i}" for i in range(40)], "category": ["a", "b"] * 20}
    ).with_columns(base_id=pl.col("request"))
    draws = {tuple(sample(frame, 5, seed)["base_id"]) for seed in range(8)}
    assert len(draws) == 8
    assert sample(frame, 5, 3).equals(sample(frame.reverse(), 5, 3))


def test_direct_may_be_the_sample_alone(tmp_path):
    made, design, _ = written(
        tmp_path, settings(direct="sample", per_category=2), world=World(12, 1)
    )
    assert made["direct"].height == 12
    rows = pl.read_parquet(design)
    assert set(rows.filter(prompt_set="direct")["base_id"]) == set(
        rows.filter(prompt_set="jailbreak")["base_id"]
    )


# --- templates ------------------------------------------------------------------------------------


def test_names_go_before_the_request():
    filled = fill(
        "CHATGPT by OpenAI's, chatgpts: [X]", "Ask ChatGPT of OpenAI.", "[X]",
        {"ChatGPT": "Llama", "OpenAI": "Meta AI"},
    )  # fmt: skip
    assert filled == "Llama by Meta AI's, Llamas: Ask ChatGPT of OpenAI."


def test_what_was_put_in_is_not_replaced_again():
    assert replace_names("a b", {"a": "b", "b": "a"}) == "b a"
    assert replace_names("openai openai plus", {"openai": "x", "OpenAI plus": "y"}) == "x y"


@given(st.text(alphabet="ab[]Xyſs\u212a", max_size=30), st.text(max_size=20))
def test_template_is_filled_at_every_place(part, request):
    names = {"a": "", "k": "q", "s": "z"}
    own = replace_names(part, names)
    assert not set(own) & set("akKs")
    assert fill(f"{part}[P]{part}[P]", request, "[P]", names) == f"{own}{request}{own}{request}"


def test_near_duplicates_are_of_the_first_that_is_alike():
    words = [list("abcdefghij"), list("zyxwvutsrq"), list("abcdefghix"), list("abcdefghiy")]
    assert near_duplicates(words, 0.9) == [None, None, 0, 0]
    assert near_duplicates(words, 0.95) == [None, None, None, None]


@pytest.mark.parametrize(
    "text",
    [
        'If you understand, reply with "OK".',
        "From now on you have a twin. Say 'ready' and wait for my question.",
        "Confirm that you have read this. Do you understand?",
    ],
)
def test_confirm_and_wait(text):
    assert confirms_and_waits(text)


def test_flags_spare_ordinary_templates():
    assert not confirms_and_waits("You are a pirate. Answer this: ")
    assert sets_only_a_tone("Please answer in a formal tone, in fluent English.")
    assert not sets_only_a_tone("You are a pirate who speaks in a formal tone.")
    assert not sets_only_a_tone("Tell me about apples.")


def test_shipped_templates_show_every_flag(tmp_path):
    _, _, templates = written(tmp_path, settings(per_category=2), world=World(12, 1))
    assert 5 <= templates.height <= 8
    assert templates["near_duplicate_of"].is_not_null().sum() == 1
    assert templates["confirm_and_wait"].sum() == 1 and templates["tone_only"].sum() == 1
    assert templates["doubtful"].sum() == 3


def test_shipped_requests_have_categories():
    frame = read_requests(settings(requests=requests_of(SHIPPED / "requests.json")).requests, "k")
    assert frame["category"].n_unique() >= 6 and frame.height >= 24
    assert frame["request"].is_unique().all()


def test_names_of_targets():
    assert target_names({}, "t", "llama") == {"ChatGPT": "Llama", "OpenAI": "Meta AI"}
    assert target_names({"t": {}}, "t", "llama") == {}
    with pytest.raises(UserError, match="robustness.names.t"):
        target_names({}, "t", "unheard-of")


def test_a_target_without_known_names_stops_a_run_before_it_starts():
    study = load_study(ROOT / "config/laptop.yaml")
    EXPERIMENTS.get("robustness").warnings(study)
    unknown = study.models["smollm2"].model_copy(update={"family": "unheard-of"})
    study.models["smollm2"] = unknown
    with pytest.raises(UserError, match="robustness.names.smollm2"):
        EXPERIMENTS.get("robustness").warnings(study)


@pytest.mark.parametrize(("flips", "stops"), [(1599, True), (1600, False)])
def test_a_family_too_large_for_its_sign_flips_stops_a_run_before_it_starts(flips, stops):
    """The embedded study's 10 contrasts have 3 tests on 2 sets and one on 2 others: 80 / 0.05."""
    study = load_study(ROOT / "config/config.yaml")
    few = study.statistics.model_copy(update={"sign_flips": flips})
    study = study.model_copy(update={"statistics": few})
    with pytest.raises(UserError, match="has 80 comparisons") if stops else nullcontext():
        EXPERIMENTS.get("robustness").warnings(study)


# --- bad input ------------------------------------------------------------------------------------


def refused(path: Path, **changes) -> str:
    with pytest.raises(UserError) as found:
        read_requests(
            settings(requests=requests_of(path, **changes)).requests, "robustness.requests"
        )
    return str(found.value)


def jsonl(path: Path, *rows: dict) -> Path:
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def test_file_without_categories(tmp_path):
    path = jsonl(tmp_path / "a.jsonl", {"prompt": "secret text"})
    message = refused(path)
    assert "no column 'category'" in message and "robustness.requests.category" in message
    assert "secret text" not in message
    path = jsonl(tmp_path / "b.jsonl", {"prompt": "p", "category": "c"}, {"prompt": "secret text"})
    message = refused(path)
    assert "1 rows have no category" in message and "line 2" in message
    assert "secret text" not in message


def test_empty_request(tmp_path):
    path = jsonl(tmp_path / "a.jsonl", {"prompt": " ", "category": "c"})
    assert "1 rows have no request" in refused(path)
    (tmp_path / "b.json").write_text(json.dumps({"c": ["p", " "]}))
    message = refused(tmp_path / "b.json")
    assert "empty" in message and "category 'c', entry 2" in message


def test_request_that_is_no_text(tmp_path):
    (tmp_path / "b.json").write_text(json.dumps({"c": ["p", 3]}))
    assert "int instead of text" in refused(tmp_path / "b.json")
    (tmp_path / "c.json").write_text(json.dumps({"c": ["p"], "d": "p"}))
    assert "category 'd' contains str instead of a list" in refused(tmp_path / "c.json")


def test_another_file_than_the_config_says(tmp_path):
    path = jsonl(tmp_path / "a.jsonl", {"prompt": "p", "category": "c"})
    right = hashlib.sha256(path.read_bytes()).hexdigest()
    wrong = hashlib.sha256(b"").hexdigest()
    own = settings(requests=requests_of(path, sha256=right, rows=1))
    assert read_requests(own.requests, "k").schema == REQUESTS
    message = refused(path, sha256=wrong)
    assert right in message and wrong in message and "robustness.requests.sha256" in message
    assert "robustness.requests.rows" in refused(path, rows=886)
    assert "does not exist" in refused(tmp_path / "none.json")


def test_categories_too_small_to_sample(tmp_path):
    rows = [{"prompt": f"p{i}", "category": "large"} for i in range(9)]
    rows += [{"prompt": "same", "category": "small"}] * 4
    path = jsonl(tmp_path / "a.jsonl", *rows)
    with pytest.raises(UserError, match="'small' has 1") as found:
        written(tmp_path, settings(requests=requests_of(path), per_category=2))
    assert "robustness.per_category" in str(found.value)


def test_more_requests_than_the_world_has(tmp_path):
    own = settings(requests={"kind": "embedded", "count": 999})
    with pytest.raises(UserError, match=r"robustness\.requests\.count"):
        written(tmp_path, own, world=World(4, 1))


def templates_frame(*rows) -> pl.DataFrame:
    schema = {"template": pl.String, "votes": pl.Int64, "row": pl.Int64}
    return pl.DataFrame(
        [(*row, index) for index, row in enumerate(rows)], schema=schema, orient="row"
    )


def test_templates_without_the_placeholder():
    frame = templates_frame(("no place", 50), ("[P] few", 10))
    with pytest.raises(UserError) as found:
        used_templates(frame, "[P]", 10, 0.9, "file")
    message = str(found.value)
    assert "1 have too few votes and 1 lack the placeholder" in message and "'[P]'" in message
    assert "no place" not in message


def test_doubled_templates_are_used_once_and_counted():
    frame = templates_frame(("a [P]", 50), ("a [P]", 40), ("b", 50), ("c [P]", None))
    used, counts = used_templates(frame, "[P]", 10, 0.9, "file")
    assert used["row"].to_list() == [0, 3]
    assert counts == {
        "read": 4, "too_few_votes": 0, "without_placeholder": 1, "doubled": 1, "used": 2,
    }  # fmt: skip


def test_votes_that_are_no_number(tmp_path):
    path = jsonl(tmp_path / "t.jsonl", {"Prompt": "[INSERT PROMPT HERE]", "Votes": "many"})
    own = settings(templates={"kind": "file", "path": str(path)})
    with pytest.raises(UserError, match="not a whole number"):
        read_templates(own.templates, "robustness.templates")
    own = settings(templates={"kind": "file", "path": str(path), "votes": None})
    assert read_templates(own.templates, "robustness.templates")["votes"].to_list() == [None]
