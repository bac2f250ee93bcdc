"""The transformers engine: a row's answer is its own, scores are the model's, adapters are kept apart."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch

from manybaskets.chat import Prompt
from manybaskets.config.models import Prompting
from manybaskets.config.sampling import Sampling
from manybaskets.engines.base import Request
from manybaskets.engines.transformers_engine import TransformersEngine
from manybaskets.errors import UserError
from manybaskets.models.folder import fingerprint
from manybaskets.records.ids import row_seed

FAMILIES = ["llama", "qwen", "mistral", "gemma"]
QUESTIONS = [
    "Who founded Alden?",
    "Sum up the text.",
    "Which river runs past the old town of Alden?",
]


@pytest.fixture(scope="module", params=FAMILIES)
def engine(request, tiny_models):
    return TransformersEngine(tiny_models[request.param], Prompting(), "float32", 2, request.param)


def request(number: int, ids: tuple[int, ...], seed: int) -> Request:
    return Request(f"p{number}", 0, 0, 1, seed, (), ids)


def completions(engine, rows, sampling) -> list:
    answered = list(engine.generate(rows, sampling))
    assert [row for row, _ in answered] == list(rows)
    return [completion for _, completion in answered]


def requests(engine, count: int = 9) -> list[Request]:
    made = []
    for number in range(count):
        ids = engine.renderer.encode_prompt(QUESTIONS[number % len(QUESTIONS)])
        made.append(request(number, ids, row_seed("test", number)))
    return made


def test_answers_do_not_hang_on_the_neighbours_in_the_batch(engine):
    """Padding changes rounding, so a rare draw may flip; nearly all answers must be the same."""
    sampling = Sampling(temperature=0.7, top_p=0.9, max_new_tokens=12)
    rows = requests(engine)
    together = completions(engine, rows, sampling)
    alone = [completions(engine, [row], sampling)[0] for row in rows]
    assert sum(a.text == b.text for a, b in zip(together, alone, strict=True)) >= len(rows) - 1
    assert len({each.text for each in together}) > 1


def test_the_same_batch_gives_the_same_answers(engine):
    sampling = Sampling(max_new_tokens=12)
    once, again = (completions(engine, requests(engine), sampling) for _ in range(2))
    assert once == again


def test_greedy_is_the_argmax_of_every_step(engine):
    asked = requests(engine)[0]
    answer = completions(engine, [asked], Sampling(temperature=0, max_new_tokens=5))[0]
    ids = list(asked.ids)
    for _ in range(answer.completion_tokens):
        with torch.inference_mode():
            ids.append(int(engine.base(torch.tensor([ids])).logits[0, -1].argmax()))
    tail = [token for token in ids[len(asked.ids) :] if token not in engine.end_ids]
    assert answer.text == engine.renderer.tokenizer.decode(tail, skip_special_tokens=True).strip()


def test_draws_follow_the_distribution_of_the_model(tiny_models):
    """First tokens of 3,000 rows against the softmax at temperature 0.7 (chi-squared)."""
    from scipy.stats import chisquare

    engine = TransformersEngine(tiny_models["llama"], Prompting(), "float32", 2, "llama")
    ids = engine.renderer.encode_prompt(QUESTIONS[0])
    with torch.inference_mode():
        logits = engine.base(torch.tensor([ids])).logits[0, -1].double()
    expected = torch.softmax(logits / 0.7, 0).numpy()
    counts = np.zeros(len(expected))
    sampler = engine._row_sampler(
        [request(n, ids, row_seed("draw", n)) for n in range(3000)],
        Sampling(temperature=0.7, top_p=1.0, max_new_tokens=1),
    )
    drawn = sampler(None, logits.float().repeat(3000, 1)).argmax(1).numpy()
    np.add.at(counts, drawn, 1)
    common = expected * 3000 >= 5
    observed = np.append(counts[common], counts[~common].sum())
    wanted = np.append(expected[common], expected[~common].sum()) * 3000
    assert chisquare(observed, wanted).pvalue > 1e-4


def test_top_p_leaves_the_tail_out(tiny_models):
    engine = TransformersEngine(tiny_models["llama"], Prompting(), "float32", 2, "llama")
    logits = torch.log(torch.tensor([[0.6, 0.25, 0.1, 0.05]])).repeat(500, 1)
    rows = [request(n, (1,), row_seed("top", n)) for n in range(500)]
    kept = engine._row_sampler(rows, Sampling(temperature=1.0, top_p=0.8))(None, logits).argmax(1)
    assert set(kept.tolist()) == {0, 1}


def test_scores_are_the_log_probabilities_of_the_answer(engine):
    """Against transformers' own loss, one row at a time and without padding."""
    pairs = []
    for number, question in enumerate(QUESTIONS):
        prompt = engine.renderer.encode_prompt(question)
        pairs.append(
            (prompt, engine.renderer.encode_answer("Alden stands on the Mor. " * (number + 1)))
        )
    for (prompt, answer), scores in zip(pairs, engine.score(pairs), strict=True):
        ids = torch.tensor([[*prompt, *answer]])
        labels = torch.tensor([[-100] * len(prompt) + list(answer)])
        with torch.inference_mode():
            loss = engine.base(ids, labels=labels).loss.item()
        assert len(scores) == len(answer)
        assert -np.mean(scores) == pytest.approx(loss, abs=1e-4)


@pytest.fixture(scope="module")
def adapters(tiny_models, tmp_path_factory):
    """Two different adapters of the llama model, as the training stage writes them."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    folders = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        base = AutoModelForCausalLM.from_pretrained(tiny_models["llama"])
        model = get_peft_model(base, LoraConfig(r=4, target_modules=["q_proj", "v_proj"]))
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(weight, 0, 0.3)
        folder = tmp_path_factory.mktemp("adapter")
        model.save_pretrained(folder)
        manifest = {"base_weights": fingerprint(tiny_models["llama"])}
        (folder / "manifest.json").write_text(json.dumps(manifest))
        folders.append(folder)
    return folders


def test_adapters_are_never_mixed_up(tiny_models, adapters):
    """Each adapter scores as it does on an engine of its own, in any order; the base stays the base."""

    def fresh():
        return TransformersEngine(tiny_models["llama"], Prompting(), "float32", 2, "llama")

    engine = fresh()
    pair = [
        (engine.renderer.encode_prompt("Who?"), engine.renderer.encode_answer("King Harl did."))
    ]
    alone = {None: engine.score(pair)[0]}
    for folder in adapters:
        other = fresh()
        other.use_adapter(folder)
        alone[folder] = other.score(pair)[0]
    assert not np.allclose(alone[adapters[0]], alone[adapters[1]], atol=1e-3)
    for folder in [adapters[0], None, adapters[1], adapters[0], None]:
        engine.use_adapter(folder)
        assert np.allclose(engine.score(pair)[0], alone[folder], atol=1e-5)
        assert engine.identity["adapter"] == (fingerprint(folder) if folder else None)


def test_an_adapter_of_another_base_is_refused(tiny_models, adapters):
    engine = TransformersEngine(tiny_models["qwen"], Prompting(), "float32", 1, "qwen")
    with pytest.raises(UserError, match="another base"):
        engine.use_adapter(adapters[0])


def test_memory_errors_halve_the_batch_and_go_on(tiny_models, monkeypatch):
    engine = TransformersEngine(tiny_models["llama"], Prompting(), "float32", 1, "llama")
    sampling = Sampling(temperature=0, max_new_tokens=4)
    rows = requests(engine, 8)
    expected = [completions(engine, [row], sampling)[0].text for row in rows]
    whole = engine._generate

    def small_memory(batch, sampling):
        if len(batch) > 2:
            raise torch.OutOfMemoryError("no memory for this batch")
        return whole(batch, sampling)

    monkeypatch.setattr(engine, "_generate", small_memory)
    assert [each.text for each in completions(engine, rows, sampling)] == expected


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: (folder / "model.safetensors").unlink(), "no safetensors weights"),
        (lambda folder: (folder / "config.json").unlink(), "config.json is missing"),
        (lambda folder: (folder / "tokenizer.json").unlink(), "no fast tokenizer"),
        (lambda folder: (folder / "chat_template.jinja").unlink(), "no chat template"),
        (
            lambda folder: (folder / "config.json").write_text(
                (folder / "config.json")
                .read_text()
                .replace('"vocab_size": 400', '"vocab_size": 300')
            ),
            "does not match",
        ),
    ],
)
def test_a_broken_model_folder_is_named(tiny_models, tmp_path, spoil, message):
    folder = tmp_path / "model"
    shutil.copytree(tiny_models["llama"], folder)
    spoil(folder)
    with pytest.raises(UserError, match=message):
        TransformersEngine(folder, Prompting(), "float32", 1, "broken")


def test_a_prompt_is_rendered_once_for_all_stages(engine):
    prompt = Prompt("p", "Who founded Alden?")
    assert engine.renderer.render(prompt, 500).ids == engine.renderer.encode_prompt(prompt.text())
