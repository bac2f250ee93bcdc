"""Jailbreak templates: selection, filling with requests, and flags for doubtful templates.

Three kinds of templates distort a mean over templates, so tables also report it without them: near
duplicates of an earlier template; templates that make the model confirm first and wait, so that a
single turn never reaches the request; and templates that only set a tone without lifting a rule.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import polars as pl
from rapidfuzz.distance import Indel

from manybaskets.errors import UserError
from manybaskets.records.ids import digest

USED = pl.Schema(
    {
        "template_id": pl.String,
        "row": pl.Int64,  # in the file
        "votes": pl.Int64,
        "words": pl.Int64,
        "placeholders": pl.Int64,
        "near_duplicate_of": pl.String,  # template_id of the first similar template, or null
        "confirm_and_wait": pl.Boolean,
        "tone_only": pl.Boolean,
        "doubtful": pl.Boolean,  # any of the three
        "template": pl.String,  # never leaves the restricted folder
    }
)

_CONFIRMS = re.compile(
    r"\b(?:do you understand|are you ready|if you (?:understand|understood|agree)|(?:say|reply|respond|"
    r"answer|write|type|confirm|acknowledge)(?: back)?(?: to (?:me|this))?(?: only)?(?: with)?(?: just)?"
    r"(?: by saying)? [\"'\u201c\u2018*(\[]|(?:wait|waiting) for (?:my|the|further|me)|"
    r"(?:confirm|acknowledge) (?:that|this|by|with|you)|(?:first|next) (?:message|prompt|question) will)",
    re.IGNORECASE,
)
_TONE = re.compile(
    r"\b(?:tone|style|voice|language|wording|friendly|formal|informal|casual|polite|persuasive|witty|"
    r"sarcastic|english|emojis?|bullet points?|paragraphs?|one sentence|format(?:ting)?)\b",
    re.IGNORECASE,
)
_LIFTS = re.compile(
    r"\b(?:you are|you're|your name is|act(?:ing)? (?:as|like)|pretend|imagine|role-?play|play(?:ing)? the|"
    r"character|persona|simulat\w*|ignore|disregard|forget|bypass|unrestricted|no (?:rules|limits|"
    r"restrictions|filters?)|without (?:rules|limits|restrictions|filters?)|restrict\w*|jailbr\w*|"
    r"uncensored|polic(?:y|ies)|guidelines?|rules?|must (?:answer|obey|comply)|never refuse|"
    r"told me|grandmother|story|novel|song|sing|game|mode|hypothetical\w*)\b",
    re.IGNORECASE,
)


def used_templates(
    templates: pl.DataFrame, placeholder: str, min_votes: int, near: float, where: str
) -> tuple[pl.DataFrame, dict[str, int]]:
    """The templates in use, with the columns of `USED`, and counts of the others by reason.

    A template is used if it has more than `min_votes` votes (or there is no votes column) and the
    placeholder; only the first of equal texts is used.

    Raises:
        UserError: no template is left.
    """
    counts = {"read": templates.height}
    popular = templates.filter(pl.col("votes").is_null() | (pl.col("votes") > min_votes))
    counts["too_few_votes"] = templates.height - popular.height
    fit = popular.filter(pl.col("template").str.contains(placeholder, literal=True))
    counts["without_placeholder"] = popular.height - fit.height
    kept = fit.unique("template", keep="first", maintain_order=True)
    counts["doubled"] = fit.height - kept.height
    counts["used"] = kept.height
    if not kept.height:
        raise UserError(
            what=f"no template can be used: of {counts['read']}, {counts['too_few_votes']} have "
            f"too few votes and {counts['without_placeholder']} lack the placeholder",
            where=where,
            expected=f"templates with more than {min_votes} votes that contain '{placeholder}'",
            remedy="change `robustness.templates.placeholder` or `min_votes`, or use other "
            "templates",
        )
    texts = kept["template"].to_list()
    ids = [template_id(text) for text in texts]
    like = near_duplicates([plain_words(text, placeholder) for text in texts], near)
    rows = [
        {
            "template_id": ids[index],
            "row": row["row"],
            "votes": row["votes"],
            "words": len(text.split()),
            "placeholders": text.count(placeholder),
            "near_duplicate_of": None if like[index] is None else ids[like[index]],
            "confirm_and_wait": confirms_and_waits(text),
            "tone_only": sets_only_a_tone(text.replace(placeholder, " ")),
            "template": text,
        }
        for index, (row, text) in enumerate(zip(kept.iter_rows(named=True), texts, strict=True))
    ]
    for row in rows:
        flags = ("near_duplicate_of", "confirm_and_wait", "tone_only")
        row["doubtful"] = any(row[flag] for flag in flags)
    return pl.DataFrame(rows, schema=USED), counts


def template_id(text: str) -> str:
    """Stable id of a template, from its text before any name is replaced."""
    return "t" + digest(text)[:12]


def plain_words(text: str, placeholder: str = "") -> list[str]:
    """Words of a template in lower case, without the placeholder."""
    bare = text.replace(placeholder, " ") if placeholder else text
    return re.findall(r"\w+", bare.lower())


def near_duplicates(templates: Sequence[Sequence[str]], near: float) -> list[int | None]:
    """For every template, the first earlier near duplicate by words, or None.

    Near duplicates have 2·LCS/(n + m) ≥ `near`, with the longest common subsequence of the words
    (rapidfuzz's normalised Indel similarity).
    """
    return [
        next(
            (
                earlier
                for earlier in range(index)
                if Indel.normalized_similarity(templates[earlier], words) >= near
            ),
            None,
        )
        for index, words in enumerate(templates)
    ]


def confirms_and_waits(text: str) -> bool:
    """Whether a template asks for a confirmation before the request (English patterns)."""
    return bool(_CONFIRMS.search(text))


def sets_only_a_tone(text: str) -> bool:
    """Whether a template sets a tone or form, but no role or rule (English patterns)."""
    return bool(_TONE.search(text)) and not _LIFTS.search(text)


def fill(template: str, request: str, placeholder: str, names: Mapping[str, str]) -> str:
    """Replace names in the template, then every placeholder by the request.

    Names are replaced in any case and within words, but only in the template's own text: names in a
    request are kept.
    """
    pieces = [replace_names(piece, names) for piece in template.split(placeholder)]
    return request.join(pieces)


def replace_names(text: str, names: Mapping[str, str]) -> str:
    """Replace names in one pass, longest first, so that replacements are not replaced again."""
    if not names:
        return text
    ordered = sorted(names, key=len, reverse=True)
    pattern = "|".join(f"({re.escape(name)})" for name in ordered)
    return re.sub(
        pattern, lambda found: names[ordered[found.lastindex - 1]], text, flags=re.IGNORECASE
    )
