"""Kinds of mix: what follows from their shares; one of a user's own needs no change of the library."""

from __future__ import annotations

import json

import polars as pl
import pytest
import yaml
from extension_files import extended
from repository import ROOT

from manybaskets.config.blends import blends_of
from manybaskets.config.documentation import configuration_page, json_schema
from manybaskets.config.loading import parse_study
from manybaskets.config.mixes import (
    MIX_KINDS,
    HumanMix,
    MixSettings,
    MultiMix,
    SingleMix,
    WeightedMix,
    mix_kind,
    read_mix_settings,
)
from manybaskets.errors import UserError
from manybaskets.mixes.assignment import assign
from manybaskets.published.condition_groups import groups_of
from manybaskets.scoring.divergence import comparisons_of

SHIPPED = yaml.safe_load((ROOT / "config/config.yaml").read_text())
COIN = {"kind": "coin", "heads": "llama", "tails": "qwen"}
ALONE = {"kind": "weighted", "weights": {"llama": 3}}


@pytest.fixture()
def coin():
    """The kind of `tests/extensions/coin.py`, registered for one test."""
    with extended("coin.py", kinds=MIX_KINDS):
        yield


def study(**mixes):
    return parse_study(SHIPPED | {"mixes": SHIPPED["mixes"] | mixes}, "config.yaml")


def prompts(count: int) -> pl.DataFrame:
    rows = [(f"p{n}", "train", 1 + n % 4, "qa") for n in range(count)]
    schema = {"prompt_id": pl.String, "split": pl.String, "part": pl.Int32, "category": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row")


@pytest.mark.parametrize(
    ("mix", "shares", "composition", "group"),
    [
        (HumanMix(kind="human"), {"human": 1}, "human", "human"),
        (SingleMix(kind="single", source="a"), {"a": 1}, "single", "single"),
        (SingleMix(kind="single", source="human"), {"human": 1}, "human", "human"),
        (MultiMix(kind="multi", sources=["a", "b"]), {"a": 0.5, "b": 0.5}, "multi", "multi"),
        (MultiMix(kind="multi", sources=["b", "a", "b"]), {"b": 2 / 3, "a": 1 / 3}, "multi", "multi"),
        (WeightedMix(kind="weighted", weights={"b": 3, "a": 1}), {"b": 0.75, "a": 0.25}, "multi", "weighted"),
        (WeightedMix(kind="weighted", weights={"a": 3}), {"a": 1}, "single", "single"),
        (WeightedMix(kind="weighted", weights={"human": 3}), {"human": 1}, "human", "human"),
    ],
)  # fmt: skip
def test_composition_and_group_follow_from_the_shares(mix, shares, composition, group):
    assert list(mix.shares().items()) == list(shares.items())
    assert (mix.composition, mix.group) == (composition, group)
    assert read_mix_settings(mix.model_dump()) == mix


def test_what_a_mix_assigns_has_its_shares():
    asked = prompts(600)
    for mix in (
        SingleMix(kind="single", source="a"),
        MultiMix(kind="multi", sources=["a", "b", "c", "b"]),
        WeightedMix(kind="weighted", weights={"a": 1, "b": 2, "c": 3}),
    ):
        counts = dict(assign(asked, mix, "m", 1)["source"].value_counts().rows())
        assert {name: count / 600 for name, count in counts.items()} == pytest.approx(mix.shares())


def test_a_weighted_mix_of_one_source_is_a_single_everywhere():
    """In tables, in comparisons of distributions and in the published groups."""
    config = study(alone=ALONE)
    blends = blends_of(config)
    assert "alone" not in blends and "multi" in blends
    made_of = {name: config.mixes[name].composition for name in ("alone", "multi", "human")}
    pairs = comparisons_of(made_of, dict.fromkeys(made_of, [1]))
    assert ("multi", "alone") in [(each.first[0], each.second[0]) for each in pairs]
    assert "alone" in groups_of(config).families[0]


def test_a_family_takes_it_as_its_mix_of_one_source():
    mixes = {name: mix for name, mix in SHIPPED["mixes"].items() if name != "single-llama"}
    changes = {"mixes": mixes | {"alone": ALONE}, "comparisons": {}, "preference": None}
    config = parse_study(SHIPPED | changes, "config.yaml")
    assert config.count_members("baskets")["alone"] == ("llama",)


def test_the_config_takes_a_kind_of_ones_own(coin):
    own = study(own=COIN)
    assert own.mixes["own"].model_dump() == COIN
    assert own.mix_sources("own") == ["llama", "qwen"]
    assert "own" in blends_of(own) and own.mixes["own"].group == "coin"


@pytest.mark.parametrize(
    ("mix", "message"),
    [
        (COIN | {"tails": "falcon"}, "mixes.own: 'falcon' is not among sources"),
        (COIN | {"tails": "llama"}, "mixes.own.tails: 'llama' is `heads` too"),
        ({"kind": "coin", "heads": "llama"}, "mixes.own.tails: this key is missing"),
        (COIN | {"edge": 1}, "mixes.own.edge: unknown key"),
        ({"kind": "coins"}, "mixes.own: 'coins' is not one of 'human', 'single', 'multi', 'weighted', 'coin'"),
        ({"source": "llama"}, "mixes.own: the key `kind` is missing"),
        ("coin", "mixes.own: expected a section with the key `kind`"),
    ],
)  # fmt: skip
def test_its_mistakes_are_told_with_their_key(coin, mix, message):
    with pytest.raises(UserError) as error:
        study(own=mix)
    assert message in str(error.value)


def test_schema_and_documentation_list_it(coin):
    schema = json.loads(json_schema())
    (kinds,) = schema["properties"]["mixes"]["patternProperties"].values()
    assert "coin" in kinds["discriminator"]["mapping"] and "CoinMix" in schema["$defs"]
    assert "## `mixes.<name>`, kind `coin`" in configuration_page()


def test_it_assigns_every_prompt_one_of_its_sources(coin):
    mix, asked = read_mix_settings(COIN), prompts(2000)
    found = assign(asked, mix, "own", 1)
    assert found["prompt_id"].equals(asked["prompt_id"])
    assert 0.45 < (found["source"] == "llama").mean() < 0.55
    turned = assign(asked.reverse(), mix, "own", 1)
    assert turned.sort("prompt_id").equals(found.sort("prompt_id"))
    assert not assign(asked, mix, "own", 2).equals(found)


def test_without_its_file_it_is_unknown():
    assert "coin" not in MIX_KINDS
    with pytest.raises(UserError, match="'coin' is not one of"):
        study(own=COIN)


def test_a_kind_must_assign_its_own_sources_to_all_prompts():
    class Short(SingleMix):
        def assign(self, prompts, name, seed):
            return [self.source] * (prompts.height - 1)

    class Foreign(SingleMix):
        def assign(self, prompts, name, seed):
            return ["b"] * prompts.height

    for wrong in (Short, Foreign):
        with pytest.raises(ValueError, match="mix kind 'single' assigned"):
            assign(prompts(3), wrong(kind="single", source="a"), "m", 1)


def test_a_name_is_registered_once():
    with pytest.raises(ValueError, match="the mix kind 'human' is already registered"):
        mix_kind(HumanMix)


def test_a_kind_needs_its_name():
    class Nameless(MixSettings):
        pass

    with pytest.raises(TypeError, match="kind: Literal"):
        mix_kind(Nameless)
