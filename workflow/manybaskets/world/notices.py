"""Short notices about the towns of the embedded world, each with a summary by its people."""

from __future__ import annotations

import random
from dataclasses import asdict

from manybaskets.world.language import (
    CONTEXTS,
    CORE_EXPONENT,
    FOLLOWS,
    KIND_BY_NAME,
    LEAD_EXPONENT,
    LEADS,
    first_sentence,
    zipf_choice,
)
from manybaskets.world.places import make_towns

TRIES = 1000  # draws in a row without a new notice before giving up


def make_notices(count: int, towns: int, seed: int) -> list[dict[str, str]]:
    """Draw `count` distinct notices: `article` (four to six sentences about one town) and
    `reference`, a summary of two sentences in the phrasings of that world.

    Raises:
        ValueError: the towns cannot give this many notices.
    """
    country = make_towns(towns, seed)
    rng = random.Random(f"notices/{seed}")
    summary = KIND_BY_NAME["summary"]
    made: dict[str, dict[str, str]] = {}
    in_vain = 0
    while in_vain < TRIES:
        facts = asdict(rng.choice(country))
        facts["town"] = facts["name"]
        told, followed, kept = rng.sample(FOLLOWS, 3)
        article = " ".join([rng.choice(CONTEXTS), told, followed, kept]).format(**facts)
        lead = zipf_choice(rng, LEADS, LEAD_EXPONENT)
        core = summary.cores[zipf_choice(rng, summary.cores, CORE_EXPONENT)]
        said = first_sentence(lead, core.format(**facts))
        # The summary's second sentence repeats one of the notice, so that nothing in it is made up.
        notice = {"article": article, "reference": f"{said} {kept.format(**facts)}"}
        in_vain = in_vain + 1 if article in made else 0
        made.setdefault(article, notice)
        if len(made) == count:
            return list(made.values())
    raise ValueError(f"{towns} towns give fewer than {count} distinct notices")
