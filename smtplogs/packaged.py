"""The sample logs and notebooks that come with the package."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from smtplogs.errors import UnknownName

if TYPE_CHECKING:
    from os import PathLike

_HERE = Path(__file__).resolve().parent
_NO_LOG_SUFFIXES = {".md", ".tsv"}
_NO_LOGS = {"events.csv", "findings.csv", "summary.csv", "truth.json"}
"""What the tests expect of a sample, and what it was made to show."""

_SHOWS = "Shows: "


def data(folder: str) -> Path:
    """Return a data folder (`notebooks`, `sample_logs`): the installed copy, else the checkout's.

    Raises
    ------
    UnknownName
        If neither is there.
    """
    for place in (_HERE / "_data" / folder, _HERE.parent / folder):
        if place.is_dir():
            return place
    raise UnknownName(f"this installation of smtplogs lacks its {folder}/; install it again")


def _logs(folder: Path) -> list[Path]:
    """Return the log files of a sample's folder."""
    files = (f for f in folder.iterdir() if f.is_file())
    return sorted(f for f in files if f.suffix not in _NO_LOG_SUFFIXES and f.name not in _NO_LOGS)


def _about(origin: Path) -> str:
    """Return what an ORIGIN.md says that the sample shows (its line `Shows: ...`), else its title."""
    lines = origin.read_text("utf-8").splitlines()
    shown = next((line.removeprefix(_SHOWS) for line in lines if line.startswith(_SHOWS)), None)
    text = shown or next((line.lstrip("# ") for line in lines if line.strip()), "")
    return text.strip().removesuffix(".")


def samples() -> pl.DataFrame:
    """Return the sample logs that come with the package.

    Returns
    -------
    DataFrame
        A row per sample, by name: `name` (for `sample`), `about` (what it shows, in a line), `files` (list of names),
        `bytes` (of all of them).

    Raises
    ------
    UnknownName
        If the installation lacks its data.
    """
    rows = []
    root = data("sample_logs")
    for origin in sorted(root.rglob("ORIGIN.md")):
        folder = origin.parent
        logs = _logs(folder)
        rows.append(
            {
                "name": folder.relative_to(root).as_posix(),
                "about": _about(origin),
                "files": [f.name for f in logs],
                "bytes": sum(f.stat().st_size for f in logs),
            }
        )
    return pl.DataFrame(rows).sort("name")


def sample(name: str) -> list[Path]:
    """Return the log files of a sample, ready for `read`.

    Parameters
    ----------
    name
        As in `samples()`: `postfix/lockout`; the last part is enough where it is unique.

    Returns
    -------
    list of Path
        Its files, in order of their names; `read` takes them in any order.

    Raises
    ------
    UnknownName
        If there is no such sample; the text names those that are.
    """
    root = data("sample_logs")
    names = [o.parent.relative_to(root).as_posix() for o in sorted(root.rglob("ORIGIN.md"))]
    hits = [n for n in names if n == name] or [n for n in names if n.rpartition("/")[2] == name]
    if len(hits) != 1:
        near = hits or get_close_matches(name, names, n=3)
        hint = f"did you mean {' or '.join(near)}? " if near else ""
        raise UnknownName(f"no sample named {name!r}; {hint}there are {', '.join(names)}")
    return _logs(root / hits[0])


def unpack(folder: str | PathLike[str]) -> Path:
    """Copy notebooks and sample logs into a folder to work in; files that are there already stay as they are.

    Parameters
    ----------
    folder
        Where to; made if needed.

    Returns
    -------
    Path
        The folder, with `notebooks/` and `sample_logs/` in it.

    Raises
    ------
    OSError
        If something cannot be written there.
    """
    place = Path(folder)
    for name in ("notebooks", "sample_logs"):
        source = data(name)
        for file in source.rglob("*"):
            target = place / name / file.relative_to(source)
            if file.is_file() and not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(file.read_bytes())
    return place
