"""The walls: imports go down only, names are listed, rooms say what they hold, prose keeps its word."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import smtplogs

PACKAGE = Path(smtplogs.__file__).parent
ROOMS = sorted(p for p in PACKAGE.rglob("*.py") if "_data" not in p.parts)

FLOORS = (
    {"errors"},
    {
        "_visible",
        "_spans",
        "_durable",
        "_granted",
        "_parameters",
        "_addresses",
        "_allocating",
        "_coded",
        "_columns",
        "_secret_forms",
        "_toml",
        "_engine",
        "translating",
        "numeric_dates",
        "pseudonyms",
        "_written",
        "_vocabularies",
    },
    {"table_definitions"},
    {"schema"},
    {"_frames", "unsettled"},
    {"joining", "redacting", "normalising", "sasl", "sources", "stamps", "unwrapping", "replies"},
    {"logformats", "accounting"},
    {"heads"},
    {"cutting", "framing", "matching", "cells", "documents", "turns", "talking", "leaking"},
    {"planning"},
    {"parsing", "dialogue", "tabling"},
    {"linking", "overview"},
    {"spine"},
    {"session_rows"},
    {"stitching"},
    {"recognising", "borders", "mixtures", "sinks"},
    {"finishing"},
    {"whole_files", "batching"},
    {"declaring", "doubles"},
    {"in_turn"},
    {"login_sums"},
    {"pairing", "penalties"},
    {"neighbours"},
    {"settling"},
    {"tally", "rollups", "whose", "exporting", "sharing", "packaged", "pasted", "enriching", "simulating"},
    {"onefile", "datasets", "following"},
    {"together", "dating", "stretches"},
    {"part_files"},
    {"parts", "custody", "_crew"},
    {"making", "slicing", "crossing"},
    {"opening"},
    {"reading", "runs"},
    {"archiving", "verifying", "probing", "remembering"},
    {"detect"},
    {"explaining", "watching"},
    {"charts"},
    {"reporting", "_report", "filling"},
    {"tables"},
    {"cli"},
)
"""From the cellar to the roof: a room may import from its own floor's package and from below."""

LEVEL = {room: n for n, floor in enumerate(FLOORS) for room in floor}


@cache
def tree_of(path: Path) -> ast.Module:
    """Return what stands in a room, taken apart once for all tests."""
    return ast.parse(path.read_text())


def room_of(path: Path) -> str:
    """Return the top-level room of a file: `charts` for `charts/gantt.py`."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> list[tuple[str, ast.AST]]:
    """Return the rooms of smtplogs that a file imports, with the place."""
    found = []
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "smtplogs":
            parts = (node.module or "").split(".")[1:]
            found += [(parts[0], node)] if parts else [(a.name, node) for a in node.names]
        elif isinstance(node, ast.Import):
            found += [(a.name.split(".")[1], node) for a in node.names if a.name.startswith("smtplogs.")]
    return found


def test_every_room_stands_on_a_floor() -> None:
    assert {room_of(path) for path in ROOMS} - {"__init__", "__main__"} - set(LEVEL) == set(), "add it to FLOORS"


def test_imports_go_down_only() -> None:
    assert [
        f"{path.relative_to(PACKAGE)}:{node.lineno} looks up to {target}"  # type: ignore[attr-defined]
        for path in ROOMS
        if (room := room_of(path)) in LEVEL
        for target, node in imports(path)
        if target not in {room, "__version__"} and LEVEL[target] > LEVEL[room]
    ] == []


def test_a_room_says_what_it_holds() -> None:
    assert [str(path.relative_to(PACKAGE)) for path in ROOMS if not ast.get_docstring(tree_of(path))] == []


def test_no_room_imports_inside_a_function() -> None:
    """The front doors load heavy things on first use."""
    assert [
        f"{path.relative_to(PACKAGE)}:{n.lineno}"
        for path in ROOMS
        if path.name != "__init__.py"
        for f in ast.walk(tree_of(path))
        if isinstance(f, ast.FunctionDef | ast.AsyncFunctionDef)
        for n in ast.walk(f)
        if isinstance(n, ast.Import | ast.ImportFrom)
    ] == []


def test_the_guide_to_the_house_names_every_room_and_no_other() -> None:
    guide = (PACKAGE.parent / "docs" / "house.md").read_text("utf-8")
    rows = re.findall(r"^\| (`[^|]*`) \|", guide[guide.index("## The rooms") :], re.MULTILINE)
    named = {name.removesuffix("/") for row in rows for name in re.findall(r"`([^`]+)`", row)}

    assert named == {room_of(path) for path in ROOMS} - {"__init__", "__main__"} == set(LEVEL)


def test_detectors_know_no_format_and_no_chart() -> None:
    for path in (PACKAGE / "detect").glob("*.py"):
        text = path.read_text()
        assert not {t for t, _ in imports(path)} & {"logformats", "parsing", "charts"}, path
        assert "matplotlib" not in text, path


def test_every_public_name_is_there_sorted_documented_and_typed() -> None:
    names = smtplogs.__all__

    assert names == sorted(names)
    for name in names:
        thing = getattr(smtplogs, name)
        if not callable(thing) or inspect.isclass(thing):
            continue
        assert (inspect.getdoc(thing) or "").strip(), name
        signature = inspect.signature(thing)
        assert signature.return_annotation is not inspect.Parameter.empty, name
        for parameter in signature.parameters.values():
            assert parameter.annotation is not inspect.Parameter.empty, (name, parameter.name)


def sections(text: str) -> dict[str, str]:
    """Return the sections of a numpydoc text: title -> what stands below it."""
    return dict(re.findall(r"^(\w+)\n-+\n(.*?)(?=\n\n\w+\n-+\n|\Z)", text, re.DOTALL | re.MULTILINE))


@pytest.mark.parametrize("name", [n for n in smtplogs.__all__ if not inspect.isclass(getattr(smtplogs, n))])
def test_what_a_public_function_takes_gives_and_raises_is_documented(name: str) -> None:
    function = getattr(smtplogs, name)
    told = sections(inspect.getdoc(function) or "")
    heads = [line for line in told.get("Parameters", "").splitlines() if line and not line.startswith(" ")]

    assert sorted(p for line in heads for p in line.split(", ")) == sorted(inspect.signature(function).parameters)
    assert told.keys() & {"Returns", "Yields"}
    assert "Raises" in told or not heads


def test_parsing_needs_neither_pandas_nor_matplotlib_nor_pyarrow() -> None:
    code = (
        "import sys, smtplogs as sl; sl.read(sl.sample('postfix/new-year')); "
        "print(sorted({'pandas', 'matplotlib', 'pyarrow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_no_module_has_the_name_of_a_public_function() -> None:
    rooms = {p.stem for p in PACKAGE.glob("*.py")} | {p.name for p in PACKAGE.iterdir() if p.is_dir()}

    assert not rooms & set(smtplogs.__all__)
