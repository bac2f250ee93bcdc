"""Speed of sources: rates from what jobs recorded, sizes from headers, correlations by hand."""

from __future__ import annotations

import itertools
import json
import math
import tempfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from manybaskets.config.sources import Source
from manybaskets.errors import UserError
from manybaskets.generation.throughput import (
    CORRELATIONS,
    THROUGHPUT,
    correlations,
    pearson,
    spearman,
    throughput,
)
from manybaskets.models.sizes import count_parameters
from manybaskets.presentation.tables import computed_tables, write_tables
from manybaskets.records.responses import RESPONSES, write_responses
from manybaskets.report.throughput import throughput_findings

GIB = 2**30
SAMPLING = {"max_new_tokens": 256}
SERVER = {"kind": "openai", "served_model": "gpt"}


def usage(**changes):
    """What a shard of 100 answers recorded."""
    return {
        "rows": 100,
        "prompt_tokens": 4000,
        "completion_tokens": 6000,
        "seconds": 20.0,
        "peak_memory": 2 * GIB,
        "peak_gpu_reserved": 0,
        "peak_gpu_allocated": 0,
        "jobs": 1,
    } | changes


def table_of(folder, sources, shards, attempts=(1,), turns=1, prompts=100, models=None):
    """The table of sources (sections of the config) with the given shards (usages by source)."""
    usages = []
    for name, recorded in shards.items():
        for number, values in enumerate(recorded):
            usages.append(folder / f"{name}-{number}.usage.json")
            usages[-1].write_text(json.dumps(values))
    rows = [
        dict.fromkeys(RESPONSES)
        | {"prompt_id": f"p{prompt}", "sample": 0, "turn": turn, "text": "x"}
        | {"finish_reason": "stop", "attempts": attempts[prompt % len(attempts)]}
        for prompt in range(prompts)
        for turn in range(turns)
    ]
    write_responses(rows, folder / "train.parquet", {})
    return throughput(
        {name: Source.model_validate(section) for name, section in sources.items()},
        usages,
        dict.fromkeys(sources, folder / "train.parquet"),
        models or {},
        max_prompt_tokens=744,
    )


def findings(table):
    return throughput_findings(table, correlations(table))


def row_of(*arguments, **options):
    return table_of(*arguments, **options).row(0, named=True)


def model_folder(folder, tensors, name="model.safetensors"):
    """Weights as the format's own library writes them."""
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    save_file({key: np.zeros(shape, dtype) for key, (shape, dtype) in tensors.items()}, folder / name, {"format": "pt"})  # fmt: skip
    return folder


def test_rates_are_tokens_over_the_seconds_of_all_shards(tmp_path):
    model = model_folder(tmp_path / "m", {"a": ((30, 20), "float32"), "b": ((400,), "float16")})
    shards = [usage(), usage(prompt_tokens=2000, completion_tokens=1000, seconds=5.0, peak_memory=3 * GIB)]  # fmt: skip
    table = table_of(
        tmp_path,
        {"hen": {"model": "small", "shards": 2, "sampling": SAMPLING}},
        {"hen": shards},
        prompts=200,
        models={"small": model},
    )
    assert table.schema == THROUGHPUT
    row = table.row(0, named=True)
    assert row == {
        "source": "hen",
        "engine": "transformers",
        "prompts": 200,
        "tokens_in": 6000,
        "tokens_out": 7000,
        "seconds": 25.0,
        "in_per_second": 240.0,
        "out_per_second": 280.0,
        "tokens_per_second": 520.0,
        "seconds_per_1000_prompts": pytest.approx(125.0),
        "gpus": 0,
        "tokens_per_second_per_gpu": None,
        "peak_memory_gib": 3.0,
        "peak_gpu_reserved_gib": None,
        "peak_gpu_allocated_gib": None,
        "parameters": 1000.0,
        "context": 1000,
        "proxy": 1e6,
    }


def test_seconds_per_prompt_count_turns_and_further_tries(tmp_path):
    section = {"hen": {"model": "small", "sampling": SAMPLING}}
    # 50 conversations of 4 turns; every second one needed 3 tries a turn: 4 * (25 + 75) answers.
    row = row_of(
        tmp_path, section, {"hen": [usage(rows=400, seconds=80.0)]}, (1, 3), turns=4, prompts=50
    )
    assert row["seconds_per_1000_prompts"] == pytest.approx(80.0 / 50 * 1000)
    # A job of the same shard was killed: half of the answers are counted, and half of the seconds.
    half = row_of(
        tmp_path, section, {"hen": [usage(rows=200, seconds=40.0)]}, (1, 3), turns=4, prompts=50
    )
    assert half["seconds_per_1000_prompts"] == pytest.approx(row["seconds_per_1000_prompts"])


def test_nothing_recorded_is_no_speed(tmp_path):
    nothing = usage(rows=0, prompt_tokens=0, completion_tokens=0, seconds=0.0, peak_memory=5)
    table = table_of(tmp_path, {"hen": {"model": "small"}}, {"hen": [nothing]})
    row = table.row(0, named=True)
    for name in (
        "in_per_second",
        "out_per_second",
        "tokens_per_second",
        "seconds_per_1000_prompts",
    ):
        assert row[name] is None
    assert findings(table)[0] == "No job recorded the speed of `hen`."


@pytest.mark.parametrize(
    ("section", "reserved", "gpus", "speed"),
    [
        ({"model": "small"}, 3 * GIB, 1, 500.0),
        ({"model": "small"}, 0, 0, None),
        ({"model": "small", "engine": "vllm"}, 3 * GIB, 1, 500.0),
        ({"model": "small", "engine": "vllm"}, 0, 0, None),  # vLLM's build for CPUs
        # Several GPUs belong to processes of their own, whose memory the job does not see.
        ({"model": "small", "engine": {"kind": "vllm", "tensor_parallel": 4}}, 0, 4, 125.0),
        ({"engine": SERVER}, 0, None, None),
    ],
)
def test_gpus_of_a_job(tmp_path, section, reserved, gpus, speed):
    recorded = usage(peak_gpu_reserved=reserved, peak_gpu_allocated=reserved // 3)
    row = row_of(tmp_path, {"hen": section}, {"hen": [recorded]})
    assert row["gpus"] == gpus
    assert row["tokens_per_second_per_gpu"] == speed
    assert row["peak_gpu_reserved_gib"] == (3.0 if reserved else None)
    assert row["peak_gpu_allocated_gib"] == (1.0 if reserved else None)


@pytest.mark.parametrize(
    ("section", "context"),
    [
        ({"model": "small"}, 1000),
        ({"model": "small", "engine": "vllm"}, 1000),
        ({"model": "small", "engine": {"kind": "vllm", "max_model_len": 20_000}}, 20_000),
        ({"engine": SERVER}, None),
    ],
)
def test_context_is_the_engines_or_what_prompt_and_answer_need(tmp_path, section, context):
    model = model_folder(tmp_path / "m", {"a": ((7, 1000), "float16")})
    row = row_of(
        tmp_path,
        {"hen": section | {"sampling": SAMPLING}},
        {"hen": [usage()]},
        models={"small": model},
    )
    assert row["context"] == context
    assert row["proxy"] == (None if context is None else 7000.0 * context)
    assert row["parameters"] == (None if context is None else 7000.0)


def test_shards_belong_to_their_sources(tmp_path):
    table = table_of(
        tmp_path,
        {"hen": {"model": "a", "shards": 3}, "duck": {"model": "b"}, "goose": {"model": "a", "shards": 2}},
        {"hen": [usage(seconds=s) for s in (1.0, 2.0, 4.0)], "duck": [usage(seconds=8.0)],
         "goose": [usage(seconds=s) for s in (16.0, 32.0)]},
    )  # fmt: skip
    assert dict(table.select("source", "seconds").iter_rows()) == {"hen": 7.0, "duck": 8.0, "goose": 48.0}  # fmt: skip


def test_parameters_are_those_that_torch_counts(tiny_models):
    from transformers import AutoModelForCausalLM

    for folder in tiny_models.values():
        model = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True)
        assert count_parameters(folder) == sum(each.numel() for each in model.parameters())


@given(st.lists(st.lists(st.integers(0, 9), max_size=3), min_size=1, max_size=5))
def test_parameters_of_any_shapes(shapes):
    with tempfile.TemporaryDirectory() as folder:
        tensors = {f"t{number}": (shape, "float16") for number, shape in enumerate(shapes)}
        found = count_parameters(model_folder(Path(folder), tensors))
    assert found == sum(math.prod(shape) for shape in shapes)


def test_weights_that_lie_there_twice_count_once(tmp_path):
    folder = model_folder(tmp_path / "m", {"a": ((5, 5), "float32")}, "model-00001-of-00002.safetensors")  # fmt: skip
    model_folder(folder, {"b": ((3,), "float32")}, "model-00002-of-00002.safetensors")
    assert count_parameters(folder) == 28
    model_folder(folder, {"layers.a": ((28,), "float32")}, "consolidated.safetensors")
    weight_map = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    assert count_parameters(folder) == 28
    (folder / "model.safetensors.index.json").unlink()
    model_folder(folder, {"a": ((5, 5), "float32"), "b": ((3,), "float32")})
    assert count_parameters(folder) == 28


@pytest.mark.parametrize(
    "content",
    [b"", b"\x02", b"\xff" * 16, (10).to_bytes(8, "little") + b"{}", (2).to_bytes(8, "little") + b"[]",
     (15).to_bytes(8, "little") + b'{"a":{"b": []}}'],
)  # fmt: skip
def test_a_damaged_header_is_told(tmp_path, content):
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(UserError, match="header of the weights file cannot be read") as raised:
        count_parameters(tmp_path)
    assert raised.value.where == str(tmp_path / "model.safetensors")


def test_a_missing_file_of_the_index_is_told(tmp_path):
    index = {"weight_map": {"a": "model-00001-of-00001.safetensors"}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(UserError, match="No such file"):
        count_parameters(tmp_path)


# --- correlations, against formulas written out here -------------------------------------------

X = [1.0, 2.0, 4.0, 7.0, 11.0]
Y = [2.5, 1.5, 3.0, 9.0, 6.0]


def pearson_by_hand(x, y):
    n = len(x)
    sums = [sum(x), sum(y), sum(a * b for a, b in zip(x, y, strict=True))]
    squares = [n * sum(a * a for a in values) - sum(values) ** 2 for values in (x, y)]
    return (n * sums[2] - sums[0] * sums[1]) / math.sqrt(squares[0] * squares[1])


def ranks(values):
    return [1 + sorted(values).index(value) for value in values]


def exact_p(x, y):
    """Twice the smaller tail over all orders of `y`."""
    seen = pearson_by_hand(x, y)
    all_of_them = [pearson_by_hand(x, order) for order in itertools.permutations(y)]
    tails = [
        sum(value >= seen - 1e-9 for value in all_of_them),
        sum(value <= seen + 1e-9 for value in all_of_them),
    ]
    return min(1.0, 2 * min(tails) / len(all_of_them))


def fisher(value, n, variance):
    """Ends of a 95 % interval; 1.959964 is the normal distribution's 97.5 % point."""
    half = 1.959964 * math.sqrt(variance / (n - 3))
    z = 0.5 * math.log((1 + value) / (1 - value))
    return [(math.exp(2 * end) - 1) / (math.exp(2 * end) + 1) for end in (z - half, z + half)]


def test_pearson_by_hand():
    value, low, high, p = pearson(np.array(X), np.array(Y))
    expected = pearson_by_hand(X, Y)
    assert value == pytest.approx(expected)
    assert [low, high] == pytest.approx(fisher(expected, 5, 1.0), abs=1e-6)
    assert p == pytest.approx(exact_p(X, Y))


def test_spearman_by_hand():
    value, low, high, p = spearman(np.array(X), np.array(Y))
    differences = [(a - b) ** 2 for a, b in zip(ranks(X), ranks(Y), strict=True)]
    expected = 1 - 6 * sum(differences) / (5 * 24)
    assert value == pytest.approx(expected) == pytest.approx(0.8)
    assert [low, high] == pytest.approx(fisher(expected, 5, 1 + expected**2 / 2), abs=1e-6)
    assert p == pytest.approx(exact_p(ranks(X), ranks(Y)))


def test_many_sources_have_a_p_from_drawn_permutations():
    """Of 12 sources not all permutations can be tried; the classical test is a good reference."""
    from scipy.stats import t

    generator = np.random.default_rng(5)
    x = generator.normal(size=12)
    y = 0.5 * x + generator.normal(size=12)
    value, _, _, p = pearson(x, y)
    statistic = value * math.sqrt(10 / (1 - value**2))
    assert p == pytest.approx(2 * t.sf(abs(statistic), 10), abs=0.02)
    assert pearson(x, y) == pearson(x, y)


@pytest.mark.parametrize(
    ("x", "y"), [([], []), ([1.0], [2.0]), ([1.0, 2.0], [2.0, 3.0]), ([3.0] * 4, X[:4]), (X, [1.0] * 5)]
)  # fmt: skip
def test_no_correlation_of_too_few_or_equal_values(x, y):
    for correlation in (pearson, spearman):
        assert correlation(np.array(x), np.array(y)) == (None, None, None, None)


def test_three_sources_and_perfect_order_have_no_interval():
    value, low, high, p = spearman(np.array(X[:3]), np.array([1.0, 3.0, 2.0]))
    assert (value, low, high) == (pytest.approx(0.5), None, None) and p == 1.0
    value, low, high, p = spearman(np.array(X), np.array([1.0, 2.0, 30.0, 400.0, 5000.0]))
    assert (value, low, high) == (pytest.approx(1.0), None, None)
    assert p == pytest.approx(2 / math.factorial(5))


def made_up(engines="t" * 5, proxy=X, seconds=Y, speed=(9.0, 8.0, 7.0, 3.0, 1.0)):
    """A table of sources s0, s1, … with nothing but what correlations and sentences need."""
    names = {"t": "transformers", "v": "vllm", "o": "openai"}
    rows = [
        dict.fromkeys(THROUGHPUT)
        | {"source": f"s{number}", "engine": names[engine], "proxy": size}
        | {"seconds_per_1000_prompts": taken, "tokens_per_second": rate}
        for number, (engine, size, taken, rate) in enumerate(
            zip(engines, proxy, seconds, speed, strict=True)
        )
    ]
    return pl.DataFrame(rows, schema=THROUGHPUT)


def test_correlations_by_engine_and_over_all():
    found = correlations(made_up("ttttv"))
    assert found.schema == CORRELATIONS
    assert found["engine"].to_list() == ["transformers"] * 4 + ["vllm"] * 4 + ["all"] * 4
    assert found["n"].to_list() == [4] * 4 + [1] * 4 + [5] * 4
    assert found["speed"].to_list()[:4] == ["seconds per 1,000 prompts"] * 2 + ["tokens per second"] * 2  # fmt: skip
    assert found["correlation"].to_list() == ["Pearson", "Spearman"] * 6
    assert found["value"][0] == pytest.approx(pearson_by_hand(X[:4], Y[:4]))
    assert found["value"][4:8].to_list() == [None] * 4
    assert found["value"][8] == pytest.approx(pearson_by_hand(X, Y))
    assert found["value"][10] == pytest.approx(pearson_by_hand(X, [9.0, 8.0, 7.0, 3.0, 1.0]))
    assert found["value"][11] == pytest.approx(-1.0)
    assert correlations(made_up())["engine"].unique().to_list() == ["transformers"]


def test_sources_of_unknown_size_or_speed_are_left_out():
    table = made_up("ttttto", [*X, None], [*Y, 1.0], [9.0, 8.0, 7.0, 3.0, None, 5.0])
    found = correlations(table).filter(pl.col("engine") == "all")
    assert found["n"].to_list() == [5, 5, 4, 4]
    assert found["value"][2] == pytest.approx(pearson_by_hand(X[:4], [9.0, 8.0, 7.0, 3.0]))


def test_sentences_give_the_ends_and_the_correlations():
    first, seconds, speed = findings(made_up())
    assert first == (
        "Source `s0` answered with 9.00 tokens per second, in and out together (engine "
        "transformers, 2.50 s per 1,000 prompts), the fastest of 5; the slowest, `s4`, with 1.00 tokens per second, in "
        "and out together (engine transformers, 6.00 s per 1,000 prompts): a factor of 9.00."
    )
    assert seconds.startswith(
        "Correlation of seconds per 1,000 prompts with context length times parameters over 5 "
        f"sources (engine transformers): Pearson {pearson_by_hand(X, Y):.3f} (95 % interval "
    )
    assert f"p = {exact_p(X, Y):.3f}" in seconds and "Spearman 0.800" in seconds
    assert speed.endswith("Spearman −1.00 (p = 0.017).")


def test_few_sources_are_said_to_be_few():
    *_, last = findings(made_up("to", X[:1] + [None], Y[:2], (9.0, 3.0)))
    assert last == (
        "Speed is not compared with context length times parameters, which needs at least 3 sources "
        "of known and different size; sources of known size: 1."
    )
    (one, _) = findings(made_up("t", X[:1], Y[:1], (9.0,)))
    assert one.startswith("Source `s0` answered with 9.00 tokens per second")
    assert findings(made_up("", [], [], ())) == []


def test_tables_come_back_from_their_files(tmp_path):
    """What the report reads is the CSV, where columns without a value have no type."""
    for table in (made_up("ttttv"), made_up("oo", [None] * 2, Y[:2], (9.0, 3.0))):
        for name, frame in (("throughput", table), ("throughput-correlation", correlations(table))):
            write_tables(computed_tables({name: frame}), tmp_path)
            assert (tmp_path / f"{name}.tex").stat().st_size
        back = pl.read_csv(tmp_path / "throughput.csv")
        correlated = pl.read_csv(tmp_path / "throughput-correlation.csv")
        assert throughput_findings(back, correlated) == findings(table)
        again = correlations(back)
        assert again.equals(correlations(table), null_equal=True)
    assert "Bonett and Wright" in (tmp_path / "throughput-correlation.md").read_text()
