"""Fixtures of all tests: untrained tiny models of the four families, made once."""

from __future__ import annotations

import os
from pathlib import Path

import hypothesis
import pytest

# Tests have no time limits: a busy machine must not fail them.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")
# As the workflow sets it for its jobs, and before torch starts its threads.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

REPOSITORY = Path(__file__).resolve().parents[1]
DATA = REPOSITORY.parent / "shared" / "data"


@pytest.fixture(scope="session")
def dolly() -> Path:
    """The real dataset, where this machine has it."""
    path = DATA / "databricks-dolly-15k.jsonl.gz"
    if not path.exists():
        pytest.skip(f"{path} is not on this machine")
    return path


@pytest.fixture(scope="session")
def alpacaeval() -> Path:
    """Real answers of twelve models, where this machine has them."""
    folder = DATA / "alpacaeval"
    if not folder.exists():
        pytest.skip(f"{folder} is not on this machine")
    return folder


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory) -> dict[str, Path]:
    """A folder with an untrained model for every architecture of the embedded study."""
    from manybaskets.config.models import EmbeddedModelSize
    from manybaskets.training import tiny_models as embedded
    from manybaskets.world.dataset_rows import make_pretraining

    size = EmbeddedModelSize(hidden=32, layers=2, heads=2, vocabulary=400, max_length=256)
    text = list(embedded.conversation_texts(make_pretraining(300, 6, 1, "lister", 0.5, "test")))
    folders = {}
    for architecture in embedded.ARCHITECTURES:
        tokenizer = embedded.train_tokenizer(architecture, text, size.vocabulary, size.max_length)
        folders[architecture] = tmp_path_factory.mktemp("models") / architecture
        model = embedded.build_model(architecture, tokenizer, size, seed=7)
        embedded.save_model(model, tokenizer, folders[architecture])
    return folders
