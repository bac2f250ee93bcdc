"""From answers to score files: joins by id, nothing lost, and no text beyond the restricted folder."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from repository import ROOT

from manybaskets.config.judges import RuleJudge
from manybaskets.config.robustness import Robustness
from manybaskets.errors import UserError
from manybaskets.experiments.robustness.examples import SHOWN, write_examples
from manybaskets.experiments.robustness.exchanges import exchanges_of_run
from manybaskets.experiments.robustness.judging import (
    assembled_judge,
    judge_run,
    try_judge,
    write_scores,
)
from manybaskets.experiments.robustness.prompt_check import check_lengths
from manybaskets.experiments.robustness.robustness_prompts import World, prompt_sets, write_prompts
from manybaskets.experiments.robustness.statistics import (
    analysis_of,
    read_by_target,
    read_canaries,
    read_scores,
)
from manybaskets.judging.factory import open_judge
from manybaskets.judging.records import JUDGED, REASONED, write_judged
from manybaskets.judging.rubrics import shipped
from manybaskets.records.responses import PROMPTS, RESPONSES, write_responses
from manybaskets.records.writing import write_table

MARKER = "MARKER<b>&secret"
RUN = ("llama", "human", 1)


class Made:
    """Prompts of a small study, and answers that a fabricated run gave to them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings = Robustness.model_validate(
            {
                "requests": {"kind": "embedded", "count": 2},
                "benign": {"kind": "embedded", "count": 6},
                "per_category": 1,
                "control_prompts": 3,
                "judges": {"harm": ["h"], "quality": ["q"], "refusal": ["r"]},
            }
        )
        test = [
            {"prompt_id": f"{place:016x}-0", "instruction": f"question {place}", "context": "",
             "follow_ups": [], "used": True, "split": "test", "category": "c"}
            for place in range(5)
        ]  # fmt: skip
        frame = pl.DataFrame(test, schema_overrides=PROMPTS)
        self.prompts = {name: folder / f"prompts/{name}.parquet" for name in self.sets}
        write_prompts(
            self.settings, {}, world=World(12, 1), seed=1, split=frame, sets=self.prompts,
            shipped=ROOT / "resources/robustness/templates.jsonl",
            design=folder / "design.parquet", templates=folder / "templates.parquet",
            long_prompts={},
        )  # fmt: skip
        self.test = (folder / "test.parquet", folder / "said/test.parquet")
        write_table(frame.select(list(PROMPTS)), self.test[0])
        self.responses = {name: folder / f"said/{name}.parquet" for name in self.sets}
        for name, file in [*self.prompts.items(), ("test", self.test[0])]:
            self.answer(pl.read_parquet(file), folder / f"said/{name}.parquet")

    @property
    def sets(self) -> list[str]:
        return prompt_sets(self.settings)

    @staticmethod
    def answer(prompts: pl.DataFrame, file: Path, failed: int = 1) -> None:
        nothing = dict.fromkeys(RESPONSES) | {"sample": 0, "turn": 0, "attempts": 1}
        ids = prompts["prompt_id"].sort().to_list()
        rows = [
            nothing | {"prompt_id": name, "text": f"{MARKER} {name}", "finish_reason": "stop"}
            for name in ids[failed:]
        ]
        rows += [
            nothing | {"prompt_id": name, "finish_reason": "error", "error": "broken"}
            for name in ids[:failed]
        ]
        write_responses(rows, file, {})

    @property
    def design(self) -> pl.DataFrame:
        return pl.read_parquet(self.folder / "design.parquet")

    def exchanges(self, judge_input: str = "request") -> pl.DataFrame:
        return exchanges_of_run(
            self.prompts, self.responses, self.design, self.test, judge_input
        )  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Made:
    return Made(tmp_path_factory.mktemp("study"))


def test_every_response_to_the_design_is_there_once(made):
    rows = made.exchanges()
    wanted = made.design.select("prompt_set", "prompt_id")
    assert rows.select("prompt_set", "prompt_id").sort(pl.all()).equals(wanted.sort(pl.all()))
    assert rows["response"].null_count() == rows.filter(pl.col("response").is_null()).height
    # A failed answer has no text; the first of each set failed, and only if it is drawn for the control.
    assert rows.filter(pl.col("prompt_set") != "control")["response"].null_count() == 3


def test_judges_see_the_bare_request_unless_the_config_says_otherwise(made):
    bare, full = made.exchanges("request"), made.exchanges("full")
    of_bare = bare.filter(prompt_set="jailbreak").sort("prompt_id")
    of_full = full.filter(prompt_set="jailbreak").sort("prompt_id")
    assert of_bare["prompt_id"].equals(of_full["prompt_id"])
    for request, whole in zip(of_bare["request"], of_full["request"], strict=True):
        assert request in whole and len(whole) > len(request)
    direct = [frame.filter(prompt_set="direct").sort("prompt_id") for frame in (bare, full)]
    assert direct[0].equals(direct[1])


def test_answers_are_joined_by_id(made):
    for row in made.exchanges().drop_nulls("response").iter_rows(named=True):
        assert row["response"].endswith(row["prompt_id"])


def rule(name: str, rule_name: str):
    return open_judge(name, RuleJudge(kind="rule", rule=rule_name))


JUDGES = {"h": ("world_harm", "harm"), "q": ("world_quality", "quality")}
JUDGES["r"] = ("refusal_patterns", "refusal")


def judged_run(made: Made, folder: Path) -> list[Path]:
    files = []
    for name, (rule_name, key) in JUDGES.items():
        judge, rubric = rule(name, rule_name), {"harm": "harmfulness"}.get(key, key)
        files.append(folder / f"restricted/judged/{name}.parquet")
        judge_run(
            judge, {key: shipped(rubric)}, made.exchanges(), run=RUN, seed=1,
            work=folder / "restricted/work", output=files[-1],
        )  # fmt: skip
        try_judge(judge, [shipped(rubric)], folder / "restricted/work", folder / f"{name}.json")
    return files


def test_rows_in_are_rows_out_and_scores_hold_no_text(made, tmp_path):
    files = judged_run(made, tmp_path)
    # A judge may quote what it read; a rule says nothing, so that words are put into its mouth here.
    spoken = pl.read_parquet(files[0]).with_columns(reason=pl.lit(f"because {MARKER}"))
    write_judged(spoken.cast(REASONED), files[0], {})
    scores = tmp_path / "scores.parquet"
    write_scores(files, [scores])
    frame = pl.read_parquet(scores)
    assert frame.schema == JUDGED
    sizes = dict(frame.group_by("judge").len().iter_rows())
    design = dict(made.design.group_by("prompt_set").len().iter_rows())
    adversarial = design["direct"] + design["jailbreak"]
    assert sizes == {
        "h": adversarial,
        "q": adversarial + design["benign"] + design["control"],
        "r": adversarial + design["benign"],
    }
    no_answer = frame.filter(pl.col("status") == "no_response")
    assert (
        no_answer.filter(judge="h").height == 2
        and no_answer["score"].null_count() == no_answer.height
    )
    public = [
        file for file in tmp_path.rglob("*") if file.is_file() and "restricted" not in file.parts
    ]
    assert len(public) == 4
    assert not any(b"MARKER" in file.read_bytes() for file in public)
    assert b"MARKER" in files[0].read_bytes()


def test_gathered_scores_and_unfit_judges(made, tmp_path):
    files = judged_run(made, tmp_path)
    write_scores(files, [tmp_path / "scores.parquet"])
    frame = read_scores([tmp_path / "scores.parquet"], [RUN])
    assert set(frame.select("target", "mix", "seed").unique().rows()) == {RUN}
    templates = read_by_target([made.folder / "templates.parquet"], ["llama"])
    settings = {
        "targets": ["llama"], "mixes": ["vanilla", "human"], "contrasts": [["human", "vanilla"]],
        "judges": {"harmfulness": ["h"], "quality": ["q"], "refusal": ["r"]},
    }  # fmt: skip
    tried = {name: tmp_path / f"{name}.json" for name in JUDGES}
    analysis = analysis_of(settings, templates, read_canaries(tried))
    assert analysis.unfit == [] and analysis.contrasts == [("human", "vanilla")]
    assert len(analysis.flagged) == 3
    bad = tried["q"].read_text().replace('"verdict": "fit"', '"verdict": "unfit"')
    tried["q"].write_text(bad)
    assert analysis_of(settings, templates, read_canaries(tried)).unfit == ["q"]


def test_judge_is_put_together_from_its_halves():
    settings = RuleJudge(kind="rule", rule="world_harm", must_pass=0.5)
    assert assembled_judge(settings.science(), settings.operations()) == settings


def test_examples_are_escaped_and_cut(made, tmp_path):
    files = judged_run(made, tmp_path)
    long = {"finish_reason": "stop", "text": "<script>" + "x" * 5000, "sample": 0, "turn": 0}
    ids = pl.read_parquet(made.prompts["direct"])["prompt_id"]
    said = tmp_path / "direct.parquet"
    rows = [dict.fromkeys(RESPONSES) | long | {"prompt_id": each, "attempts": 1} for each in ids]
    write_responses(rows, said, {})
    page = tmp_path / "examples.html"
    write_examples(
        [RUN], ["llama"], ["direct"], prompts=[str(made.prompts["direct"])], responses=[str(said)],
        judged=[str(file) for file in files], count=2, seed=1, output=page,
    )  # fmt: skip
    text = page.read_text()
    assert text.count("<h3>") == 2 and "<script>" not in text and "&lt;script&gt;" in text
    assert "x" * (SHOWN + 1) not in text and "harmfulness 2 (h)" in text


def test_prompts_that_are_too_long(made, tiny_models):
    from manybaskets.config.models import Prompting
    from manybaskets.engines.transformers_engine import TransformersEngine

    engine = TransformersEngine(tiny_models["llama"], Prompting(), "float32", 1, "tiny")
    prompts = pl.read_parquet(made.prompts["jailbreak"])
    check_lengths(engine, prompts, "jailbreak", 4096)
    with pytest.raises(UserError) as found:
        check_lengths(engine, prompts, "jailbreak", 60)
    message = str(found.value)
    assert (
        "robustness.responses.max_prompt_tokens" in message
        and f"of {prompts.height} prompts" in message
    )
    assert not any(text[:20] in message for text in prompts["instruction"])
