"""What a job made, with a digest, and whether it is still what is there.

For every result a small file in `results/<study>/digests/` records size, time and SHA-256 of what the
job wrote. The next job that reads the result compares: a file of another run, a truncated one or a
flipped bit stops it. Results of older versions have no record; their form alone is checked.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from manybaskets.errors import PassingError, UserError
from manybaskets.records.ids import digest

FOLDER = "digests"
_REMADE = "remade.jsonl"
_STAMP = ".snakemake_timestamp"
# Files of an adapter that say when and how fast it was trained, and the keys that do.
_CARD, _MANIFEST = "README.md", "manifest.json"
_TIMES = {"launch", "git_commit"}
# Larger files are read again only if their time changed: the weights of a model take minutes.
_READ_ALWAYS = 256 << 20
# A network file system may show an old file or an old record for a while.
_SETTLED_SECONDS = 120
_MAGIC = {".parquet": b"PAR1", ".npy": b"\x93NUMPY"}


def record_outputs(
    results: Path, outputs: Iterable[Path], inputs: Iterable[Path], rule: str
) -> None:
    """Record what a job made.

    A folder that is the same as before is noted, so that `restore_remade` gives it its old time:
    Snakemake compares folders by time alone.

    Args:
        results: folder of the study; other outputs are not recorded.
        outputs: files and folders that the job wrote.
        inputs: files and folders that it read.
        rule: name of its rule.
    """
    newest = max((_since(results, each) for each in inputs), default=0)
    for output in outputs:
        record = _record_of(results, output)
        if record is None:
            continue
        files, before = _files_of(output), _read(record)
        means = _meaning(output, files)
        same = before is not None and means == before["means"]
        since = max(before["since"], newest) if same else time.time_ns()
        _write(record, {"rule": rule, "since": since, "means": means, "files": files})
        if same and output.is_dir():
            with open(results / FOLDER / _REMADE, "a", encoding="utf-8") as remade:
                remade.write(json.dumps([str(output.relative_to(results)), since]) + "\n")


def restore_remade(results: Path) -> int:
    """Give folders that were made again, and are the same, their old times.

    Returns:
        Number of folders.
    """
    listed = results / FOLDER / _REMADE
    try:
        lines = listed.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return 0
    count = 0
    for line in lines:
        # What cannot be set back is due again, which costs time but is never wrong.
        with contextlib.suppress(ValueError, OSError):
            folder, since = json.loads(line)
            os.utime(results / folder / _STAMP, ns=(since, since))
            count += 1
    listed.unlink(missing_ok=True)
    return count


def check_inputs(results: Path, inputs: Iterable[Path]) -> None:
    """Check that what a job reads is what other jobs made.

    Args:
        results: folder of the study; other inputs are not checked.
        inputs: files and folders.

    Raises:
        UserError: a file is not what its job wrote.
        PassingError: the same, of a file so young that a network file system may still show another.
    """
    for path in dict.fromkeys(inputs):
        record = _record_of(results, path)
        if record is None or not path.exists():
            continue
        known = _read(record)
        problem = _difference(path, known["files"]) if known else _malformed(path)
        if problem:
            raise _error(path, problem, known)


def contents_of(folder: Path) -> dict[str, str]:
    """Digest of every file of a folder, by name."""
    return _contents(_files_of(folder))


def _difference(path: Path, known: Mapping[str, list[Any]]) -> str | None:
    """How a file or folder differs from its record; None if it does not."""
    found = {name: file for name, file in _walk(path)}
    lost = sorted(known.keys() - found.keys())
    if lost:
        return f"{path / lost[0]} is missing"
    # Files that somebody put next to a folder's own may be read by a library.
    added = sorted(found.keys() - known.keys())
    if added:
        return f"{path / added[0]} was not written by its job"
    for name, (size, modified, sha256) in known.items():
        file = found[name]
        if file.is_symlink():
            if sha256 != _link(file):
                return f"{file} links to another file"
            continue
        status = file.stat()
        if size is None:  # it was a link into a cache whose files are named by their digests
            if len(sha256) == len("-> ") + 64 and sha256 != f"-> {_sha256(file)}":
                return f"the content of {file} changed"
            continue
        if status.st_size != size:
            return f"{file} has {status.st_size} bytes instead of {size}"
        trusted = size > _READ_ALWAYS and status.st_mtime_ns == modified
        if not trusted and _sha256(file) != sha256:
            return f"the content of {file} changed"
    return None


def _malformed(path: Path) -> str | None:
    """What is wrong with the form of a file, or of one in a folder; None if nothing is."""
    for _, file in _walk(path):
        if file.is_symlink():
            continue
        magic, size = _MAGIC.get(file.suffix), file.stat().st_size
        if not size and file.suffix in (*_MAGIC, ".json", ".safetensors", ".svg", ".html"):
            return f"{file} is empty"
        with open(file, "rb") as handle:
            if magic and handle.read(len(magic)) != magic:
                return f"{file} is not a {file.suffix.removeprefix('.')} file"
            if file.suffix == ".parquet":
                handle.seek(-len(magic), os.SEEK_END)
                if handle.read() != magic:
                    return f"{file} is truncated"
    return None


def _error(path: Path, problem: str, known: Mapping[str, Any] | None) -> UserError:
    age = time.time() - max(file.stat().st_mtime for _, file in [("", path), *_walk(path)])
    recent = known is not None and time.time() - known["since"] / 1e9 < _SETTLED_SECONDS
    kind = PassingError if recent or abs(age) < _SETTLED_SECONDS else UserError
    rule = f" by the rule `{known['rule']}`" if known else ""
    return kind(
        what=f"a result is not the one that its job wrote: {problem}",
        where=str(path),
        expected=f"the file as it was written{rule}",
        remedy=f"run `rm -r {path}` and rerun the same command, which makes it again",
    )


def _since(results: Path, path: Path) -> int:
    """Since when a file has its content, in nanoseconds."""
    record = _record_of(results, path)
    known = _read(record) if record else None
    if known:
        return known["since"]
    with contextlib.suppress(OSError):
        stamp = path / _STAMP
        return (stamp if stamp.exists() else path).stat().st_mtime_ns
    return 0


def _record_of(results: Path, path: Path) -> Path | None:
    path = Path(path)
    if not path.is_relative_to(results):
        return None
    inside = path.relative_to(results)
    return results / FOLDER / inside.with_name(f"{inside.name}.json")


def _read(record: Path) -> dict[str, Any] | None:
    try:
        known = json.loads(record.read_text(encoding="utf-8"))
        return known if {"rule", "since", "means", "files"} <= known.keys() else None
    except (OSError, ValueError, AttributeError):
        return None  # as of an older version


def _write(record: Path, content: Mapping[str, Any]) -> None:
    """Write a record in one step. It is not synced: a lost one costs a check, not a result."""
    record.parent.mkdir(parents=True, exist_ok=True)
    partial = record.with_name(f".{record.name}.{os.getpid()}.partial")
    try:
        partial.write_text(json.dumps(content), encoding="utf-8")
        os.replace(partial, record)
    finally:
        partial.unlink(missing_ok=True)


def _files_of(path: Path) -> dict[str, list[Any]]:
    """Size, time and digest of a file (name "") or of all files of a folder."""
    found = {}
    for name, file in _walk(path):
        if file.is_symlink():
            found[name] = [None, None, _link(file)]
        else:
            status = file.stat()
            found[name] = [status.st_size, status.st_mtime_ns, _sha256(file)]
    return found


def _contents(files: Mapping[str, list[Any]]) -> dict[str, str]:
    return {name: sha256 for name, (_, _, sha256) in files.items()}


def _meaning(path: Path, files: Mapping[str, list[Any]]) -> str:
    """Digest of what a result says: an adapter that is trained again differs in its times."""
    contents = _contents(files)
    with contextlib.suppress(KeyError, OSError, ValueError):
        del contents[_CARD]
        manifest = json.loads((path / _MANIFEST).read_text(encoding="utf-8"))
        contents[_MANIFEST] = digest({key: manifest[key] for key in manifest.keys() - _TIMES})
    return digest(contents)


def _walk(path: Path) -> Iterator[tuple[str, Path]]:
    if not path.is_dir():
        yield "", path
        return
    for file in sorted(path.rglob("*")):
        if (file.is_symlink() or file.is_file()) and not file.name.startswith("."):
            yield str(file.relative_to(path)), file


def _link(file: Path) -> str:
    # Hugging Face's cache names files by their digest, and may be elsewhere on another machine.
    return f"-> {file.readlink().name}"


def _sha256(file: Path) -> str:
    with open(file, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
