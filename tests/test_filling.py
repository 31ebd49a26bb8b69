"""The triage notebook filled in: the right values in the right cell, and it runs on the user's own logs."""

from __future__ import annotations

import ast
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import pytest

import smtplogs as sl
from smtplogs import filling
from smtplogs.errors import MissingExtra, NothingToRead
from test_notebooks import complaints, executed, jupyter, kernel, shown, without_picture

if TYPE_CHECKING:
    from jupyter_client.manager import AsyncKernelManager

__all__ = ["jupyter", "kernel"]

LOCKOUT = sl.sample("postfix/lockout")


def given(path: Path) -> dict[str, Any]:
    """Return the names and values that the first code cell of a notebook sets."""
    cells = nbformat.read(path, as_version=4).cells
    first = next(cell for cell in cells if "parameters" in cell.metadata.get("tags", ()))
    assert first.id == "choose-logs"
    nodes = [node for node in ast.parse(first.source).body if isinstance(node, ast.Assign)]
    return {ast.unparse(node.targets[0]): ast.literal_eval(node.value) for node in nodes}


def test_what_is_given_stands_in_the_first_cell_and_the_rest_keeps_its_default(tmp_path: Path) -> None:
    path = sl.notebook(LOCKOUT, tmp_path / "case.ipynb", tz="Europe/Warsaw", year=2026, since="2026-06-01 08:00")

    assert given(path) == {
        "logs": [str(p) for p in LOCKOUT],
        "zone": "Europe/Warsaw",
        "year": 2026,
        "host": None,
        "since": "2026-06-01 08:00",
        "until": None,
        "format": "auto",
        "catalogue": None,
        "report_file": "case.html",
    }


def test_it_is_the_packaged_notebook_but_for_that_cell(tmp_path: Path) -> None:
    path = sl.notebook(LOCKOUT, tmp_path / "case.ipynb")
    template = Path(filling.data("notebooks")) / filling.TEMPLATE
    ours, theirs = (json.loads(p.read_text("utf-8"))["cells"] for p in (path, template))

    nbformat.validate(nbformat.read(path, as_version=4))
    assert [a["id"] for a, b in zip(ours, theirs, strict=True) if a != b] == ["choose-logs"]


def test_one_log_stands_as_one_name_and_a_glob_as_a_glob_that_holds_everywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(LOCKOUT[0], tmp_path / "mail.log")
    monkeypatch.chdir(tmp_path)

    assert given(sl.notebook("mail.log", "a.ipynb"))["logs"] == f"{tmp_path}/mail.log"
    assert given(sl.notebook("mail.*", "b.ipynb"))["logs"] == f"{tmp_path}/mail.*"


@pytest.mark.parametrize("name", ['it\'s "here"\n# x = 1', "back\\slash", "\u202eevil", 'a"; import os; "'])
def test_a_strange_name_is_a_text_and_never_code(name: str, tmp_path: Path) -> None:
    odd = tmp_path / name
    shutil.copy(LOCKOUT[0], odd)

    assert given(sl.notebook(odd, tmp_path / "case.ipynb"))["logs"] == str(odd)


def test_a_notebook_that_is_there_is_not_touched(tmp_path: Path) -> None:
    mine = tmp_path / "case.ipynb"
    mine.write_text("my work", "utf-8")

    with pytest.raises(FileExistsError, match="work may stand in it"):
        sl.notebook(LOCKOUT, mine)

    assert mine.read_text("utf-8") == "my work"


def test_what_cannot_be_read_later_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(NothingToRead):
        sl.notebook(tmp_path / "none.log", tmp_path / "case.ipynb")
    with pytest.raises(ValueError, match="standard input"):
        sl.notebook("-", tmp_path / "case.ipynb")
    with pytest.raises(ValueError, match=r"ends in \.ipynb"):
        sl.notebook(LOCKOUT, tmp_path / "case.html")
    with pytest.raises(ValueError, match="event table"):
        sl.notebook(tmp_path / "events.parquet", tmp_path / "case.ipynb")
    with pytest.raises(ValueError, match="Mars"):
        sl.notebook(LOCKOUT, tmp_path / "case.ipynb", tz="Mars/Olympus")
    assert list(tmp_path.iterdir()) == []


def test_without_what_runs_notebooks_it_is_said_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(filling, "import_module", missing)
    with pytest.raises(MissingExtra, match=r"smtplogs\[notebook\]"):
        sl.notebook(LOCKOUT, tmp_path / "case.ipynb", run=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("jupyter")
def test_it_is_run_and_printed_as_a_page(tmp_path: Path) -> None:
    path = sl.notebook(LOCKOUT, tmp_path / "case.ipynb", tz="Europe/Berlin", run=True)

    notebook = nbformat.read(path, as_version=4)
    assert complaints(notebook) == []
    assert without_picture(notebook) == []
    assert (tmp_path / "case.html").stat().st_size > 10_000
    assert "ann@example.com" in shown(notebook, "findings")


@pytest.mark.parametrize("name", ["postfix/quiet", "swaks/starttls"])
def test_it_runs_whatever_the_logs_hold(name: str, tmp_path: Path, kernel: AsyncKernelManager) -> None:
    """No findings at all, and a transcript without a single time."""
    notebook = executed(sl.notebook(sl.sample(name), tmp_path / "case.ipynb", tz="Europe/Berlin"), kernel)

    assert complaints(notebook) == []
    assert without_picture(notebook) == []
    assert "ann@example.com" not in shown(notebook, "findings")
    assert (tmp_path / "case.html").stat().st_size > 10_000


def test_it_opens_a_dataset_too(tmp_path: Path, kernel: AsyncKernelManager) -> None:
    sl.parse(LOCKOUT, tmp_path / "events")
    path = executed(sl.notebook(tmp_path / "events", tmp_path / "case.ipynb", until="2026-09-01"), kernel)

    assert complaints(path) == []
    assert without_picture(path) == []


@pytest.mark.usefixtures("jupyter")
def test_a_cell_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    bad = tmp_path / "rows.toml"
    bad.write_text("nonsense = 1", "utf-8")

    with pytest.raises(ValueError, match="a cell failed: BadCatalogue"):
        sl.notebook(LOCKOUT, tmp_path / "case.ipynb", catalogue=bad, run=True)
    assert not (tmp_path / "case.ipynb").exists()
