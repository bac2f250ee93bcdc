"""`check`: packages, keys, servers and disk space, all problems at once."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from manybaskets.command.checking import HUB, check_study, checked_as_text
from manybaskets.config.loading import parse_study

SETTINGS = {
    "study": "mine",
    "dataset": {"kind": "file", "path": "rows.csv"},
    "models": {"far": {"kind": "hub", "repo": "some/model", "revision": "a" * 40}},
    "sources": {
        name: {"engine": {"kind": "openai", "served_model": name,
                          "base_url": f"http://{name}.example:8000/v1", "key_variable": key}}
        for name, key in (("one", "KEY_ONE"), ("two", None))
    },
    "source_analysis": {"measures": ["response_words"]},
}  # fmt: skip
JOBS = [
    ("fetch_model", "main.yaml", {"model": "far"}),
    *(("generate", "openai.yaml", {"source": name, "shard": str(shard)})
      for name in ("one", "two") for shard in range(3)),
]  # fmt: skip


def plan(**changes):
    given = {"gigabytes": {"rows": 1.0}, "free_gigabytes": 10.0, "notes": [],
             "stages": [SimpleNamespace(to_run=7)]}  # fmt: skip
    return SimpleNamespace(**given | changes)


def checked(**changes):
    given = {"variables": {"KEY_ONE": "secret"}, "connect": lambda address: None, "plan": plan()}
    given |= changes
    study = parse_study(SETTINGS, "test")
    made = check_study(
        study, JOBS, given["plan"], given["variables"], deployed=True, connect=given["connect"]
    )
    return {each.what: each for each in made}


def test_a_study_that_can_run_has_no_problems():
    made = checked()
    assert not any(each.problems for each in made.values())
    assert "secret" not in checked_as_text(made.values())


def test_every_address_that_jobs_ask_is_tried_once():
    asked = []
    checked(connect=lambda address: asked.append(address))
    assert sorted(asked) == sorted(
        [HUB, "http://one.example:8000/v1", "http://two.example:8000/v1"]
    )


def test_a_server_that_does_not_answer_is_named():
    made = checked(connect=lambda address: "no route" if "two" in address else None)
    (problem,) = made["servers"].problems
    assert problem.startswith("http://two.example:8000/v1: no route")
    assert "PROBLEM  servers" in checked_as_text(made.values())


def test_a_missing_key_is_reported_once_for_all_its_jobs():
    (problem,) = checked(variables={})["packages and keys"].problems
    assert "environment variable KEY_ONE" in problem


def test_a_full_disk_is_a_problem_and_what_the_plan_notes_is_advice():
    made = checked(plan=plan(free_gigabytes=0.5, notes=["the cap is too low"]))
    assert "free 0.5 GB" in made["disk space"].problems[0]
    assert made["plan"].advice == ["the cap is too low"] and not made["plan"].problems
    assert "advice   plan: 7 jobs to run\n         ! the cap is too low" in checked_as_text(
        made.values()
    )


def test_a_closed_port_cannot_be_reached(monkeypatch):
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    settings = SETTINGS | {
        "sources": {
            name: {"engine": source["engine"] | {"base_url": "http://127.0.0.1:9/v1"}}
            for name, source in SETTINGS["sources"].items()
        }
    }
    made = check_study(
        parse_study(settings, "test"), JOBS[1:], plan(), {"KEY_ONE": "x"}, deployed=True
    )
    servers = next(each for each in made if each.what == "servers")
    assert "http://127.0.0.1:9/v1 cannot be reached" in servers.problems[0]


@pytest.mark.parametrize("deployed", [True, False])
def test_packages_count_unless_snakemake_brings_them(deployed, monkeypatch):
    monkeypatch.setattr("manybaskets.plan.preflight.find_spec", lambda name: None)
    made = check_study(
        parse_study(SETTINGS, "test"), JOBS, plan(), {"KEY_ONE": "x"},
        deployed=deployed, connect=lambda address: None,
    )  # fmt: skip
    needed = next(each for each in made if each.what == "packages and keys")
    assert bool(needed.problems) != deployed
