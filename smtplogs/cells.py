"""Lines of a table format -> cells: JSON by path, CSV by header, key=value by key, regexes by group; all as text."""

from __future__ import annotations

import csv
import functools
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Sequence

    from smtplogs.logformats import Table

MAX_JOINED = 20
"""Lines that a quoted CSV field may span; a quote that stands alone joins nothing."""

SLICE = 4_096
"""Objects that are decoded together."""

BEFORE_STAMP = "@stamp"
"""Path of the stamp in what stands before a record."""


@dataclass
class Head:
    """What the first lines of a file leave to the others.

    Attributes
    ----------
    names
        Header of a CSV file, tidied; empty: not seen yet.
    carried
        A row per session with what its rows said last, where a format carries that on.
    day_first
        What the stamps so far prove of dates in numbers.
    """

    names: list[str] = field(default_factory=list)
    carried: pl.DataFrame | None = None
    day_first: bool | None = None


def cells(lines: pl.DataFrame, table: Table, head: Head) -> tuple[pl.DataFrame, pl.DataFrame, int]:
    """Take lines apart.

    Parameters
    ----------
    lines
        `line_no`, `line` and whatever else, without blank lines, in file order.
    table
        The format.
    head
        What the batch before left; it is brought up to date.

    Returns
    -------
    rows, missed, n_noise
        The lines that are records, with a String column per path of the table; those that are none; how many are
        comments and headers.
    """
    if table.before:
        lines = _bare(lines, table)
    if table.layout == "json":
        return _json(lines, table)
    if table.layout == "csv":
        return _csv(lines, table, head)
    if table.layout == "logfmt":
        return _logfmt(lines, table)
    return _by_regex(lines, table)


def _json(lines: pl.DataFrame, table: Table) -> tuple[pl.DataFrame, pl.DataFrame, int]:
    """Read an object a line; one that holds nothing of the table's is missed."""
    paths = _own(table)
    whole = lines["line"].str.contains(r"^\s*\{.*\}\s*,?\s*$")
    rows = lines.filter(whole)
    found = json_cells(rows["line"], paths)
    good = found.select(pl.any_horizontal(pl.all().is_not_null())).to_series() if paths else whole
    return rows.hstack(found).filter(good), pl.concat([lines.filter(~whole), rows.filter(~good)]), 0


def json_cells(lines: pl.Series, paths: Sequence[str]) -> pl.DataFrame:
    """Return what stands at each path of each object, as text; null where it is absent, null or no JSON.

    Objects are decoded once for all plain paths (`$.a.b`), five times as fast as path by path. One object that is built
    otherwise (a list where text is expected) fails all, so that is done slice by slice, and path by path where it fails.
    Of two members of one name, which no log should have, the first may count, or the last.
    """
    plain = [p for p in paths if _PLAIN_PATH.match(p) and not any(o.startswith(f"{p}.") for o in paths)]
    form = _struct(plain)
    parts = []
    for at in range(0, lines.len(), SLICE):
        some = lines.slice(at, SLICE).alias("line").to_frame()
        fast: list[str] = []
        if len(plain) > 1:
            try:
                trimmed = pl.col("line").str.strip_chars(" \t,")
                some = some.with_columns(trimmed.str.json_decode(form).alias("_object"))
                fast = plain
            except pl.exceptions.ComputeError:
                pass
        steps = {p: p[2:].split(".") for p in fast}
        decoded = (
            functools.reduce(lambda e, key: e.struct.field(key), steps[p], pl.col("_object")).alias(p) for p in fast
        )
        single = (pl.col("line").str.json_path_match(p).alias(p) for p in paths if p not in steps)
        parts.append(some.select(*decoded, *single).select(paths))
    return pl.concat(parts) if parts else pl.DataFrame(schema=dict.fromkeys(paths, pl.String))


_PLAIN_PATH = re.compile(r"\$(?:\.[A-Za-z_][A-Za-z0-9_-]*)+$")


def _struct(paths: Sequence[str]) -> pl.Struct:
    """Return the form of objects that hold text at these paths."""
    keys = dict.fromkeys(p[2:].partition(".")[0] for p in paths)
    inner = {key: [f"$.{p[2:].partition('.')[2]}" for p in paths if p.startswith(f"$.{key}.")] for key in keys}
    return pl.Struct({key: _struct(inner[key]) if inner[key] else pl.String for key in keys})


def _own(table: Table) -> list[str]:
    """Return the paths that lie in the record itself."""
    return [path for path in table.paths if path != BEFORE_STAMP or not table.before]


def _bare(lines: pl.DataFrame, table: Table) -> pl.DataFrame:
    """Take off what stands before each record; its stamp stays, and the line as it is written."""
    written = pl.coalesce("written", "line") if "written" in lines.columns else pl.col("line")
    stamp = pl.lit(None, pl.String)
    if "(?P<stamp>" in table.before:
        stamp = pl.col("line").str.extract_groups(table.before).struct.field("stamp")
    return lines.with_columns(pl.col("line").str.replace(table.before, ""), written=written, **{BEFORE_STAMP: stamp})


def tidy(name: str) -> str:
    """Return a header as headers are compared: without blanks around or doubled, in lower case."""
    return " ".join(name.replace("\ufeff", "").strip().strip('"').split()).casefold()


def _csv(lines: pl.DataFrame, table: Table, head: Head) -> tuple[pl.DataFrame, pl.DataFrame, int]:
    """Read CSV records, also over several lines; a record with too few or too many fields is missed."""
    text = pl.col("line").str.strip_chars_start("\ufeff")
    lines = lines.with_columns(text.alias("line"))
    noise = pl.Series([False] * lines.height, dtype=pl.Boolean)
    if table.comment:
        noise = lines["line"].str.starts_with(table.comment)
        for stated in lines.filter(noise)["line"].to_list():
            if stated.lower().startswith("#fields:"):
                head.names = [tidy(n) for n in stated.partition(":")[2].split(table.separator)]
    if table.header and not head.names:
        head.names = [tidy(n) for n in table.header]
    rest = lines.filter(~noise)
    n_noise = int(noise.sum())
    if not head.names and rest.height:
        head.names = [tidy(n) for n in _split(rest["line"][0], table.separator)]
    if head.names and rest.height:
        first = [tidy(n) for n in _split(rest["line"][0], table.separator)]
        if first == head.names:  # as well at the start of a further file joined to the first
            rest, n_noise = rest.slice(1), n_noise + 1
    if rest.is_empty() or not head.names:
        return _without(rest.clear(), table), rest.clear(), n_noise
    rest = _records(rest)
    quoted = pl.col("line").str.replace_all(r'"[^"]*"', "")
    n_fields = rest.select(quoted.str.count_matches(re.escape(table.separator)) + 1).to_series()
    wide = len(head.names)
    fits = n_fields == wide
    if table.header:
        fits = n_fields.is_between(wide - 1, wide + 1)
    missed, rest = rest.filter(~fits), rest.filter(fits)
    if rest.is_empty():
        return _without(rest, table), missed, n_noise
    names = [f"c{i}" for i in range(wide)]
    frame = _read_rows(rest["line"], names, table.separator)
    # of two columns of one name the first counts
    place = {name: f"c{i}" for i, name in reversed(list(enumerate(head.names)))}
    known = {path: place.get(tidy(path)) for path in _own(table)}
    found = frame.with_columns((pl.col(c) if c else pl.lit(None, pl.String)).alias(path) for path, c in known.items())
    return rest.hstack(found.select(_own(table))), missed, n_noise


def _split(text: str, separator: str) -> list[str]:
    """Return the fields of one record."""
    try:
        return next(csv.reader([text.replace("\n", " ")], delimiter=separator), [])
    except csv.Error:  # a field beyond any measure, a NUL
        return []


def _read_rows(texts: pl.Series, names: list[str], separator: str) -> pl.DataFrame:
    """Return the fields of records; those without a quote are split at once."""
    plain = ~texts.str.contains('"', literal=True)
    fields = texts.to_frame("text").select(fields=pl.when(plain).then(pl.col("text").str.split(separator)))
    if not plain.all():
        at = (~plain).arg_true()
        quoted = pl.Series([_split(text, separator) for text in texts.gather(at)], dtype=pl.List(pl.String))
        known = pl.DataFrame({"row": at, "quoted": quoted}, schema_overrides={"row": pl.UInt32})
        fields = fields.with_row_index("row").join(known, on="row", how="left", maintain_order="left")
        fields = fields.select(fields=pl.coalesce("quoted", "fields"))
    return fields.select(pl.col("fields").list.get(i, null_on_oob=True).alias(name) for i, name in enumerate(names))


def _records(rest: pl.DataFrame) -> pl.DataFrame:
    """Join the lines of a record whose quoted field goes over several of them."""
    odd = (rest["line"].str.count_matches('"') % 2 == 1).arg_true().to_list()
    record = list(range(rest.height))
    i = 0
    while i + 1 < len(odd):
        first, last = odd[i], odd[i + 1]
        if last - first < MAX_JOINED:
            record[first : last + 1] = [first] * (last + 1 - first)
            i += 2
        else:
            i += 1
    if len(set(record)) == rest.height:
        return rest
    return (
        rest.with_columns(_record=pl.Series(record))
        .group_by("_record", maintain_order=True)
        .agg(pl.col("line").str.join("\n"), pl.exclude("line").first())
        .select(rest.columns)
    )


def _logfmt(lines: pl.DataFrame, table: Table) -> tuple[pl.DataFrame, pl.DataFrame, int]:
    """Read `key=value` and `key="value"`."""
    found = lines.select(value_of(path).alias(path) for path in _own(table))
    good = found.select(pl.any_horizontal(pl.all().is_not_null())).to_series()
    return lines.hstack(found).filter(good), lines.filter(~good), 0


def value_of(key: str) -> pl.Expr:
    """Return what a key of `key=value` lines holds."""
    text = pl.col("line")
    name = rf"(?:^|[ \t,]){re.escape(key)}="
    quoted = text.str.extract(rf'{name}"((?:[^"\\]|\\.)*)"').str.replace_all(r"\\(.)", "$1")
    return pl.coalesce(quoted, text.str.extract(rf'{name}([^ \t"][^ \t]*)'))


def _by_regex(lines: pl.DataFrame, table: Table) -> tuple[pl.DataFrame, pl.DataFrame, int]:
    """Take lines apart by regexes, tried in order; `_shape` names the pattern that took a line."""
    parts = []
    left = pl.repeat(value=True, n=lines.height, eager=True)
    for pattern in table.patterns:
        regex, words = (pattern, ()) if isinstance(pattern, str) else (pattern.regex, pattern.literals)
        asked = left
        if words:
            asked = left & lines["line"].str.contains("|".join(re.escape(w) for w in words))
        if not asked.any():
            continue
        found = lines["line"].filter(asked).str.extract_groups(f"^(?P<_hit>){regex.removeprefix('^')}").struct.unnest()
        hit = found["_hit"].is_not_null()
        at = asked.arg_true().filter(hit)
        left = left.scatter(at, values=False)
        own = _own(table)
        missing = (pl.lit(None, pl.String).alias(p) for p in own if p not in found.columns)
        given = found.filter(hit).with_columns(*missing).select(own)
        name = None if isinstance(pattern, str) else pattern.name
        parts.append(lines[at].hstack(given).with_columns(_shape=pl.lit(name, pl.String)))
    nothing = _without(lines.clear(), table).with_columns(_shape=pl.lit(None, pl.String))
    return pl.concat([nothing, *parts]).sort("line_no"), lines.filter(left), 0


def _without(lines: pl.DataFrame, table: Table) -> pl.DataFrame:
    """Return the lines with a column of nulls for each path."""
    return lines.with_columns(pl.lit(None, pl.String).alias(p) for p in _own(table))
