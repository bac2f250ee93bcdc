"""Extensions: imported before the config is read and in every job; mistakes name file and line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from repository import LIBRARY, ROOT

from manybaskets import extensions
from manybaskets.config.loading import parse_study, read_yaml
from manybaskets.errors import UserError
from manybaskets.extensions import VARIABLE, load_extensions, load_passed_on
from manybaskets.jobs.environment import pass_on_extensions


@pytest.fixture(autouse=True)
def nothing_loaded(monkeypatch):
    monkeypatch.setattr(extensions, "_LOADED", {})
    monkeypatch.delenv(VARIABLE, raising=False)
    yield
    for name in [name for name in sys.modules if name.startswith("manybaskets_extension_")]:
        del sys.modules[name]


def written(folder: Path, text: str, name: str = "mine.py") -> Path:
    file = folder / name
    file.write_text(text)
    return file


def refused(file: Path) -> UserError:
    with pytest.raises(UserError) as error:
        load_extensions([file])
    assert "Traceback" not in str(error.value)
    return error.value


def test_an_extension_is_imported_once(tmp_path):
    count = tmp_path / "count"
    file = written(tmp_path, f"open({str(count)!r}, 'a').write('x')\n")
    load_extensions([file, file])
    load_extensions([file])
    assert count.read_text() == "x"


def test_two_files_of_one_name_are_two_modules(tmp_path):
    (tmp_path / "other").mkdir()
    files = [written(tmp_path, "WHO = 1\n"), written(tmp_path / "other", "WHO = 2\n")]
    load_extensions(files)
    modules = [extensions._LOADED[file] for file in files]
    assert [module.WHO for module in modules] == [1, 2]
    assert all(sys.modules[module.__name__] is module for module in modules)


def test_a_missing_file_is_named(tmp_path):
    error = refused(tmp_path / "gone.py")
    assert error.what == "the extension does not exist"
    assert str(tmp_path / "gone.py") in error.where and "extensions" in error.where


@pytest.mark.parametrize(
    ("text", "what", "line"),
    [
        ("import os\nimport no_such_package\n", "No module named 'no_such_package'", 2),
        ("x = 1\n\ny = = 2\n", "SyntaxError: invalid syntax", 3),
        ("def f():\n    return 1 / 0\n\nf()\n", "ZeroDivisionError", 2),
        ("import json\n\njson.loads('{')\n", "JSONDecodeError", 3),
        ("raise SystemExit(3)\n", "SystemExit: 3", 1),
        (
            "from manybaskets.registry import Registry\nr = Registry('engine')\n"
            "r.add('a', 1)\nr.add('a', 2)\n",
            "ValueError: the engine 'a' is already registered",
            4,
        ),
    ],
)
def test_a_failing_file_is_told_with_its_line(tmp_path, text, what, line):
    file = written(tmp_path, text)
    error = refused(file)
    assert what in error.what
    assert error.where == f"{file}, line {line}"
    assert str(file) in error.remedy
    assert not any(name.startswith("manybaskets_extension_") for name in sys.modules)


def test_a_file_that_is_not_python_is_refused(tmp_path):
    assert "does not end in .py" in refused(written(tmp_path, "x", "notes.txt")).what


def test_the_config_names_extensions_from_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = written(tmp_path, "LOADED = True\n")
    settings = read_yaml(ROOT / "config/config.yaml")
    study = parse_study(settings | {"extensions": ["mine.py"]}, "config.yaml")
    assert study.extensions == ["mine.py"]
    assert extensions._LOADED[file.resolve()].LOADED
    pass_on_extensions(study.extensions)
    assert json.loads(os.environ[VARIABLE]) == [str(file)]


@pytest.mark.parametrize("value", ["mine.py", {"a": 1}, [1]])
def test_the_key_takes_a_list_of_files(value):
    settings = read_yaml(ROOT / "config/config.yaml")
    with pytest.raises(UserError, match="not a list of Python files"):
        parse_study(settings | {"extensions": value}, "config.yaml")


def test_without_extensions_the_study_s_plain_values_are_as_before():
    study = parse_study(read_yaml(ROOT / "config/config.yaml"), "config.yaml")
    assert "extensions" not in study.model_dump(mode="json")


def test_what_was_passed_on_before_is_replaced(monkeypatch):
    monkeypatch.setenv(VARIABLE, '["/old.py"]')
    pass_on_extensions([])
    load_passed_on()
    assert not extensions._LOADED


def job(tmp_path: Path, file: Path) -> subprocess.CompletedProcess:
    code = (
        "import sys\nfrom manybaskets.jobs.job import job\n"
        f"with job({str(tmp_path / 'log')!r}):\n"
        "    print('loaded', [n for n in sys.modules if n.endswith('_mine')])\n"
    )
    environment = os.environ | {VARIABLE: json.dumps([str(file)]), "PYTHONPATH": str(LIBRARY)}
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True
    )


def test_a_job_loads_them_before_its_work(tmp_path):
    done = job(tmp_path, written(tmp_path, "print('imported')\n"))
    assert done.returncode == 0, done.stderr
    first, second = (tmp_path / "log").read_text().splitlines()
    assert first == "imported" and "manybaskets_extension_0_mine" in second


def test_a_job_stops_at_a_failing_extension(tmp_path):
    file = written(tmp_path, "import no_such_package\n")
    done = job(tmp_path, file)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert f"{file}, line 1" in done.stderr
    assert "loaded" not in (tmp_path / "log").read_text()


def test_a_training_process_of_its_own_loads_them(tmp_path):
    """`accelerate launch` starts it; the folder is empty, so it stops after the import."""
    file = written(tmp_path, f"open({str(tmp_path / 'seen')!r}, 'w')\n")
    environment = os.environ | {VARIABLE: json.dumps([str(file)]), "PYTHONPATH": str(LIBRARY)}
    command = [sys.executable, "-m", "manybaskets.training.process", str(tmp_path)]
    subprocess.run(command, env=environment, capture_output=True)
    assert (tmp_path / "seen").exists()
