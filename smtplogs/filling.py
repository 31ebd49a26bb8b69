"""The triage notebook, filled in for logs of one's own."""

from __future__ import annotations

import errno
import json
import os
import re
from importlib import import_module
from os import PathLike
from pathlib import Path
from subprocess import DEVNULL
from typing import TYPE_CHECKING, Any

from smtplogs._durable import whole
from smtplogs._spans import zone
from smtplogs.datasets import is_dataset
from smtplogs.errors import missing_extra
from smtplogs.packaged import data
from smtplogs.sources import find

if TYPE_CHECKING:
    from smtplogs.datasets import Moment, Paths

TEMPLATE = "triage.ipynb"

PARAMETERS = "parameters"
"""Tag of the cell that is filled in; papermill looks for the same one."""

READ = "read"
"""Tag of the cell that reads; a dataset is opened by another call."""

FROM_DATASET = """\
import polars as pl

when = {"since": since, "until": until, "tz": zone}
events = sl.load(logs, **when).collect().sort("time", "source", "line_no", nulls_last=True)
traffic = sl.load(logs, table="traffic", **when).collect()
coverage = sl.coverage(logs)"""


def notebook(
    paths: Paths,
    path: str | PathLike[str],
    *,
    format: str = "auto",  # noqa: A002 - the word of the public face
    tz: str | None = None,
    year: int | None = None,
    host: str | None = None,
    since: Moment | None = None,
    until: Moment | None = None,
    catalogue: str | PathLike[str] | None = None,
    run: bool = False,
) -> Path:
    """Write a triage notebook that is filled in for your logs and ready to run.

    It is the packaged ``triage.ipynb`` with its first cell (tag ``parameters``, as papermill wants it) filled in. The
    logs are named by their full paths, so that it runs wherever it is moved on this machine. Its report goes beside it.

    Parameters
    ----------
    paths
        Logs as ``read`` takes them (no pipe), or datasets that ``parse`` wrote.
    path
        Notebook to write, ``.ipynb``. One that is there already is not touched: work may stand in it.
    format, tz, year, host, since, until, catalogue
        As in ``read``; for datasets only ``tz``, ``since`` and ``until`` count.
    run
        Run it too, so that tables and charts are in the file; needs ``smtplogs[notebook]``. Nothing is written if a
        cell fails.

    Returns
    -------
    Path
        The notebook written.

    Raises
    ------
    NothingToRead
        If no file is there under these names.
    ValueError
        If the name of the notebook does not end in ``.ipynb``, the logs are a pipe or an event table, a zone is unknown,
        or a cell fails.
    MissingExtra
        If it is to be run and the extra `notebook` is not installed.
    FileExistsError
        If the notebook is there already.
    """
    path = Path(path)
    if path.suffix != ".ipynb":
        raise ValueError(f"a notebook's name ends in .ipynb, not {path.name!r}")
    if path.exists():
        raise FileExistsError(errno.EEXIST, "is there already, and work may stand in it; give another name", str(path))
    given = [paths] if isinstance(paths, str | PathLike) else list(paths)
    logs = [_full(p) for p in given]
    datasets = bool(logs) and all(map(is_dataset, logs))
    if not datasets:
        if all(Path(name).suffix == ".parquet" for name in logs):
            raise ValueError("an event table has no coverage to begin with; give the logs, or a dataset")
        find(logs)
    values = {
        "logs": logs,
        "zone": None if tz is None else zone(tz).key,
        "year": year,
        "host": host,
        "since": None if since is None else str(since),
        "until": None if until is None else str(until),
        "format": format,
        "catalogue": None if catalogue is None else _full(catalogue),
        "report_file": f"{path.stem}.html",
    }
    filled = _filled(json.loads((data("notebooks") / TEMPLATE).read_text("utf-8")), values, datasets=datasets)
    text = json.dumps(filled, indent=1)
    if run:
        text = _run(text, path.resolve().parent)
    with whole(path) as file:
        file.write(f"{text}\n".encode())
    return path


def _full(path: str | PathLike[str]) -> str:
    """Return a path or pattern that means the same in every folder."""
    name = os.fspath(path)
    if name == "-":
        raise ValueError("a notebook cannot read standard input; write the log to a file first")
    return os.path.abspath(os.path.expanduser(name))  # noqa: PTH100, PTH111 - a glob is no path, and links stay


def _filled(template: dict[str, Any], values: dict[str, Any], *, datasets: bool) -> dict[str, Any]:
    """Put values in place of those that the cell of parameters holds."""
    for cell in template["cells"]:
        tags = cell["metadata"].get("tags", ())
        if PARAMETERS in tags:
            cell["source"] = [_assigned(line, values) for line in cell["source"]]
        elif READ in tags and datasets:
            cell["source"] = FROM_DATASET.splitlines(keepends=True)
    return template


def _assigned(line: str, values: dict[str, Any]) -> str:
    """Return `name = value` with our value; other lines stay, and so does what explains an empty one."""
    found = re.match(r"(\w+) = ", line)
    if found is None or values[found[1]] is None:
        return line
    end = "\n" if line.endswith("\n") else ""
    return f"{found[1]} = {_spelled(values[found[1]])}{end}"


def _spelled(value: object) -> str:
    """Return a value as Python spells it; several logs stand below one another."""
    if isinstance(value, list):
        return repr(value[0]) if len(value) == 1 else "\n".join(["[", *(f"    {one!r}," for one in value), "]"])
    return repr(value)


def _run(text: str, folder: Path) -> str:
    """Run every cell in a kernel of its own, as JupyterLab would in that folder."""
    try:
        clients, formats = import_module("nbclient"), import_module("nbformat")
        import_module("ipykernel")
    except ModuleNotFoundError as error:
        raise missing_extra("running a notebook", "notebook") from error
    book = formats.reads(text, as_version=4)
    place = {"metadata": {"path": str(folder)}}
    try:
        clients.NotebookClient(book, timeout=None, kernel_name="python3", resources=place).execute(stderr=DEVNULL)
    except clients.exceptions.CellExecutionError as error:
        raise ValueError(f"nothing was written, a cell failed: {error.ename}: {error.evalue}") from error
    return formats.writes(book)
