"""The loss on answers alone is the model's own loss, in less memory."""

from __future__ import annotations

import pytest

from manybaskets.training import answer_loss
from manybaskets.training.encoded_rows import IGNORED, pad_batch


def model_of(family: str):
    import torch
    import transformers

    torch.manual_seed(1)
    small = dict(vocab_size=160, hidden_size=32, intermediate_size=48, num_hidden_layers=2,
                 num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=64,
                 head_dim=8, pad_token_id=0, initializer_range=0.5)  # fmt: skip
    further = {
        "Gemma2": {"final_logit_softcapping": 3.0},
        "Cohere": {"logit_scale": 0.3},
        "Granite": {"logits_scaling": 4.0},
    }
    config = getattr(transformers, f"{family}Config")(**small, **further.get(family, {}))
    return getattr(transformers, f"{family}ForCausalLM")(config)


def rows(count: int = 5) -> list[dict]:
    import random

    rng = random.Random(3)
    made = []
    for number in range(count):
        ids = [rng.randrange(1, 160) for _ in range(6 + 3 * number)]
        asked = 3 + number
        made.append({"input_ids": ids, "labels": [IGNORED] * asked + ids[asked:]})
    return made


FAMILIES = ["Llama", "Qwen2", "Qwen3", "Mistral", "Gemma", "Gemma2", "Cohere", "Granite", "Phi3"]


@pytest.mark.parametrize("family", FAMILIES)
def test_losses_and_gradients_are_the_models_own(family, monkeypatch):
    import torch

    monkeypatch.setattr(answer_loss, "_CHUNK_LOGITS", 64 * 160)  # several chunks
    model = model_of(family).train()
    batch = pad_batch(rows(9), 0)
    own = model(**batch).loss
    own.backward()
    expected = {name: weight.grad.clone() for name, weight in model.named_parameters()}
    model.zero_grad()
    assert answer_loss.agrees(model, rows(), 0)
    answer_loss.install(model)
    mine = model(**batch).loss
    mine.backward()
    assert float(mine.detach()) == pytest.approx(float(own.detach()), rel=1e-5)
    for name, weight in model.named_parameters():
        assert torch.allclose(weight.grad, expected[name], rtol=1e-3, atol=1e-5), name


def test_the_sum_is_divided_by_the_tokens_of_the_whole_step():
    model = model_of("Llama")
    batch = pad_batch(rows(), 0)
    expected = model(**batch, num_items_in_batch=100).loss
    assert answer_loss.agrees(model, rows(), 0)
    answer_loss.install(model)
    assert float(model(**batch, num_items_in_batch=100).loss) == pytest.approx(
        float(expected), rel=1e-5
    )


def test_without_labels_the_model_answers_as_before():
    import torch

    model = model_of("Llama").eval()
    ids = torch.tensor([[5, 6, 7]])
    expected = model(input_ids=ids).logits
    assert answer_loss.agrees(model, rows(), 0)
    answer_loss.install(model)
    assert torch.equal(model(input_ids=ids).logits, expected)


def test_rows_of_which_nothing_is_learned_have_a_loss_of_zero_and_a_gradient():
    model = model_of("Llama")
    assert answer_loss.agrees(model, rows(), 0)
    answer_loss.install(model)
    empty = [{"input_ids": [5, 6, 7], "labels": [IGNORED] * 3}]
    loss = model(**pad_batch(empty, 0)).loss
    loss.backward()
    assert float(loss) == 0.0


def test_a_head_that_does_more_is_noticed(caplog):
    model = model_of("Llama")
    own = model.forward
    model.forward = lambda **named: type("Output", (), {"loss": own(**named).loss * 2})
    with caplog.at_level("INFO"):
        assert not answer_loss.agrees(model, rows(), 0)
    assert "takes more memory" in caplog.text


def test_no_tensor_of_all_logits_is_made():
    """The largest tensor of forward and backward has a chunk's rows, not the batch's tokens."""
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode

    class Largest(TorchDispatchMode):
        elements = 0

        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            result = function(*args, **(kwargs or {}))
            if isinstance(result, torch.Tensor) and result.shape[-1:] == (160,):
                Largest.elements = max(Largest.elements, result.numel())
            return result

    model = model_of("Llama")
    model.requires_grad_(False)
    model.model.layers[0].mlp.up_proj.weight.requires_grad_(True)
    assert answer_loss.agrees(model, rows(), 0)
    answer_loss.install(model)
    batch = pad_batch(rows(9), 0)
    learned = int((batch["labels"][:, 1:] != IGNORED).sum())
    with Largest():
        model(**batch).loss.backward()
    assert learned * 160 == Largest.elements < batch["input_ids"].numel() * 160
