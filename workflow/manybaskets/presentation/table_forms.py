"""Tables as readers see them: CSV, Markdown and LaTeX of any frame."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl

from manybaskets.presentation.formatting import NOTHING, number, p_value, rounded_alike
from manybaskets.records.writing import whole_file, write_text

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
    "effect": "d_z",
    "detectable": "detectable (80 % power)",
    "rank_biserial": "rank-biserial",
    "share_above": "share above",
    "mean_words": "words, mean / median",
    "mean_tokens": "tokens, mean",
    "truncated_share": "truncated",
    "n_mixes": "mixes",
    "n_counts": "numbers of sources",
    "blend_value": "blend",
    "baseline_value": "baseline's value",
    "one_sided": "one side only",
    "spb": "SPB",
    "psb": "PSB",
    "p_equivalent_holm": "p, within margin (Holm)",
    "direct_models": "over models",
    "direct_human": "over human",
    "did": "DiD",
    "bias_p_holm": "p of bias (Holm)",
    "bias_p_equivalent_holm": "p of bias, within margin (Holm)",
    "in_sds": "in sds of quality",
    "change_unit": "change in",
    "by_quality": "by quality",
    "by_length": "by length",
    "at_equal_length": "at equal length",
    "gold_sd": "sd between golds",
    "n_golds": "gold judges",
    "other_words": "words of others",
    "n_articles": "articles",
    "flip_rate": "flip rate",
    "first_share": "first place chosen",
    "low_share": "share of low",
    "p5": "5th percentile",
    "n_none": "without any mass",
    "n_readings": "readings",
    "n_pairs": "pairs",
    "ratio_low": "ratio of words, 5 %",
    "ratio_high": "95 %",
}
_HEADERS |= {
    "which_templates": "which templates",
    "rows_alone": "rows alone",
    "n_templates": "templates",
    "n_bases": "base prompts",
    "harm_cut": "harm ≥",
    "quality_cut": "quality ≥",
    "superiority": "A",
    "epsilon_squared": "ε²",
    "generation_error": "not generated",
    "judge_failed": "judge failed",
    "not_sampled": "not asked",
    "mean_if_1": "mean, missing as 1",
    "mean_if_5": "mean, missing as 5",
    "must_pass": "share to pass",
    "one_only": "scored by one only",
    "weighted_kappa": "weighted kappa",
    "n_reported": "n reported",
    "n_reproduced": "n here",
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
    "←": r"$\leftarrow$",
    "∞": r"$\infty$",
    "²": "$^2$",
    "ε": r"$\varepsilon$",
    "β": r"$\beta$",
    "α": r"$\alpha$",
    "\u00a0": "~",
    "–": "--",
}
_LAST_LATIN = 0x17F  # letters above need another LaTeX
_WIDE_TABLE = 8  # columns; a wider table is set small
# Columns that go to the note where all rows have the same, in its words.
_SHARED = {"family": "family", "prompt_set": "prompts", "model": "target", "baseline": "baseline",
           "n_seeds": "training seeds"}  # fmt: skip
# Columns that only the CSV has: the note, or another column, tells readers.
_CSV_ONLY = {
    "method",
    "scale",
    "family_size",
    "median_words",
    "confirmatory",
    "correction",
    "by_seed",
    "wilson_low",
    "wilson_high",
}
_HOLM = "Holm"  # the correction where a table does not say
_LONGEST_FLOAT = 40  # rows; a longer table has to break over pages


def display(frame: pl.DataFrame) -> tuple[list[str], list[list[str]], list[bool]]:
    """Headers, rows of text, and which columns are numeric, as Markdown, LaTeX and HTML show them.

    Fewer columns than the CSV has: `low` and `high` become one interval, `x_low` and `x_high` stand
    behind the value `x`, mean and median of the words are one column; `measure` gives way to its label; `method`, the size of a family and what is the same
    in all rows stand in the note.
    """
    hidden = _CSV_ONLY | set(_same_everywhere(frame))
    hidden |= {"measure"} if "label" in frame.columns else set()
    interval = {"low", "high"} <= set(frame.columns)
    own = {x for x in frame.columns if {f"{x}_low", f"{x}_high"} <= set(frame.columns)}
    hidden |= {f"{name}{end}" for name in own for end in ("_low", "_high")}
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
        elif name in own:
            columns[name] = _with_interval(frame, name)
        elif name in {"p", "p_holm"} or name.endswith("_p_holm") or name == "p_equivalent_holm":
            columns[name] = [p_value(value) for value in values]
        elif name == "mean_words" and "median_words" in frame.columns:
            pairs = zip(values, frame["median_words"], strict=True)
            columns[name] = [f"{number(mean)} / {number(median)}" for mean, median in pairs]
        elif numeric[-1]:
            columns[name] = [number(value) for value in values]
        else:
            columns[name] = [NOTHING if value is None else str(value) for value in values]
    headers = [_HEADERS.get(name, name) for name in columns]
    if _corrections(frame) - {_HOLM}:
        headers = ["p (corrected)" if name == "p_holm" else header
                   for name, header in zip(columns, headers, strict=True)]  # fmt: skip
    return headers, [list(row) for row in zip(*columns.values(), strict=True)], numeric


def _corrections(frame: pl.DataFrame) -> set[str]:
    """The corrections for several tests that a table's families have; none if it does not say."""
    return set(frame["correction"].drop_nulls()) if "correction" in frame.columns else set()


def _with_interval(frame: pl.DataFrame, name: str) -> list[str]:
    """Values with their intervals behind them."""
    shown = []
    for triple in frame.select(name, f"{name}_low", f"{name}_high").rows():
        value, low, high = rounded_alike(triple)
        shown.append(f"{value} ({low} to {high})" if NOTHING not in (low, high) else value)
    return shown


def _same_everywhere(frame: pl.DataFrame) -> dict[str, str]:
    """Columns with the same value in all rows, and that value; none where there is one row."""
    if frame.height < 2:
        return {}
    shared = [name for name in _SHARED if name in frame.columns and frame[name].n_unique() == 1]
    return {name: NOTHING if (v := frame[name][0]) is None else str(v) for name in shared}


def note(frame: pl.DataFrame) -> str:
    """What a table's columns do not show: what all rows share, sizes of families, the methods."""
    sentences = []
    shared = [f"{_SHARED[name]} {value}" for name, value in _same_everywhere(frame).items()]
    if shared:
        sentences.append(f"All rows: {', '.join(shared)}.")
    if {"family", "family_size"} <= set(frame.columns) and frame.height:
        keys = ["family", "family_size", *(["correction"] if _corrections(frame) - {_HOLM} else [])]
        sizes = frame.select(keys).unique(maintain_order=True).rows()
        listed = ", ".join(
            f"{family} {size}{''.join(f' ({name})' for name in names)}"
            for family, size, *names in sizes
        )
        whose = "the" if len(keys) > 2 else "Holm's"
        sentences.append(f"Tests that {whose} correction covers, by family: {listed}.")
    if "method" in frame.columns:
        methods = frame["method"].drop_nulls().unique(maintain_order=True).to_list()
        sentences += [f"Method: {'; '.join(methods)}."] if methods else []
    return " ".join(sentences)


def write_all(frame: pl.DataFrame, stem: Path, caption: str) -> list[Path]:
    """Write `<stem>.csv` in full precision, and `<stem>.md` and `<stem>.tex` for readers."""
    stem = Path(stem)
    paths = [stem.with_name(f"{stem.name}.{kind}") for kind in ("csv", "md", "tex")]
    with whole_file(paths[0]) as partial:
        _neutralised(frame).write_csv(partial)
    caption = " ".join(f"{caption} {note(frame)}".split())
    write_text(table_markdown(frame, caption), paths[1])
    write_text(latex(frame, caption, label=stem.name), paths[2])
    return paths


def _neutralised(frame: pl.DataFrame) -> pl.DataFrame:
    """Text that a spreadsheet would run as a formula gets an apostrophe; numbers do not."""

    def safe(text: str) -> str:
        risky = text.startswith(("=", "+", "-", "@", "\t", "\r"))
        return f"'{text}" if risky and not _NUMBER.fullmatch(text) else text

    texts = pl.col(pl.String).map_elements(safe, return_dtype=pl.String)
    return frame.with_columns(texts).rename({name: safe(name) for name in frame.columns})


def table_markdown(frame: pl.DataFrame, caption: str) -> str:
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
    small = [r"\scriptsize\setlength{\tabcolsep}{3pt}"] if len(headers) > _WIDE_TABLE else []
    if len(rows) > _LONGEST_FLOAT:
        lines = [r"% needs \usepackage{booktabs,longtable}", "{", *small,
                 rf"\begin{{longtable}}{{{columns}}}", title + r" \\", r"\toprule", head, r"\midrule",
                 r"\endhead", r"\bottomrule", r"\endfoot", *body, r"\end{longtable}", "}"]  # fmt: skip
    else:
        lines = [r"% needs \usepackage{booktabs}", r"\begin{table}", r"\centering", *small, title,
                 rf"\begin{{tabular}}{{{columns}}}", r"\toprule", head, r"\midrule", *body,
                 r"\bottomrule", r"\end{tabular}", r"\end{table}"]  # fmt: skip
    text = "\n".join(lines) + "\n"
    if any(ord(mark) > _LAST_LATIN for mark in text):
        return "% needs XeLaTeX or LuaLaTeX, and a font that has its letters\n" + text
    return text


def _latex_cell(text: str) -> str:
    return "".join(_LATEX.get(mark, mark) for mark in " ".join(text.split()))
