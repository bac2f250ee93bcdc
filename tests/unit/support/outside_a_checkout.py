"""What somebody does who installed the library and has no checkout; run in an empty folder.

Takes the folder of the installed library, and prints what it found as JSON.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import sys
from pathlib import Path

import manybaskets
from manybaskets.config.documentation import json_schema
from manybaskets.jobs.provenance import git_commit
from manybaskets.jobs.stage_versions import STAGES, stage_version
from manybaskets.judging.rubrics import read_rubric, shipped
from manybaskets.published import collapse_numbers
from manybaskets.records.resources import checkout, project_path, resource


def main(site: str) -> None:
    assert Path(manybaskets.__path__[0]) == Path(site) / "manybaskets", manybaskets.__path__
    assert checkout() is None
    modules = [each.name for each in pkgutil.walk_packages(manybaskets.__path__, "manybaskets.")]
    for name in modules:
        importlib.import_module(name)
    found = {
        "modules": len(modules),
        "commit": git_commit(),
        "stages": [stage_version(stage) for stage in STAGES],
        "schema": json.loads(json_schema())["title"],
        "rubric": shipped("quality").name,
        "embedded": read_rubric(project_path("resources/rubrics/embedded/quality.yaml")).name,
        "published": collapse_numbers.load(resource("published/collapse.csv")).height,
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1])
