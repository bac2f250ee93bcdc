"""Restricted answers are served to this machine, with a key, from memory."""

from __future__ import annotations

import socket
import threading
import urllib.error
import urllib.request
from dataclasses import replace

import polars as pl
import pytest
from browsed_study import prompt_id
from chromium import watched_page
from planned_jobs import study

from manybaskets.browse import restricted_server
from manybaskets.browse.__main__ import main
from manybaskets.browse.restricted_server import RestrictedServer, restricted_pages
from manybaskets.browse.study_sets import restricted_sets, study_sets
from manybaskets.errors import UserError
from manybaskets.experiments.robustness.files import RobustnessFiles
from manybaskets.layout import Files
from manybaskets.records.responses import PROMPTS, write_responses

ANSWER, REQUEST = "MARKEDANSWER", "MARKEDREQUEST"


@pytest.fixture()
def files(tmp_path, monkeypatch) -> Files:
    """The embedded study, of which one run has answered one direct request."""
    files = Files(study())
    monkeypatch.chdir(tmp_path)
    robustness = files.stage(RobustnessFiles)
    row = {"prompt_id": prompt_id(0), "instruction": REQUEST, "context": "", "follow_ups": []}
    prompts = robustness.prompts("llama", "direct")
    prompts.parent.mkdir(parents=True)
    pl.DataFrame([row], schema=PROMPTS).write_parquet(prompts)
    answer = {"prompt_id": prompt_id(0), "sample": 0, "turn": 0, "text": ANSWER, "finish_reason": "stop",
              "prompt_tokens": 1, "completion_tokens": 1, "attempts": 1, "error": None}  # fmt: skip
    write_responses([answer], robustness.responses("llama", "human", 1, "direct"), {})
    return files


@pytest.fixture()
def server(files):
    server = RestrictedServer(restricted_pages(files))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def get(address: str, host: str | None = None):
    asked = urllib.request.Request(address, headers={"Host": host} if host else {})
    return urllib.request.urlopen(asked, timeout=10)


def test_the_page_shows_the_texts_and_says_so(chromium, server):
    page = watched_page(chromium)
    page.goto(server.address)
    page.wait_for_selector("article .text")
    assert page.inner_text("#question") == REQUEST
    assert page.inner_text("article .text") == ANSWER
    assert page.is_visible("#restricted")
    assert page.faults == []
    page.close()


def test_the_address_needs_its_key_and_its_own_name(server):
    with get(server.address) as response:
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    port = server.server_port
    for address, host in [
        (f"http://127.0.0.1:{port}/index.html", None),
        (f"http://127.0.0.1:{port}/wrong/index.html", None),
        (server.address, f"attacker.example:{port}"),  # a name that its owner points to 127.0.0.1
        (server.address.replace("index.html", "../index.html"), None),
    ]:
        with pytest.raises(urllib.error.HTTPError) as refused:
            get(address, host)
        assert refused.value.code == 404


def test_other_machines_cannot_connect(server):
    assert server.server_address[0] == "127.0.0.1"
    with socket.socket() as outside:
        # The same port of another address of this machine is free.
        outside.bind(("127.0.0.2", server.server_port))


def test_nothing_is_written(files, tmp_path):
    before = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*")}
    pages = restricted_pages(files)
    texts = [name for name in pages if "texts" in name]
    assert texts and {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*")} == before


def test_no_restricted_file_is_an_input_of_the_page_that_is_shared(files):
    folder = files.stage(RobustnessFiles).restricted()
    shared = [file for each in study_sets(files) for file in each.files()]
    assert len(shared) > 50 and not [file for file in shared if file.is_relative_to(folder)]
    withheld = [file for each in restricted_sets(files) for file in each.files()]
    assert [file for file in withheld if file.is_relative_to(folder)]


def test_a_study_without_such_texts_says_so(files, tmp_path, monkeypatch):
    without = replace(files, study=files.study.model_copy(update={"robustness": None}))
    with pytest.raises(UserError, match="no restricted texts"):
        restricted_pages(without)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="no restricted answers yet"):
        restricted_pages(files)


def test_texts_of_another_user_are_one_message(files, monkeypatch):
    def refuse(file):
        raise PermissionError(13, "Permission denied", file)

    monkeypatch.setattr(restricted_server.os, "stat", refuse)
    with pytest.raises(UserError, match="cannot be read"):
        restricted_pages(files)


def test_the_command_names_what_is_missing(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert main(["--configfile", "none.yaml"]) == 1
    assert "none.yaml" in capsys.readouterr().err
    (tmp_path / "small.yaml").write_text("study: small\n")
    assert main(["--configfile", "small.yaml"]) == 1
    assert "config" in capsys.readouterr().err
