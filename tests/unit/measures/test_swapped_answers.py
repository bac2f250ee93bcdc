"""Which answers swap tests compare."""

from __future__ import annotations

from planned_jobs import study

from manybaskets.measures.selection import swapped_families, swapped_runs, swapped_sources


def family(prompt_set, baseline, conditions, listed):
    return {"prompt_set": prompt_set, "baseline": baseline, "conditions": conditions,
            "measures": listed}  # fmt: skip


CONFIG = study(
    comparisons={
        "runs": family("test", "human", ["multi"], ["self_bleu", "response_words"]),
        "prompts-only": family("test", "human", ["single-llama"], ["response_words"]),
        "sources": family("train", "human", ["llama"], ["self_bleu"]),
    }
)


def test_only_measures_with_a_swap_test_are_left():
    assert swapped_families(CONFIG)["runs"].measures == ["self_bleu"]
    assert swapped_families(CONFIG).keys() == {"runs"}
    assert swapped_families(CONFIG, sources=True).keys() == {"sources"}


def test_all_seeds_of_both_conditions_are_compared():
    assert swapped_runs(CONFIG) == [
        (mix, seed, "test") for mix in ("human", "multi") for seed in (1, 2, 3)
    ]
    assert swapped_sources(CONFIG) == [("human", 0, "train"), ("llama", 0, "train")]


def test_nothing_is_swapped_without_swaps():
    statistics = CONFIG.statistics.model_copy(update={"answer_swaps": 0})
    without = CONFIG.model_copy(update={"statistics": statistics})
    assert swapped_families(without) == {} and swapped_runs(without) == []
    assert swapped_sources(without) == []
