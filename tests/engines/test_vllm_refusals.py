"""What the `vllm` engine refuses before vLLM is even imported; run where vLLM is not installed."""

from __future__ import annotations

import pytest

from manybaskets.config.engine_kinds import Opening
from manybaskets.config.engines import VllmSettings
from manybaskets.config.models import Prompting
from manybaskets.config.sampling import Sampling
from manybaskets.engines.factory import open_engine
from manybaskets.engines.vllm_start import check_devices
from manybaskets.errors import UserError


def opened(folder, **settings):
    opening = Opening(
        name="llama",
        folder=folder,
        prompting=Prompting(max_prompt_tokens=160),
        sampling=Sampling(max_new_tokens=40),
        precision="float32",
        threads=1,
    )
    return open_engine(VllmSettings(**settings), opening)


def test_an_environment_without_vllm_says_which_has_it(tiny_models):
    with pytest.raises(UserError, match="vLLM is not installed") as error:
        opened(tiny_models["llama"])
    for word in ("envs/vllm.yaml", "make setup-vllm", ".venv-vllm/bin/snakemake"):
        assert word in error.value.remedy


def test_a_context_too_small_for_prompt_and_answer_is_named(tiny_models):
    with pytest.raises(UserError, match="max_model_len of engine `vllm` is 199") as error:
        opened(tiny_models["llama"], max_model_len=199)
    assert "at least 200" in error.value.expected and "llama" in error.value.where
    with pytest.raises(UserError, match="vLLM is not installed"):
        opened(tiny_models["llama"], max_model_len=200)


def test_a_folder_that_is_no_model_is_named(tmp_path):
    with pytest.raises(UserError, match="config.json is missing"):
        opened(tmp_path)


def test_more_gpus_than_visible_are_refused(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    with pytest.raises(
        UserError, match="`tensor_parallel` requests 4 GPUs, but 2 are visible"
    ) as e:
        check_devices(VllmSettings(tensor_parallel=4), on_cpu=False, wanted=4, visible=2)
    assert "CUDA_VISIBLE_DEVICES is 0,1" in e.value.where
    with pytest.raises(UserError, match="requests 1 GPUs, but 0 are visible"):
        check_devices(VllmSettings(), on_cpu=False, wanted=1, visible=0)
    fp8 = VllmSettings(quantization="fp8")
    check_devices(fp8, on_cpu=False, wanted=2, visible=2)
    check_devices(VllmSettings(), on_cpu=True, wanted=1, visible=0)
