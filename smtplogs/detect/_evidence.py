"""From findings back to the lines they rest on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from smtplogs.schema import EVENTS, FINDINGS, conform, dtypes, need, no_frame

if TYPE_CHECKING:
    from typing import Any

    from smtplogs.schema import Frame

SHOWN = ("time", "source", "line_no", "raw")


def evidence(findings: Frame, events: Frame) -> Any:
    """Return the lines behind findings, by a join: no file is opened.

    Parameters
    ----------
    findings
        Findings of any detector; only `finding_id` and `evidence` are used.
    events
        The events they were found in.

    Returns
    -------
    DataFrame
        ``finding_id, time, source, line_no, raw``, a row a line of evidence, in the order of the findings and then of
        time. A line whose event is not among `events` keeps its place, with null `time` and `raw`. pandas if the
        findings are pandas.

    Raises
    ------
    MissingColumns
        If the events lack a column that is needed.
    """
    asked = _named(findings, FINDINGS, "finding_id", "evidence").with_row_index("place")
    wanted = (
        asked.explode("evidence")
        .filter(pl.col("evidence").is_not_null())
        # the last colon parts the two: a source may hold colons itself
        .with_columns(pl.col("evidence").str.extract_groups(r"(?s)^(?P<source>.*):(?P<line_no>[0-9]+)$").alias("line"))
        .unnest("line")
        .with_columns(pl.col("line_no").cast(pl.UInt64, strict=False))
    )
    events = events.lazy() if isinstance(events, pl.DataFrame) else events
    known = _named(events, EVENTS, *SHOWN, within=wanted["line_no"])
    known = known.unique(["source", "line_no"], keep="first", maintain_order=True)
    shown = (
        wanted.join(known, on=["source", "line_no"], how="left")
        .sort("place", "time", "source", "line_no", nulls_last=True)
        .select("finding_id", *SHOWN)
    )
    return shown.to_pandas() if hasattr(findings, "iloc") else shown


def _named(frame: Frame, table: Any, *names: str, within: pl.Series | None = None) -> pl.DataFrame:
    """Return these columns of any frame in their documented dtypes; of the events only lines with a wanted number."""
    if hasattr(frame, "iloc"):
        frame = pl.from_pandas(frame[[c for c in names if c in frame.columns]])  # pyright: ignore
    if not isinstance(frame, pl.DataFrame | pl.LazyFrame):
        raise no_frame(frame)
    need(frame, *(name for name in names if name != "raw"))
    present = frame.collect_schema().names()
    rows = frame.lazy().select(pl.col(n) if n in present else pl.lit(None, dtypes(table)[n]).alias(n) for n in names)
    if within is not None:
        rows = rows.filter(pl.col("line_no").cast(pl.UInt64).is_in(within.unique().implode()))
    return conform(rows.collect(), table)
