"""Fetching of models; the hub is played by a folder."""

from __future__ import annotations

import json
import shutil
from types import SimpleNamespace

import httpx2
import huggingface_hub
import pytest
from huggingface_hub.utils import filter_repo_objects

from manybaskets.config.models import HubModel
from manybaskets.errors import UserError
from manybaskets.models.fetching import fetch_model
from manybaskets.models.folder import fingerprint

TEMPLATE = "{% for turn in messages %}{{ turn.content }}{{ eos_token }}{% endfor %}"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture()
def hub(tiny_models, tmp_path, monkeypatch):
    """A repository of the hub that holds a tiny model without a chat template, and its cache."""
    repository = tmp_path / "repository"
    shutil.copytree(tiny_models["llama"], repository)
    (repository / "chat_template.jinja").unlink()
    (repository / "consolidated.safetensors").write_bytes(b"the same weights")
    (repository / "onnx").mkdir()
    (repository / "onnx/tokenizer.json").write_text("{}")
    cache = tmp_path / "cache"
    asked = []

    def download(repo, *, revision, allow_patterns, ignore_patterns):
        """As in Hugging Face's cache: a snapshot of links to blobs."""
        asked.append((repo, revision))
        names = [str(file.relative_to(repository)) for file in repository.rglob("*.*")]
        snapshot = cache / "snapshots" / revision
        for name in filter_repo_objects(
            names, allow_patterns=allow_patterns, ignore_patterns=ignore_patterns
        ):
            blob, link = cache / f"blobs/{name.replace('/', '-')}.blob", snapshot / name
            for file in (blob, link):
                file.parent.mkdir(parents=True, exist_ok=True)
            if not link.exists():
                shutil.copyfile(repository / name, blob)
                link.symlink_to(blob)
        return str(snapshot)

    def info(self, repo, revision):
        if revision == "nowhere":
            raise OSError("404: no such revision")
        if revision == "offline":
            raise httpx2.ConnectError("[Errno -2] Name or service not known")
        return SimpleNamespace(sha=COMMIT)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", info)
    return SimpleNamespace(folder=repository, cache=cache, asked=asked)


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


def test_two_studies_share_the_weights_in_the_cache(hub, tmp_path, tiny_models):
    template = tmp_path / "own.jinja"
    template.write_text(TEMPLATE)
    folders = [tmp_path / study for study in ("first", "second")]
    for folder in folders:
        fetch_model(model(chat_template=str(template)), "base", folder)
        assert "consolidated.safetensors" not in {file.name for file in folder.iterdir()}
        assert not (folder / "tokenizer.json").is_symlink() and not (folder / "onnx").exists()
    (first,), (second,) = (list(folder.glob("*.safetensors")) for folder in folders)
    assert first.is_symlink() and first.resolve() == second.resolve()
    assert fingerprint(folders[0]) == fingerprint(tiny_models["llama"])


def test_weights_that_left_the_cache_are_an_error_that_names_the_folder(hub, tmp_path):
    template = tmp_path / "own.jinja"
    template.write_text(TEMPLATE)
    fetch_model(model(chat_template=str(template)), "base", tmp_path / "out")
    shutil.rmtree(hub.cache)
    with pytest.raises(UserError, match="weights of a fetched model are gone") as error:
        fingerprint(tmp_path / "out")
    assert f"delete {tmp_path / 'out'}" in error.value.remedy
    shutil.rmtree(tmp_path / "out")
    fetch_model(model(chat_template=str(template)), "base", tmp_path / "out")
    assert fingerprint(tmp_path / "out")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"revision": "nowhere"}, "could not be fetched: 404"),
        ({"revision": "offline"}, r"could not be fetched: \[Errno -2\] Name or service not known"),
        ({}, "has no chat template"),
        ({"chat_template": "no/such.jinja"}, "chat template of model 'base' does not exist"),
        ({"template_arguments": {"thinking": False}}, "'base' does not read thinking"),
    ],
    ids=["revision", "network", "no template", "lost template", "unknown argument"],
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
