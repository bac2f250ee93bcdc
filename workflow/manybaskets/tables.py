"""Tables: measured numbers in the form that a reader sees, written as CSV, Markdown and LaTeX."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from manybaskets.records import whole_file, write_text
from manybaskets.shown import (
    NOTHING,
    Lookup,
    measure_lookup,
    number,
    p_value,
    rounded_alike,
    shown_unit,
    transformed,
)

_HEADERS = {
    "family": "family",
    "label": "measure",
    "prompt_set": "prompts",
    "model": "target",
    "interval": "interval",
    "n_prompts": "n",
    "n_excluded": "excluded",
    "n_seeds": "seeds",
    "seed_sd": "sd of seeds",
    "tokens_in": "tokens in",
    "tokens_out": "tokens out",
    "in_per_second": "in/s",
    "out_per_second": "out/s",
    "tokens_per_second": "tok/s",
    "seconds_per_1000_prompts": "s per 1,000 prompts",
    "gpus": "GPUs",
    "tokens_per_second_per_gpu": "tok/s per GPU",
    "peak_memory_gib": "memory, GiB",
    "peak_gpu_reserved_gib": "GPU reserved, GiB",
    "peak_gpu_allocated_gib": "GPU allocated, GiB",
    "p_holm": "p (Holm)",
    "mean_of_singles": "mean of singles",
    "best_single": "best single",
    "best_value": "its value",
}
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_LATEX = {
    "\\": r"\textbackslash{}",
    **{mark: f"\\{mark}" for mark in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": "$<$",
    ">": "$>$",
    "|": r"\textbar{}",
    "−": "$-$",
    "×": r"$\times$",
    "≤": r"$\le$",
    "≥": r"$\ge$",
    "→": r"$\to$",
    "–": "--",
}
_LONGEST_FLOAT = 40  # rows; a longer table has to break over pages


def conditions(summary: pl.DataFrame, lookup: Lookup | None = None) -> pl.DataFrame:
    """One row per measure, prompt set, target and mix, on the scale that readers see.

    The seed spread of a perplexity is that of its logarithm times the perplexity (first order).
    """
    find = measure_lookup(lookup)
    rows = []
    for row in summary.iter_rows(named=True):
        measure = find(row["measure"])
        value, low, high = (
            transformed(row[key], measure.transform) for key in ("estimate", "low", "high")
        )
        spread = row["seed_sd"]
        if spread is not None and measure.transform == "exp":
            spread *= value
        rows.append(
            {
                "measure": row["measure"],
                "label": measure.label,
                "unit": shown_unit(measure),
                "prompt_set": row["prompt_set"],
                "model": row["model"],
                "mix": row["mix"],
                "value": value,
                "low": low,
                "high": high,
                "n_prompts": row["n_prompts"],
                "n_excluded": row["n_excluded"],
                "n_seeds": row["n_seeds"],
                "seed_sd": spread,
                "method": row["method"],
            }
        )
    texts = ["measure", "label", "unit", "prompt_set", "model", "mix", "method"]
    return _frame(
        rows, texts, ["value", "low", "high", "seed_sd"], list(rows[0]) if rows else texts
    )


def comparisons(compared: pl.DataFrame, lookup: Lookup | None = None) -> pl.DataFrame:
    """One row per family, measure, target and mix; perplexities are compared as ratios."""
    find = measure_lookup(lookup)
    rows = []
    for row in compared.iter_rows(named=True):
        measure = find(row["measure"])
        value, low, high = (
            transformed(row[key], measure.transform) for key in ("difference", "low", "high")
        )
        rows.append(
            {
                "family": row["family"],
                "measure": row["measure"],
                "label": measure.label,
                "prompt_set": row["prompt_set"],
                "model": row["model"],
                "mix": row["mix"],
                "baseline": row["baseline"],
                "scale": "ratio" if measure.transform == "exp" else "difference",
                "unit": "×" if measure.transform == "exp" else measure.unit,
                "value": value,
                "low": low,
                "high": high,
                "p": row["p"],
                "p_holm": row["p_holm"],
                "effect": row["effect"],
                "n_prompts": row["n_prompts"],
                "n_excluded": row["n_excluded"],
                "n_seeds": row["n_seeds"],
                "method": row["method"],
            }
        )
    texts = [
        "family",
        "measure",
        "label",
        "prompt_set",
        "model",
        "mix",
        "baseline",
        "scale",
        "unit",
    ]
    texts.append("method")
    floats = ["value", "low", "high", "p", "p_holm", "effect"]
    return _frame(rows, texts, floats, list(rows[0]) if rows else texts)


def multi_against_singles(
    summary: pl.DataFrame, singles: Sequence[str], multi: str, lookup: Lookup | None = None
) -> pl.DataFrame:
    """Per measure, prompt set and target: each single mix, their mean, the best one, and multi.

    The mean is taken on the scale of the estimates, so that of perplexities is geometric; it is
    empty where a single is missing. A measure without a direction has no best.
    """
    find = measure_lookup(lookup)
    rows = []
    keys = ["measure", "prompt_set", "model"]
    for (name, prompt_set, model), group in summary.group_by(keys, maintain_order=True):
        measure = find(name)
        by_mix = {row["mix"]: row for row in group.iter_rows(named=True)}
        estimates = {mix: by_mix[mix]["estimate"] if mix in by_mix else None for mix in singles}
        known = {mix: value for mix, value in estimates.items() if value is not None}
        best = None
        if known and measure.direction != "none":
            best = (max if measure.direction == "higher" else min)(known, key=known.__getitem__)
        complete = len(known) == len(singles) > 0
        mean = sum(known.values()) / len(known) if complete else None
        own = by_mix.get(multi, {"estimate": None, "low": None, "high": None})
        shown = [
            transformed(value, measure.transform)
            for value in [*estimates.values(), mean, known.get(best), *map(own.get, _ESTIMATE)]
        ]
        texts = [name, measure.label, shown_unit(measure), prompt_set, model]
        rows.append(texts + shown[: len(singles) + 1] + [best] + shown[len(singles) + 1 :])
    texts = ["measure", "label", "unit", *keys[1:]]
    columns = [
        *texts,
        *singles,
        "mean_of_singles",
        "best_single",
        "best_value",
        multi,
        "low",
        "high",
    ]
    is_text = {*texts, "best_single"}
    schema = {name: pl.String if name in is_text else pl.Float64 for name in columns}
    return pl.DataFrame(rows, schema=schema, orient="row")


_ESTIMATE = ("estimate", "low", "high")


def _frame(rows: list, texts: list[str], floats: list[str], columns: list[str]) -> pl.DataFrame:
    """Frame with fixed types, so that a column of nulls or an empty table keeps them."""
    types = {**dict.fromkeys(texts, pl.String), **dict.fromkeys(floats, pl.Float64)}
    return pl.DataFrame(rows, schema={name: types.get(name, pl.Int64) for name in columns})


def display(frame: pl.DataFrame) -> tuple[list[str], list[list[str]], list[bool]]:
    """Headers, rows of text, and which columns are numeric, as Markdown, LaTeX and HTML show them.

    `low` and `high` become one interval. `measure` gives way to its label, `method` to the note.
    """
    hidden = {"method"} | ({"measure"} if "label" in frame.columns else set())
    interval = {"low", "high"} <= set(frame.columns)
    columns: dict[str, list[str]] = {}
    numeric = []
    for name in frame.columns:
        if name in hidden or (interval and name == "high"):
            continue
        values = frame[name].to_list()
        numeric.append(frame[name].dtype.is_numeric())
        if interval and name == "low":
            columns["interval"] = [
                NOTHING if low is None or high is None else " to ".join(rounded_alike([low, high]))
                for low, high in zip(values, frame["high"], strict=True)
            ]
        elif name in {"p", "p_holm"}:
            columns[name] = [p_value(value) for value in values]
        elif numeric[-1]:
            columns[name] = [number(value) for value in values]
        else:
            columns[name] = [NOTHING if value is None else str(value) for value in values]
    headers = [_HEADERS.get(name, name) for name in columns]
    return headers, [list(row) for row in zip(*columns.values(), strict=True)], numeric


def note(frame: pl.DataFrame) -> str:
    """What a table's columns do not show: the methods behind its numbers."""
    if "method" not in frame.columns:
        return ""
    methods = frame["method"].drop_nulls().unique(maintain_order=True).to_list()
    return f"Method: {'; '.join(methods)}." if methods else ""


def write_all(frame: pl.DataFrame, stem: Path, caption: str) -> list[Path]:
    """Write `<stem>.csv` in full precision, and `<stem>.md` and `<stem>.tex` for readers."""
    stem = Path(stem)
    paths = [stem.with_name(f"{stem.name}.{kind}") for kind in ("csv", "md", "tex")]
    with whole_file(paths[0]) as partial:
        _neutralised(frame).write_csv(partial)
    caption = " ".join(f"{caption} {note(frame)}".split())
    write_text(markdown(frame, caption), paths[1])
    write_text(latex(frame, caption, label=stem.name), paths[2])
    return paths


def _neutralised(frame: pl.DataFrame) -> pl.DataFrame:
    """Text that a spreadsheet would run as a formula gets an apostrophe; numbers do not."""

    def safe(text: str) -> str:
        risky = text.startswith(("=", "+", "-", "@", "\t", "\r"))
        return f"'{text}" if risky and not _NUMBER.fullmatch(text) else text

    texts = pl.col(pl.String).map_elements(safe, return_dtype=pl.String)
    return frame.with_columns(texts).rename({name: safe(name) for name in frame.columns})


def markdown(frame: pl.DataFrame, caption: str) -> str:
    """The table in GitHub's Markdown, its caption as a paragraph above it."""
    headers, rows, numeric = display(frame)
    lines = [
        [_markdown_cell(header) for header in headers],
        ["---:" if is_number else "---" for is_number in numeric],
        *([_markdown_cell(cell) for cell in row] for row in rows),
    ]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"{_markdown_cell(caption)}\n\n{table}\n"


def _markdown_cell(text: str) -> str:
    return re.sub(r"([\\`*|<>\[\]])", r"\\\1", " ".join(text.split()))


def latex(frame: pl.DataFrame, caption: str, label: str) -> str:
    """The table for LaTeX with `booktabs`; a long one breaks over pages and needs `longtable`."""
    headers, rows, numeric = display(frame)
    columns = "".join("r" if is_number else "l" for is_number in numeric)
    head = " & ".join(map(_latex_cell, headers)) + r" \\"
    body = [" & ".join(map(_latex_cell, row)) + r" \\" for row in rows]
    title = (
        rf"\caption{{{_latex_cell(caption)}}}\label{{tab:{re.sub(r'[^A-Za-z0-9-]', '-', label)}}}"
    )
    if len(rows) > _LONGEST_FLOAT:
        lines = [r"% needs \usepackage{booktabs,longtable}", rf"\begin{{longtable}}{{{columns}}}",
                 title + r" \\", r"\toprule", head, r"\midrule", r"\endhead", r"\bottomrule",
                 r"\endfoot", *body, r"\end{longtable}"]  # fmt: skip
    else:
        lines = [r"% needs \usepackage{booktabs}", r"\begin{table}", r"\centering", title,
                 rf"\begin{{tabular}}{{{columns}}}", r"\toprule", head, r"\midrule", *body,
                 r"\bottomrule", r"\end{tabular}", r"\end{table}"]  # fmt: skip
    return "\n".join(lines) + "\n"


def _latex_cell(text: str) -> str:
    return "".join(_LATEX.get(mark, mark) for mark in " ".join(text.split()))
