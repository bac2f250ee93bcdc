"""`template_arguments` reach every place that renders, and mistakes in them are named."""

from __future__ import annotations

import hashlib
import shutil

import polars as pl
import pytest
from real_models import Missing, tokenizer_folder

from manybaskets.chat import ChatRenderer, load_tokenizer
from manybaskets.chat.template_arguments import (
    RESERVED,
    check_template_arguments,
    template_variables,
)
from manybaskets.config.models import ModelPrompting, Prompting
from manybaskets.errors import UserError
from manybaskets.training.encoded_rows import IGNORED, encode_rows

EMPTY_THOUGHT = "<think>\n\n</think>\n\n"
ROWS = [
    {
        "prompt_id": "p",
        "source": "human",
        "messages": [
            {"role": "user", "content": "Why?"},
            {"role": "assistant", "content": "Because."},
        ],
    }
]


def real(name):
    try:
        return load_tokenizer(tokenizer_folder(name), name)
    except Missing as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="module")
def qwen3():
    return real("qwen3")


@pytest.fixture(scope="module")
def own_argument(tiny_models, tmp_path_factory):
    """A tiny model whose template reads `terse`."""
    folder = tmp_path_factory.mktemp("terse") / "qwen"
    shutil.copytree(tiny_models["qwen"], folder)
    file = folder / "chat_template.jinja"
    file.write_text(file.read_text() + "{% if terse %}In a word: {% endif %}")
    return folder


@pytest.mark.parametrize(
    ("thinking", "ending"),
    [({"enable_thinking": False}, EMPTY_THOUGHT), ({"enable_thinking": True}, "assistant\n"), ({}, "assistant\n")],
)  # fmt: skip
def test_a_real_reasoning_switch_changes_prompts_and_training_rows_alike(qwen3, thinking, ending):
    chat = ChatRenderer(qwen3, "", "d", "qwen3", template_arguments=thinking)
    prompt = chat.encode_prompt("Why?")
    assert qwen3.decode(prompt).endswith(ending)
    own = qwen3.apply_chat_template(
        [{"role": "user", "content": "Why?"}],
        add_generation_prompt=True,
        tokenize=False,
        **thinking,
    )
    assert list(prompt) == qwen3(own, add_special_tokens=False)["input_ids"]
    (row,) = encode_rows(ROWS, chat, 1000)
    learned = [token for token in row["labels"] if token != IGNORED]
    assert row["input_ids"] == [*prompt, *learned]
    assert qwen3.decode(learned) == "Because.<|im_end|>"


def test_the_digest_of_a_template_holds_its_arguments(qwen3):
    def made(arguments):
        return ChatRenderer(qwen3, "", "d", "qwen3", template_arguments=arguments)

    off, on, plain = (made(a) for a in ({"enable_thinking": False}, {"enable_thinking": True}, {}))
    assert len({chat.template_hash for chat in (off, on, plain)}) == 3
    assert off.identity["template_arguments"] == {"enable_thinking": False}
    assert "template_arguments" not in plain.identity
    # What finished studies recorded, so that their rows stay valid.
    whole = hashlib.sha256(qwen3.chat_template.encode()).hexdigest()
    assert plain.template_hash == whole[:16]


def test_the_same_arguments_serve_other_system_prompts(qwen3):
    chat = ChatRenderer(qwen3, "A", "d", "q", template_arguments={"enable_thinking": False})
    other = chat.with_system("B")
    text = qwen3.decode(other.encode_prompt("Why?"))
    assert "B" in text and text.endswith(EMPTY_THOUGHT) and other.date == "d"


def test_an_argument_that_a_real_template_never_reads_is_named_with_those_it_reads(qwen3):
    with pytest.raises(UserError) as error:
        ChatRenderer(qwen3, "", "d", "q", template_arguments={"enable_thnking": False})
    assert "does not read enable_thnking" in error.value.what
    assert error.value.expected.endswith("reads: enable_thinking")
    assert "models.q.template_arguments" in error.value.remedy


def test_variables_of_real_templates():
    llama = template_variables(real("llama3_2").get_chat_template())[1]
    assert {"tools_in_user_message"} <= set(llama) and not RESERVED & set(llama)
    assert template_variables(real("qwen2_5").get_chat_template())[1] == ()


@pytest.mark.parametrize(
    ("template", "offered"),
    [
        ("{{ a }}{% set b = 1 %}{{ b }}", ("a",)),
        ("{% if c is defined %}{{ c }}{% else %}{% set c = 1 %}{% endif %}{{ c }}", ("c",)),
        ("{% set d = d | default(2) %}{{ d }}", ("d",)),
        ("{% for m in messages %}{{ m.x }}{{ bos_token }}{% endfor %}", ()),
        ("{% generation %}{{ e }}{% break %}{% endgeneration %}", ("e",)),
        ("{% macro f(g) %}{{ g }}{% endmacro %}{{ f(h) }}", ("h",)),
    ],
)
def test_arguments_are_what_a_template_reads_and_does_not_make_itself(template, offered):
    if "break" in template:
        template = "{% for m in messages %}" + template + "{% endfor %}"
    assert template_variables(template)[1] == offered


def test_a_model_without_a_template_reads_nothing():
    with pytest.raises(UserError, match="does not read a"):
        check_template_arguments({"a": 1}, None, "m", "folder")


def test_engine_and_lengths_render_with_the_arguments(own_argument):
    from manybaskets.engines.transformers_engine import TransformersEngine
    from manybaskets.mixes.token_lengths import count_tokens

    terse = ModelPrompting(template_arguments={"terse": True})
    engine = TransformersEngine(own_argument, terse, "float32", 1, "m")
    assert engine.identity["template_arguments"] == {"terse": True}
    prompt = engine.renderer.encode_prompt("Why?")
    assert engine.renderer.tokenizer.decode(prompt).endswith("In a word: ")
    split = pl.DataFrame(
        {"prompt_id": ["p"], "instruction": ["Why?"], "context": [""], "follow_ups": [[]]}
        | {"split": ["train"], "used": [True]},
        schema_overrides={"follow_ups": pl.List(pl.String)},
    )
    answers = pl.DataFrame({"prompt_id": ["p"], "sample": [0], "turn": [0], "text": ["So."]})
    counted = [
        count_tokens(split, {"human": answers}, own_argument, "m", prompting)[0]["prompt_tokens"][0]
        for prompting in (terse, Prompting())
    ]
    assert counted[0] == len(prompt) > counted[1]


def test_training_renders_with_the_arguments(own_argument, tmp_path, monkeypatch):
    """The rows that training processes get, and the key of their checkpoints."""
    from manybaskets.config.training import Training
    from manybaskets.training import adapters

    seen = {}

    class Stop(Exception):
        pass

    def written(task, encoded, folder):
        seen[folder.name] = encoded["train"][0]["input_ids"]
        raise Stop

    monkeypatch.setattr(adapters, "write_task", written)
    for prompting in (ModelPrompting(template_arguments={"terse": True}), Prompting()):
        with pytest.raises(Stop):
            adapters.train_adapter(
                own_argument, {"train": ROWS, "validation": ROWS}, training=Training(),
                prompting=prompting, seed=1, threads=1, name="m", work=tmp_path,
                output=tmp_path / "out",
            )  # fmt: skip
    tokenizer = load_tokenizer(own_argument, "m")
    texts = [tokenizer.decode(ids) for ids in seen.values()]
    assert len(texts) == 2 and "In a word: Because." in texts[0] and "In a word" not in texts[1]


def test_a_judge_renders_with_the_arguments(own_argument):
    from manybaskets.config.judges import ModelJudge
    from manybaskets.judging.factory import open_judge
    from manybaskets.judging.model_judge import _Writer
    from manybaskets.judging.rubrics import shipped

    settings = ModelJudge(kind="model", model="m")
    judge = open_judge("j", settings, folder=own_argument, template_arguments={"terse": True})
    assert judge.identity["template_arguments"] == {"terse": True}
    writer = _Writer(judge, shipped("quality"), reversed_scale=False)
    text = judge.engine.renderer.tokenizer.decode(writer.encoder.renderer.encode_prompt("Why?"))
    assert text.endswith("In a word: ")
