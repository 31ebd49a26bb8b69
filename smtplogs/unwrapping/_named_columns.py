"""CSV whose first row names the columns: time, host, program and message each have one (Azure, Kibana, Datadog ...)."""

from __future__ import annotations

import csv
from functools import partial
from typing import TYPE_CHECKING

import polars as pl

from smtplogs.unwrapping._dated import PROOF, iso
from smtplogs.unwrapping._stores import TAG, put_together
from smtplogs.unwrapping._texts import CLOCK, MONTH, STAMP

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_LINE = pl.col("line")

_NAMES = {
    "time": (
        "timegenerated", "@timestamp", "timestamp", "time", "datetime", "date", "_time", "eventtime", "receivedat",
        "devicereportedtime", "reported time", "logged", "logtime",
    ),
    "host": ("computer", "host", "hostname", "host.name", "host.hostname", "fromhost", "source", "device", "sender"),
    "program": (
        "processname", "process.name", "process", "program", "programname", "ident", "appname", "app_name", "application",
        "application_name", "syslogtag", "tag", "syslog_identifier", "service",
    ),
    "pid": ("processid", "process.pid", "procid", "proc_id", "pid"),
    "message": ("syslogmessage", "message", "msg", "content", "text"),
}  # fmt: skip
"""How exports call the parts of a line, the surest first."""

MOST_COLUMNS = 60
"""Columns of such a file: each makes the regex of a row longer."""

_KIBANA = rf"^({MONTH}) ([0-9]{{1,2}}), ([0-9]{{4}}) @ ({CLOCK}(?:\.[0-9]{{1,9}})?)$"


def named_columns(head: Sequence[str]) -> Callable[[pl.DataFrame], pl.DataFrame] | None:
    """Return what puts the lines of such a file together, None if its first line is no such row."""
    first = next((line for line in head if line.strip()), "").lstrip("\ufeff").replace("\r", " ")
    if first.count(",") + first.count(";") + first.count("\t") < 2 or len(first) > 2000:
        return None
    mark = max(",;\t", key=first.count)
    names = [name.strip() for name in next(csv.reader([first], delimiter=mark))]
    utc = {n for n, name in enumerate(names) if name.lower().endswith("[utc]")}
    plain = [name.lower().removesuffix("[utc]").strip() for name in names]
    at = {part: next((plain.index(n) for n in known if n in plain), None) for part, known in _NAMES.items()}
    if None in (at["time"], at["program"], at["message"]) or len(names) > MOST_COLUMNS:
        return None
    how = {"at": at, "width": len(names), "mark": mark}
    times = _parts(pl.DataFrame({"line": list(head)}, schema={"line": pl.String}), **how)["time"].drop_nulls()
    day_first = next((day for day, proof in PROOF.items() if times.str.contains(proof).any()), None)
    return partial(_peel, **how, utc=at["time"] in utc, day_first=day_first)


def _parts(lines: pl.DataFrame, *, at: dict[str, int | None], width: int, mark: str) -> pl.DataFrame:
    """Return the parts of each row, null where a line is none."""
    cells = [rf'(?:"(?P<q{n}>(?:[^"]|"")*)"|(?P<b{n}>[^"{mark}]*))' for n in range(width)]
    wanted = {n for n in at.values() if n is not None}
    shape = mark.join(c if n in wanted else rf'(?:"(?:[^"]|"")*"|[^"{mark}]*)' for n, c in enumerate(cells))
    row = lines.select(_LINE.str.extract_groups(rf"^\x{{feff}}?{shape}\s*$")).unnest("line")
    return row.select(
        (pl.coalesce(f"q{n}", f"b{n}").str.replace_all('""', '"', literal=True).str.strip_chars()
        if n is not None else pl.lit(None, pl.String)).alias(part)
        for part, n in at.items()
    )  # fmt: skip


def _peel(
    lines: pl.DataFrame, *, at: dict[str, int | None], width: int, mark: str, utc: bool, day_first: bool | None
) -> pl.DataFrame:
    """Put a line together from the columns of a row, if a mail program wrote it."""
    parts = _parts(lines, at=at, width=width, mark=mark)
    program = pl.col("program").str.strip_suffix(":")
    host = pl.when(pl.col("host").str.contains(r"^[0-9A-Za-z_.:%-]+$")).then("host")
    mail = program.str.contains(rf"^{TAG}$") & pl.col("message").is_not_null()
    pid = pl.col("pid").str.extract(r"^([0-9]+)$")
    inner = put_together(_written(utc, day_first), host, program, pid, pl.col("message"))
    return parts.select(inner=pl.when(mail).then(inner), outer=pl.lit(None, pl.String))


def _written(utc: bool, day_first: bool | None) -> pl.Expr:
    """Write the time as the head of a line has it; null for numbers of which nobody knows which is the day."""
    time = pl.col("time")
    kibana = [time.str.extract(_KIBANA, n) for n in range(1, 5)]
    made = [
        pl.when(time.str.contains(rf"^{STAMP}$")).then(time),
        pl.format("{} {} {} {}", kibana[0], kibana[1], kibana[2], kibana[3]),
    ]
    if day_first is not None:
        made.append(iso(time, day_first))
    found = pl.coalesce(made)
    return pl.when(~found.str.contains(r"(?:Z|[+-][0-9:]{4,6})$")).then(found + "Z").otherwise(found) if utc else found
