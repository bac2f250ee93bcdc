"""Bad model folders: one clear error with all problems, before work is spent."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from manybaskets.chat import load_tokenizer
from manybaskets.config.engine_kinds import Opening
from manybaskets.config.engines import TransformersSettings
from manybaskets.config.models import ModelPrompting
from manybaskets.config.sampling import Sampling
from manybaskets.engines.factory import open_engine
from manybaskets.errors import UserError
from manybaskets.models import model_check
from manybaskets.models.folder import check_folder
from manybaskets.models.model_check import check_folder_models, check_usable, model_problems
from manybaskets.models.weights import weight_problems
from manybaskets.training.checkpoints import load_base


@pytest.fixture
def folder(tiny_models, tmp_path) -> Path:
    """A sound folder that a test may spoil."""
    return Path(shutil.copytree(tiny_models["llama"], tmp_path / "model"))


def edit(path: Path, **changes) -> None:
    """Change keys of a JSON file; None removes a key."""
    content = json.loads(path.read_text()) if path.exists() else {}
    content |= changes
    path.write_text(json.dumps({k: v for k, v in content.items() if v is not None}))


def edit_weights(folder: Path, change) -> None:
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def truncated(folder):
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-1000])


def shorter_embedding(folder):
    def cut(weights):
        name = "model.embed_tokens.weight"
        weights[name] = weights[name][:-5].clone()

    edit_weights(folder, cut)


def with_index_of_a_lost_file(folder):
    index = {"weight_map": {"model.norm.weight": "model-00002-of-00002.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def with_another_token(folder):
    vocabulary = json.loads((folder / "tokenizer.json").read_text())
    token = vocabulary["added_tokens"][0]["content"]
    edit(folder / "added_tokens.json", **{token: 399, "<extra>": 400})


def with_another_decoder(folder):
    edit(folder / "tokenizer_config.json", added_tokens_decoder={"7": {"content": "<extra>"}})


def without_template(folder):
    (folder / "chat_template.jinja").unlink()


def with_larger_tokenizer(folder):
    edit(folder / "config.json", vocab_size=300)


SPOILED = {
    "truncated weights": (truncated, r"weights file is truncated: it has [\d,]+ of [\d,]+ bytes"),
    "lost weights": (with_index_of_a_lost_file, "model-00002-of-00002.safetensors"),
    "short embedding": (shorter_embedding, "its highest token id is 399"),
    "small vocabulary": (with_larger_tokenizer, "its highest token id is 399"),
    "added tokens": (
        with_another_token,
        r"added_tokens.json does not match tokenizer.json: .* is 399 there and \d+ here; "
        "'<extra>' is 400 there and missing here",
    ),
    "added tokens of the config": (
        with_another_decoder,
        "added_tokens_decoder in tokenizer_config.json does not match .*'<extra>' is 7 there",
    ),
    "no template": (without_template, "has no chat template"),
    "broken tokenizer": (
        lambda folder: (folder / "tokenizer.json").write_text("{"),
        "tokenizer.json cannot be read",
    ),
    "broken config": (
        lambda folder: (folder / "config.json").write_text("[]"),
        "config.json cannot be read: it is not an object",
    ),
    "code of the model": (
        lambda folder: edit(folder / "config.json", auto_map={"AutoModel": "own.Model"}),
        r"config.json refers to code in the model folder \(`auto_map`\)",
    ),
    "code of the tokenizer": (
        lambda folder: edit(folder / "tokenizer_config.json", auto_map={"AutoTokenizer": ["own"]}),
        "tokenizer_config.json refers to code",
    ),
    "pickle": (
        lambda folder: (folder / "pytorch_model.bin").write_bytes(b"\x80\x04N."),
        "pickle files, which can run code: pytorch_model.bin",
    ),
    "pickle of a training": (
        lambda folder: (folder / "optimizer.pt").write_bytes(b"\x80\x04N."),
        "(?m)pickle files, which can run code: optimizer.pt$",
    ),
    "adapter": (
        lambda folder: (folder / "adapter_config.json").write_text("{}"),
        "an adapter next to the model: adapter_config.json",
    ),
}


@pytest.mark.parametrize("spoil", SPOILED)
def test_a_bad_folder_is_one_clear_error_without_loading_weights(folder, spoil):
    change, message = SPOILED[spoil]
    check_folder(folder, "mine")
    change(folder)
    with pytest.raises(UserError, match=message) as error:
        check_folder(folder, "mine")
    assert "model 'mine'" in error.value.where and "problems" not in error.value.what
    with pytest.raises(UserError, match=message):
        check_usable(folder, "mine", {})


class LeavesATrace:
    """Creates a file when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self):
        return Path.touch, (self.trace,)


def test_settings_of_the_trainer_are_accepted_next_to_safetensors_and_never_loaded(
    folder, tmp_path
):
    """transformers' Trainer saves `training_args.bin` with every model."""
    trace, file = tmp_path / "trace", folder / "training_args.bin"
    file.write_bytes(pickle.dumps(LeavesATrace(trace)))
    check_usable(folder, "mine", {})
    load_tokenizer(folder, "mine")
    load_base(folder, "float32")
    opening = Opening("mine", folder, ModelPrompting(), Sampling(), precision="float32")
    open_engine(TransformersSettings(), opening)
    assert not trace.exists()
    pickle.loads(file.read_bytes())
    assert trace.exists()  # it would have been left


def test_settings_of_the_trainer_do_not_hide_other_pickles_or_replace_weights(folder):
    for name in ("training_args.bin", "pytorch_model.bin"):
        (folder / name).write_bytes(b"\x80\x04N.")
    with pytest.raises(UserError, match="(?m)can run code: pytorch_model.bin$"):
        check_folder(folder, "mine")
    (folder / "pytorch_model.bin").unlink()
    (folder / "model.safetensors").unlink()
    with pytest.raises(UserError, match=r"no safetensors weights \(found: \['training_args.bin'\]"):
        check_folder(folder, "mine")


def test_all_problems_are_reported_at_once(folder):
    without_template(folder)
    with_another_token(folder)
    truncated(folder)
    with pytest.raises(UserError, match="the model folder has 3 problems") as error:
        check_folder(folder, "mine")
    for text in (error.value.what, error.value.expected, error.value.remedy):
        assert "(1) " in text and "(3) " in text


VALUES = [
    (torch.float32, float("nan")),
    (torch.float32, float("-inf")),
    (torch.float16, float("inf")),
    (torch.bfloat16, float("nan")),
    (torch.float64, float("inf")),
    (torch.float8_e5m2, float("inf")),
    (torch.float8_e4m3fn, float("nan")),
]


@pytest.mark.parametrize(("dtype", "value"), VALUES, ids=str)
def test_one_weight_that_is_not_finite_is_found(folder, dtype, value):
    """The last of many, in every format; the largest finite values are allowed."""
    largest = torch.finfo(dtype).max
    plain = torch.full((3, 1_500_000), largest, dtype=torch.float64).to(dtype)
    plain[0, :2] = torch.tensor([-largest, 0.0], dtype=torch.float64).to(dtype)
    spoiled = plain.clone()
    spoiled[2, -1] = torch.tensor(value).to(dtype)
    edit_weights(folder, lambda weights: weights.update(extra=plain))
    assert weight_problems(folder) == []
    edit_weights(folder, lambda weights: weights.update(extra=spoiled))
    (problem,) = weight_problems(folder)
    assert problem.what.endswith("not finite numbers: model.safetensors: extra")
    with pytest.raises(UserError, match="not finite numbers"):
        check_usable(folder, "mine", {})


def test_whole_numbers_are_never_taken_for_nan(folder):
    numbers = torch.full((4,), -1, dtype=torch.int32)
    edit_weights(folder, lambda weights: weights.update(packed=numbers))
    assert weight_problems(folder) == []


def test_bits_decide_as_numpy_does(folder):
    """Every 16-bit pattern, as half precision."""
    patterns = np.arange(2**16, dtype=np.uint16)
    finite = np.isfinite(patterns.view(np.float16))
    for some, expected in ((patterns[finite], 0), (patterns[~finite][:1], 1)):
        tensor = torch.from_numpy(some.view(np.float16).copy())
        edit_weights(folder, lambda weights, tensor=tensor: weights.update(extra=tensor))
        assert len(weight_problems(folder)) == expected


def test_a_tokenizer_without_end_and_padding_token_takes_those_of_the_template(folder):
    """The engine fills rows up with the token that ends an answer."""
    from manybaskets.config.models import Prompting
    from manybaskets.engines.transformers_engine import TransformersEngine

    expected = TransformersEngine(folder, Prompting(), "float32", 1, "mine")
    end = expected.renderer.end_text
    template = (folder / "chat_template.jinja").read_text()
    (folder / "chat_template.jinja").write_text(template.replace("eos_token", f"'{end}'"))
    edit(folder / "tokenizer_config.json", eos_token=None, pad_token=None)
    edit(folder / "special_tokens_map.json")
    (folder / "special_tokens_map.json").unlink()
    assert model_problems(folder, "mine", {}) == []
    engine = TransformersEngine(folder, Prompting(), "float32", 1, "mine")
    assert engine.renderer.tokenizer.pad_token_id is engine.renderer.tokenizer.eos_token_id is None
    assert engine.pad == engine.renderer.end_ids[-1] == expected.end_ids[0]
    pairs = [((5, 6), (7, 8, 9)), ((5,), (6,))]
    assert engine.score(pairs) == expected.score(pairs)


def test_a_template_that_never_ends_an_answer_is_found_without_the_model(folder):
    (folder / "chat_template.jinja").write_text(
        "{% for m in messages %}{{ m.content }}{% endfor %}"
    )
    with pytest.raises(UserError, match="never ends an answer"):
        check_usable(folder, "mine", {})


def test_a_classifier_without_any_padding_is_an_error(folder):
    without_template(folder)
    edit(folder / "config.json", architectures=["LlamaForSequenceClassification"])
    assert model_problems(folder, "mine", {}) == []
    edit(folder / "tokenizer_config.json", eos_token=None, pad_token=None)
    assert model_problems(folder, "mine", {}) == []  # config.json has an id
    edit(folder / "config.json", pad_token_id=None)
    (problem,) = model_problems(folder, "mine", {})
    assert "neither a padding token nor an end token" in problem.what


def test_folders_of_the_user_are_checked_once_for_their_state(folder, tmp_path, monkeypatch):
    from planned_jobs import study

    config = study()
    name = next(iter(config.models))
    given = {"kind": "folder", "path": f"{folder}/"}
    config = study(models={**config.settings()["models"], name: given})
    record, checked = tmp_path / "work/checked.json", []
    known = model_check.check_usable
    monkeypatch.setattr(
        model_check, "check_usable", lambda *some: checked.append(some[0]) or known(*some)
    )
    check_folder_models(config, {"data/other"}, record)
    assert not checked and not record.exists()
    for _ in range(2):
        check_folder_models(config, {str(folder)}, record)
    assert checked == [folder]
    edit_weights(folder, lambda weights: weights["model.norm.weight"].fill_(float("nan")))
    for _ in range(2):  # a folder that failed is not remembered
        with pytest.raises(UserError, match="not finite numbers: model.safetensors: model.norm"):
            check_folder_models(config, {str(folder)}, record)
    assert len(checked) == 3
