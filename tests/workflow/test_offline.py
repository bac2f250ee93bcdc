"""Jobs run with the hubs offline; what needs the network is fetched before, where Snakemake runs."""

from __future__ import annotations

import json
import re

from projects import REPOSITORY

SWITCHES = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE")


def test_a_job_is_offline_whatever_the_shell_says(project):
    script = project.folder / "workflow/scripts/world.py"
    told = f"{{name: os.environ.get(name) for name in {SWITCHES}}}"
    script.write_text(
        f"import json, os\nopen('switches', 'w').write(json.dumps({told}))\n{script.read_text()}"
    )
    file = "results/embedded/data/world.jsonl"
    project.run("--cores", "1", "--", file, **dict.fromkeys(SWITCHES, "0"))
    assert (project.folder / file).is_file()
    switches = json.loads((project.folder / "switches").read_text())
    assert switches == dict.fromkeys(SWITCHES, "1")


def test_only_local_rules_go_online():
    """A rule has the name of its script; a local one runs on the login node, never through sbatch."""
    online = {
        file.stem
        for file in (REPOSITORY / "workflow/scripts").glob("*.py")
        if any(switch in file.read_text() for switch in SWITCHES)
    }
    assert online == {"fetch_model", "fetch_gguf", "fetch_dataset", "fetch_answers"}
    rules = "".join(file.read_text() for file in (REPOSITORY / "workflow/rules").glob("*.smk"))
    for name in online:
        body = re.search(rf"^( *)rule {name}:\n(.*?\n)(?=\1\S|\Z)", rules, re.M | re.S)[2]
        assert "localrule: True" in body, name
