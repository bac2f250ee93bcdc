"""Products with oneDNN are those of torch, forward and backward."""

from __future__ import annotations

import pytest

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
