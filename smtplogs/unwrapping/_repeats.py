"""Repeats are counted: rsyslog's `message repeated 4 times` and BSD's `last message repeated 4 times`."""

from __future__ import annotations

from typing import NamedTuple

import polars as pl

from smtplogs.unwrapping._texts import PRI, STAMP

REPEAT_LITERAL = "message repeated "
"""Stands in both kinds of repeat; the prefilter must keep it."""

_LINE = pl.col("line")


class Previous(NamedTuple):
    """Number and text of the last line of a batch, as `repeats` left it."""

    line_no: int
    line: str


_HOST = r"[0-9A-Za-z_.:%-]*[0-9A-Za-z_.%-]"
_TAG = r"[^ \[\]:(]+(?:\[[0-9]+\])?: "
_HEAD = rf"{PRI}{STAMP} "
_HEAD_5424 = (
    rf"{PRI}1 {STAMP} [^ ]+ [^ ]+ [^ ]+ [^ ]+ "
    r'(?:-|(?:\[(?:[^\]\\"]|"(?:[^"\\]|\\.)*")*\])+) ?(?:\x{feff})?'
)
# The head must be an envelope and nothing else: a login of the form "message repeated 9 times: [ ...]" is not counted.
_FOLDED = rf"^(?P<head>{_HEAD}(?:{_HOST} )?{_TAG}|{_HEAD_5424})message repeated (?P<n>[0-9]{{1,9}}) times: \[ (?P<message>.*)$"
_LAST = (
    rf"^(?P<head>{_HEAD})(?:--- |(?:(?P<host>{_HOST}) )?(?:{_TAG})?)last message repeated (?P<n>[0-9]{{1,9}}) times?"
    r"(?: ---)?$"
)


def repeats(batch: pl.DataFrame, carry: Previous | None = None) -> tuple[pl.DataFrame, Previous | None]:
    """Turn repeat lines into the message that they repeat, and add `count`.

    rsyslog's ``message repeated 4 times: [ MESSAGE]`` becomes MESSAGE under the same envelope. BSD's ``last message
    repeated 4 times`` becomes the line before it under its own stamp, if that line was kept by the prefilter and is of
    the same host; else it stays, as it repeats nothing of ours.

    Parameters
    ----------
    batch
        `line_no` and `line`, in file order.
    carry
        What the batch before this one, of the same file, returned.
    """
    counted = batch.with_columns(count=pl.lit(1, pl.UInt32))
    repeated = batch["line"].str.contains(REPEAT_LITERAL, literal=True).fill_null(False)
    if repeated.any():
        counted = _unfold(counted)
        counted = _repeat_last(counted, carry)
    if batch.is_empty():
        return counted, carry
    return counted, Previous(counted["line_no"][-1], counted["line"][-1])


def _unfold(rows: pl.DataFrame) -> pl.DataFrame:
    """Take the envelope that a syslog daemon put around a folded message off, and count it as often as it says."""
    parts = rows.select(_LINE.str.extract_groups(_FOLDED)).unnest("line")
    whole = rows.hstack(parts)
    return whole.select(
        pl.exclude("line", "count", "head", "n", "message"),
        line=pl.coalesce(pl.col("head") + pl.col("message").str.strip_suffix("]"), "line"),
        count=_times(),
    ).select(rows.columns)


def _times() -> pl.Expr:
    return pl.coalesce(pl.col("n").cast(pl.UInt32, strict=False), "count").clip(lower_bound=1)


def _repeat_last(rows: pl.DataFrame, carry: Previous | None) -> pl.DataFrame:
    """Give ``last message repeated`` lines the text of the last line before them, if no line is missing between."""
    before = pl.DataFrame([carry] if carry else [], schema={"line_no": pl.UInt64, "line": pl.String}, orient="row")
    lines = pl.concat([before, rows.select("line_no", "line")], how="vertical_relaxed").with_row_index("row")
    lines = lines.with_columns(
        _LINE.str.extract_groups(_LAST).struct.unnest(), run=pl.col("line_no").cast(pl.Int64) - pl.col("row")
    )
    base = pl.when(pl.col("n").is_null()).then("row").forward_fill()
    rest = _LINE.gather(base).str.extract(rf"^{_HEAD}(.*)$")
    same_host = pl.col("host").is_null() | rest.str.starts_with(pl.col("host") + " ")
    known = pl.col("n").is_not_null() & (pl.col("run") == pl.col("run").gather(base)) & same_host
    found = lines.select(
        again=pl.when(known).then(pl.col("head") + rest), n=pl.when(known & rest.is_not_null()).then("n")
    ).tail(rows.height)
    return (
        rows.hstack(found)
        .select(pl.exclude("line", "count", "again", "n"), line=pl.coalesce("again", "line"), count=_times())
        .select(rows.columns)
    )
