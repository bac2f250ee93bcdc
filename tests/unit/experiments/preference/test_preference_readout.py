"""Readings of judges: against the model's own forward pass, with bad judges and bad texts told."""

from __future__ import annotations

import json
import math
import shutil

import numpy as np
import polars as pl
import pytest
import torch
from tiny_adapters import make_adapters

from manybaskets.config.articles import Summaries
from manybaskets.config.models import Prompting
from manybaskets.config.preference_judging import PreferenceJudging
from manybaskets.config.sampling import Sampling
from manybaskets.engines.base import LocalEngine, Reading
from manybaskets.engines.transformers_engine import TransformersEngine
from manybaskets.errors import UserError
from manybaskets.experiments.preference.markers import marker_tokens
from manybaskets.experiments.preference.questions import TextPanel
from manybaskets.experiments.preference.readout import JudgedRun, read_judges
from manybaskets.experiments.preference.schemas import ARTICLES, READINGS, STATUSES
from manybaskets.models.folder import check_folder
from manybaskets.records.writing import read_metadata

FAMILIES = ["llama", "qwen", "mistral", "gemma"]
AUTHORS = ["human", "llama", "own"]
SHORT = {
    "pairwise": "{article}\n\n{one}: {first}\n{two}: {second}\n{one} or {two}?",
    "absolute": "{article}\n\n{first}\n{low} to {high}?",
}
ROWS = pl.DataFrame(
    {
        "article_id": ["a1", "a2"],
        "article": ["Alden is a town. The Mor runs past it.", "The market is on Monday."],
        "reference": ["", ""],
    },
    schema=ARTICLES,
)
TEXTS = {
    "human": {"a1": "A town on the Mor.", "a2": "Monday is market day."},
    "llama": {"a1": "- The text is about Alden.", "a2": "Come on Monday for the market."},
    "own": {"a1": "Alden stands on the Mor.", "a2": "People go there on Monday."},
}


def settings(**changes) -> PreferenceJudging:
    given = {"published_form": {"pairwise_system": "Write A or B.", "absolute_system": "Rate."}}
    return PreferenceJudging.model_validate(given | {"prompts": SHORT} | changes)


def load(folder, name="llama", **prompting) -> TransformersEngine:
    return TransformersEngine(folder, Prompting(**prompting), "float32", 2, name)


def readings(engine, tmp_path, how=None, texts=TEXTS, adapter=None, rows=ROWS) -> pl.DataFrame:
    panel = TextPanel(AUTHORS, [], AUTHORS[:2])
    judge = JudgedRun("llama", "multi", 1, adapter, panel, texts, tmp_path / "readings.parquet")
    read_judges(engine, [judge], rows, how or settings(), summaries=Summaries(), study_seed=42)
    frame = pl.read_parquet(judge.output)
    assert frame.schema == READINGS
    assert set(frame["status"]) <= set(STATUSES)
    return frame


@pytest.mark.parametrize("family", FAMILIES)
def test_readings_are_the_logits_after_the_rendered_prompt(family, tiny_models, tmp_path):
    engine = load(tiny_models[family], family)
    frame = readings(engine, tmp_path).filter(pl.col("variant") == "corrected")
    assert frame["status"].unique().to_list() == ["read"]
    tokenizer = engine.renderer.tokenizer
    for row in frame.filter(protocol="pairwise").sample(12, seed=1).iter_rows(named=True):
        one, two = row["markers"].split("/")
        text = SHORT["pairwise"].format(
            article=ROWS.filter(article_id=row["article_id"])["article"][0],
            first=TEXTS[row["first"]][row["article_id"]],
            second=TEXTS[row["second"]][row["article_id"]],
            one=one, two=two,
        )  # fmt: skip
        ids = engine.renderer.encode_prompt(text)
        if tokenizer.bos_token_id is not None:
            assert ids.count(tokenizer.bos_token_id) == 1
        with torch.inference_mode():
            logits = engine.base(torch.tensor([ids])).logits[0, -1].float()
        marks = [tokenizer.encode(marker, add_special_tokens=False)[0] for marker in (one, two)]
        shares = logits.softmax(0)
        assert [row["z_first"], row["z_second"]] == pytest.approx(logits[marks].tolist(), abs=1e-4)
        assert row["logits"] == [row["z_first"], row["z_second"]]
        assert row["mass"] == pytest.approx(float(shares[marks].sum()), rel=1e-4)
        spaced = [tokenizer.encode(f" {marker}", add_special_tokens=False) for marker in (one, two)]
        single = [ids[0] for ids in spaced if len(ids) == 1]
        assert row["mass_spaced"] == pytest.approx(float(shares[single].sum()), rel=1e-4, abs=1e-9)
        assert row["pi_first"] is None and row["expected"] is None


def test_ratings_are_means_over_the_digits(tiny_models, tmp_path):
    frame = readings(load(tiny_models["llama"]), tmp_path).filter(protocol="absolute")
    for row in frame.filter(variant="corrected").iter_rows(named=True):
        weights = np.exp(np.array(row["logits"]) - max(row["logits"]))
        assert row["expected"] == pytest.approx((weights * np.arange(1, 6)).sum() / weights.sum())
        assert row["markers"] == "1..5" and row["second"] is None and row["z_first"] is None
    assert frame.filter(variant="paper")["expected"].is_between(1, 5).all()


def test_lengths_and_likelihoods_of_both_texts_stand_in_every_row(tiny_models, tmp_path):
    engine = load(tiny_models["qwen"], "qwen")
    frame = readings(engine, tmp_path)
    how = Summaries()
    for row in frame.filter(protocol="pairwise").iter_rows(named=True):
        for place in ("first", "second"):
            text = TEXTS[row[place]][row["article_id"]]
            assert row[f"words_{place}"] == len([word for word in text.split() if word != "-"])
            article = ROWS.filter(article_id=row["article_id"])["article"][0]
            request = how.instruction.format(words=how.words)
            prompt = engine.renderer.encode_prompt(f"{article}\n\n{request}")
            answer = engine.renderer.encode_answer(text)
            with torch.inference_mode():
                logits = engine.base(torch.tensor([[*prompt, *answer]])).logits[0].float()
            scores = logits.log_softmax(1)[len(prompt) - 1 : -1]
            nats = -scores[range(len(answer)), list(answer)].mean()
            assert row[f"nll_{place}"] == pytest.approx(float(nats), abs=1e-4)
    without = readings(engine, tmp_path, settings(perplexity=False))
    assert without["nll_first"].null_count() == without.height


def test_temperature_and_top_p_leave_the_corrected_readings_as_they_are(tiny_models, tmp_path):
    engine = load(tiny_models["llama"])
    frames = [
        readings(
            engine, tmp_path, settings(published_form={"sampling": {"temperature": t, "top_p": p}})
        )
        for t, p in ((0.7, 1.0), (0.2, 1.0), (0.7, 0.1))
    ]
    corrected, paper = pl.col("variant") == "corrected", pl.col("protocol") == "pairwise"
    for frame in frames[1:]:
        assert frame.filter(corrected).equals(frames[0].filter(corrected))
    warm, cold, cut = (frame.filter(~corrected & paper) for frame in frames)
    assert cold["z_first"].equals(warm["z_first"]) and cut["z_first"].equals(warm["z_first"])
    for frame, temperature in ((warm, 0.7), (cold, 0.2)):
        odds = (frame["z_first"] - frame["z_second"]).to_numpy() / temperature
        assert frame["pi_first"].to_numpy() == pytest.approx(1 / (1 + np.exp(-odds)), abs=1e-4)
    # A small nucleus of this untrained model holds neither marker: counted, not NaN.
    assert set(cut["status"]) == {"no_marker"} and cut["pi_first"].null_count() == cut.height


def test_the_published_form_has_its_own_system_prompt_and_the_corrected_that_of_training(
    tiny_models, tmp_path, monkeypatch
):
    """A template without system turn gets the published task in front of the question."""
    for family, with_turn in (("llama", True), ("gemma", False)):
        engine = load(tiny_models[family], family, system_prompt="Be kind.")
        asked = []
        real = engine.read
        monkeypatch.setattr(
            engine, "read", lambda questions, size, real=real, asked=asked: asked.extend(questions) or real(questions, size)
        )  # fmt: skip
        readings(engine, tmp_path)
        texts = [engine.renderer.tokenizer.decode(question.ids) for question in asked]
        published = [text for text, q in zip(texts, asked, strict=True) if q.sampling]
        corrected = [text for text, q in zip(texts, asked, strict=True) if not q.sampling]
        assert all("Be kind." not in text for text in published)
        assert all(("Write A or B." in text) != ("Rate." in text) for text in published)
        assert all(("Be kind." in text) == with_turn for text in corrected)
        assert not any("Alden is a town" in text for text in published)


def test_a_judge_is_read_with_its_adapter_and_says_so(tiny_models, tmp_path):
    engine = load(tiny_models["llama"])
    base = readings(engine, tmp_path)
    adapter = make_adapters(tiny_models["llama"], tmp_path, [1])[0]
    tuned = readings(engine, tmp_path, adapter=adapter)
    metadata = read_metadata(tmp_path / "readings.parquet")
    assert base["adapter"].null_count() == base.height
    assert tuned["adapter"].unique().to_list() == [metadata["adapter"]]
    assert (metadata["target"], metadata["mix"], metadata["training_seed"]) == ("llama", "multi", 1)
    assert (tuned["z_first"] - base["z_first"]).abs().max() > 0.01
    assert readings(engine, tmp_path).equals(base)


class Scripted(LocalEngine):
    """A judge whose logits are written down; the rest is that of a real one."""

    def __init__(self, real: TransformersEngine, logits: dict[int, float], rest: float) -> None:
        self.renderer, self.context = real.renderer, real.context
        self.identity, self.logits, self.rest = real.identity, logits, rest

    def use_adapter(self, folder) -> None:
        pass

    def score(self, pairs):
        return [[-1.0] * len(answer) for _, answer in pairs]

    def read(self, questions, batch_tokens):
        made = []
        for question in questions:
            logits = [self.logits.get(token, -60.0) for token in question.wanted]
            warped = [0.0] * len(logits) if question.sampling else None
            made.append(Reading(logits, self.rest, warped))
        return made


def test_a_judge_that_puts_no_mass_on_any_marker_is_counted_and_never_nan(tiny_models, tmp_path):
    """e⁻⁹⁰⁰ is no number that a float can hold; the log-odds are still known."""
    judge = Scripted(load(tiny_models["llama"]), {}, rest=840.0)
    frame = readings(judge, tmp_path)
    assert frame.height == readings(load(tiny_models["llama"]), tmp_path).height
    assert (frame["mass"] == 0).all() and frame["mass"].null_count() == 0
    corrected = frame.filter(variant="corrected")
    assert set(corrected["status"]) == {"read"}
    assert (corrected.filter(pl.col("protocol") != "absolute")["z_first"] == -60).all()
    assert (corrected.filter(protocol="absolute")["expected"] == 3).all()
    paper = frame.filter(variant="paper")
    assert set(paper["status"]) == {"no_marker"}
    assert paper["pi_first"].null_count() == paper["expected"].null_count() == paper.height
    for name, kind in READINGS.items():
        if kind == pl.Float64:
            assert not frame[name].is_nan().any()


def test_an_article_that_does_not_fit_is_left_out_whole_and_counted(tiny_models, tmp_path):
    engine = load(tiny_models["llama"])
    long = ROWS.with_columns(
        pl.when(pl.col("article_id") == "a1").then(pl.lit("Alden lies far. " * 80)).otherwise("article").alias("article")
    )  # fmt: skip
    frame = readings(engine, tmp_path, rows=long)
    left = frame.filter(status="too_long")
    assert set(left["article_id"]) == {"a1"} and set(left["variant"]) == {"corrected"}
    assert left["z_first"].null_count() == left["mass"].null_count() == left.height
    assert left["words_first"].null_count() == 0
    assert left["nll_first"].null_count() == left.height
    assert set(frame.filter(article_id="a2")["status"]) == {"read"}
    # In the published form the article is not shown.
    assert set(frame.filter(variant="paper")["status"]) == {"read"}
    short = readings(engine, tmp_path, settings(max_prompt_tokens=16))
    assert "read" not in set(short.filter(variant="corrected")["status"])


def test_missing_empty_and_identical_texts_are_rows_without_numbers(tiny_models, tmp_path):
    texts = {
        "human": {"a1": None, "a2": "Monday."},
        "llama": {"a1": "", "a2": "Monday."},
        "own": TEXTS["own"],
    }
    frame = readings(load(tiny_models["llama"]), tmp_path, settings(published_form=None), texts)
    pairs = frame.filter(protocol="pairwise").select("article_id", "first", "second", "status")
    found = {(a, frozenset((f, s))): status for a, f, s, status in pairs.iter_rows()}
    assert found == {
        ("a1", frozenset(("human", "llama"))): "missing",
        ("a1", frozenset(("human", "own"))): "missing",
        ("a1", frozenset(("llama", "own"))): "empty",
        ("a2", frozenset(("human", "llama"))): "identical",
        ("a2", frozenset(("human", "own"))): "read",
        ("a2", frozenset(("llama", "own"))): "read",
    }
    unread = frame.filter(pl.col("status") != "read")
    assert unread["z_first"].null_count() == unread["logits"].null_count() == unread.height
    missing = frame.filter(first="human", article_id="a1")
    assert missing["words_first"].null_count() == missing.height


def test_a_marker_of_several_tokens_stops_with_judge_marker_and_tokens(tiny_models, tmp_path):
    engine = load(tiny_models["llama"], "my-judge")
    with pytest.raises(UserError) as error:
        readings(engine, tmp_path, settings(markers=[("A", "Zq")]))
    assert "marker 'Zq' is not a single token for the judge 'my-judge' but 2: ['Z', 'q']" in str(
        error.value
    )
    assert "use other markers" in str(error.value)
    assert not list(tmp_path.glob("*"))


def test_markers_that_a_tokenizer_cannot_tell_apart_stop(tiny_models, tmp_path):
    """A vocabulary that spells unknown characters with one token for all."""
    folder = tmp_path / "model"
    shutil.copytree(tiny_models["llama"], folder)
    file = folder / "tokenizer.json"
    tokenizer = json.loads(file.read_text())
    tokenizer["normalizer"] = {"type": "Lowercase"}
    file.write_text(json.dumps(tokenizer))
    renderer = load(folder, "lower").renderer
    assert len(marker_tokens(renderer, ("a", "b")).ids) == 2
    with pytest.raises(UserError, match=r"two of the markers \['a', 'A'\] are the same token"):
        marker_tokens(renderer, ("a", "A"))


@pytest.mark.parametrize("family", FAMILIES)
def test_marker_tokens_are_the_first_of_the_answer_in_training(family, tiny_models):
    renderer = load(tiny_models[family], family).renderer
    question = {"role": "user", "content": "?"}
    for marker in ("A", "B", "1", "5"):
        [token] = marker_tokens(renderer, [marker]).ids
        assert renderer.encode_answer(marker) == (token, *renderer.end_ids)
        trained = renderer.encode_turns(["?"], [marker])[0]
        whole = renderer.encode_finished([question, {"role": "assistant", "content": marker}])
        joined = (*trained[0], *trained[1])
        assert whole[: len(joined)] == joined and joined[len(trained[0])] == token


def test_a_judge_without_chat_template_stops(tiny_models, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(tiny_models["llama"], folder)
    (folder / "chat_template.jinja").unlink(missing_ok=True)
    config = json.loads((folder / "tokenizer_config.json").read_text())
    config.pop("chat_template", None)
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match="no chat template"):
        check_folder(folder, "bare")
    with pytest.raises(UserError, match="no chat template"):
        load(folder, "bare")


def test_a_judge_without_room_in_its_context_reads_nothing_and_says_why(tiny_models, tmp_path):
    engine = load(tiny_models["llama"])
    engine.context = 8
    frame = readings(engine, tmp_path)
    assert set(frame["status"]) == {"too_long"}
    assert math.isnan(frame["mass"].mean() or math.nan)


def test_the_sampling_of_the_published_form_must_warp():
    with pytest.raises(ValueError, match="leaves one token"):
        settings(published_form={"sampling": Sampling(temperature=0.0).model_dump()})
