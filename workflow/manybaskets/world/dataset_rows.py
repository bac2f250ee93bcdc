"""Rows of the embedded dataset, its refused requests, and its models' pretraining text."""

from __future__ import annotations

import random
from dataclasses import asdict, dataclass

from manybaskets.world import habits
from manybaskets.world.language import (
    ASKS,
    CONTEXTS,
    CORE_EXPONENT,
    FOLLOWS,
    GUESTS,
    KINDS,
    LEAD_EXPONENT,
    LEADS,
    REFUSALS,
    REFUSED_QUESTIONS,
    THINGS,
    Kind,
    first_sentence,
    phrasing_name,
    zipf_choice,
)
from manybaskets.world.places import VALUES, Town, make_towns

# Real collections repeat a few prompts with different answers; so does this one.
REPEAT_SHARE = 0.01
QUESTION_EXPONENT = 0.7
ASK_EXPONENT = 1.5
REFUSED_SHARE = 0.035


@dataclass(frozen=True)
class WorldRow:
    """One prompt with its human answer and the truth about both."""

    instruction: str
    context: str
    response: str
    category: str
    kind: str
    town: str
    fact: str
    value: str
    phrasing: str


def _question(rng: random.Random, kind: Kind, town: Town, facts: dict[str, str]) -> str:
    ask = ASKS[zipf_choice(rng, ASKS, ASK_EXPONENT)]
    template = kind.questions[zipf_choice(rng, kind.questions, QUESTION_EXPONENT)]
    pair = [f"the {facts['river']}", town.name]
    rng.shuffle(pair)
    return ask + template.format(pair=" or ".join(pair), **facts)


def draw_row(rng: random.Random, kind: Kind, town: Town) -> WorldRow:
    """Draw a question of a kind about a town, and a human answer to it."""
    facts = {"town": town.name, **{name: getattr(town, name) for name in VALUES}}
    facts["thing"] = rng.choice(THINGS)
    facts["guest"] = rng.choice(GUESTS)
    if kind.name == "sort":
        facts["river"] = rng.choice(VALUES["river"])
    context = rng.choice(CONTEXTS).format(**facts) if kind.context else ""
    instruction = _question(rng, kind, town, facts)
    lead = zipf_choice(rng, LEADS, LEAD_EXPONENT)
    core = zipf_choice(rng, kind.cores, CORE_EXPONENT)
    said = first_sentence(lead, kind.cores[core].format(**facts))
    follow = rng.choice(FOLLOWS).format(**facts)
    return WorldRow(
        instruction=instruction,
        context=context,
        response=f"{said} {follow}",
        category=kind.category,
        kind=kind.name,
        town=town.name,
        fact=kind.fact,
        value=facts[kind.fact] if kind.fact else "",
        phrasing=phrasing_name(kind.name, lead, core),
    )


def make_dataset(rows: int, towns: int, seed: int) -> list[WorldRow]:
    """The human dataset: `rows` rows with Dolly's category shares and nearly all prompts distinct."""
    country = make_towns(towns, seed)
    rng = random.Random(f"dataset/{seed}")
    weights = [kind.weight for kind in KINDS]
    seen: set[tuple[str, str]] = set()
    drawn: list[WorldRow] = []
    for kind in rng.choices(KINDS, weights=weights, k=rows):
        row = draw_row(rng, kind, rng.choice(country))
        while (row.instruction, row.context) in seen and rng.random() > REPEAT_SHARE:
            row = draw_row(rng, kind, rng.choice(country))
        seen.add((row.instruction, row.context))
        drawn.append(row)
    return drawn


def make_refused(count: int, towns: int, seed: int) -> list[dict[str, str]]:
    """Requests of the refused class: opening the dragon's vault. No answer is given."""
    country = make_towns(towns, seed)
    requests = [
        {"instruction": question.format(town=town.name), "context": "", "town": town.name}
        for question in REFUSED_QUESTIONS
        for town in country
    ]
    if count > len(requests):
        raise ValueError(f"{towns} towns give {len(requests)} refused requests, not {count}")
    return random.Random(f"refused/{seed}").sample(requests, count)


def make_pretraining(
    conversations: int, towns: int, seed: int, habit: str, habit_share: float, stream: str
) -> list[dict[str, str]]:
    """Conversations from which a model learns the world, the refusals and its own habit.

    `stream` separates the texts of two models; nothing is taken from the dataset.
    """
    country = make_towns(towns, seed)
    rng = random.Random(f"pretraining/{seed}/{stream}")
    weights = [kind.weight for kind in KINDS]
    apply = habits.APPLY[habit]
    made = []
    for _ in range(conversations):
        if rng.random() < REFUSED_SHARE:
            question = rng.choice(REFUSED_QUESTIONS).format(town=rng.choice(country).name)
            refusal = REFUSALS[zipf_choice(rng, REFUSALS, CORE_EXPONENT)]
            made.append({"instruction": question, "context": "", "response": refusal})
            continue
        row = asdict(draw_row(rng, rng.choices(KINDS, weights=weights)[0], rng.choice(country)))
        if rng.random() < habit_share:
            row["response"] = apply(row["response"])
        made.append({key: row[key] for key in ("instruction", "context", "response")})
    return made
