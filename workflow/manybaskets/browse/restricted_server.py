"""The browser of answers with restricted texts: served from memory, to this machine alone."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from manybaskets.browse.study_page import write_browser
from manybaskets.browse.study_sets import restricted_sets
from manybaskets.errors import UserError
from manybaskets.layout import Files
from manybaskets.layout.answer_sets import AnswerSet, ConditionFile

LOOPBACK = "127.0.0.1"
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_KINDS = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8"}


class RestrictedServer(ThreadingHTTPServer):
    """A server on the loopback address whose pages need a key, since other users can connect too.

    Args:
        pages: content by name, such as `index.html`.
        port: 0 for any that is free.
    """

    daemon_threads = True

    def __init__(self, pages: Mapping[str, bytes], port: int = 0) -> None:
        super().__init__((LOOPBACK, port), _Answer)
        self.pages = pages
        self.key = secrets.token_urlsafe(24)

    @property
    def address(self) -> str:
        """Address of the page, with the key."""
        return f"http://{LOOPBACK}:{self.server_port}/{self.key}/index.html"

    def page(self, path: str, host: str) -> bytes | None:
        """Content at a path; None without the key, and for another host's name for this machine."""
        key, _, name = path.removeprefix("/").partition("/")
        known = secrets.compare_digest(key.encode(), self.key.encode())
        named = host in (f"{LOOPBACK}:{self.server_port}", f"localhost:{self.server_port}")
        return self.pages.get(name) if known and named else None


class _Answer(BaseHTTPRequestHandler):
    server: RestrictedServer

    def do_GET(self) -> None:
        content = self.server.page(self.path.partition("?")[0], self.headers.get("Host", ""))
        self.send_response(200 if content is not None else 404)
        kind = _KINDS.get(Path(self.path).suffix, "text/plain")
        body = b"not found\n" if content is None else content
        for name, value in {
            **_HEADERS,
            "Content-Type": kind,
            "Content-Length": str(len(body)),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing: the paths hold the key."""


def restricted_pages(files: Files) -> dict[str, bytes]:
    """The browser with the restricted texts of a study, as far as they exist.

    Returns:
        Content by name.

    Raises:
        UserError: the study has none, or none yet, or they belong to somebody else.
    """
    where = str(files.results)
    sets = restricted_sets(files)
    if not sets:
        raise UserError(
            what="the study has no restricted texts",
            where=where,
            expected="a study with an experiment that has restricted texts",
            remedy="open the browser that `snakemake browse` writes, which has all other texts",
        )
    pages: dict[str, bytes] = {}
    try:
        sets = [each for each in map(_existing, sets) if each.prompts and each.answers]
        if not sets:
            raise UserError(
                what="the study has no restricted answers yet",
                where=where,
                expected="answers in its folder `restricted`",
                remedy="run the study first",
            )
        write_browser(
            pages.__setitem__, sets, study=files.study.study, seed=files.study.seed, restricted=True
        )
    except PermissionError as error:
        raise UserError(
            what="the restricted texts cannot be read",
            where=str(error.filename or where),
            expected="that you own the folder `restricted`",
            remedy="run this as the user who ran the study",
        ) from None
    return pages


def _existing(answer_set: AnswerSet) -> AnswerSet:
    """The set without files that no job has written yet."""

    def written(files: list[ConditionFile]) -> list[ConditionFile]:
        return [each for each in files if _exists(each.file)]

    return replace(
        answer_set,
        prompts=list(filter(_exists, answer_set.prompts)),
        categories=list(filter(_exists, answer_set.categories)),
        answers=written(list(answer_set.answers)),
        scores=written(list(answer_set.scores)),
    )


def _exists(file: str) -> bool:
    try:
        os.stat(file)  # unlike `Path.exists`, it says when one may not look
    except FileNotFoundError:
        return False
    return True
