"""Scoring of texts and of runs: values, end token, rows without an answer, and their measures."""

from __future__ import annotations

import copy
import math
import random

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy
from tiny_adapters import make_adapters

from manybaskets import measures
from manybaskets.config.evaluation import Scoring
from manybaskets.config.models import Prompting
from manybaskets.engines.transformers_engine import TransformersEngine
from manybaskets.errors import UserError
from manybaskets.models.folder import fingerprint
from manybaskets.records.responses import RESPONSES, write_responses
from manybaskets.scoring.likelihood import (
    SCORED,
    batches_of,
    published_perplexity,
    score_runs,
    score_texts,
    score_with_another,
)

COUNT = 20
IDS = [f"p{n:02d}" for n in range(COUNT)]
PROMPTS = pl.DataFrame(
    {
        "prompt_id": IDS,
        "instruction": [f"Who founded town {'x' * n}?" for n in range(COUNT)],
        "context": ["" if n % 3 else "The Mor runs past Alden. " * (n % 7) for n in range(COUNT)],
        "follow_ups": [[]] * COUNT,
    },
    schema_overrides={"follow_ups": pl.List(pl.String)},
)
TEXTS = {key: "King Härl did. " * (n % 4 + 1) for n, key in enumerate(IDS)} | {"p02": "No"}
HOW = Scoring(batch_tokens=2000, first_tokens=5)
SPLIT = PROMPTS.with_columns(response=pl.lit("Queen Ilva did."))
VALUES = [name for name, kind in SCORED.items() if kind == pl.Float64 and name != "ppl_paper"]


@pytest.fixture(scope="module")
def engine(tiny_models):
    return TransformersEngine(tiny_models["gemma"], Prompting(), "float32", 2, "gemma")


@pytest.fixture(scope="module")
def llama(tiny_models):
    return TransformersEngine(tiny_models["llama"], Prompting(), "float32", 1, "llama")


@pytest.fixture(scope="module")
def adapters(tiny_models, tmp_path_factory):
    return make_adapters(tiny_models["llama"], tmp_path_factory.mktemp("adapters"), [1, 2])


def plain_loop(engine, prompt_id: str, text: str) -> tuple[np.ndarray, np.ndarray]:
    """Nats of every token of an answer and the distributions they are drawn from, in float64, from
    the model's own call on the one row."""
    prompt = PROMPTS.row(by_predicate=pl.col("prompt_id") == prompt_id, named=True)
    asked = "\n\n".join(part for part in (prompt["context"].strip(), prompt["instruction"]) if part)
    ids = list(engine.renderer.encode_prompt(asked))
    answer = list(engine.renderer.encode_answer(text))
    with torch.inference_mode():
        logits = engine.model(torch.tensor([ids + answer])).logits[0].double().numpy()
    logits = logits[len(ids) - 1 : -1]
    scores = logits - np.log(np.exp(logits - logits.max(1, keepdims=True)).sum(1, keepdims=True))
    scores -= logits.max(1, keepdims=True)
    return -scores[range(len(answer)), answer], np.exp(scores)


def write_answers(texts, path, adapter=None, mix="vanilla", seed=0):
    """Answers as a run of the target `hen` leaves them."""
    rows = [
        {"prompt_id": key, "sample": 0, "turn": 0, "text": text, "finish_reason": "stop",
         "prompt_tokens": 1, "completion_tokens": 1, "attempts": 1, "error": None}
        for key, text in texts.items()
    ]  # fmt: skip
    for row in rows:
        if row["text"] is None:
            row |= {"finish_reason": "error", "error": "no memory"}
    made = {"who": f"hen/{mix}/{seed}/test", "adapter": adapter and fingerprint(adapter)}
    write_responses([{k: row[k] for k in RESPONSES} for row in rows], path, made)
    return path


def score(engine, files, outputs, runs=(("vanilla", 0),), adapters=(None,), **changes):
    """Score runs of the target `hen`."""
    given = {"max_prompt_tokens": 400, "settings": HOW, "work": outputs[0].parent / "work"}
    score_runs(engine, PROMPTS, SPLIT, target="hen", runs=runs, adapters=adapters, responses=files,
               outputs=outputs, **given | changes)  # fmt: skip


def test_every_value_is_that_of_a_plain_loop(engine):
    scored = score_texts(PROMPTS, TEXTS, engine, 400, HOW)
    assert scored.schema == SCORED and scored["prompt_id"].to_list() == IDS
    for row in scored.iter_rows(named=True):
        text = TEXTS[row["prompt_id"]]
        nats, distributions = plain_loop(engine, row["prompt_id"], text)
        said = nats[:-1]
        wanted = {
            "nats": said.sum(),
            "nats_with_end": nats.sum(),
            "nats_first": said[:5].sum(),
            "nll": nats.mean(),
            "nll_without_end": said.mean(),
            "nll_first": said[:5].mean(),
            "bits_per_byte": said.sum() / np.log(2) / len(text.encode("utf-8")),
            "entropy": entropy(distributions[:-1], axis=1).mean(),
        }
        counts = (len(nats), len(said), min(5, len(said)), len(text.encode("utf-8")))
        assert (
            row["tokens"],
            row["tokens_without_end"],
            row["tokens_first"],
            row["bytes"],
        ) == counts
        for name, value in wanted.items():
            tokens = len(nats) if name.startswith("nats") else 1
            assert row[name] == pytest.approx(value, abs=1e-4 * tokens), name
        assert row["ppl_paper"] == pytest.approx(math.exp(nats.mean()), rel=1e-4)


def test_batches_give_the_values_of_single_rows(engine):
    single, batched = (
        score_texts(PROMPTS, TEXTS, engine, 400, Scoring(batch_tokens=tokens))
        for tokens in (1, 100_000)
    )
    for name in VALUES:
        tokens = single["tokens"] if name.startswith("nats") else 1
        assert ((batched[name] - single[name]).abs() / tokens).max() < 1e-4, name


def test_chunks_of_positions_change_nothing(engine, monkeypatch):
    whole = score_texts(PROMPTS, TEXTS, engine, 400, HOW)

    def threes(positions):
        return [slice(start, start + 3) for start in range(0, positions, 3)]

    monkeypatch.setattr(engine, "chunks", threes)
    parts = score_texts(PROMPTS, TEXTS, engine, 400, HOW)
    for name in VALUES:
        assert (whole[name] - parts[name]).abs().max() < 1e-4, name


def test_tokens_that_are_ruled_out_leave_the_entropy_as_it_is(engine, monkeypatch):
    """Logits of −∞, as some models give to tokens that must not be said."""
    allowed = [3, 4, 5]

    def few(states):
        logits = torch.full((len(states), engine.vocabulary), -torch.inf)
        logits[:, allowed] = torch.tensor([1.0, 2.0, 60.0])
        return logits

    monkeypatch.setattr(engine, "logits", few)
    (scores,) = engine.scores([((1, 2), (4, 5, 9))])
    p = np.exp([1.0, 2.0, 60.0]) / np.exp([1.0, 2.0, 60.0]).sum()
    assert scores.log_probabilities == pytest.approx(
        [np.log(p[1]), np.log(p[2]), -np.inf], abs=1e-5
    )
    assert scores.entropies == pytest.approx([entropy(p)] * 3, abs=1e-6)


def test_chunks_cover_all_positions_within_their_size(engine):
    parts = engine.chunks(1000, 7 * engine.vocabulary + 1)
    assert [place for part in parts for place in range(1000)[part]] == list(range(1000))
    assert {len(range(1000)[part]) for part in parts[:-1]} == {7}
    assert engine.chunks(2, 1) == [slice(0, 1), slice(1, 2)]  # a position is never divided


def test_the_order_of_prompts_means_nothing(engine):
    shuffled = list(range(COUNT))
    random.Random(3).shuffle(shuffled)
    texts = {IDS[place]: TEXTS[IDS[place]] for place in shuffled}
    assert score_texts(PROMPTS[shuffled], texts, engine, 400, HOW).equals(
        score_texts(PROMPTS, TEXTS, engine, 400, HOW)
    )


@pytest.mark.parametrize(
    "family", ["llama", "qwen", "mistral", "gemma", "mixtral", "cohere", "granite"]
)
def test_the_head_alone_gives_the_logits_of_the_whole_model(engine, tiny_models, family):
    """Gemma caps its logits, Cohere and Granite scale them, Mixtral routes."""
    import transformers

    if family in tiny_models:
        model = TransformersEngine(tiny_models[family], Prompting(), "float32", 1, family)
    else:
        config, network, own = {
            "mixtral": (transformers.MixtralConfig, transformers.MixtralForCausalLM, {}),
            "cohere": (transformers.CohereConfig, transformers.CohereForCausalLM, {}),
            "granite": (transformers.GraniteConfig, transformers.GraniteForCausalLM,
                        {"logits_scaling": 4.0}),
        }[family]  # fmt: skip
        size = {"vocab_size": 90, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
                "num_attention_heads": 2, "num_key_value_heads": 2, "pad_token_id": 0,
                "max_position_embeddings": 64}  # fmt: skip
        torch.manual_seed(1)
        model = copy.copy(engine)
        model.base = network(config(**size, **own)).eval()
    pairs = [((5, 6, 7), (8, 9)), ((3,), (4, 5, 6, 7, 8)), ((9, 3, 4, 5), (6,))]
    found = model.logits(model.answer_states(pairs))
    with torch.inference_mode():
        wanted = [
            model.base(torch.tensor([[*prompt, *answer]])).logits[0, len(prompt) - 1 : -1]
            for prompt, answer in pairs
        ]
    assert torch.allclose(found, torch.cat(wanted), atol=1e-4)
    # The body is left as it was.
    again = model.base(torch.tensor([[5, 6, 7, 8, 9]])).logits[0, 2:4]
    assert torch.allclose(again, wanted[0], atol=1e-6)


PAIRS = st.dictionaries(
    st.text("abc", min_size=1, max_size=4),
    st.tuples(st.integers(1, 9), st.integers(1, 9)).map(lambda n: ((0,) * n[0], (1,) * n[1])),
    max_size=12,
)


@given(PAIRS, st.integers(1, 60), st.randoms())
def test_batches_hold_every_pair_once_and_not_too_many_tokens(pairs, tokens, rng):
    batches = list(batches_of(pairs, tokens))
    assert sorted(key for batch in batches for key in batch) == sorted(pairs)
    for batch in batches:
        width = max(len(pairs[key][0]) + len(pairs[key][1]) for key in batch)
        assert len(batch) * width <= tokens or len(batch) == 1
    keys = list(pairs)
    rng.shuffle(keys)
    assert list(batches_of({key: pairs[key] for key in keys}, tokens)) == batches


def test_an_answer_of_the_end_token_alone_has_counts_and_no_value(engine):
    texts = TEXTS | {"p03": ""}
    row = score_texts(PROMPTS, texts, engine, 400, HOW).row(3, named=True)
    assert (row["tokens"], row["tokens_without_end"], row["bytes"]) == (1, 0, 0)
    assert [row[name] for name in VALUES] == [None] * len(VALUES)
    assert row["ppl_paper"] > 1  # the published procedure has the end token only


def test_what_the_model_cannot_read_is_left_out_and_counted(engine, caplog):
    lengths = dict(
        score_texts(PROMPTS, TEXTS, engine, 400, HOW).select("prompt_id", "tokens").iter_rows()
    )
    prompts = {
        key: len(engine.renderer.encode_prompt(question)) for key, question in
        PROMPTS.filter(pl.col("context") == "").select("prompt_id", "instruction").iter_rows()
    }  # fmt: skip
    narrow = copy.copy(engine)
    narrow.context = prompts["p10"] + lengths["p10"]
    with caplog.at_level("WARNING"):
        scored = score_texts(PROMPTS, TEXTS, narrow, 400, HOW)["prompt_id"].to_list()
    assert "p10" in scored
    for key, tokens in prompts.items():
        assert (key in scored) == (tokens + lengths[key] <= narrow.context)
    assert f"{COUNT - len(scored)} of {COUNT} prompts" in caplog.text


def test_the_published_perplexity_is_rounded_twice():
    assert published_perplexity([0.1234567, 0.7654321]) == round(
        math.exp((0.12346 + 0.76543) / 2), 5
    )
    assert published_perplexity([1.0000049]) == 2.71828  # not 2.7183
    assert published_perplexity([800.0, 800.0]) == math.inf


RUNS = (("human", 1), ("single", 2))


@pytest.fixture()
def answered(adapters, tmp_path):
    """Answers of two tuned runs: texts, and the files with them."""
    own = [{key: f"{TEXTS[key]} {name}" for key in IDS} for name in ("one", "two")]
    files = [
        write_answers(texts, tmp_path / f"{mix}.parquet", adapter, mix, seed)
        for texts, adapter, (mix, seed) in zip(own, adapters, RUNS, strict=True)
    ]
    return own, files


def test_three_scorings_of_every_run(llama, adapters, answered, tmp_path):
    """Human answers under the run, its own under the untuned target, its own under the run."""
    own, files = answered
    outputs = [tmp_path / "out/a.parquet", tmp_path / "out/b.parquet"]
    score(llama, files, outputs, RUNS, adapters)
    for adapter, texts, output in zip(adapters, own, outputs, strict=True):
        scored = pl.read_parquet(output)
        assert scored["prompt_id"].to_list() == IDS
        for key in ("p00", "p07"):
            row = scored.row(by_predicate=pl.col("prompt_id") == key, named=True)
            for name, folder, text in [
                ("reference", adapter, "Queen Ilva did."),
                ("own", None, texts[key]),
                ("own_self", adapter, texts[key]),
            ]:
                llama.use_adapter(folder)
                nats, _ = plain_loop(llama, key, text)
                assert row[f"{name}_nll"] == pytest.approx(nats.mean(), abs=1e-4), name
                assert row[f"{name}_nll_without_end"] == pytest.approx(nats[:-1].mean(), abs=1e-4)
    llama.use_adapter(None)


def test_one_load_scores_runs_as_one_load_each_does(
    tiny_models, llama, adapters, answered, tmp_path
):
    """The untuned target among them, in another order, to the same bytes."""
    _, files = answered
    runs, given = [*RUNS, ("vanilla", 0)], [*adapters, None]
    files = [*files, write_answers(TEXTS, tmp_path / "vanilla.parquet")]
    together = [tmp_path / f"together/{mix}.parquet" for mix, _ in runs]
    score(llama, files, together, runs, given)
    for run, adapter, file, whole in zip(runs, given, files, together, strict=True):
        fresh = TransformersEngine(tiny_models["llama"], Prompting(), "float32", 1, "llama")
        alone = tmp_path / f"alone/{run[0]}.parquet"
        score(fresh, [file], [alone], [run], [adapter])
        assert alone.read_bytes() == whole.read_bytes()


def test_a_scored_run_is_scored_once(llama, adapters, answered, tmp_path, monkeypatch):
    """A job that starts again, or that a run was added to, scores what is new."""
    own, files = answered
    outputs = [tmp_path / "out/a.parquet", tmp_path / "out/b.parquet"]
    score(llama, files[:1], outputs[:1], RUNS[:1], adapters[:1])
    before = outputs[0].read_bytes()
    asked = []
    whole = llama.scores
    monkeypatch.setattr(llama, "scores", lambda pairs: asked.append(len(pairs)) or whole(pairs))
    score(llama, files, outputs, RUNS, adapters)
    probes = [size for size in asked if size == 1]
    assert outputs[0].read_bytes() == before and sum(asked) - len(probes) == 3 * COUNT
    changed = write_answers(own[0] | {"p05": "Not so."}, files[0], adapters[0], *RUNS[0])
    score(llama, [changed], outputs[:1], RUNS[:1], adapters[:1])
    assert outputs[0].read_bytes() != before
    assert len(list((tmp_path / "out/work/human/seed1").iterdir())) == 1


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda files, adapters: (files[::-1], adapters), "the responses were made by run "
        "hen/single/2/test"),
        (lambda files, adapters: (files, adapters[::-1]), "the responses were made by run "
        "hen/human/1/test"),
        (lambda files, adapters: (files, [None, adapters[1]]), "with adapter None"),
    ],
    ids=["swapped responses", "swapped adapters", "no adapter"],
)  # fmt: skip
def test_answers_of_another_run_are_not_scored(llama, adapters, answered, tmp_path, spoil, message):
    files, given = spoil(answered[1], adapters)
    with pytest.raises(UserError, match=message):
        score(llama, files, [tmp_path / "a.parquet", tmp_path / "b.parquet"], RUNS, given)
    assert not (tmp_path / "a.parquet").exists()


def test_two_runs_with_one_adapter_are_noticed(adapters, tmp_path):
    """Whatever the jobs were that they answered in."""
    files = [
        write_answers(TEXTS, tmp_path / f"{mix}.parquet", adapters[0], mix, seed)
        for mix, seed in RUNS
    ]
    with pytest.raises(UserError, match="two runs answered with the same adapter"):
        score_with_another(None, PROMPTS, SPLIT, runs=RUNS, responses=files, scored=files,
                           max_prompt_tokens=400, settings=HOW, work=tmp_path, outputs=files)  # fmt: skip


def test_the_untuned_target_is_its_own_run(engine, tmp_path):
    texts = TEXTS | {"p03": None, "p04": ""}
    output = tmp_path / "out.parquet"
    score(engine, [write_answers(texts, tmp_path / "r.parquet")], [output])
    scored = pl.read_parquet(output)
    assert scored.height == COUNT and scored["reference_nll"].null_count() == 0
    without = scored.filter(pl.col("own_nll").is_null())["prompt_id"].to_list()
    assert without == ["p03", "p04"]  # a failed and an empty answer
    for name in SCORED.names()[1:]:
        assert scored[f"own_{name}"].equals(scored[f"own_self_{name}"], null_equal=True)


def test_a_scorer_reads_what_people_and_runs_said_with_its_own_tokens(
    llama, engine, adapters, tmp_path
):
    own = [TEXTS, {key: "Nobody knows." for key in IDS}]
    runs = (("vanilla", 0), RUNS[0])
    adapters = [None, adapters[0]]
    files = [
        write_answers(texts, tmp_path / f"{mix}.parquet", adapter, mix, seed)
        for texts, adapter, (mix, seed) in zip(own, adapters, runs, strict=True)
    ]
    targets = [tmp_path / "a.parquet", tmp_path / "b.parquet"]
    score(llama, files, targets, runs, adapters)
    results = {}
    for scorer in (engine, None):
        outputs = [tmp_path / f"{n}-{bool(scorer)}.parquet" for n in range(2)]
        score_with_another(scorer, PROMPTS, SPLIT, runs=runs, responses=files, scored=targets,
                           max_prompt_tokens=400, settings=HOW, work=tmp_path / "work", outputs=outputs)  # fmt: skip
        results[bool(scorer)] = [pl.read_parquet(file) for file in outputs]
    for given_table, plain, scored, texts in zip(
        map(pl.read_parquet, targets), results[False], results[True], own, strict=True
    ):
        assert plain.equals(given_table) and scored.select(plain.columns).equals(plain)
        for key in ("p01", "p06"):
            row = scored.row(by_predicate=pl.col("prompt_id") == key, named=True)
            for name, text in (("reference", "Queen Ilva did."), ("own", texts[key])):
                nats, _ = plain_loop(engine, key, text)
                value = row[f"{name}_scorer_nll_without_end"]
                assert value == pytest.approx(nats[:-1].mean(), abs=1e-4)


COLUMNS = {
    "human_nll": "reference_nll_without_end",
    "human_nll_with_end": "reference_nll",
    "human_nll_first": "reference_nll_first",
    "human_bits_per_byte": "reference_bits_per_byte",
    "human_entropy": "reference_entropy",
    "human_scorer_nll": "reference_scorer_nll_without_end",
    "own_nll": "own_nll_without_end",
    "own_nll_with_end": "own_nll",
    "own_nll_first": "own_nll_first",
    "own_bits_per_byte": "own_bits_per_byte",
    "own_self_nll": "own_self_nll_without_end",
    "own_entropy": "own_self_entropy",
    "own_scorer_nll": "own_scorer_nll_without_end",
    "own_scorer_nll_first": "own_scorer_nll_first",
    "own_scorer_bits_per_byte": "own_scorer_bits_per_byte",
}  # fmt: skip


def inputs(likelihood: pl.DataFrame) -> measures.Inputs:
    frame = pl.DataFrame({"prompt_id": IDS, "text": ["a"] * COUNT, "reference": ["b"] * COUNT})
    return measures.Inputs(frame, 0, likelihood=likelihood)


def measured(names, likelihood, draws=()):
    wanted = [measures.get(name) for name in names]
    return measures.compute(wanted, inputs(likelihood), model="m", mix="x", seed=1,
                            prompt_set="test", all_prompt_ids=IDS, draws=draws)  # fmt: skip


def table_of(rng, missing=()) -> pl.DataFrame:
    ids = [key for key in IDS if key not in missing]
    columns = {"prompt_id": ids[::-1]}
    for prefix in ("reference", "own", "own_self", "reference_scorer", "own_scorer"):
        for name, kind in list(SCORED.items())[1:]:
            drawn = rng.integers(1, 30, len(ids)) if kind == pl.Int32 else rng.random(len(ids))
            columns[f"{prefix}_{name}"] = drawn
    return pl.DataFrame(columns)


def test_every_measure_per_prompt_reads_its_own_column():
    table = table_of(np.random.default_rng(1), missing=["p05"])
    values = dict(zip(table["prompt_id"], table.iter_rows(named=True), strict=True))
    rows = measured(COLUMNS, table)
    assert rows.height == len(COLUMNS) * COUNT
    for name, prompt_id, value in rows.select("measure", "prompt_id", "value").iter_rows():
        wanted = None if prompt_id == "p05" else values[prompt_id][COLUMNS[name]]
        assert value == wanted, (name, prompt_id)


def test_the_corpus_weighs_every_token_alike():
    table = table_of(np.random.default_rng(2), missing=["p05"])
    table = table.with_columns(
        reference_nats=pl.when(pl.col("prompt_id") != "p09").then("reference_nats")
    )
    rows = {key: (nats, tokens) for key, nats, tokens in table.select(
        "prompt_id", "reference_nats", "reference_tokens_without_end").iter_rows() if nats}  # fmt: skip
    assert len(rows) == COUNT - 2

    def ratio(keys):
        return sum(rows[key][0] for key in keys) / sum(rows[key][1] for key in keys)

    found = measured(["human_corpus_nll"], table)
    by_draw = {(prompt_id, draw): value for prompt_id, draw, value in
               found.select("prompt_id", "draw", "value").iter_rows()}  # fmt: skip
    assert by_draw[None, measures.USED] == COUNT - 2 and by_draw[None, measures.EXCLUDED] == 2
    assert by_draw[None, 0] == pytest.approx(ratio(rows))
    for key in IDS:
        left = by_draw[key, measures.LEFT_OUT]
        assert left == pytest.approx(ratio([other for other in rows if other != key]))
    empty = table.with_columns(reference_nats=pl.lit(None, dtype=pl.Float64))
    nothing = measured(["human_corpus_nll"], empty).filter(pl.col("draw") == 0)
    assert nothing["value"].to_list() == [None]


def test_what_the_scorer_says_needs_a_scorer():
    table = table_of(np.random.default_rng(3)).select(~pl.selectors.contains("scorer"))
    assert measured(["own_nll"], table).height == COUNT
    with pytest.raises(measures.registry.UserError, match="needs scorer"):
        measured(["own_scorer_nll"], table)


def test_logits_of_all_positions_are_never_held_at_once(tmp_path, tiny_models):
    """With a vocabulary of 128k, 4,096 tokens would have 2.1 GB of logits in float32."""
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig

    config = LlamaConfig(vocab_size=128256, hidden_size=8, intermediate_size=8, num_hidden_layers=1,
                         num_attention_heads=1, max_position_embeddings=2048)  # fmt: skip
    AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(tiny_models["llama"]).save_pretrained(tmp_path)
    engine = TransformersEngine(tmp_path, Prompting(), "float32", 1, "wide")
    largest = []

    class Sizes(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            made = func(*args, **(kwargs or {}))
            if isinstance(made, torch.Tensor) and "detach" not in str(func):
                largest.append(made.untyped_storage().nbytes())
            return made

    weights = 4 * 128256 * 8
    pairs = [((5, 6, 7), tuple([9] * 300))] * 2
    with Sizes():
        scores = engine.scores(pairs)
    assert [len(each.log_probabilities) for each in scores] == [300, 300]
    assert weights < 2**27  # so that it is no tensor of weights that is the largest
    assert 2**26 < max(largest) <= 2**27 < 4 * 128256 * 2 * 300
