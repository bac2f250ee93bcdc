"""The trial of a source: each check passes and fails as it should, and the verdict can be read."""

from __future__ import annotations

import copy
import json
import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from manybaskets.chat import ChatRenderer, Prompt, Rendered
from manybaskets.config.models import Prompting
from manybaskets.config.sources import Source
from manybaskets.engines.base import Completion, Engine
from manybaskets.engines.transformers_engine import TransformersEngine
from manybaskets.errors import UserError
from manybaskets.generation.pilot.pilot_checks import (
    Trial,
    rank_quantile,
    recommended_limit,
    share_level,
)
from manybaskets.generation.pilot.template_checks import (
    BY_SERVER,
    read_template,
    rendering_checks,
    see,
    template_text,
)
from manybaskets.generation.pilot.trial import (
    choose,
    holding,
    readable,
    run_checks,
    run_trial,
    share_of_cap,
)
from manybaskets.generation.source import answering
from manybaskets.models.context_window import context_window
from manybaskets.records.ids import row_seed
from manybaskets.records.responses import PROMPTS
from manybaskets.report.pilots import pilot_findings

FAMILIES = ["llama", "qwen", "mistral", "gemma"]
SYSTEM = "You are a helpful assistant."
ANSWERS = [
    "The Mor rises in the hills and runs past the old mill.",
    "King Harl founded the town in the year of the great flood.",
    "Most people there live from carving wood and tanning hides.",
    "On Saturdays a market is held below the northern gate.",
]
NAMES = ["Mor", "Rhee", "Ulvar", "Quorn", "Sel", "Ostra", "Kelb"]
TRADES = ["carving wood", "tanning hides", "weaving cloth", "keeping bees", "burning lime"]
# No two share a name and a trade.
DIFFERENT = [
    f"{NAMES[n % 7]} has {n} houses whose people live from {TRADES[n % 5]}; the next town, "
    f"{NAMES[(n + 2) % 7]}, prefers {TRADES[(n + 1) % 5]} since its old bridge fell."
    for n in range(35)
]


UNLIKE = {
    f"p{n:03d}": Prompt(
        f"p{n:03d}", " ".join(f"{a}{n}{b}" for a, b in zip("abcdef", "uvwxyz", strict=True))
    )
    for n in range(35)
}


# --- choosing -------------------------------------------------------------------------------------


def prompt_table(instructions, contexts=None, follow_ups=None) -> pl.DataFrame:
    count = len(instructions)
    columns = {
        "prompt_id": [f"p{number:03d}" for number in range(count)],
        "instruction": instructions,
        "context": contexts or [""] * count,
        "follow_ups": follow_ups or [[] for _ in range(count)],
    }
    return pl.DataFrame(columns, schema=PROMPTS)


MANY = prompt_table([f"Question {'x' * (n % 50)}" for n in range(400)])


def test_a_trial_is_drawn_by_hash_with_the_longest_prompts():
    long = MANY.with_columns(
        context=pl.when(pl.col("prompt_id").is_in(["p007", "p311"]))
        .then(pl.lit("z" * 999))
        .otherwise("context")
    )
    chosen = choose(long, 32, seed=1)
    assert chosen.height == 32 and chosen["prompt_id"].n_unique() == 32
    assert chosen.filter(~pl.col("drawn"))["prompt_id"].to_list() == ["p007", "p311"]
    shuffled = long.sample(fraction=1.0, shuffle=True, seed=3)
    assert choose(shuffled, 32, seed=1).equals(chosen)
    assert not choose(long, 32, seed=2).equals(chosen)


def test_follow_ups_count_as_length():
    follow_ups = [["y" * 300] if number == 123 else [] for number in range(400)]
    chosen = choose(prompt_table(MANY["instruction"].to_list(), None, follow_ups), 16, seed=5)
    assert chosen.filter(~pl.col("drawn"))["prompt_id"].to_list() == ["p123"]


def test_fewer_prompts_than_asked_for_are_all_drawn():
    chosen = choose(MANY.head(5), 32, seed=1)
    assert chosen["prompt_id"].to_list() == MANY.head(5)["prompt_id"].to_list()
    assert chosen["drawn"].all()


def test_drawn_prompts_are_spread_over_the_set():
    """Every prompt is drawn about as often as any other, over many seeds."""
    times = np.zeros(400)
    for seed in range(300):
        drawn = choose(MANY, 15, seed)
        times[[int(name[1:]) for name in drawn["prompt_id"]]] += 1
    expected = 300 * 15 / 400
    assert abs(times.mean() - expected) < 1e-9
    assert ((times - expected) ** 2 / expected).sum() < 550  # chi-square, 399 degrees of freedom


def test_a_trial_takes_a_small_share_of_the_spending_cap():
    assert share_of_cap(32, 15_000) == 0.05
    assert share_of_cap(32, 64) == 0.5
    assert share_of_cap(32, 20) == 0.5  # the shards need something, too
    assert share_of_cap(0, 20) == 0.0


# --- shares ---------------------------------------------------------------------------------------


def tail_probability(count: int, rows: int, limit: float) -> float:
    """P(at least `count` of `rows`) where each has probability `limit`, by the definition."""
    terms = (
        math.comb(rows, k) * limit**k * (1 - limit) ** (rows - k) for k in range(count, rows + 1)
    )
    return math.fsum(terms)


def test_a_limit_of_five_percent_with_32_rows_by_hand():
    # P(X >= 4) = 0.0735, P(X >= 5) = 0.0199 for 32 rows at 5 %.
    levels = [share_level(count, 32, 0.05) for count in range(7)]
    assert levels == ["ok", "ok", "warn", "warn", "warn", "fail", "fail"]
    assert tail_probability(4, 32, 0.05) == pytest.approx(0.0735, abs=5e-4)
    # One side counts: P(X >= 20) = 0.0494 for 30 fair coins, twice that for both sides.
    assert [share_level(count, 30, 0.5) for count in (15, 19, 20)] == ["ok", "warn", "fail"]


@given(st.integers(1, 60), st.floats(0.001, 0.95), st.data())
def test_the_level_of_a_share_follows_the_exact_binomial(rows, limit, data):
    count = data.draw(st.integers(0, rows))
    level = share_level(count, rows, limit)
    if count / rows <= limit:
        assert level == "ok"
    elif rows > 1 and count == 1:
        assert level == "warn"
    else:
        chance = tail_probability(count, rows, limit)
        if abs(chance - 0.05) > 1e-9:
            assert level == ("fail" if chance < 0.05 else "warn")


def test_one_unlucky_row_never_fails_and_a_limit_of_zero_tolerates_none():
    assert tail_probability(1, 32, 0.001) < 0.05
    assert share_level(1, 32, 0.001) == "warn"
    assert share_level(2, 32, 0.001) == "fail"
    assert share_level(1, 32, 0.0) == "fail"
    assert share_level(0, 32, 0.0) == "ok"
    assert share_level(1, 1, 0.02) == "fail"
    assert share_level(0, 0, 0.02) == "ok"


# --- answers --------------------------------------------------------------------------------------


def source(**changes) -> Source:
    settings = {"model": "m", "sampling": {"temperature": 0.7, "max_new_tokens": 100}}
    return Source.model_validate(settings | changes)


def row(number: int, text: str | None, **changes) -> dict:
    own = {
        "prompt_id": f"p{number:03d}",
        "sample": 0,
        "turn": 0,
        "text": text,
        "finish_reason": "stop" if text is not None else "error",
        "prompt_tokens": 20,
        "completion_tokens": 30,
        "attempts": 1,
        "error": None if text is not None else "the server hung up",
    }
    return own | changes


def good_rows(count: int = 32) -> list[dict]:
    return [row(number, DIFFERENT[number]) for number in range(count)]


def trial_of(rows, settings: Source | None = None, **changes) -> Trial:
    ids = dict.fromkeys(row["prompt_id"] for row in rows)
    prompts = {name: Prompt(name, f"What is known of town {name}, its river?") for name in ids}
    values = {
        "source": settings or source(),
        "prompts": prompts,
        "drawn": frozenset(prompts),
        "system_prompt": SYSTEM,
        "max_prompt_tokens": 200,
        "answers": 1000,
    }
    return Trial(**values | changes)


def found(rows, settings: Source | None = None, **changes) -> dict:
    """Checks by name."""
    return {check.name: check for check in run_checks(trial_of(rows, settings, **changes), rows)}


def test_good_answers_pass_every_check():
    checks = found(good_rows(), source(quality={"languages": ["en"]}))
    assert {check.level for check in checks.values()} == {"ok"}
    assert all(check.message for check in checks.values())


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("empty answers", {"text": " \n"}),
        ("truncated answers", {"finish_reason": "length"}),
        ("repeating answers", {"text": "the mor is long " * 10}),
        ("refused answers", {"text": "I\u2019m sorry, but I can\u2019t help with that."}),
        (
            "answers in a wrong language",
            {"text": "Der Fluss entspringt in den Bergen und fließt an der alten Stadt vorbei."},
        ),
        ("otherwise unusable answers", {"text": "The r\ufffdver runs past the mill."}),
    ],
)
def test_a_share_of_bad_answers_warns_and_then_fails(name, bad):
    limits = dict.fromkeys(("empty", "truncated", "repeated", "refused", "wrong_language"), 0.05)
    settings = source(
        quality={"languages": ["en"], "max_failed_share": 0.05},
        pilot={f"max_{key}_share": value for key, value in limits.items()},
    )
    for count, level in ((1, "ok"), (3, "warn"), (5, "fail")):
        rows = good_rows()
        for changed in rows[:count]:
            changed.update(bad)
        check = found(rows, settings)[name]
        assert (check.level, check.value) == (level, round(count / 32, 4)), count
        assert check.prompts == [f"p{number:03d}" for number in range(count)]
        assert f"{count} of 32" in check.message and check.limit == 0.05


def test_echoes_are_found_whatever_their_case():
    rows = good_rows()
    prompts = trial_of(rows).prompts
    for changed in rows[:9]:
        changed["text"] = prompts[changed["prompt_id"]].text().upper() + "\n"
    assert found(rows)["echoes of the prompt"].level == "fail"
    allowed = found(rows, source(quality={"no_echo": False}))["echoes of the prompt"]
    assert (allowed.level, allowed.value) == ("ok", None) and "not checked" in allowed.message


def test_an_echo_of_a_later_turn_is_compared_with_its_own_question():
    rows = good_rows(4)
    rows += [row(number, "And who was that?", turn=1) for number in range(4)]
    prompts = {
        name: replace(prompt, follow_ups=("And who was that?",))
        for name, prompt in trial_of(rows).prompts.items()
    }
    assert found(rows, prompts=prompts)["echoes of the prompt"].value == 0.5


def test_errors_are_counted_and_told():
    rows = good_rows()
    rows[0] = row(0, None)
    assert found(rows)["errors"].level == "warn"
    rows[1] = row(1, None)
    check = found(rows)["errors"]
    assert check.level == "fail" and check.limit == 0.001
    assert "the server hung up" in check.message
    assert found(rows)["truncated answers"].message == "0 of 30"


def test_prompts_chosen_for_their_length_count_in_no_share():
    rows = good_rows()
    rows[0].update(text="", finish_reason="length", completion_tokens=100)
    drawn = frozenset(row["prompt_id"] for row in rows[1:])
    checks = found(rows, drawn=drawn)
    assert checks["empty answers"].message == checks["truncated answers"].message == "0 of 31"
    assert checks["room for answers"].level == "ok"


def test_a_common_opening_is_a_warning():
    rows = good_rows()
    for changed in rows[:16]:
        changed["text"] = f"Sure, here is what  I know: {changed['text']}"
    half = found(rows)["most common opening"]
    assert (half.level, half.value) == ("ok", 0.5)
    rows[16]["text"] = "sure, HERE is what I can say."
    more = found(rows)["most common opening"]
    assert more.level == "warn" and more.value == round(17 / 32, 4)
    assert "'sure, here is what i'" in more.message


@pytest.mark.parametrize(
    ("given", "groups", "most", "near"),
    [
        (["The answer is the same whatever the question."], 1, 32, False),
        ([f"Of number {n}: {' '.join(DIFFERENT[:3])}" for n in range(35)], 1, 32, True),
        (DIFFERENT[:8], 5, 8, True),
        (["..."], 1, 32, False),
    ],
    ids=["one text", "one text with a number in it", "eight texts about five trades", "no words"],
)
def test_one_text_to_many_prompts_fails(given, groups, most, near):
    rows = [row(number, given[number % len(given)]) for number in range(32)]
    check = found(rows, prompts=UNLIKE)["copied answers"]
    assert (check.level, check.value) == ("fail", round(1 - groups / 32, 4))
    told = f"32 different prompts have {groups} different answers; the commonest answers {most} of them"
    assert check.message == told + near * (
        "; texts that differ in names, numbers or a few words count once"
    )
    assert len(check.prompts) == 32 - groups
    allowed = found(rows, source(pilot={"max_copied_share": 0.98}), prompts=UNLIKE)
    assert allowed["copied answers"].level == "ok"


def test_a_few_copies_warn_and_repeated_questions_are_no_copies():
    rows = good_rows()
    for changed in rows[:9]:
        changed["text"] = ANSWERS[0]
    check = found(rows)["copied answers"]
    assert (check.level, check.value) == ("warn", 0.25) and "may be chance" in check.message
    named = [row(number, f"The town of {NAMES[number % 7]} has no river.") for number in range(32)]
    alike = {each["prompt_id"]: Prompt(each["prompt_id"], f"Does a river run past {name}?")
             for each, name in zip(named, NAMES * 5, strict=False)}  # fmt: skip
    assert found(named, prompts=alike)["copied answers"].value == 0.0
    again = [row(number, ANSWERS[0]) for number in range(20)]
    same = {row["prompt_id"]: Prompt(row["prompt_id"], "Where does it rise?") for row in again}
    assert found(again, prompts=same)["copied answers"].value == 0.0


def test_refusals_are_not_checked_in_languages_that_the_rule_does_not_read():
    rows = [row(n, f"{DIFFERENT[n][:5]} 镇有{n}座房子，人们靠雕刻木头为生。") for n in range(32)]
    check = found(rows)["refused answers"]
    assert (check.level, check.value) == ("ok", None)
    assert check.message == "not checked: its rule reads English only"
    assert found(good_rows())["refused answers"].value == 0.0


def test_openings_need_five_words_and_two_answers():
    assert found([row(0, "The Mor.")])["most common opening"].value is None
    assert found([row(0, ANSWERS[0])])["most common opening"].level == "ok"


@pytest.mark.parametrize(
    ("temperature", "level"),
    [(0.0, "ok"), (0.1, "fail"), (0.3, "ok"), (0.7, "ok"), (1.2, "ok"), (1.3, "fail")],
)
def test_the_temperature_is_sane_or_greedy(temperature, level):
    rows = good_rows(4)
    check = found(rows, source(sampling={"temperature": temperature}))["temperature"]
    assert (check.level, check.value, check.limit) == (level, temperature, [0.3, 1.2])
    wide = source(sampling={"temperature": temperature}, pilot={"temperature": [0.0, 2.0]})
    assert found(rows, wide)["temperature"].level == "ok"


def test_the_recommended_limit_holds_99_of_100_answers():
    lengths = [*range(1, 100), 500]
    rows = [row(number, "x", completion_tokens=length) for number, length in enumerate(lengths)]
    assert recommended_limit(rows, 1000) == 112  # the 99th of 100 is 99: seven times 16
    rows[-1]["finish_reason"] = "length"
    assert recommended_limit(rows, 500) == 1000
    assert recommended_limit([row(0, "x", completion_tokens=None)], 500) is None
    assert recommended_limit([row(0, "x", completion_tokens=32)], 500) == 32


@given(st.lists(st.integers(0, 500), min_size=1), st.sampled_from([0.5, 0.95, 0.99, 1.0]))
def test_quantiles_are_the_smallest_value_that_enough_do_not_exceed(values, share):
    quantile = rank_quantile(values, share)
    reach = [value for value in values if sum(v <= value for v in values) >= share * len(values)]
    assert quantile == min(reach)


def test_any_answer_at_the_limit_warns_of_too_little_room():
    rows = good_rows()
    rows[5].update(finish_reason="length", completion_tokens=100)
    checks = found(rows)
    assert checks["truncated answers"].level == "ok"
    room = checks["room for answers"]
    assert (room.level, room.value, room.limit) == ("warn", 200, 100)
    assert room.rows == (("p005", 0),)


PAID = {"kind": "openai", "served_model": "big-1", "price_in": 2.0, "price_out": 8.0}


def test_the_cost_of_the_full_run_by_hand():
    # 1,000 answers at 20 tokens in and 30 out: 20,000 × 2 USD + 30,000 × 8 USD per million.
    rows = good_rows()
    checks = found(rows, source(model=None, engine=PAID))
    cost = checks["cost in USD"]
    assert (cost.value, cost.level) == (0.28, "ok")
    capped = found(rows, source(model=None, engine=PAID | {"spending_cap": 0.27}))["cost in USD"]
    assert (capped.level, capped.limit) == ("warn", 0.27)
    for uncounted in rows:
        uncounted["prompt_tokens"] = None
    assert found(rows, source(model=None, engine=PAID))["cost in USD"].value is None
    assert "cost in USD" not in found(rows)


# --- rendered prompts -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tokenizers(tiny_models):
    from transformers import AutoTokenizer

    return {name: AutoTokenizer.from_pretrained(folder) for name, folder in tiny_models.items()}


def renderer_of(tokenizer, *, template=None, system=SYSTEM) -> ChatRenderer:
    """A renderer, with a doctored template where one is given."""
    tokenizer = copy.deepcopy(tokenizer)
    if template is not None:
        tokenizer.chat_template = template
    return ChatRenderer(tokenizer, system, "26 Jul 2024", "m")


QUESTIONS = {
    "a": Prompt("a", "Who founded Alden?"),
    "b": Prompt("b", "Name the river.", "The Mor runs past Alden. " * 12),
    "c": Prompt("c", "  Sum it up.\n", follow_ups=("In one word?",)),
}


def rendered(renderer, *, change=None, max_tokens=400, **changes) -> dict:
    """Checks of the rendered questions by name; `change` doctors what the renderer made."""
    seen = []
    for prompt in QUESTIONS.values():
        for turn in range(prompt.turns):
            result = renderer.render(prompt, max_tokens, ["Yes, it is."][:turn])
            seen.append(see(renderer, prompt, turn, change(result) if change else result))
    values = {"template": read_template(renderer), "seen": seen, "prompts": QUESTIONS}
    values["max_prompt_tokens"] = max_tokens
    rows = [{"prompt_id": name} for name in QUESTIONS]
    return {check.name: check for check in rendering_checks(trial_of(rows, **values | changes))}


@pytest.mark.parametrize("family", FAMILIES)
def test_sound_templates_pass_but_for_a_missing_system_turn(tokenizers, family):
    checks = rendered(renderer_of(tokenizers[family]))
    amiss = {name: check.level for name, check in checks.items() if check.level != "ok"}
    assert amiss == ({"system prompt": "warn"} if family == "gemma" else {})
    bos = checks["one BOS"]
    assert bos.value == (0 if family == "qwen" else 1)
    assert "template strips outer whitespace from 1" in checks["user text"].message


@pytest.mark.parametrize("family", ["llama", "gemma"])
def test_a_doubled_bos_fails(tokenizers, family):
    renderer = renderer_of(tokenizers[family])
    bos = renderer.tokenizer.bos_token_id
    checks = rendered(renderer, change=lambda r: replace(r, ids=(bos, *r.ids)))
    assert checks["one BOS"].level == "fail"
    assert checks["one BOS"].value == 2
    doctored = "{{ bos_token }}" + tokenizers[family].chat_template
    with pytest.raises(UserError, match="more than one BOS"):
        rendered(renderer_of(tokenizers[family], template=doctored))


def test_a_lost_bos_fails_and_one_that_nobody_writes_warns(tokenizers):
    renderer = renderer_of(tokenizers["llama"])
    checks = rendered(renderer, change=lambda r: replace(r, ids=r.ids[1:]))
    assert checks["one BOS"].level == "fail" and checks["one BOS"].value == 0
    doctored = tokenizers["llama"].chat_template.replace("{{ bos_token }}", "")
    checks = rendered(renderer_of(tokenizers["llama"], template=doctored))
    assert checks["one BOS"].level == "warn" and checks["prompt tokens"].level == "ok"


@pytest.mark.parametrize("family", ["llama", "qwen", "gemma"])
def test_a_template_without_the_header_of_the_answer_fails(tokenizers, family):
    whole = tokenizers[family].chat_template
    doctored = whole[: whole.index("{% if add_generation_prompt %}")]
    check = rendered(renderer_of(tokenizers[family], template=doctored))["answer header"]
    assert check.level == "fail" and "precedes an answer" in check.message


def test_a_header_that_only_some_prompts_get_fails(tokenizers):
    doctored = tokenizers["llama"].chat_template.replace(
        "{% if add_generation_prompt %}", "{% if add_generation_prompt and messages | length < 4 %}"
    )
    check = rendered(renderer_of(tokenizers["llama"], template=doctored))["answer header"]
    assert check.level == "fail" and check.rows == (("c", 1),)


def test_another_header_than_that_of_answers_warns(tokenizers):
    doctored = tokenizers["qwen"].chat_template.replace(
        "<|start|>assistant\n{% endif", "Bot:{% endif"
    )
    check = rendered(renderer_of(tokenizers["qwen"], template=doctored))["answer header"]
    assert check.level == "warn" and "Bot:" in check.message


def test_a_header_that_opens_with_thoughts_is_sound(tokenizers):
    doctored = tokenizers["qwen"].chat_template.replace(
        "<|start|>assistant\n{% endif", "<|start|>assistant\n<think>\n{% endif"
    )
    checks = rendered(renderer_of(tokenizers["qwen"], template=doctored))
    assert checks["answer header"].level == "ok"
    assert checks["prompt tokens"].level == "ok"  # both close the thought


def test_nothing_after_the_question_fails(tokenizers):
    bare = "{% for m in messages %}{{ m.content }}{% if m.role == 'assistant' %}<|end|>{% endif %}{% endfor %}"
    check = rendered(renderer_of(tokenizers["qwen"], template=bare))["answer header"]
    assert check.level == "fail" and "where the question ends" in check.message


def test_a_prompt_cut_on_the_right_has_other_tokens(tokenizers):
    renderer = renderer_of(tokenizers["llama"])
    check = rendered(renderer, change=lambda r: replace(r, ids=r.ids[:-4]))["prompt tokens"]
    assert check.level == "fail" and check.value == 4 and check.prompts == ["a", "b", "c"]


def test_a_template_that_ignores_the_system_prompt_is_on_record(tokenizers):
    doctored = tokenizers["qwen"].chat_template.replace(
        "{% for m in messages %}", "{% for m in messages if m.role != 'system' %}"
    )
    ignoring = renderer_of(tokenizers["qwen"], template=doctored)
    check = rendered(ignoring)["system prompt"]
    assert (check.level, check.value) == ("warn", False) and "absent" in check.message
    assert rendered(ignoring, system_prompt="")["system prompt"].level == "ok"


def test_a_system_prompt_that_some_prompts_lack_fails(tokenizers):
    # A template that drops the system turn as soon as there is history.
    doctored = tokenizers["qwen"].chat_template.replace(
        "{% for m in messages %}",
        "{% for m in messages if m.role != 'system' or messages | length < 4 %}",
    )
    check = rendered(renderer_of(tokenizers["qwen"], template=doctored))["system prompt"]
    assert check.level == "fail" and check.rows == (("c", 1),)


def test_text_of_the_templates_own_is_told(tokenizers):
    doctored = (
        "{% if messages[0].role != 'system' %}<|start|>system\nYou are Quill, made by Inkwell."
        "<|end|>\n{% endif %}" + tokenizers["qwen"].chat_template
    )
    assert (
        rendered(renderer_of(tokenizers["qwen"], template=doctored))[
            "text added by the template"
        ].level
        == "ok"
    )
    bare = renderer_of(tokenizers["qwen"], template=doctored, system="")
    check = rendered(bare, system_prompt="")["text added by the template"]
    assert check.level == "warn" and "You are Quill, made by Inkwell." in check.message


@pytest.mark.parametrize(
    ("value", "level"), [("strftime_now('%d')", "warn"), ("date_string", "ok")]
)
def test_a_template_that_reads_the_clock_is_told(tokenizers, value, level):
    doctored = "{{ " + value + " }}" + tokenizers["qwen"].chat_template
    check = rendered(renderer_of(tokenizers["qwen"], template=doctored))[
        "text added by the template"
    ]
    assert check.level == level and ("current date" in check.message) == (level == "warn")


def test_a_cut_or_changed_question_fails(tokenizers):
    renderer = renderer_of(tokenizers["llama"])

    def cut(result: Rendered) -> Rendered:
        *before, (role, text) = result.messages
        return replace(result, messages=(*before, (role, text[:-5])))

    check = rendered(renderer, change=cut)["user text"]
    assert check.level == "fail" and check.prompts == ["a", "b", "c"]
    doctored = tokenizers["llama"].chat_template.replace("m.content | trim", "m.content | upper")
    check = rendered(renderer_of(tokenizers["llama"], template=doctored))["user text"]
    assert check.level == "fail"


def test_a_shortened_context_is_no_cut_question_but_told(tokenizers):
    checks = rendered(renderer_of(tokenizers["llama"]), max_tokens=80)
    assert checks["user text"].level == "ok"
    shortened = checks["shortened prompts"]
    assert shortened.level == "warn" and "b" in shortened.prompts
    undrawn = rendered(
        renderer_of(tokenizers["llama"]), max_tokens=80, drawn=frozenset({"a", "c"})
    )["shortened prompts"]
    assert undrawn.level == "ok" and "1 of the longest" in undrawn.message


def test_the_window_must_hold_prompt_and_answer(tokenizers):
    renderer = renderer_of(tokenizers["llama"])
    longest = max(len(renderer.render(prompt, 400).ids) for prompt in QUESTIONS.values()) + 100
    levels = [
        rendered(renderer, window=window)["context window"].level
        for window in (None, 500, 499, longest, longest - 1)
    ]
    assert levels == ["ok", "ok", "warn", "warn", "fail"]


def test_special_tokens_are_found_anywhere_in_users_text(tokenizers):
    special = read_template(renderer_of(tokenizers["llama"])).control_tokens
    assert {"<|begin|>", "<|end|>", "<|pad|>", "<|head|>", "<|text|>"} == special
    table = prompt_table(
        ["What is <|end|>?", "Harmless", "Harmless", "Harmless | end"],
        ["", "It says <|head|>user", "", ""],
        [[], [], ["And <|begin|>?"], ["No <end>"]],
    )
    assert holding(table, special) == ("p000", "p001", "p002")
    assert holding(table, []) == ()


def test_prompts_that_spell_a_control_token_are_counted(tokenizers):
    def check(**changes):
        checks = rendered(renderer_of(tokenizers["llama"]), **changes)
        return checks["control tokens in user text"]

    assert (check().level, check().value) == ("ok", 0)
    spelled = check(special_prompts=("p000", "p001"))
    assert (spelled.level, spelled.value) == ("warn", 2)
    assert "e.g. p000, p001" in spelled.message


@pytest.mark.parametrize("family", FAMILIES)
def test_spelled_control_tokens_pass_as_text_and_fail_as_tokens(tokenizers, family, monkeypatch):
    renderer = renderer_of(tokenizers[family])
    end = tokenizers[family].eos_token
    asked = Prompt("d", f"What is {end} for?", follow_ups=(f"{end}?",))
    monkeypatch.setitem(QUESTIONS, "d", asked)
    checks = rendered(renderer)
    assert checks["control tokens in user text"].level == "ok"
    assert checks["prompt tokens"].level == checks["one BOS"].level.replace("warn", "ok") == "ok"

    def raw(result: Rendered) -> Rendered:
        """As the tokenizer reads the template's text."""
        text = template_text(renderer, [
            {"role": role, "content": content}
            for role, content in [("system", renderer.system_prompt), *result.messages]
            if content
        ])  # fmt: skip
        return replace(result, ids=tuple(renderer.tokenizer(text)["input_ids"]))

    check = rendered(renderer, change=raw)["control tokens in user text"]
    assert check.level == "fail" and check.prompts == ["d"]
    assert "that the template does not write" in check.message


def test_a_bos_that_opens_every_turn_is_counted_at_the_start_alone(tokenizers):
    tokenizer = copy.deepcopy(tokenizers["qwen"])
    tokenizer.bos_token = "<|start|>"
    check = rendered(ChatRenderer(tokenizer, SYSTEM, "26 Jul 2024", "m"))["one BOS"]
    assert (check.level, check.value) == ("ok", 1)


def test_template_arguments_reach_the_pilot(tokenizers):
    tokenizer = copy.deepcopy(tokenizers["qwen"])
    tokenizer.chat_template += "{% if terse %}In a word: {% endif %}"
    renderer = ChatRenderer(
        tokenizer, SYSTEM, "26 Jul 2024", "m", template_arguments={"terse": True}
    )
    assert read_template(renderer).tail.endswith("In a word: ")
    assert rendered(renderer)["prompt tokens"].level == "ok"


def test_what_a_server_renders_is_on_record_as_not_checked():
    checks = rendering_checks(trial_of(good_rows(2)))
    assert len(checks) == 9
    assert {(check.level, check.value, check.message) for check in checks} == {
        ("ok", None, BY_SERVER)
    }


def test_the_window_is_read_from_the_config(tmp_path):
    def window(config: dict, engine=None) -> int | None:
        (tmp_path / "config.json").write_text(json.dumps(config))
        return context_window(
            tmp_path, source(engine=engine or "transformers").engine.longest_sequence()
        )

    assert window({"max_position_embeddings": 4096}) == 4096
    assert window({"text_config": {"max_position_embeddings": 8192}}) == 8192
    assert window({"n_positions": 1024}) == 1024
    assert window({}) is None
    capped = {"kind": "vllm", "max_model_len": 512}
    assert window({"max_position_embeddings": 4096}, capped) == 512
    assert window({"max_position_embeddings": 256}, capped) == 256


# --- whole trials ---------------------------------------------------------------------------------

PARAMS = {"prompting": Prompting(max_prompt_tokens=120).model_dump(), "seed": 7}


class Scripted(Engine):
    """A server that answers by a list; it keeps what it was asked."""

    def __init__(self, answers) -> None:
        self.identity = {"engine": "openai", "model": "big-1"}
        self.answers, self.asked = answers, []

    def render(self, prompt, answers, max_tokens):
        turns = prompt.conversation(answers)
        return Rendered(tuple((t["role"], t["content"]) for t in turns), (), 0, False)

    def generate(self, requests, sampling):
        for request in requests:
            self.asked.append(request)
            text = self.answers[len(self.asked) % len(self.answers)]
            if text is None:
                yield request, Completion(None, "error", None, error="503")
            else:
                yield request, Completion(text, "stop", 30, 20)


def try_out(engine, settings, prompts, folder: Path, model=None) -> dict:
    how = answering("mine", settings, PARAMS, work=folder / "work")
    run_trial(
        settings,
        engine,
        prompts,
        how,
        system_prompt=SYSTEM,
        model=model,
        output=folder / "pilot.json",
    )
    return json.loads((folder / "pilot.json").read_text(encoding="utf-8"))


TOWNS = prompt_table([f"Who founded town number {n} and why, tell me?" for n in range(40)])
TALKS = prompt_table(["Who founded it?"] * 3, None, [["And then?", "Why?"], [], ["And before?"]])


@pytest.fixture(scope="module")
def untrained(tiny_models):
    prompting = Prompting(**PARAMS["prompting"])
    return TransformersEngine(tiny_models["qwen"], prompting, "float32", 2, "qwen")


def test_a_model_of_garbage_fails_with_a_verdict_to_read(untrained, tiny_models, tmp_path):
    settings = source(sampling={"max_new_tokens": 12})
    with pytest.raises(UserError) as raised:
        try_out(untrained, settings, TOWNS, tmp_path, tiny_models["qwen"])
    message = str(raised.value)
    assert "pilot of source 'mine' failed" in message
    assert re.search(r"truncated answers: (1|0\.[5-9]\d*) \(limit 0.05\): \d+ of 30\n", message)
    assert "sources.mine.pilot.override_reason" in message and "Who founded town number" in message
    assert message.count(" => ") == 3
    shown = [line for line in message.splitlines() if " => " in line]
    assert all(len(line) < 300 and line.isprintable() for line in shown)
    assert not (tmp_path / "pilot.json").exists()
    kept = tmp_path / "work/verdict.json"
    assert str(kept) in message
    verdict = json.loads(kept.read_text())
    assert verdict["verdict"] == "failed" and "truncated answers" in verdict["failed"]
    assert verdict["prompts"] == 32 and verdict["drawn"] == 30
    assert len(verdict["samples"]) == 5


def test_an_override_goes_on_with_the_same_answers_and_stands_in_the_verdict(
    untrained, tiny_models, tmp_path, monkeypatch
):
    cut = {"max_new_tokens": 12}
    with pytest.raises(UserError):
        try_out(untrained, source(sampling=cut), TOWNS, tmp_path, tiny_models["qwen"])
    reason = "The cut answers are what this study is about."
    settings = source(sampling=cut, pilot={"override_reason": reason})
    monkeypatch.setattr(untrained, "generate", None)  # every answer comes from the journal
    verdict = try_out(untrained, settings, TOWNS, tmp_path, tiny_models["qwen"])
    assert (verdict["verdict"], verdict["reason"]) == ("overridden", reason)
    assert "truncated answers" in verdict["failed"]
    (sentence,) = pilot_findings({"mine": verdict})
    assert f"“{reason}”" in sentence and "It failed: truncated answers: " in sentence


def test_the_same_trial_gives_the_same_verdict_but_for_the_clock(untrained, tiny_models, tmp_path):
    settings = source(
        sampling={"max_new_tokens": 6}, pilot={"prompts": 16, "override_reason": "to be compared"}
    )
    one, two = (
        try_out(untrained, settings, TOWNS, tmp_path / name, tiny_models["qwen"])
        for name in ("one", "two")
    )
    clock = one.pop("wall_clock")
    assert clock["rows"] == 16 and clock["seconds"] > 0
    assert clock["estimated_seconds"] == pytest.approx(
        clock["seconds"] / 16 * 40, abs=0.06 + 40 / 16 * 5e-4
    )
    two.pop("wall_clock")
    assert one == two
    assert one["estimate"]["answers"] == 40
    assert one["made_by"]["weights"] == untrained.identity["weights"]


def test_settings_that_cannot_be_right_cost_no_answer(
    untrained, tiny_models, tmp_path, monkeypatch
):
    monkeypatch.setattr(untrained, "generate", None)
    hot = source(sampling={"temperature": 1.9, "max_new_tokens": 6})
    with pytest.raises(UserError, match=r"temperature: 1.9 \(limit \[0.3, 1.2\]\)"):
        try_out(untrained, hot, TOWNS, tmp_path, tiny_models["qwen"])
    long = source(sampling={"max_new_tokens": 250})
    with pytest.raises(UserError, match="prompts with max_new_tokens = 250 do not fit"):
        try_out(untrained, long, TOWNS, tmp_path, tiny_models["qwen"])
    verdict = json.loads((tmp_path / "work/verdict.json").read_text())
    assert verdict["samples"] == [] and verdict["tokens"] is None


def test_bad_answers_are_seen_and_not_asked_for_again(tmp_path):
    server = Scripted(["", *ANSWERS[:3]])
    settings = source(model=None, engine=PAID)
    with pytest.raises(UserError, match=r"empty answers: 0.2667 \(limit 0.02\): 8 of 30"):
        try_out(server, settings, TOWNS, tmp_path)
    assert len(server.asked) == 32 and {request.attempt for request in server.asked} == {1}


def test_a_trial_through_a_server_with_its_cost(tmp_path):
    verdict = try_out(Scripted(DIFFERENT), source(model=None, engine=PAID), TOWNS, tmp_path)
    assert verdict["verdict"] == "passed" and verdict["reason"] is None
    # 40 answers at 20 tokens in and 30 out.
    assert verdict["estimate"] == {
        "answers": 40,
        "prompt_tokens": 800,
        "completion_tokens": 1200,
        "usd": 0.0112,
    }
    assert verdict["tokens"]["answer"] == {"mean": 30.0, "median": 30, "p95": 30, "max": 30}


def test_a_dead_server_is_a_verdict_too(tmp_path):
    with pytest.raises(UserError, match=r"errors: 1 \(limit 0.001\).*'503'"):
        try_out(Scripted([None]), source(model=None, engine=PAID), TOWNS, tmp_path)


def test_samples_show_every_check_that_is_amiss(tmp_path):
    server = Scripted(
        [*ANSWERS, "", ANSWERS[0], "I'm sorry, but I can't help with that.", ANSWERS[1]]
    )
    settings = source(
        model=None,
        engine=PAID,
        pilot={"override_reason": "x" * 10, "max_refused_share": 0.01, "max_copied_share": 0.98},
    )
    verdict = try_out(server, settings, TOWNS, tmp_path)
    assert verdict["failed"] == ["empty answers", "refused answers"]
    shown = {name for sample in verdict["samples"] for name in sample["shows"]}
    assert shown == {"empty answers", "refused answers"}
    empty = [s for s in verdict["samples"] if s["answer"] == ""]
    assert empty and all(sample["shows"] == ["empty answers"] for sample in empty)


def test_samples_hold_the_seeds_that_the_engine_was_given(tmp_path):
    server = Scripted(ANSWERS)
    verdict = try_out(server, source(model=None, engine=PAID), TALKS, tmp_path)
    given_seeds = {(r.prompt_id, r.turn, r.attempt): r.seed for r in server.asked}
    assert len(verdict["samples"]) == 5 and verdict["estimate"]["answers"] == 6
    for sample in verdict["samples"]:
        assert sample["seed"] == given_seeds[sample["prompt_id"], sample["turn"], sample["attempt"]]
    # The trial's draws are its own: the full run does not begin with the same answers.
    assert verdict["made_by"]["who"] == "mine/pilot"
    assert given_seeds["p001", 0, 1] == row_seed(7, "p001", "mine/pilot", 0)
    later = next(s for s in verdict["samples"] if s["prompt_id"] == "p000" and s["turn"] == 1)
    assert later["question"] == "And then?" and later["answer"] in ANSWERS


def test_conversations_are_checked_turn_by_turn_on_the_sources_own_answers(
    untrained, tiny_models, tmp_path
):
    settings = source(
        sampling={"max_new_tokens": 6}, pilot={"override_reason": "garbage is expected"}
    )
    verdict = try_out(untrained, settings, TALKS, tmp_path, tiny_models["qwen"])
    checks = {check["name"]: check for check in verdict["checks"]}
    assert checks["prompt tokens"]["message"].startswith("0 of 6 prompts")
    assert checks["user text"]["level"] == checks["answer header"]["level"] == "ok"


def test_control_characters_are_escaped_and_long_texts_cut():
    assert readable("a\nb\t\x1b[31mé\u202e漢", 99) == "a\\nb\\t\\x1b[31mé\\u202e漢"
    assert readable("x" * 200, 120) == "x" * 119 + "…"


# --- the report -----------------------------------------------------------------------------------


def verdict_of(checks: list[tuple[str, str]], verdict="passed", reason=None) -> dict:
    return {
        "verdict": verdict,
        "reason": reason,
        "checks": [
            {"name": name, "level": level, "value": 0.2, "limit": 0.1, "message": f"of {name}"}
            for name, level in checks
        ],
    }


def test_findings_name_warnings_and_overrides_and_sum_up_the_rest():
    sentences = pilot_findings(
        {
            "gemma": verdict_of([("empty answers", "ok")]),
            "llama": verdict_of([("most common opening", "warn"), ("empty answers", "ok")]),
            "qwen": verdict_of(
                [("refused answers", "fail"), ("errors", "warn")],
                "overridden",
                "They should refuse.",
            ),
            "falcon": verdict_of([]),
        }
    )
    assert len(sentences) == 3
    assert sentences[0] == (
        "The pilot of source llama passed with warnings: most common opening: 0.2 (limit 0.1): of "
        "most common opening."
    )
    assert "qwen" in sentences[1] and "“They should refuse.”" in sentences[1]
    assert "refused answers" in sentences[1] and "Warnings: errors" in sentences[1]
    assert sentences[2] == "The pilot of sources gemma, falcon passed without warnings."
    assert pilot_findings({}) == []


def test_findings_leave_out_values_that_are_no_numbers():
    verdict = verdict_of([("system prompt", "warn")])
    verdict["checks"][0] |= {"value": False, "limit": True, "message": "absent"}
    (sentence,) = pilot_findings({"gemma": verdict})
    assert sentence == "The pilot of source gemma passed with warnings: system prompt: absent."
