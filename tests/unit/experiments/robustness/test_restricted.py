"""The restricted folder: its rights, and that nothing of its texts gets into logs and errors."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from repository import ROOT

from manybaskets.experiments.robustness.restricted import make_private

MARKER = "MARKER-of-a-secret-text"
WORKFLOW = ROOT / "workflow"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def run_job(tmp_path: Path, body: str) -> subprocess.CompletedProcess:
    """Run a job as a script of the workflow does: a process of its own, in a folder made by others."""
    folder = tmp_path / "results/study/restricted"
    folder.mkdir(parents=True)
    folder.chmod(0o755)
    script = f"""
        import logging, os, subprocess, sys
        from pathlib import Path
        from manybaskets.errors import PassingError, UserError
        from manybaskets.jobs.job import job
        from manybaskets.experiments.robustness.restricted import withheld
        folder = Path({str(folder)!r})
        marker = {MARKER!r}
        log = logging.getLogger("manybaskets.generation.answering")
        with job(folder.parent / "logs/robustness/a/respond.log"), withheld(folder, folder.parent / "logs/robustness/a/respond.log"):
            log.info("12 rows")
{textwrap.indent(textwrap.dedent(body).strip(), " " * 12)}
    """
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True, text=True, cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(WORKFLOW)},
    )  # fmt: skip


def told(tmp_path: Path, finished: subprocess.CompletedProcess) -> str:
    """All that anybody can see of a job: what it printed, and every file outside of the folder."""
    study = tmp_path / "results/study"
    files = [file for file in study.rglob("*") if file.is_file()]
    public = [file for file in files if "restricted" not in file.parts]
    assert public
    return finished.stdout + finished.stderr + "".join(map(Path.read_text, public))


def withheld_text(tmp_path: Path) -> str:
    return (tmp_path / "results/study/restricted/logs/robustness/a/respond.log").read_text()


def test_folder_is_taken_from_all_others(tmp_path):
    finished = run_job(
        tmp_path, "(folder / 'deep').mkdir(); (folder / 'deep/a').write_text(marker)"
    )
    assert finished.returncode == 0, finished.stderr
    folder = tmp_path / "results/study/restricted"
    assert mode(folder) == 0o700
    assert mode(folder / "NOTICE.txt") == 0o600
    assert mode(folder / "deep/a") == 0o600 and mode(folder / "deep") == 0o700
    assert "safety evaluation" in (folder / "NOTICE.txt").read_text()


def test_own_log_goes_on_and_that_of_others_is_withheld(tmp_path):
    finished = run_job(
        tmp_path,
        """
        logging.getLogger("vllm").warning(marker)
        print(marker)
        sys.stderr.write(marker)
        os.write(1, marker.encode())
        subprocess.run(["sh", "-c", f"echo {marker}; echo {marker} >&2"])
        import warnings; warnings.warn(marker)
        """,
    )
    assert finished.returncode == 0, finished.stderr
    public = told(tmp_path, finished)
    assert MARKER not in public and "12 rows" in public
    assert withheld_text(tmp_path).count(MARKER) >= 7


@pytest.mark.parametrize(
    "error",
    [
        "ValueError(marker)",
        "KeyError(marker)",
        "OSError(marker)",
        "UserError(what=marker, where=marker, expected=marker, remedy=marker)",
        "PassingError(what=marker, where=marker, expected=marker, remedy=marker)",
    ],
)
def test_errors_that_may_quote_are_withheld(tmp_path, error):
    finished = run_job(
        tmp_path,
        f"""
        def answer(text):
            try:
                raise ValueError(text)
            except ValueError as cause:
                raise {error} from cause
        answer(marker)
        """,
    )
    assert finished.returncode == 1
    public = told(tmp_path, finished)
    assert MARKER not in public
    assert "restricted/logs/robustness/a/respond.log" in public
    assert MARKER in withheld_text(tmp_path)
    if "UserError" not in error and "Passing" not in error:
        assert error.split("(")[0] in public


def test_errors_about_settings_are_told_in_full(tmp_path):
    finished = run_job(
        tmp_path,
        """
        from manybaskets.experiments.robustness.target_names import target_names
        target_names({}, "tiny", "unheard-of")
        """,
    )
    assert finished.returncode == 1
    assert "robustness.names.tiny" in finished.stderr


def test_long_prompt_is_no_leak(tmp_path, tiny_models):
    """The renderer quotes a question that is too long; the job's log must not."""
    finished = run_job(
        tmp_path,
        f"""
        from manybaskets.config.models import Prompting
        from manybaskets.engines.transformers_engine import TransformersEngine
        from manybaskets.chat import Prompt
        engine = TransformersEngine(Path({str(tiny_models["llama"])!r}), Prompting(), "float32", 1, "m")
        engine.render(Prompt("p-0", marker + " word" * 500), (), 64)
        """,
    )
    assert finished.returncode == 1
    public = told(tmp_path, finished)
    assert MARKER not in public and "manybaskets.chat" in public
    assert MARKER in withheld_text(tmp_path)


def test_a_folder_of_somebody_else(tmp_path, monkeypatch):
    from manybaskets.errors import UserError

    def no_rights(*_):
        raise PermissionError

    monkeypatch.setattr(Path, "chmod", no_rights)
    with pytest.raises(UserError, match="permissions of the restricted folder"):
        make_private(tmp_path / "restricted")


@pytest.fixture(autouse=True)
def _usual_mask():
    before = os.umask(0o022)
    yield
    os.umask(before)
