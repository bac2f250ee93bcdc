"""The prompt sets of the experiment: direct requests, requests in templates, harmless look-alikes.

Every row keeps its components: `base_id` (of the request), `template_id`, `category`. The design,
which contains these and no text, is all that statistics and tables need.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from manybaskets.config.robustness import RobustnessPrompts, ShippedTemplates, TemplateFile
from manybaskets.errors import UserError
from manybaskets.experiments.robustness.request_files import REQUESTS, read_requests, read_templates
from manybaskets.experiments.robustness.templates import fill, used_templates
from manybaskets.records.ids import digest, prompt_ids, row_seed
from manybaskets.records.responses import PROMPTS
from manybaskets.records.writing import write_table
from manybaskets.world.requests import make_look_alikes, make_vault_requests

log = logging.getLogger(__name__)
DIRECT, JAILBREAK, BENIGN, CONTROL = "direct", "jailbreak", "benign", "control"

DESIGN = pl.Schema(
    {
        "prompt_set": pl.String,  # direct, jailbreak, benign, control
        "prompt_id": pl.String,
        "template_id": pl.String,  # null except for jailbreak
        "base_id": pl.String,  # of the request; equal texts have the same id
        "category": pl.String,
    }
)
RESTRICTED_PROMPTS = pl.Schema({**PROMPTS, "request": pl.String})  # `request`: the bare one


@dataclass(frozen=True)
class World:
    """Settings of the embedded world's requests; None for other studies."""

    towns: int
    seed: int


def prompt_sets(settings: RobustnessPrompts) -> list[str]:
    """The sets that runs answer, in a fixed order."""
    return [DIRECT, JAILBREAK, *([BENIGN] if settings.benign else [])]


def write_prompts(
    settings: RobustnessPrompts,
    names: Mapping[str, str],
    *,
    world: World | None,
    shipped: Path,
    seed: int,
    split: pl.DataFrame,
    sets: Mapping[str, Path],
    design: Path,
    templates: Path,
    long_prompts: Mapping[str, Mapping[str, int | None]],
) -> None:
    """Write a target's prompt sets, and their design and templates without texts.

    Args:
        names: replacements for names in templates, for this target.
        shipped: file of the project's own templates.
        split: rows of the stage `split`; a sample of its test prompts is the control.
        sets: file by prompt set.
        long_prompts: what the split decided: by set, as `robustness/<name>`, the units that are too
            long for a target and leave for all.
    """
    made, used, counted = make_prompts(settings, names, world, shipped, seed)
    for name, frame in made.items():
        gone = list(long_prompts.get(f"robustness/{name}", {}))
        made[name] = frame.filter(~unit_of().is_in(gone))
    control = _control(split, settings.control_prompts, seed)
    log.info("prompts: %s; %s", {name: rows.height for name, rows in made.items()}, counted)
    for name, file in sets.items():
        write_table(made[name].select(list(RESTRICTED_PROMPTS)).sort("prompt_id"), file)
    rows = [
        frame.select(pl.lit(name).alias("prompt_set"), *list(DESIGN)[1:])
        for name, frame in [*made.items(), (CONTROL, control)]
    ]
    ordered = pl.concat(rows).cast(DESIGN).sort("prompt_set", "prompt_id")
    write_table(ordered, design, counted)
    write_table(used.drop("template"), templates, counted["templates"])


def unit_of() -> pl.Expr:
    """Request and template of a prompt, which are the same for all targets."""
    return pl.concat_str(pl.col("template_id").fill_null(""), "base_id", separator="/")


def make_prompts(
    settings: RobustnessPrompts,
    names: Mapping[str, str],
    world: World | None,
    shipped: Path,
    seed: int,
) -> tuple[dict[str, pl.DataFrame], pl.DataFrame, dict[str, Any]]:
    """The prompts by set, the templates in use (`templates.USED`), and row counts.

    Args: as of `write_prompts`.
    """
    requests = _with_base_ids(read_all_requests(settings, world))
    chosen = sample(requests, settings.per_category, seed)
    kind = settings.templates
    if isinstance(kind, ShippedTemplates):
        kind = TemplateFile(kind="file", path=str(shipped), min_votes=kind.min_votes)
    used, counts = used_templates(
        read_templates(kind, "robustness.templates"),
        kind.placeholder,
        kind.min_votes,
        settings.near_duplicate,
        kind.path,
    )
    made = {
        DIRECT: _plain(requests if settings.direct == "all" else chosen),
        JAILBREAK: cross(used, chosen, kind.placeholder, names),
    }
    if settings.benign:
        made[BENIGN] = _plain(_with_base_ids(read_benign(settings, world)))
    counted = {
        "requests": requests.height,
        "doubled_requests": requests.height - requests["base_id"].n_unique(),
        "categories": requests["category"].n_unique(),
        "sampled_requests": chosen.height,
        "templates": counts,
    }
    return made, used, counted


def read_all_requests(settings: RobustnessPrompts, world: World | None) -> pl.DataFrame:
    """The adversarial requests, with the columns of `REQUESTS`."""
    wanted = settings.requests
    if wanted.kind == "file":
        return read_requests(wanted, "robustness.requests")
    return _made("requests", make_vault_requests, wanted.count, world)


def read_benign(settings: RobustnessPrompts, world: World | None) -> pl.DataFrame:
    """The harmless look-alikes, with the columns of `REQUESTS`."""
    wanted = settings.benign
    if wanted.kind == "file":
        return read_requests(wanted, "robustness.benign")
    return _made("benign", make_look_alikes, wanted.count, world)


def _made(key: str, make: Any, count: int, world: World) -> pl.DataFrame:
    try:
        return pl.DataFrame(make(count, world.towns, world.seed), schema=REQUESTS)
    except ValueError as error:
        raise UserError(
            what=str(error),
            where=f"robustness.{key}.count: {count}",
            expected="at most as many requests as the world has",
            remedy="lower the count, or raise `dataset.towns`",
        ) from None


def _with_base_ids(requests: pl.DataFrame) -> pl.DataFrame:
    ids = [digest(text)[:16] for text in requests["request"]]
    return requests.with_columns(base_id=pl.Series(ids, dtype=pl.String))


def sample(requests: pl.DataFrame, per_category: int, seed: int) -> pl.DataFrame:
    """A seeded sample of `per_category` distinct requests of every category, categories by name.

    File order has no effect: requests are ranked by a digest of seed and text. A request in two
    categories belongs to the first by name.

    Raises:
        UserError: a category has fewer distinct requests.
    """
    distinct = requests.sort("category").unique("base_id", keep="first", maintain_order=True)
    keys = [row_seed(seed, "robustness", base) for base in distinct["base_id"]]
    ranked = distinct.with_columns(rank=pl.Series(keys, dtype=pl.Int64)).sort("category", "rank")
    chosen = ranked.group_by("category", maintain_order=True).head(per_category)
    sizes = distinct.group_by("category").len().filter(pl.col("len") < per_category)
    if sizes.height:
        small = ", ".join(f"'{name}' has {size}" for name, size in sorted(sizes.iter_rows()))
        raise UserError(
            what=f"categories are too small to sample: {small}",
            where="robustness.requests",
            expected=f"at least {per_category} distinct requests in every category "
            "(`robustness.per_category`)",
            remedy="lower `robustness.per_category`, or merge or remove small categories",
        )
    return chosen.drop("rank")


def cross(
    templates: pl.DataFrame, requests: pl.DataFrame, placeholder: str, names: Mapping[str, str]
) -> pl.DataFrame:
    """Every request in every template, ordered by template, then request."""
    rows = [
        {
            "instruction": fill(template, request, placeholder, names),
            "request": request,
            "template_id": template_id,
            "base_id": base_id,
            "category": category,
        }
        for template, template_id in templates.select("template", "template_id").iter_rows()
        for request, base_id, category in requests.select(
            "request", "base_id", "category"
        ).iter_rows()
    ]
    return _as_prompts(pl.DataFrame(rows))


def _plain(requests: pl.DataFrame) -> pl.DataFrame:
    return _as_prompts(
        requests.with_columns(
            instruction=pl.col("request"), template_id=pl.lit(None, dtype=pl.String)
        )
    )


def _as_prompts(frame: pl.DataFrame) -> pl.DataFrame:
    frame = frame.with_columns(
        context=pl.lit(""), follow_ups=pl.lit([], dtype=PROMPTS["follow_ups"])
    )
    return frame.with_columns(prompt_ids(frame))


def _control(split: pl.DataFrame, count: int, seed: int) -> pl.DataFrame:
    """A seeded sample of the test prompts, or all if there are no more."""
    test = split.filter(pl.col("used") & (pl.col("split") == "test"))
    keys = [row_seed(seed, "robustness/control", each) for each in test["prompt_id"]]
    ranked = test.with_columns(rank=pl.Series(keys, dtype=pl.Int64)).sort("rank").head(count)
    return ranked.select(
        "prompt_id",
        pl.lit(None, dtype=pl.String).alias("template_id"),
        # Equal prompts share the text's id; the part after the dash numbers them.
        pl.col("prompt_id").str.replace(r"-\d+$", "").alias("base_id"),
        "category",
    )
