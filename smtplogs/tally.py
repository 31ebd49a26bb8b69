"""What was read and understood: the coverage and traffic tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from smtplogs import stamps
from smtplogs.logformats import EVERY
from smtplogs.normalising import split_keys
from smtplogs.schema import COVERAGE, TRAFFIC, as_table, empty

if TYPE_CHECKING:
    from datetime import datetime

    from smtplogs.accounting import Tally

ROLES = ("records", "context", "dismissed", "not_understood")

MAILS = (
    "client_sasl",
    "client_sasl_odd",
    "client",
    "mail_login",
    "mail_login_plain",
    "mail_login_odd",
    "mail_plain",
    "mail",
    "message",
)
"""Patterns of which each line is a mail that was taken in."""

_BY = ("time", "source", "host", "program", "service", "side", "relay_host")
CANNOT_SHOW = {f.name: f.cannot_show for f in EVERY}
"""Format -> what its logs never tell."""

_SUMS = (
    "n_lines",
    "n_connects",
    "n_sessions_without_auth",
    "n_messages",
    "n_recipients",
    "n_sent",
    "n_deferred",
)


def coverage_of(
    source: str,
    tally: Tally,
    *,
    first_time: datetime | None,
    last_time: datetime | None,
    **facts: Any,
) -> pl.DataFrame:
    """Coverage rows of one file, see `coverage_rows`."""
    return coverage_table(coverage_rows(source, tally, first_time=first_time, last_time=last_time, **facts))


def coverage_table(rows: list[dict[str, Any]]) -> pl.DataFrame:
    """Make the coverage table of rows of any number of files."""
    frame = pl.DataFrame(
        rows, schema_overrides={"examples": pl.List(pl.String)}, strict=False, infer_schema_length=None
    )
    return as_table(frame, COVERAGE)


def coverage_rows(
    source: str,
    tally: Tally,
    *,
    first_time: datetime | None,
    last_time: datetime | None,
    **facts: Any,
) -> list[dict[str, Any]]:
    """Coverage rows of one file: the whole file first (`program` null), then a row per program, most lines first.

    Parameters
    ----------
    source
        Name of the file.
    tally
        What became of its kept lines.
    first_time, last_time
        Range of its stamps.
    **facts
        Further columns of the file's row (bytes, lines, kept, error ...).
    """
    programs: dict[str, dict[str, Any]] = {}
    for (program, format_, role), n in tally.counts.items():
        row = programs.setdefault(program, dict.fromkeys(ROLES, 0) | {"program": program, "format": None})
        row[role] += n
        row["format"] = format_ or row["format"]
    formats = sorted({format_ for _, format_, _ in tally.counts if format_})
    whole = {
        "program": None,
        "format": "+".join(formats) or None,
        **{role: sum(r[role] for r in programs.values()) for role in ROLES},
        "examples": sorted((line for lines in tally.examples.values() for line in lines), key=_line_no)[:20],
        "first_time": first_time,
        "last_time": last_time,
        "cannot_show": [text for name in formats for text in CANNOT_SHOW.get(name, ())],
        **facts,
    }
    ranked = sorted(programs.values(), key=lambda r: (-sum(r[role] for role in ROLES), r["program"]))
    rows = [
        whole,
        *(
            r
            | {
                "program": r["program"] or None,
                "kept": sum(r[role] for role in ROLES),
                "examples": tally.examples.get(r["program"], []),
            }
            for r in ranked
            if r["program"]
        ),
    ]
    return [{"source": source} | r for r in rows]


def _line_no(example: str) -> int:
    return int(example.partition(":")[0])


def traffic_of(records: pl.DataFrame) -> pl.DataFrame:
    """Count connections, sessions without AUTH, mails and deliveries of a batch of records, a row a minute."""
    pattern = pl.col("pattern")
    counts = pattern.is_in(["connect", "disconnect", *MAILS]) | (
        pl.col("delivery").is_not_null() if "delivery" in records.columns else False
    )
    if not records.select(counts.any()).item():
        return empty(TRAFFIC)
    ended = pattern == "disconnect"
    tried = pl.col("stats").str.contains(r"(?:^| )auth=") if "stats" in records.columns else pl.lit(value=False)
    mail = pattern.is_in(MAILS)
    sent = (pl.col("delivery") == "sent") if "delivery" in records.columns else pl.lit(value=False)
    deferred = (pl.col("delivery") == "deferred") if "delivery" in records.columns else pl.lit(value=False)
    by = ("source", "key", "side", "relay_host")
    present = [c if c in records.columns else pl.lit(None, TRAFFIC[c].dtype).alias(c) for c in by]
    counted = records.select(
        pl.col("time").dt.truncate("1m"),
        *present,
        n_connects=pattern == "connect",
        n_sessions_without_auth=ended & ~tried.fill_null(False),
        n_messages=mail,
        n_sent=sent,
        n_deferred=deferred,
    )
    sums = ("n_connects", "n_sessions_without_auth", "n_messages", "n_sent", "n_deferred")
    rows = counted.filter(pl.any_horizontal(sums)).group_by("time", *by).agg(pl.col(c).sum() for c in sums)
    return as_table(split_keys(rows), TRAFFIC)


def lines_of(
    minutes: pl.DataFrame, anchor: stamps.Anchor, clock: stamps.Carry | None, source: str
) -> tuple[pl.DataFrame, stamps.Carry | None]:
    """Count the lines of any kind of a file, a row a minute; lines without a readable stamp are left out.

    Parameters
    ----------
    minutes
        `stamp` (and `outer`), `n_lines`, in file order.
    anchor
        Evidence for year and zone.
    clock
        What the batch before, of the same file, returned.
    source
        Name of the file.

    Returns
    -------
    rows, clock
        Rows of the traffic table without host and program; the clock for the next batch.
    """
    if minutes.is_empty():
        return empty(TRAFFIC), clock
    timed, clock = stamps.resolve(minutes, anchor, clock)
    return by_minute(timed.with_columns(source=pl.lit(source))), clock


def by_minute(timed: pl.DataFrame) -> pl.DataFrame:
    """Count lines a row a minute and file: `time`, `source`, `n_lines`; those without a time are left out."""
    known = timed.filter(pl.col("time").is_not_null())
    rows = known.group_by("source", pl.col("time").dt.truncate("1m")).agg(pl.col("n_lines").sum())
    return as_table(rows, TRAFFIC)


def merged_traffic(parts: list[pl.DataFrame]) -> pl.DataFrame:
    """Add up traffic rows of the same minute and place; what no part knows stays null."""
    filled = [p for p in parts if p.height]
    if not filled:
        return empty(TRAFFIC)
    rows = pl.concat(filled).group_by(*_BY).agg(pl.when(pl.col(c).count() > 0).then(pl.col(c).sum()) for c in _SUMS)
    return as_table(rows, TRAFFIC).sort(*_BY, nulls_last=True)
