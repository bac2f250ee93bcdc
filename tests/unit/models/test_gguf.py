"""GGUF files become model folders, or an error that says what is wrong."""

from __future__ import annotations

import json

import pytest
from real_models import Missing, gguf_file

from manybaskets.chat import load_tokenizer
from manybaskets.chat.compatibility import examine
from manybaskets.config.models import GgufModel
from manybaskets.errors import UserError
from manybaskets.models.folder import check_folder
from manybaskets.models.gguf import check_gguf, convert_gguf
from manybaskets.models.sizes import count_parameters, parameters_from_name


@pytest.fixture(scope="module")
def real_file():
    try:
        return gguf_file()
    except Missing as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="module")
def converted(real_file, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "smollm2"
    convert_gguf(real_file, folder, "smollm2")
    return folder


def test_a_real_file_becomes_a_folder_that_every_stage_takes(converted):
    import torch
    from transformers import AutoModelForCausalLM

    check_folder(converted, "smollm2")
    assert count_parameters(converted) == pytest.approx(135e6, rel=0.01)
    config = json.loads((converted / "config.json").read_text())
    assert config["architectures"] == ["LlamaForCausalLM"] and "quantization_config" not in config
    row = examine(load_tokenizer(converted, "smollm2"), "smollm2")
    assert row.one_question == "equal" and row.answer_end == "<|im_end|>"
    assert row.two_turns == "yes" and row.control_text
    tokenizer = load_tokenizer(converted, "smollm2")
    model = AutoModelForCausalLM.from_pretrained(converted, dtype=torch.float32).eval()
    turns = [{"role": "user", "content": "What is the capital of France?"}]
    prompt = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_tensors="pt")
    answer = model.generate(**prompt, max_new_tokens=12, do_sample=False)
    assert "Paris" in tokenizer.decode(answer[0, prompt["input_ids"].shape[1] :])


def test_a_truncated_file_is_an_error_and_leaves_nothing(real_file, tmp_path):
    file = tmp_path / "cut.gguf"
    with open(real_file, "rb") as whole:
        file.write_bytes(whole.read(3_000_000))
    with pytest.raises(UserError, match="GGUF file cannot be read") as error:
        convert_gguf(file, tmp_path / "model", "cut")
    assert "download the file again" in error.value.remedy
    assert [path.name for path in tmp_path.iterdir()] == ["cut.gguf"]


def test_a_failed_conversion_leaves_nothing(real_file, tmp_path, monkeypatch):
    from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerBase

    # Of the file's kind, but small: reading its weights takes 15 seconds.
    config = AutoConfig.from_pretrained(real_file.parent, gguf_file=real_file.name)
    config.num_hidden_layers, config.hidden_size, config.intermediate_size = 1, 18, 32
    config.num_attention_heads, config.num_key_value_heads, config.head_dim = 3, 3, 6
    small = AutoModelForCausalLM.from_config(config)
    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", lambda *_, **__: small)
    monkeypatch.setattr("manybaskets.models.gguf._plain", lambda model, _: model)

    def full(self, folder, **_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(PreTrainedTokenizerBase, "save_pretrained", full)
    with pytest.raises(OSError, match="No space left"):
        convert_gguf(real_file, tmp_path / "model", "full")
    assert not list(tmp_path.iterdir())


def test_too_little_memory_is_not_blamed_on_the_file(real_file, tmp_path, monkeypatch):
    from transformers import AutoConfig

    def out_of_memory(*_, **__):
        raise MemoryError

    monkeypatch.setattr(AutoConfig, "from_pretrained", out_of_memory)
    with pytest.raises(MemoryError):
        convert_gguf(real_file, tmp_path / "model", "large")


def test_an_argument_that_the_files_template_never_reads_stops_before_the_weights(
    real_file, tmp_path, monkeypatch
):
    from transformers import AutoModelForCausalLM

    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", None)
    with pytest.raises(UserError, match="'smollm2' does not read enable_thinking") as error:
        convert_gguf(real_file, tmp_path / "model", "smollm2", {"enable_thinking": False})
    assert error.value.expected.endswith("reads: none")
    assert not list(tmp_path.iterdir())


def test_an_unknown_architecture_is_an_error(tmp_path):
    gguf = pytest.importorskip("gguf")
    file = tmp_path / "odd.gguf"
    writer = gguf.GGUFWriter(file, "nobody-knows")
    writer.add_block_count(1)
    for write in (writer.write_header_to_file, writer.write_kv_data_to_file):
        write()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(UserError, match="GGUF file cannot be read") as error:
        convert_gguf(file, tmp_path / "model", "odd")
    assert "models.odd.path" in error.value.where


@pytest.mark.parametrize(("content", "what"), [(b"<html>", "not GGUF"), (None, "does not exist")])
def test_other_files_are_named_before_any_work(tmp_path, content, what):
    file = tmp_path / "model.gguf"
    if content:
        file.write_bytes(content)
    with pytest.raises(UserError, match=what):
        check_gguf(file, "mine")


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"path": "a.gguf", "repo": "r"},
        {"repo": "r", "file": "f.gguf"},
    ],
)
def test_a_model_has_one_origin(settings):
    with pytest.raises(ValueError, match="set either `path`, or all of"):
        GgufModel(kind="gguf", **settings)


def test_sizes_in_millions_are_read_off_names():
    assert parameters_from_name("SmolLM2-135M-Instruct.Q4_1.gguf") == 135e6
    assert parameters_from_name("Llama-3.2-1B-Instruct-Q4_K_M.gguf") == 1e9
