"""Layers that a recipe trains are there, or the error says which are."""

from __future__ import annotations

import json
import shutil

import pytest
from planned_jobs import study

from manybaskets.config.models import EmbeddedModel, FolderModel
from manybaskets.errors import UserError
from manybaskets.layout import Files
from manybaskets.models.linear_layers import check_modules
from manybaskets.models.locations import check_targets_modules

SEVEN = list(EmbeddedModel.linear_layers)


@pytest.mark.parametrize("family", ["llama", "qwen", "mistral", "gemma"])
def test_embedded_models_have_the_layers_that_the_config_says(tiny_models, family):
    check_modules(tiny_models[family], family, SEVEN)
    with pytest.raises(UserError) as told:
        check_modules(tiny_models[family], family, ["lm_head", "q_proj"])
    assert told.value.expected.split(": ")[1].split(", ") == sorted(SEVEN)


def test_the_error_names_target_layer_and_what_there_is(tiny_models):
    with pytest.raises(UserError) as told:
        check_modules(tiny_models["llama"], "small", ["q_proj", "qkv_proj", "c_attn"])
    assert told.value.what == "target 'small' has no linear layer 'qkv_proj', 'c_attn'"
    assert told.value.where.startswith("training.modules; ")
    assert "down_proj, gate_proj, k_proj" in told.value.expected
    assert "all-linear" in told.value.remedy


def test_parts_before_the_name_count_and_endings_do_not(tiny_models):
    check_modules(tiny_models["llama"], "small", ["self_attn.q_proj", "layers.0.mlp.up_proj"])
    for wrong in ("mlp.q_proj", "proj", "embed_tokens"):
        with pytest.raises(UserError, match="has no linear layer"):
            check_modules(tiny_models["llama"], "small", [wrong])


def test_names_in_files_that_the_built_model_changes_are_no_error(tiny_models, tmp_path):
    """Files that hold the layers under other names: the model that transformers builds decides."""
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "renamed"
    shutil.copytree(tiny_models["llama"], folder)
    weights = load_file(folder / "model.safetensors")
    renamed = {name.replace("q_proj", "query"): weight for name, weight in weights.items()}
    save_file(renamed, folder / "model.safetensors", {"format": "pt"})
    check_modules(folder, "small", ["q_proj"])
    with pytest.raises(UserError, match="no linear layer 'c_attn'"):
        check_modules(folder, "small", ["c_attn"])


def test_without_transformers_the_names_in_the_files_decide(tiny_models, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr(
        "manybaskets.models.linear_layers._built_layers", lambda _: pytest.fail("built")
    )
    with pytest.raises(UserError, match="no linear layer 'query'"):
        check_modules(tiny_models["llama"], "small", ["q_proj", "query"])


def changed(modules, **models):
    config = study()
    training = config.training.model_copy(update={"modules": modules})
    return config.model_copy(update={"training": training, "models": {**config.models, **models}})


def test_targets_are_checked_before_anything_runs(tiny_models, tmp_path):
    plain = changed("all-linear")
    check_targets_modules(plain, Files(plain, tmp_path))
    wrong = changed(["q_proj", "c_attn"])
    first = wrong.targets[0]
    with pytest.raises(UserError, match=f"target '{first}' has no linear layer 'c_attn'") as told:
        check_targets_modules(wrong, Files(wrong, tmp_path))
    assert f"models.{first}" in told.value.where
    own = changed(SEVEN, **{first: FolderModel(kind="folder", path=str(tiny_models["qwen"]))})
    check_targets_modules(own, Files(own, tmp_path))
    file = tiny_models["qwen"] / "config.json"
    assert json.loads(file.read_text())["model_type"] == "qwen3"
    lacking = changed(["query"], **{first: FolderModel(kind="folder", path=str(file.parent))})
    with pytest.raises(UserError, match="no linear layer 'query'") as told:
        check_targets_modules(lacking, Files(lacking, tmp_path))
    assert str(file.parent) in told.value.where


def test_a_model_that_is_not_fetched_yet_is_checked_later(tmp_path):
    config = study("synthetic-eggs")
    training = config.training.model_copy(update={"modules": ["c_attn"]})
    config = config.model_copy(update={"training": training})
    check_targets_modules(config, Files(config, tmp_path))
