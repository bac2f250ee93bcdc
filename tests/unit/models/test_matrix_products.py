"""Products with oneDNN are those of torch, forward and backward."""

from __future__ import annotations

import pytest
from real_models import Missing, chat_model

from manybaskets.models import matrix_products
from manybaskets.models.matrix_products import use_fast_products


@pytest.fixture()
def elsewhere(monkeypatch, tmp_path):
    """A processor that is not Intel's, with the largest units."""
    import torch

    if not torch.backends.mkldnn.is_available():
        pytest.skip("this torch is built without oneDNN")
    file = tmp_path / "cpuinfo"
    file.write_text("vendor_id : AuthenticAMD\n")
    monkeypatch.setattr(matrix_products, "_CPU", file)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
    return file


def layers(bias: bool):
    import torch

    torch.manual_seed(1)
    return torch.nn.Sequential(torch.nn.Linear(24, 40, bias), torch.nn.Linear(40, 8, bias))


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("trained", [(True, True), (False, True), (False, False)])
@pytest.mark.parametrize("shape", [(24,), (7, 24), (3, 5, 24)])
def test_outputs_and_gradients_are_those_of_torch(elsewhere, shape, trained, bias):
    import torch

    results = []
    for fast in (False, True):
        model = layers(bias)
        for layer, kept in zip(model, trained, strict=True):
            layer.requires_grad_(kept)
        assert not fast or use_fast_products(model)
        states = torch.linspace(-1, 1, int(torch.tensor(shape).prod())).reshape(shape)
        states.requires_grad_(True)
        output = model(states)
        (output * torch.arange(8.0)).sum().backward()
        gradients = [weight.grad for weight in model.parameters() if weight.requires_grad]
        results.append([output.detach(), states.grad, *gradients])
    for own, fast in zip(*results, strict=True):
        torch.testing.assert_close(fast, own, rtol=1e-5, atol=1e-6)


def test_the_layers_of_a_model_and_its_adapter_are_multiplied_with_onednn(
    elsewhere, tiny_models, monkeypatch
):
    import torch
    from peft import LoraConfig, get_peft_model

    from manybaskets.training.checkpoints import load_base

    base = load_base(tiny_models["llama"], "float32")
    model = get_peft_model(base, LoraConfig(r=4, target_modules=["q_proj"])).eval()
    ids = torch.tensor([[5, 6, 7, 8]])
    expected = model(input_ids=ids).logits
    assert use_fast_products(model)
    monkeypatch.setattr(torch.nn.functional, "linear", lambda *_: pytest.fail("torch's own"))
    torch.testing.assert_close(model(input_ids=ids).logits, expected, rtol=1e-4, atol=1e-5)


def test_other_formats_and_processors_stay_as_they_are(elsewhere):
    import torch

    half = layers(True).to(torch.bfloat16)
    assert not use_fast_products(half)
    model = layers(True)
    assert use_fast_products(model)
    with torch.autocast("cpu", torch.bfloat16):
        assert model(torch.ones(2, 24)).dtype == torch.bfloat16
    elsewhere.write_text("vendor_id : GenuineIntel\n")
    assert not use_fast_products(layers(True))


def test_products_that_are_too_small_stay_torchs_own(elsewhere, monkeypatch):
    import torch

    model = layers(True)
    assert use_fast_products(model, least=5 * 24 * 40)
    counted = []
    plain = torch.nn.functional.linear
    monkeypatch.setattr(
        torch.nn.functional, "linear", lambda *given: counted.append(given[1]) or plain(*given)
    )
    model(torch.ones(5, 24))  # the first layer is as large as is worth it, the second is not
    assert [weight.shape for weight in counted] == [(8, 40)]
    model(torch.ones(4, 24))
    assert len(counted) == 3


def engines(folder, monkeypatch):
    """One engine that multiplies as torch does, and one with oneDNN wherever it can."""
    from manybaskets.config.models import Prompting
    from manybaskets.engines import transformers_model
    from manybaskets.engines.transformers_engine import TransformersEngine

    def opened():
        return TransformersEngine(folder, Prompting(), "float32", 1, "model")

    with monkeypatch.context() as patch:
        patch.setattr(transformers_model, "use_fast_products", lambda *_: False)
        plain = opened()
    return plain, opened()


QUESTIONS = ["Who founded town 7?", "Name three colours.", "What is a river?", "Why is it dark?"]


def same_answers_and_scores(plain, fast, new_tokens):
    """Greedy answers are equal, and their scores agree."""
    from manybaskets.config.sampling import Sampling
    from manybaskets.engines.base import Request

    ids = [plain.renderer.encode_prompt(question) for question in QUESTIONS]
    requests = [Request(str(n), 0, 0, 1, n, (), each) for n, each in enumerate(ids)]
    greedy = Sampling(temperature=0.0, max_new_tokens=new_tokens)
    answers = [
        [answer.text for _, answer in engine.generate(requests, greedy)] for engine in (plain, fast)
    ]
    assert answers[0] == answers[1] and any(answers[0])
    pairs = [(each, plain.renderer.encode_answer("It is so, and was so before.")) for each in ids]
    for one, other in zip(plain.scores(pairs), fast.scores(pairs), strict=True):
        assert other.log_probabilities == pytest.approx(one.log_probabilities, abs=1e-4)
        assert other.entropies == pytest.approx(one.entropies, abs=1e-4)


@pytest.mark.parametrize("family", ["llama", "qwen", "mistral", "gemma"])
def test_greedy_answers_and_scores_stay_the_same(elsewhere, tiny_models, monkeypatch, family):
    from manybaskets.engines import transformers_model

    monkeypatch.setattr(transformers_model, "WORTH_A_CALL", 0)
    plain, fast = engines(tiny_models[family], monkeypatch)
    assert "forward" in vars(fast.base.model.layers[0].mlp.up_proj)
    same_answers_and_scores(plain, fast, 20)


def test_greedy_answers_of_a_real_model_stay_the_same(elsewhere, monkeypatch):
    try:
        folder = chat_model()
    except Missing as reason:
        pytest.skip(str(reason))
    same_answers_and_scores(*engines(folder, monkeypatch), 16)


def test_sentence_vectors_stay_the_same(elsewhere, monkeypatch):
    import numpy as np

    from manybaskets.measures import embedding

    texts = [f"{text} It has {place} parts." for place, text in enumerate(QUESTIONS * 4)]
    made = []
    for least in (2**62, 0):
        monkeypatch.setattr(embedding, "WORTH_A_CALL", least)
        made.append(embedding.Encoder(embedding.PACKAGED, 16, 1).encode(texts))
    np.testing.assert_allclose(made[1], made[0], atol=1e-6)
    assert not np.array_equal(made[1], made[0]), "they were multiplied in another order"
