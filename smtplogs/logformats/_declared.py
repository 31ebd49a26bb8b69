"""A relay's log described in TOML -> a format: every key and word checked, with the place of what is wrong."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from smtplogs import _toml
from smtplogs.errors import BadFormat
from smtplogs.logformats._envelopes import STAMP
from smtplogs.logformats._format import PARTS, SPEECH, Dialogue, Excerpt, Field, Shape, Table, Turn
from smtplogs.logformats._terms import GROUP
from smtplogs.schema import RECORDS

if TYPE_CHECKING:
    from collections.abc import Mapping

KINDS = ("json", "csv", "logfmt", "regex", "dialogue")

_BY_THEMSELVES = ("docker", "cri", "compose", "journald")
_SYSLOG = STAMP + r" [^ ]+ [^ ]+: ?"

_KEYS: Mapping[str, frozenset[str]] = {
    "": frozenset(
        {"format", "detect", "read", "time", "fields", "map", "keep", "constants", "secrets", "session", "dialogue",
         "pattern", "turn", "sample", "shape"}
    ),
    "format": frozenset({"name", "title", "kind", "unwrap", "written_by", "cannot_show"}),
    "detect": frozenset({"paths", "headers", "keys", "looks", "least"}),
    "read": frozenset({"separator", "comment", "header", "before"}),
    "time": frozenset({"from", "formats", "zone"}),
    "map": frozenset({"from", "values", "default", "regex"}),
    "secrets": frozenset({"drop", "sasl", "strip"}),
    "session": frozenset({"key", "carry"}),
    "dialogue": frozenset({"side", "blocks", "line_break", "key"}),
    "pattern": frozenset({"regex"}),
    "shape": frozenset({"name", "keep", "fields", "map", "constants", "role"}),
    "turn": frozenset({"name", "regex", "speaker", "arrows", "sets", "verdict", "begins", "ends"}),
    "sample": frozenset({"record", "expect", "nothing"}),
}  # fmt: skip


def declared(path: str | Path) -> Dialogue | Table:
    """Read a declared format.

    Parameters
    ----------
    path
        The TOML file; `docs/declared-formats.md` explains its keys.

    Raises
    ------
    BadFormat
        If it cannot be read, holds an unknown key or word, or lacks a sample. Whether its samples pass is not tried.
    """
    where = str(path)
    try:
        given = _toml.loads(Path(path).read_text("utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadFormat(f"{where}: {error.strerror if isinstance(error, OSError) else error}") from error
    try:
        return _format(given)
    except BadFormat as error:
        raise BadFormat(f"{where}: {error}") from error
    except (ValueError, TypeError) as error:
        raise BadFormat(f"{where}: {error}") from error


def _format(given: dict[str, Any]) -> Dialogue | Table:
    """Build the format that the file describes."""
    _known_keys(given)
    head = _head(given)
    if not given.get("sample"):
        raise BadFormat("there is no [[sample]]: a format must show a record and what becomes of it")
    samples = tuple(_sample(entry, i) for i, entry in enumerate(given["sample"], 1))
    common = {
        "name": head["name"],
        "title": head.get("title", head["name"]),
        "written_by": head.get("written_by", "declared"),
        "cannot_show": tuple(head.get("cannot_show", ())),
        "samples": samples,
    }
    return _dialogue(given, common) if head["kind"] == "dialogue" else _columns(given, common)


def _known_keys(given: dict[str, Any]) -> None:
    """Refuse keys that no format has, section by section."""
    _keys(given, "", "")
    for section in ("format", "detect", "read", "time", "secrets", "session", "dialogue"):
        _keys(_table(given, section), section, section)
    for section in ("pattern", "turn", "sample", "shape"):
        entries = given.get(section, [])
        if not isinstance(entries, list):
            raise BadFormat(f"[{section}]: write [[{section}]], it is a list")
        for i, entry in enumerate(entries, 1):
            _keys(entry, section, f"{section} {i}")


def _head(given: dict[str, Any]) -> dict[str, Any]:
    """Return the section `format`, checked."""
    head = _table(given, "format")
    for name in ("name", "kind"):
        if not isinstance(head.get(name), str):
            raise BadFormat(f"[format]: {name} is missing")
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", head["name"]):
        raise BadFormat(f"[format]: name {head['name']!r} must be of lower-case letters, digits and hyphens")
    if head["kind"] not in KINDS:
        raise BadFormat(f"[format]: no kind {head['kind']!r}; there are {', '.join(KINDS)}")
    for word in head.get("unwrap", []):
        if word not in (*_BY_THEMSELVES, "syslog"):
            raise BadFormat(f"[format]: unwrap knows no {word!r}; {', '.join(_BY_THEMSELVES)} come off by themselves")
    return head


def _sample(entry: dict[str, Any], i: int) -> Excerpt:
    """Read a sample and the events expected of it."""
    if not isinstance(entry.get("record"), str):
        raise BadFormat(f"sample {i}: record is missing")
    if entry.get("nothing"):
        return Excerpt(entry["record"])
    expect = entry.get("expect")
    if not expect:
        raise BadFormat(f"sample {i}: expect is missing (or nothing = true, for a record that gives no event)")
    events = expect if isinstance(expect, list) else [expect]
    for event in events:
        for column in event:
            if column not in RECORDS:
                raise BadFormat(f"sample {i}: expect names {column!r}, which is no column")
    return Excerpt(entry["record"], tuple(events))


def _columns(given: dict[str, Any], common: dict[str, Any]) -> Table:
    """Build a table."""
    kind = given["format"]["kind"]
    read, time, secrets = (_table(given, s) for s in ("read", "time", "secrets"))
    fields, words = _fields(given, "")
    if "from" in time:
        fields["stamp"] = _field(time["from"], "time.from")
    if "sasl" in secrets:
        fields["sasl"] = _field(secrets["sasl"], "secrets.sasl")
    shapes = tuple(_shape(entry, i) for i, entry in enumerate(given.get("shape", []), 1))
    for column in (*fields, *(c for shape in shapes for c in shape.fields)):
        if column not in RECORDS and column not in PARTS:
            raise BadFormat(f"[fields]: {column!r} is no column (`smtplogs columns`), nor one of {_listed(PARTS)}")
    patterns = tuple(_regex(entry.get("regex"), f"pattern {i}") for i, entry in enumerate(given.get("pattern", []), 1))
    if kind == "regex":
        fields = _fields_of_groups(patterns, fields)
    session = _table(given, "session")
    every = {*fields, *(c for shape in shapes for c in shape.fields)}
    if session and "session" not in every:
        raise BadFormat("[session]: no field `session` to carry columns by")
    if strange := [c for c in session.get("carry", []) if c not in every]:
        raise BadFormat(f"[session]: carry names {strange[0]!r}, which is no field")
    detect = _table(given, "detect")
    needs = tuple(str(n) for key in ("paths", "headers", "keys") for n in detect.get(key, ()))
    before = _regex(read["before"], "read.before") if "before" in read else ""
    if "syslog" in given["format"].get("unwrap", []):
        before = _SYSLOG
    return Table(
        layout=kind,
        needs=needs,
        fields=fields,
        keep=_keep(given, "keep"),
        shapes=shapes,
        words=words,
        sets=_table(given, "constants"),
        header=tuple(read.get("header", ())),
        separator=read.get("separator", ","),
        comment=read.get("comment", ""),
        before=before,
        patterns=patterns,
        forms=tuple(time.get("formats", ())),
        zone=_zone(time),
        drop=tuple(secrets.get("drop", ())),
        strip=tuple(_regex(r, "secrets.strip") for r in secrets.get("strip", ())),
        carry=tuple(session.get("carry", ())),
        **common,
    )


def _fields_of_groups(patterns: tuple[str, ...], fields: dict[str, Field]) -> dict[str, Field]:
    """Return the fields with one more for each group of the regexes that is named as a column."""
    if not patterns:
        raise BadFormat("a format of kind regex needs a [[pattern]]")
    found = dict(fields)
    for group in (group for pattern in patterns for group in GROUP.findall(pattern)):
        if group in RECORDS or group in PARTS:
            found.setdefault(group, Field((group,)))
        elif not any(group in field.paths for field in fields.values()):
            raise BadFormat(f"[[pattern]]: group {group!r} is no column, and no field is taken from it")
    return found


def _fields(given: dict[str, Any], place: str) -> tuple[dict[str, Field], dict[str, dict[str, str]]]:
    """Read the fields of a format or of one of its shapes, and the words that are translated."""
    fields = {column: _field(value, f"{place}fields.{column}") for column, value in _table(given, "fields").items()}
    words: dict[str, dict[str, str]] = {}
    for column, entry in _table(given, "map").items():
        _keys(entry, "map", f"{place}map.{column}")
        if column not in RECORDS:
            raise BadFormat(f"[{place}map.{column}]: {column!r} is no column")
        if "from" in entry:
            fields[column] = _field({"from": entry["from"], "regex": entry.get("regex", "")}, f"{place}map.{column}")
        if column not in fields:
            raise BadFormat(f"[{place}map.{column}]: from is missing")
        words[column] = {str(k): str(v) for k, v in entry.get("values", {}).items()}
        if "default" in entry:
            words[column]["*"] = entry["default"]
    return fields, words


def _shape(entry: dict[str, Any], i: int) -> Shape:
    """Read one kind of record."""
    where = f"shape {entry.get('name', i)}"
    if not entry.get("keep"):
        raise BadFormat(f"{where}: keep (what tells this kind of record) is missing")
    if (role := entry.get("role", "event")) not in ("event", "context", "dismiss"):
        raise BadFormat(f"{where}: no role {role!r}; there are event, context, dismiss")
    fields, words = _fields(entry, f"{where}: ")
    name = str(entry.get("name", f"shape{i}"))
    return Shape(name, keep=_keep(entry, where), fields=fields, words=words, sets=_table(entry, "constants"), role=role)


def _keep(given: dict[str, Any], where: str) -> dict[str, tuple[str, ...]]:
    """Read path -> words; those with `~` before them are regexes."""
    keep = {}
    for path, words in _table(given, "keep").items():
        if not isinstance(words, list):
            raise BadFormat(f"{where}: {path}: write a list of words")
        keep[path] = tuple(map(str, words))
        for word in keep[path]:
            if word.startswith("~"):
                _regex(word[1:], f"{where}: {path}")
    return keep


def _dialogue(given: dict[str, Any], common: dict[str, Any]) -> Dialogue:
    """Build a dialogue."""
    detect, how = _table(given, "detect"), _table(given, "dialogue")
    if not given.get("turn"):
        raise BadFormat("a format of kind dialogue needs a [[turn]]")
    turns = []
    for i, entry in enumerate(given["turn"], 1):
        where = f"turn {entry.get('name', i)}"
        regex = _regex(entry.get("regex"), where)
        for group in GROUP.findall(regex):
            if group not in RECORDS and group not in SPEECH:
                raise BadFormat(f"{where}: group {group!r} is no column, nor one of {_listed(SPEECH)}")
        turns.append(Turn(entry.get("name", f"turn{i}"), **{k: v for k, v in entry.items() if k != "name"}))
    if "looks" not in detect:
        raise BadFormat("[detect]: looks (a regex of lines that only this format has) is missing")
    return Dialogue(
        looks=_regex(detect["looks"], "detect.looks", anchored=False),
        least=float(detect.get("least", 0.5)),
        side=how.get("side"),
        blocks=bool(how.get("blocks", False)),
        line_break=how.get("line_break", ""),
        key=tuple(how.get("key", ())),
        turns=tuple(turns),
        **common,
    )


def _field(value: Any, where: str) -> Field:
    """Read `"path"`, `["path", "other"]` or `{from = ..., regex = ..., join = ...}`."""
    if isinstance(value, dict):
        if strange := set(value) - {"from", "regex", "join"}:
            raise BadFormat(f"{where}: unknown key {sorted(strange)[0]!r}; there are from, join, regex")
        regex = _regex(value["regex"], f"{where}.regex", anchored=False) if value.get("regex") else ""
        return Field(_field(value.get("from"), where).paths, regex, str(value.get("join", "")))
    paths = value if isinstance(value, list) else [value]
    if not paths or not all(isinstance(p, str) and p for p in paths):
        raise BadFormat(f"{where}: must be a path, a list of paths, or from and regex")
    return Field(tuple(paths))


def _regex(value: Any, where: str, *, anchored: bool = True) -> str:
    """Return a regex that the engine takes."""
    if not isinstance(value, str) or not value:
        raise BadFormat(f"{where}: regex is missing")
    try:
        pl.Series([""]).str.contains(value)
    except pl.exceptions.PolarsError as error:
        raise BadFormat(f"{where}: {' '.join(str(error).split())}") from error
    if anchored and where.startswith(("pattern", "turn")) and not (value.startswith("^") and value.endswith("$")):
        raise BadFormat(f"{where}: regex is not anchored at both ends (^...$)")
    return value


def _zone(time: dict[str, Any]) -> str | None:
    """Return the stated zone; `in-value` and `ask` leave it to the stamp and the caller."""
    zone = time.get("zone", "in-value")
    if zone in ("in-value", "ask"):
        return None
    try:
        pl.Series([0]).cast(pl.Datetime("us", "UTC")).dt.convert_time_zone(zone)
    except (pl.exceptions.PolarsError, TypeError) as error:
        raise BadFormat(f"[time]: no zone {zone!r}; UTC, a name such as Europe/Warsaw, in-value or ask") from error
    return zone


def _table(given: dict[str, Any], section: str) -> dict[str, Any]:
    """Return a section, empty where the file has none."""
    value = given.get(section, {})
    if not isinstance(value, dict):
        raise BadFormat(f"[{section}] must be a table")
    return value


def _keys(entry: Any, section: str, where: str) -> None:
    """Refuse keys that no format has."""
    if not isinstance(entry, dict):
        raise BadFormat(f"{where}: must be a table")
    if strange := sorted(set(entry) - _KEYS[section]):
        place = f"[{where}]" if where else "the file"
        raise BadFormat(f"{place}: unknown key {strange[0]!r}; there are {_listed(_KEYS[section])}")


def _listed(words: frozenset[str]) -> str:
    return ", ".join(sorted(words))
