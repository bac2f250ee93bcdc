"""Next-token logits: those of the model's own forward pass, whatever the batch and whatever is reused."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from tiny_adapters import make_adapters

from manybaskets.config.models import Prompting
from manybaskets.config.sampling import Sampling
from manybaskets.engines.base import Question
from manybaskets.engines.transformers_engine import TransformersEngine
from manybaskets.engines.transformers_reading import _groups, read
from manybaskets.errors import UserError

FAMILIES = ["llama", "qwen", "mistral", "gemma"]
WANTED = (50, 60, 70)
TOLERANCE = 2e-5  # of a logit, in float32


@pytest.fixture(scope="module", params=FAMILIES)
def engine(request, tiny_models):
    return TransformersEngine(tiny_models[request.param], Prompting(), "float32", 2, request.param)


def questions(sampling: Sampling | None = None) -> list[Question]:
    """Four long beginnings with ten ends each of any length, and three that are like no other."""
    rng = np.random.default_rng(5)

    def ids(size: int) -> tuple[int, ...]:
        return tuple(rng.integers(10, 390, size).tolist())

    made = []
    for _ in range(4):
        start = ids(60)
        made += [Question(start + ids(rng.integers(1, 40)), WANTED, sampling) for _ in range(10)]
    made += [Question(ids(size), WANTED, sampling) for size in (1, 7, 200)]
    order = rng.permutation(len(made))
    return [made[index] for index in order]


def values(readings) -> np.ndarray:
    return np.array([[*each.logits, each.log_total] for each in readings])


def direct(engine: TransformersEngine, question: Question) -> list[float]:
    with torch.inference_mode():
        logits = engine.base(torch.tensor([question.ids])).logits[0, -1].float()
    return [*logits[list(question.wanted)].tolist(), float(logits.logsumexp(0))]


def test_readings_are_those_of_a_forward_pass_of_each_prompt(engine):
    asked = questions()
    expected = np.array([direct(engine, each) for each in asked])
    assert np.abs(values(read(engine, asked, 2000)) - expected).max() < TOLERANCE
    assert expected.std(axis=0).min() > 100 * TOLERANCE


def test_batches_of_one_and_of_eight_agree(engine):
    asked = questions()
    eight = max(len(each.ids) for each in asked) * 8
    alone = values([read(engine, [each], 1)[0] for each in asked])
    assert np.abs(values(read(engine, asked, eight, reuse=False)) - alone).max() < TOLERANCE
    assert np.abs(values(read(engine, asked, eight)) - alone).max() < TOLERANCE


def test_the_order_of_the_questions_means_nothing(engine):
    asked = questions()
    there = values(read(engine, asked, 1500))
    back = values(read(engine, asked[::-1], 1500))[::-1]
    assert (there == back).all()


def test_groups_share_their_beginning_and_leave_something_to_read():
    rows = sorted([(1, 2, 3, 4), (1, 2, 3, 5), (1, 2, 3), (9, 9, 9), (1, 2, 3, 4)])
    groups = list(_groups(rows, reuse=True))
    assert sorted(index for members, _ in groups for index in members) == list(range(len(rows)))
    for members, shared in groups:
        starts = {rows[index][:shared] for index in members}
        assert len(starts) == 1 and all(len(rows[index]) > shared for index in members)
    assert ([0, 1, 2, 3], 2) in groups and ([4], 0) in groups


def test_padding_rows_of_the_vocabulary_are_no_answer(tiny_models):
    engine = TransformersEngine(tiny_models["llama"], Prompting(), "float32", 2, "llama")
    asked = questions()[:3]
    plain = values(read(engine, asked, 1000))
    size = engine.vocabulary
    engine.base.resize_token_embeddings(size + 30)
    with torch.no_grad():
        engine.base.get_output_embeddings().weight[size:] = 10.0
    assert np.abs(values(read(engine, asked, 1000)) - plain).max() < TOLERANCE
    engine.tokens = size + 30
    assert np.abs(values(read(engine, asked, 1000)) - plain).max() > 0.1


def test_adapters_are_read_one_after_the_other(tiny_models, tmp_path):
    engine = TransformersEngine(tiny_models["llama"], Prompting(), "float32", 2, "llama")
    asked = questions()[:12]
    base = values(read(engine, asked, 1000))
    tuned = []
    for adapter in make_adapters(tiny_models["llama"], tmp_path, [1, 2]):
        engine.use_adapter(adapter)
        tuned.append(values(read(engine, asked, 1000)))
        expected = np.array([direct(engine, each) for each in asked])
        assert np.abs(tuned[-1] - expected).max() < TOLERANCE
    engine.use_adapter(None)
    assert (values(read(engine, asked, 1000)) == base).all()
    assert np.abs(tuned[0] - base).max() > 0.01 and np.abs(tuned[1] - tuned[0]).max() > 0.01


def test_warping_is_what_generation_does_and_leaves_the_logits_alone(engine):
    """Against temperature and top-p in numpy."""
    warm = Sampling(temperature=0.5, top_p=0.3)
    plain, warped = (read(engine, questions(how), 3000) for how in (None, warm))
    assert (values(plain) == values(warped)).all()
    assert all(each.warped is None for each in plain)
    for question, reading in zip(questions(warm), warped, strict=True):
        with torch.inference_mode():
            logits = engine.base(torch.tensor([question.ids])).logits[0, -1].double().numpy()
        shares = np.exp((logits - logits.max()) / warm.temperature)
        shares /= shares.sum()
        order = np.argsort(-shares)
        kept = order[: int(np.searchsorted(np.cumsum(shares[order]), warm.top_p)) + 1]
        expected = [shares[token] / shares[kept].sum() if token in kept else 0 for token in WANTED]
        assert reading.warped == pytest.approx(expected, abs=1e-5)


def test_logits_that_are_no_numbers_stop(tiny_models):
    engine = TransformersEngine(tiny_models["qwen"], Prompting(), "float32", 2, "qwen")
    with torch.no_grad():
        engine.base.get_output_embeddings().weight[50] = math.nan
    with pytest.raises(UserError, match="are not finite"):
        read(engine, questions()[:2], 1000)
