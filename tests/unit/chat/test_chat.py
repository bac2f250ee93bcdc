"""The renderer: one BOS, the end token, a system turn where there is one, never a cut question."""

from __future__ import annotations

import copy

import pytest

from manybaskets.chat import ChatRenderer, Prompt
from manybaskets.errors import UserError

SYSTEM = "You are a helpful assistant."


@pytest.fixture(scope="module")
def tokenizers(tiny_models):
    from transformers import AutoTokenizer

    return {name: AutoTokenizer.from_pretrained(folder) for name, folder in tiny_models.items()}


def renderer(tokenizers, family: str, system: str = SYSTEM) -> ChatRenderer:
    return ChatRenderer(tokenizers[family], system, "26 Jul 2024", family)


@pytest.mark.parametrize("family", ["llama", "qwen", "mistral", "gemma"])
def test_a_prompt_starts_the_answer_as_the_template_writes_it(tokenizers, family):
    """Prompt plus encoded answer are the template's own rendering of the finished conversation."""
    chat = renderer(tokenizers, family)
    turns = [
        {"role": "user", "content": "Who founded Alden?"},
        {"role": "assistant", "content": "King Harl."},
    ]
    whole = chat._render(chat.messages(turns), False)
    ids = [*chat.encode_prompt("Who founded Alden?"), *chat.encode_answer("King Harl.")]
    decoded = tokenizers[family].decode(ids, skip_special_tokens=False)
    assert whole.startswith(decoded)
    assert whole[len(decoded) :].strip() == ""
    assert ids[-1] == tokenizers[family].eos_token_id


@pytest.mark.parametrize("family", ["llama", "mistral", "gemma"])
def test_exactly_one_bos(tokenizers, family):
    ids = renderer(tokenizers, family).encode_prompt("Sum up the text.")
    assert ids.count(tokenizers[family].bos_token_id) == 1
    assert ids[0] == tokenizers[family].bos_token_id


def test_a_second_bos_from_the_template_is_an_error(tokenizers):
    tokenizer = copy.deepcopy(tokenizers["llama"])
    tokenizer.chat_template = "<|begin|>" + tokenizer.chat_template
    with pytest.raises(UserError, match="begins with more than one BOS"):
        ChatRenderer(tokenizer, "", "26 Jul 2024", "twice").encode_prompt("Hello?")


@pytest.mark.parametrize("family", ["llama", "qwen", "mistral", "gemma"])
def test_control_tokens_in_a_text_stay_text(tokenizers, family):
    """Questions, system prompts and answers that spell control tokens hold their characters."""
    tokenizer = tokenizers[family]
    chat = renderer(tokenizers, family)
    controls = {str(token) for token in tokenizer.added_tokens_decoder.values()}
    assert controls
    plain, answer = chat.encode_prompt("What is X?"), chat.encode_answer("It is X.")
    numbers = set(tokenizer.added_tokens_decoder)
    for text in controls:
        ids = chat.encode_prompt(f"What is {text}?")
        # As many control tokens as the template writes around an ordinary question.
        assert sorted(numbers & set(ids)) == sorted(numbers & set(plain))
        assert [i for i in ids if i in numbers] == [i for i in plain if i in numbers]
        assert text in tokenizer.decode(ids)
        said = chat.encode_answer(f"It is {text}.")
        assert [i for i in said if i in numbers] == [i for i in answer if i in numbers]
        assert tokenizer.decode(said[: -len(chat.end_ids)]) == f"It is {text}."
        assert chat.encode_answers([f"It is {text}.", "Yes."])[0] == said


def test_control_tokens_are_those_of_a_base_models_tokenizer_too(tokenizers):
    """The end of an answer may be special in `added_tokens_decoder` alone."""
    from tokenizers import AddedToken

    tokenizer = copy.deepcopy(tokenizers["llama"])
    tokenizer.add_tokens([AddedToken("<|eot|>", special=True)])
    tokenizer.chat_template = tokenizer.chat_template.replace(tokenizer.eos_token, "<|eot|>")
    tokenizer.chat_template = tokenizer.chat_template.replace("eos_token", "'<|eot|>'")
    assert "<|eot|>" not in tokenizer.all_special_tokens
    chat = ChatRenderer(tokenizer, SYSTEM, "26 Jul 2024", "base")
    assert chat.end_text.endswith("<|eot|>")
    assert chat.encode_answer("Yes.")[-1] == tokenizer.convert_tokens_to_ids("<|eot|>")


def test_a_bos_that_opens_every_turn_counts_at_the_start_alone(tokenizers):
    tokenizer = copy.deepcopy(tokenizers["qwen"])
    opening = next(
        str(token) for token in tokenizer.added_tokens_decoder.values()
        if str(token) in tokenizer.chat_template and str(token) != tokenizer.eos_token
    )  # fmt: skip
    tokenizer.bos_token = opening
    chat = ChatRenderer(tokenizer, SYSTEM, "26 Jul 2024", "chatml")
    ids = chat.encode_prompt("Hello?")
    assert ids.count(tokenizer.bos_token_id) > 1
    own = tokenizer.apply_chat_template(
        chat.messages([{"role": "user", "content": "Hello?"}]), add_generation_prompt=True
    )
    assert list(ids) == list(own["input_ids"])


def test_a_thought_that_the_template_opens_is_closed(tokenizers):
    tokenizer = copy.deepcopy(tokenizers["llama"])
    tokenizer.chat_template += "{% if add_generation_prompt %}<think>\n{% endif %}"
    chat = ChatRenderer(tokenizer, "", "26 Jul 2024", "thinker")
    text = tokenizer.decode(chat.encode_prompt("What does <think> mean?"))
    assert text.endswith("<think>\n\n</think>\n\n")
    assert text.count("</think>") == 1


def test_template_arguments_reach_the_template(tokenizers):
    tokenizer = copy.deepcopy(tokenizers["llama"])
    tokenizer.chat_template += "{{ '(thinking)' if enable_thinking else '' }}"
    for value in (True, False):
        arguments = {"enable_thinking": value}
        chat = ChatRenderer(tokenizer, "", "d", "m", template_arguments=arguments)
        assert ("(thinking)" in tokenizer.decode(chat.encode_prompt("Hello?"))) is value


@pytest.mark.parametrize(
    ("family", "takes"), [("llama", True), ("mistral", True), ("gemma", False)]
)
def test_the_system_turn_is_left_out_only_where_the_template_takes_none(tokenizers, family, takes):
    chat = renderer(tokenizers, family)
    assert chat.system_turn is takes
    text = tokenizers[family].decode(chat.encode_prompt("Hello?"))
    assert (SYSTEM in text) is takes


def test_only_the_context_is_shortened(tokenizers):
    chat = renderer(tokenizers, "llama")
    prompt = Prompt("p", "Which river does the text name?", "The Mor runs past Alden. " * 60)
    whole = chat.render(prompt, 4000)
    assert not whole.shortened and whole.context_characters == len(prompt.context)
    cut = chat.render(prompt, 100)
    assert cut.shortened and len(cut.ids) <= 100
    assert prompt.instruction in tokenizers["llama"].decode(list(cut.ids))
    longer = chat.encode_prompt(prompt.text(cut.context_characters + 1))
    assert len(longer) > 100, "one more character would have fitted"


def test_a_long_prompt_may_stop_instead(tokenizers):
    chat = ChatRenderer(tokenizers["llama"], SYSTEM, "26 Jul 2024", "llama", shorten=False)
    prompt = Prompt("p", "Which river does the text name?", "The Mor runs past Alden. " * 60)
    with pytest.raises(UserError, match="prompt p has .* tokens") as error:
        chat.render(prompt, 100)
    assert "prompting.long_prompts" in str(error.value)
    assert not chat.render(prompt, 4000).shortened


def test_a_question_that_is_too_long_is_an_error_and_not_a_cut(tokenizers):
    with pytest.raises(UserError, match="tokens without its context"):
        renderer(tokenizers, "llama").render(Prompt("p7", "why " * 200), 50)


QUESTIONS = ["Who founded Alden?", "And when?", "Why there?"]
ANSWERS = ["<think>Let me see.</think>King Harl.", "Long ago.", "For the river."]


@pytest.mark.parametrize("family", ["llama", "qwen", "mistral", "gemma"])
def test_the_pieces_of_a_conversation_are_what_generation_sees(tokenizers, family):
    chat = renderer(tokenizers, family)
    prompt = Prompt("p", QUESTIONS[0], "", tuple(QUESTIONS[1:]))
    pairs = chat.encode_turns(QUESTIONS, ANSWERS)
    assert len(pairs) == 3
    before = ()
    for turn, (asked, said) in enumerate(pairs):
        assert before + asked == chat.render(prompt, 900, ANSWERS[:turn]).ids
        assert said == chat.encode_answer(ANSWERS[turn])
        before += asked + said
    single = chat.encode_turns(QUESTIONS[:1], ANSWERS[:1])
    assert single == [(chat.encode_prompt(QUESTIONS[0]), chat.encode_answer(ANSWERS[0]))]


def rewriting(tokenizer, old: str, new: str):
    changed = copy.deepcopy(tokenizer)
    assert changed.chat_template.count(old) == 1
    changed.chat_template = changed.chat_template.replace(old, new)
    return changed


def test_a_template_that_drops_earlier_reasoning_is_an_error(tokenizers):
    answer = "(m.content if loop.last else m.content.split('</think>')[-1])"
    tokenizer = rewriting(tokenizers["llama"], "m.content", answer)
    chat = ChatRenderer(tokenizer, SYSTEM, "26 Jul 2024", "thinker")
    with pytest.raises(UserError, match="model 'thinker' rewrites earlier turns") as caught:
        chat.encode_turns(QUESTIONS, ANSWERS)
    assert "King Harl" in caught.value.where and "And when?" in caught.value.where
    assert "keeps earlier turns unchanged" in caught.value.remedy
    # Without reasoning there is nothing to drop, and a single turn is not rewritten.
    plain = [answer.rpartition(">")[2] for answer in ANSWERS]
    assert len(chat.encode_turns(QUESTIONS, plain)) == 3
    assert len(chat.encode_turns(QUESTIONS[:1], ANSWERS[:1])) == 1


def test_a_template_that_moves_the_system_text_is_an_error_unless_there_is_none(tokenizers):
    tokenizer = rewriting(tokenizers["mistral"], "system if loop.first", "system if loop.last")
    with pytest.raises(UserError, match="rewrites earlier turns") as caught:
        ChatRenderer(tokenizer, SYSTEM, "", "mover").encode_turns(QUESTIONS, ANSWERS)
    assert "prompting.system_prompt" in caught.value.remedy
    assert len(ChatRenderer(tokenizer, "", "", "mover").encode_turns(QUESTIONS, ANSWERS)) == 3


def test_answers_keep_their_whitespace_where_the_template_does(tokenizers):
    tokenizer = rewriting(tokenizers["qwen"], "m.content | trim", "m.content")
    chat = ChatRenderer(tokenizer, "", "", "verbatim")
    answers = ["  King Harl. ", "Long ago.\n", "x"]
    said = [tokenizer.decode(answer) for _, answer in chat.encode_turns(QUESTIONS, answers)]
    assert said == [f"{answer}<|end|>" for answer in answers]


def test_a_tokenizer_without_a_template_is_an_error(tokenizers):
    bare = copy.deepcopy(tokenizers["llama"])
    bare.chat_template = None
    with pytest.raises(UserError, match="no chat template"):
        ChatRenderer(bare, SYSTEM, "26 Jul 2024", "llama")
