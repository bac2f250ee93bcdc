"""The files of a plan, in `results/<study>/plan`."""

from __future__ import annotations

from pathlib import Path

from manybaskets.config.evaluation import Figures
from manybaskets.plan.making import Plan
from manybaskets.plan.table import as_csv, as_markdown
from manybaskets.records.writing import write_json, write_text


def write_plan(plan: Plan, folder: Path, figures: Figures) -> list[Path]:
    """Write `plan.md`, `plan.csv`, `plan.json`, and the stages as `plan.svg` and `plan.png`.

    Returns:
        The files, in this order.
    """
    from manybaskets.plan.drawing import draw_plan

    folder.mkdir(parents=True, exist_ok=True)
    texts = {"plan.md": as_markdown(plan), "plan.csv": as_csv(plan)}
    for name, text in texts.items():
        write_text(text, folder / name)
    write_json(plan.as_json(), folder / "plan.json")
    drawn = draw_plan(plan, folder / "plan", figures) if plan.stages else []
    return [*(folder / name for name in (*texts, "plan.json")), *drawn]
