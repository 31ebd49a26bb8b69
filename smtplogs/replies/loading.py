"""Where the rows of the catalogue come from: our files, installed packages, a file of the caller; and who wins."""

from __future__ import annotations

import dataclasses
import difflib
import functools
import tomllib
from importlib import resources
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, get_args, get_type_hints

from smtplogs import _toml
from smtplogs.errors import BadCatalogue
from smtplogs.replies.catalogue import Row

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from importlib.resources.abc import Traversable
    from os import PathLike

GROUP = "smtplogs.replies"
"""Entry points of this group add rows: each names a path (or a function that returns one) to a TOML file."""

OURS, INSTALLED, CALLERS = range(3)
"""Layers of rows. A row that fits and is of a higher layer wins, whatever evidence the others have; a row with the id
of one in a lower layer takes its place."""


class CustomFile(NamedTuple):
    """The caller's file of rows, known by path, time of change and size: a changed file is read again."""

    path: str
    changed: int
    size: int


def custom_file(path: str | PathLike[str] | None) -> CustomFile | None:
    """Return the identity of the caller's file as it is now; None stays None.

    Raises
    ------
    BadCatalogue
        If there is no such file.
    """
    if path is None:
        return None
    place = Path(path)
    try:
        status = place.stat()
    except OSError as error:
        raise BadCatalogue(f"cannot read the catalogue {str(place)!r}: {error.strerror}") from error
    return CustomFile(str(place), status.st_mtime_ns, status.st_size)


def rows(custom: CustomFile | None = None) -> tuple[Row, ...]:
    """Return every row of the catalogue: ours, those of installed packages, those of the caller's file.

    Parameters
    ----------
    custom
        The caller's file, or None.

    Raises
    ------
    BadCatalogue
        If a file is no TOML, a row is malformed, or an id stands twice in one layer.
    """
    return _rows(custom)


@functools.cache
def _rows(custom: CustomFile | None) -> tuple[Row, ...]:
    if custom is not None:
        return _stacked(_rows(None), _layer([(custom.path, Path(custom.path))], CALLERS))
    folder = resources.files("smtplogs.replies").joinpath("catalogue")
    ours = sorted((f for f in folder.iterdir() if f.name.endswith(".toml")), key=lambda f: f.name)
    return _stacked(_layer([(f.name, f) for f in ours], OURS), _layer(_installed(), INSTALLED))


def _stacked(below: tuple[Row, ...], above: tuple[Row, ...]) -> tuple[Row, ...]:
    """Put rows over others; the same id above takes the place of the one below."""
    names = {row.id for row in above}
    return (*(row for row in below if row.id not in names), *above)


def _installed() -> Iterator[tuple[str, Traversable]]:
    """Yield name and file of each entry point."""
    for point in sorted(entry_points(group=GROUP), key=lambda p: (p.name, p.value)):
        name = f"entry point {point.name!r} ({point.value})"
        try:
            loaded: Any = point.load()
            given: Any = loaded() if callable(loaded) else loaded
        except Exception as error:  # an installed package may fail in any way; its name must come up
            raise BadCatalogue(f"{name} cannot be loaded: {type(error).__name__}: {error}") from error
        place = Path(given) if isinstance(given, str) else given
        if not hasattr(place, "read_text"):
            raise BadCatalogue(f"{name} gives {type(given).__name__}, not the path of a TOML file")
        yield name, place


def _layer(files: Iterable[tuple[str, Traversable]], layer: int) -> tuple[Row, ...]:
    """Read the files of one layer."""
    found: dict[str, tuple[str, Row]] = {}
    for name, file in files:
        for row in _rows_of(name, file, layer):
            if row.id in found:
                raise BadCatalogue(f"{name}: row {row.id!r} stands twice, first in {found[row.id][0]}")
            found[row.id] = (name, row)
    return tuple(row for _, row in found.values())


def _rows_of(name: str, file: Traversable, layer: int) -> Iterator[Row]:
    """Read one file: `source` for all its rows, and a `[[row]]` table each."""
    try:
        table = _toml.loads(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadCatalogue(f"{name} is no TOML file that can be read: {error}") from error
    given = table.get("row")
    if not isinstance(given, list) or not given or not all(isinstance(entry, dict) for entry in given):
        raise BadCatalogue(f"{name} has no [[row]] table")
    if strange := sorted(set(table) - {"source", "row"}):
        raise BadCatalogue(f"{name}: {', '.join(map(repr, strange))} is neither `source` nor a [[row]] table")
    for number, entry in enumerate(given, 1):
        name_of_row = entry["id"] if isinstance(entry.get("id"), str) and entry["id"] else f"number {number}"
        try:
            yield Row(**_fields({"source": table.get("source", name)} | entry), layer=layer)
        except ValueError as error:
            fault = str(error) if str(error).startswith("catalogue row") else f"catalogue row {name_of_row!r}: {error}"
            raise BadCatalogue(f"{name}: {fault}") from error


@functools.cache
def _types() -> dict[str, tuple[type, bool]]:
    """Return for each field of a row the type of a value, and whether there may be several."""
    hints = get_type_hints(Row)
    hints.pop("layer")
    found = {}
    for name, hint in hints.items():
        kinds = [kind for kind in (get_args(hint) or (hint,)) if kind not in (type(None), Ellipsis)]
        found[name] = (kinds[0], getattr(hint, "__origin__", None) is tuple)
    return found


@functools.cache
def _needed() -> tuple[str, ...]:
    """Return the fields that every row must have."""
    return tuple(f.name for f in dataclasses.fields(Row) if f.default is dataclasses.MISSING)


def _fields(entry: dict[str, Any]) -> dict[str, Any]:
    """Check the fields of a row and their types; a single value may stand for a list of one."""
    types = _types()
    for name in entry.keys() - types.keys():
        near = difflib.get_close_matches(name, types, n=1)
        raise ValueError(f"unknown field {name!r}" + (f" (did you mean {near[0]!r}?)" if near else ""))
    if missing := [name for name in _needed() if name not in entry]:
        raise ValueError(f"no {', '.join(missing)}")
    given = {}
    for name, value in entry.items():
        kind, several = types[name]
        values = value if isinstance(value, list) else [value]
        if (isinstance(value, list) and not several) or any(type(v) is not kind for v in values):
            raise ValueError(f"{name} must be {kind.__name__}{' or a list of them' if several else ''}, not {value!r}")
        given[name] = tuple(values) if several else value
    return given
