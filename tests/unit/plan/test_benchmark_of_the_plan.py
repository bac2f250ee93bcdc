"""The made-up study of `benchmarks/plan.py` is one that the workflow takes, and as large as is said."""

from __future__ import annotations

import importlib.util
import sys

import yaml
from planned_jobs import ROOT, dry_run

from manybaskets.config import loading


def test_the_study_of_three_thousand_jobs_can_be_planned(tmp_path):
    spec = importlib.util.spec_from_file_location("benchmark", ROOT / "benchmarks/plan.py")
    benchmark = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = benchmark
    spec.loader.exec_module(benchmark)
    # Two shards in place of forty: the same rules, faster.
    settings = yaml.safe_load(yaml.safe_dump(benchmark.config(54, 2, 10, 3)))
    jobs, _ = dry_run(loading.parse_study(settings, "large"), tmp_path)
    kinds = [job.rule for job in jobs]
    assert kinds.count("train") == 300 and kinds.count("generate") == 54 * 2
    assert len(jobs) + 54 * 38 > 3000
