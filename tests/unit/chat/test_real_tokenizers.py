"""Every real tokenizer and chat template that transformers renders works, or says why not."""

from __future__ import annotations

import pytest
from real_models import TOKENIZERS, Missing, carrying, templates, tokenizer_folder

from manybaskets.chat import load_tokenizer
from manybaskets.chat.compatibility import examine
from manybaskets.errors import UserError

NO_TEMPLATE = {"llama2", "gemma2", "yi", "gptoss"}  # in the copies that the registry has
OWN_CODE = {"internlm2"}
FOR_IMAGES = {"idefics3", "llava_next", "smolvlm"}


def folder_of(name):
    try:
        return tokenizer_folder(name)
    except Missing as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="module")
def real_templates():
    try:
        return templates()
    except Missing as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="module")
def carrier():
    return load_tokenizer(folder_of("qwen3"), "qwen3")


@pytest.mark.parametrize("name", [n for n in TOKENIZERS if n not in NO_TEMPLATE | OWN_CODE])
def test_a_real_tokenizer_renders_as_its_own_template_does(name):
    row = examine(load_tokenizer(folder_of(name), name), name)
    assert row.one_question == "equal"
    assert row.control_text and row.answer_end
    expected = "without a system prompt" if name == "mistral_nemo" else "yes"
    assert row.two_turns == expected


@pytest.mark.parametrize("name", sorted(NO_TEMPLATE))
def test_a_real_tokenizer_without_a_template_is_named(name):
    row = examine(load_tokenizer(folder_of(name), name), name)
    assert not row.works and "has no chat template" in row.one_question


@pytest.mark.parametrize("name", sorted(OWN_CODE))
def test_a_tokenizer_with_code_of_its_own_is_refused_without_a_question(name):
    with pytest.raises(UserError, match="needs code of its own"):
        load_tokenizer(folder_of(name), name)


def test_real_templates_render_as_transformers_renders_them(carrier, real_templates):
    rows = {name: examine(carrying(carrier, text), name) for name, text in real_templates.items()}
    working = {name for name, row in rows.items() if row.works}
    assert len(working) >= 35
    assert set(rows) - working == FOR_IMAGES & set(rows)
    for name in working:
        assert rows[name].control_text, name
        # One training sequence, or a reason before any work.
        assert rows[name].two_turns in ("yes", "without a system prompt") or (
            "rewrites earlier turns" in rows[name].two_turns
        ), name
    for name in FOR_IMAGES & set(rows):
        assert "leaves out the text" in rows[name].one_question or (
            "fails on a question" in rows[name].one_question
        )


def test_opened_thoughts_are_closed_and_switches_reach_real_templates(carrier, real_templates):
    closed = "equal, with the opened thought closed"
    assert examine(carrying(carrier, real_templates["qwen3_5_think"]), "q").one_question == closed
    qwen3 = carrying(carrier, real_templates["qwen3"])
    off = examine(qwen3, "q", {"enable_thinking": False})
    assert off.one_question == "equal"
    from manybaskets.chat import ChatRenderer

    chat = ChatRenderer(qwen3, "", "d", "q", template_arguments={"enable_thinking": False})
    assert qwen3.decode(chat.encode_prompt("Why?")).endswith("<think>\n\n</think>\n\n")
