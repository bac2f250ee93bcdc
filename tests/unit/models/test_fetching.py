"""Fetching of models; the hub is played by a folder."""

from __future__ import annotations

import fnmatch
import json
import shutil
from types import SimpleNamespace

import huggingface_hub
import pytest

from manybaskets.config.models import HubModel
from manybaskets.errors import UserError
from manybaskets.models.fetching import fetch_model

TEMPLATE = "{% for turn in messages %}{{ turn.content }}{{ eos_token }}{% endfor %}"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture()
def hub(tiny_models, tmp_path, monkeypatch):
    """A repository of the hub that holds a tiny model without a chat template."""
    repository = tmp_path / "repository"
    shutil.copytree(tiny_models["llama"], repository)
    (repository / "chat_template.jinja").unlink()
    asked = []

    def download(repo, *, revision, local_dir, allow_patterns, ignore_patterns):
        asked.append((repo, revision))

        def others(folder, names):
            wanted = {name for pattern in allow_patterns for name in fnmatch.filter(names, pattern)}
            return set(names) - wanted

        shutil.copytree(repository, local_dir, dirs_exist_ok=True, ignore=others)

    def info(self, repo, revision):
        if revision == "nowhere":
            raise OSError("404: no such revision")
        return SimpleNamespace(sha=COMMIT)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", info)
    return SimpleNamespace(folder=repository, asked=asked)


def model(**changes) -> HubModel:
    return HubModel(**{"kind": "hub", "repo": "maker/base", "revision": "v1"} | changes)


def test_the_commit_behind_a_tag_is_fetched_and_kept(hub, tmp_path):
    template = tmp_path / "own.jinja"
    template.write_text(TEMPLATE)
    fetch_model(model(chat_template=str(template)), "base", tmp_path / "out")
    assert set(hub.asked) == {("maker/base", COMMIT)}
    made = json.loads((tmp_path / "out/source.json").read_text())
    assert made == {"repo": "maker/base", "revision": "v1", "commit": COMMIT}
    assert (tmp_path / "out/chat_template.jinja").read_text() == template.read_text()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"revision": "nowhere"}, "could not be fetched: 404"),
        ({}, "has no chat template"),
        ({"chat_template": "no/such.jinja"}, "chat template of model 'base' does not exist"),
        ({"template_arguments": {"thinking": False}}, "'base' does not read thinking"),
    ],
    ids=["revision", "no template", "lost template", "unknown argument"],
)
def test_a_model_that_cannot_be_used_leaves_no_folder(hub, tmp_path, changes, message):
    with pytest.raises(UserError, match=message):
        fetch_model(model(**changes), "base", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def with_code(hub, **config):
    """A repository whose config and tokenizer name Python code, with a template."""
    for file, changes in (("config.json", config), ("tokenizer_config.json", {})):
        path = hub.folder / file
        content = json.loads(path.read_text()) | {"auto_map": {"AutoModel": "own.Model"}} | changes
        path.write_text(json.dumps(content))
    (hub.folder / "chat_template.jinja").write_text(TEMPLATE)
    (hub.folder / "own.py").write_text("raise SystemExit")


def test_code_is_not_fetched_where_transformers_has_the_architecture(hub, tmp_path):
    with_code(hub)
    fetch_model(model(), "base", tmp_path / "out")
    assert not list((tmp_path / "out").glob("*.py"))
    for file in ("config.json", "tokenizer_config.json"):
        content = json.loads((tmp_path / "out" / file).read_text())
        expected = json.loads((hub.folder / file).read_text())
        assert expected.pop("auto_map") and content == expected


def test_an_architecture_with_code_of_its_own_is_refused_before_the_weights(hub, tmp_path):
    with_code(hub, model_type="nobody-knows")
    with pytest.raises(UserError, match="2 problems: .*refers to code in the model folder"):
        fetch_model(model(), "base", tmp_path / "out")
    assert not list((tmp_path / ".out.partial").glob("*.safetensors"))


def test_weights_that_are_not_finite_are_found_when_they_are_fetched(hub, tmp_path):
    from safetensors.torch import load_file, save_file

    (hub.folder / "chat_template.jinja").write_text(TEMPLATE)
    weights = load_file(hub.folder / "model.safetensors")
    weights["model.norm.weight"][3] = float("inf")
    save_file(weights, hub.folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match="not finite numbers: model.safetensors: model.norm.weight"):
        fetch_model(model(), "base", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_argument_that_the_template_never_reads_stops_before_the_weights(hub, tmp_path):
    template = tmp_path / "own.jinja"
    template.write_text(TEMPLATE + "{{ terse }}")
    given = {"chat_template": str(template), "template_arguments": {"thinking": False}}
    with pytest.raises(UserError, match="does not read thinking") as error:
        fetch_model(model(**given), "base", tmp_path / "out")
    assert error.value.expected.endswith("reads: terse")
    partial = tmp_path / ".out.partial"
    assert (partial / "tokenizer.json").exists() and not list(partial.glob("*.safetensors"))
    fetch_model(model(**given | {"template_arguments": {"terse": True}}), "base", tmp_path / "out")
    assert list((tmp_path / "out").glob("*.safetensors"))


def test_a_target_that_lacks_a_trained_layer_is_an_error_and_its_download_stays(hub, tmp_path):
    template = tmp_path / "own.jinja"
    template.write_text(TEMPLATE)
    wanted = model(chat_template=str(template))
    with pytest.raises(UserError, match="target 'base' has no linear layer 'c_attn'"):
        fetch_model(wanted, "base", tmp_path / "out", ["q_proj", "c_attn"])
    assert not (tmp_path / "out").exists()
    assert (tmp_path / ".out.partial/model.safetensors").exists()
    fetch_model(wanted, "base", tmp_path / "out", ["q_proj"])
    assert (tmp_path / "out/model.safetensors").exists()
