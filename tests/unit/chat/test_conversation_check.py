"""A template that does not take a dataset's conversations stops the study before any answer."""

from __future__ import annotations

import polars as pl
import pytest
from real_models import Missing, carrying, templates, tokenizer_folder

from manybaskets.chat import ChatRenderer, Prompt, load_tokenizer
from manybaskets.chat.conversation_check import check_conversations
from manybaskets.config.models import Prompting
from manybaskets.errors import UserError

SYSTEM = "You are a helpful assistant."
SINGLE = Prompt("single", "Why?")
TWO = Prompt("two", "Why is the sea salty?", "A passage.", ("And lakes?",))
FOUR = Prompt("four", "One?", "", ("Two?", "Three?", "Four?"))


def real(name):
    try:
        return load_tokenizer(tokenizer_folder(name), name)
    except Missing as reason:
        pytest.skip(str(reason))


def chat_of(tokenizer, system=SYSTEM, **arguments):
    return ChatRenderer(tokenizer, system, "d", "m", template_arguments=arguments)


@pytest.fixture(scope="module")
def carrier():
    """A tokenizer that the templates of other families are put on, one after the other."""
    return real("qwen3")


@pytest.fixture(scope="module")
def real_templates():
    try:
        return templates()
    except Missing as reason:
        pytest.skip(str(reason))


def fault_of(chat, *prompts, trained=True):
    with pytest.raises(UserError) as error:
        check_conversations(chat, prompts, trained=trained)
    return error.value


@pytest.mark.parametrize("name", ["llama3_1", "qwen2_5", "qwen3", "gemma3", "deepseek_v3"])
def test_real_templates_that_only_append_pass(name):
    check_conversations(chat_of(real(name)), [SINGLE, TWO, FOUR], trained=True)


def test_a_real_template_that_moves_the_system_text_is_named_with_what_helps():
    tokenizer = real("mistral_nemo")
    fault = fault_of(chat_of(tokenizer), SINGLE, TWO, FOUR)
    assert "of model 'm' rewrites earlier turns" in fault.what
    assert "prompt two with 2 questions; nothing was answered" in fault.where
    assert fault.remedy.startswith(
        "set `prompting.system_prompt` to an empty text, or set `cleaning."
    )
    check_conversations(chat_of(tokenizer, system=""), [TWO, FOUR], trained=True)


def test_a_real_template_without_reasoning_is_named_with_the_switch_that_helps():
    """Qwen3 writes an empty thought before the newest answer alone."""
    tokenizer = real("qwen3")
    fault = fault_of(chat_of(tokenizer, enable_thinking=False), TWO)
    assert "rewrites earlier turns" in fault.what
    assert fault.remedy.startswith("set `models.m.template_arguments: {enable_thinking: true}`")
    check_conversations(chat_of(tokenizer, enable_thinking=True), [TWO], trained=True)


def test_the_switch_that_helps_may_be_off(carrier, real_templates):
    chat = chat_of(carrying(carrier, real_templates["nemotron_3_nano"]))
    remedy = fault_of(chat, FOUR).remedy
    assert "set `models.m.template_arguments: {enable_thinking: false}`" in remedy
    check_conversations(chat.with_arguments({"enable_thinking": False}), [TWO, FOUR], trained=True)


def test_single_questions_and_sources_need_less(carrier, real_templates):
    """Only a target's conversations become one sequence; a source renders every turn anew."""
    for name in ("glm4moe", "gptoss", "qwen3_5_think", "deepseek_r1_distill"):
        chat = chat_of(carrying(carrier, real_templates[name]))
        assert "rewrites earlier turns" in fault_of(chat, TWO).what
        check_conversations(chat, [SINGLE], trained=True)
        check_conversations(chat, [SINGLE, TWO, FOUR], trained=False)


def test_a_template_that_refuses_a_later_turn_stops_sources_too(carrier):
    one = "{% if messages | length > 4 %}{{ raise_exception('one question, please') }}{% endif %}"
    turns = (
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    )
    header = "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    carrier.chat_template = one + turns + header
    chat = chat_of(carrier)
    check_conversations(chat, [SINGLE, TWO], trained=False)
    for trained in (True, False):
        fault = fault_of(chat, SINGLE, TWO, FOUR, trained=trained)
        assert (
            "one question, please" in fault.what and "prompt four with 4 questions" in fault.where
        )
        assert fault.remedy.startswith("set `cleaning.first_turn_only: true`")


def test_lengths_check_conversations_before_answers_are_read(tiny_models, tmp_path):
    import shutil

    from manybaskets.mixes.token_lengths import count_tokens

    folder = tmp_path / "qwen"
    shutil.copytree(tiny_models["qwen"], folder)
    file = folder / "chat_template.jinja"
    file.write_text("{{ messages | length }}" + file.read_text())
    split = pl.DataFrame(
        {"prompt_id": ["p"], "instruction": ["Why?"], "context": [""], "follow_ups": [["So?"]]}
        | {"split": ["train"], "used": [True]}
    )
    with pytest.raises(UserError, match="rewrites earlier turns") as error:
        count_tokens(split, {"human": None}, folder, "t", Prompting())
    assert "prompt p with 2 questions" in error.value.where
