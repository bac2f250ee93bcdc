"""Open the browser of answers, or serve restricted answers to this machine alone.

python -m manybaskets.browse [--configfile FILE] [--restricted [--port PORT]]
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import webbrowser
from collections.abc import Sequence
from pathlib import Path

from manybaskets.browse.restricted_server import RestrictedServer, restricted_pages
from manybaskets.config.loading import load_study
from manybaskets.errors import UserError
from manybaskets.layout import Files


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line of the module."""
    parser = argparse.ArgumentParser(prog="python -m manybaskets.browse", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("--configfile", type=Path, default=Path("config/config.yaml"))
    parser.add_argument("--restricted", action="store_true", help="serve restricted answers")
    parser.add_argument("--port", type=int, default=0, help="of the server; by default any")
    given = parser.parse_args(arguments)
    try:
        files = Files(load_study(given.configfile))
        if given.restricted:
            _serve(files, given.port)
        else:
            _open(files)
    except UserError as error:
        print(f"\n{error}\n", file=sys.stderr)
        return 1
    return 0


def _open(files: Files) -> None:
    page = files.browser / "index.html"
    if not page.is_file():
        raise UserError(
            what="the study has no browser of answers yet",
            where=str(page),
            expected="the page that `snakemake browse` writes",
            remedy="run `snakemake browse` first",
        )
    print(page)
    webbrowser.open(page.resolve().as_uri())


def _serve(files: Files, port: int) -> None:
    pages = restricted_pages(files)
    try:
        server = RestrictedServer(pages, port)
    except OSError as error:
        raise UserError(
            what=f"the server cannot start: {error.strerror}",
            where=f"--port {port}",
            expected="a port that is free",
            remedy="leave out `--port`, or name another one",
        ) from None
    print(f"Restricted answers of {files.study.study}: {server.address}")
    print("Only this machine can open this address. Do not pass it on. Ctrl-C ends the server.")
    sys.stdout.flush()
    with server, contextlib.suppress(KeyboardInterrupt):
        server.serve_forever()


if __name__ == "__main__":
    sys.exit(main())
