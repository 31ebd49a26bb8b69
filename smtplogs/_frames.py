"""Frames at the charts' door: events narrowed to what counts as an attempt, findings unpacked."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import polars as pl

from smtplogs._vocabularies import STAGES
from smtplogs.errors import MissingColumns
from smtplogs.schema import EVENTS, FINDINGS, TIME, conform, need, no_frame

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from smtplogs.schema import Column, F, Frame

NOT_ACCEPTED = ("failure", "deferred", "aborted", "refused", "throttled")
"""Outcomes of an attempt that did not end with a login."""

TOLD_APART = ("time", "time_quality", "stage", "outcome", "count", "protocol")
"""Columns that tell an attempt from context."""

EPISODE: dict[str, Any] = {
    "onset_after": TIME,
    "onset_before": TIME,
    "end_after": TIME,
    "end_before": TIME,
    "recovered_at": TIME,
    "trigger": pl.String,
    "trigger_kind": pl.String,
    "policy": pl.String,
    "n_failures_before": pl.UInt32,
    "n_trusted_refused": pl.UInt32,
}
"""Own columns of findings that charts and the report know how to show; each may be missing."""


def lazy_columns(frame: Frame, *names: str) -> pl.LazyFrame:
    """Return the named columns that any frame has (all of them if none is named) as a LazyFrame."""
    if isinstance(frame, pl.DataFrame | pl.LazyFrame):
        present = frame.collect_schema().names()
        return frame.lazy().select([c for c in dict.fromkeys(names) if c in present] if names else pl.all())
    if hasattr(frame, "iloc"):
        kept = [c for c in dict.fromkeys(names) if c in frame.columns] if names else list(frame.columns)
        return pl.from_pandas(frame.loc[:, kept]).lazy()
    raise no_frame(frame)


def table(frame: Frame, columns: Mapping[str, Column], *names: str) -> pl.DataFrame:
    """Return the named columns of any frame in their documented dtypes.

    A LazyFrame is narrowed before it is collected, so that a chart never loads the raw lines.
    """
    return conform(lazy_columns(frame, *names).collect(), columns)


def narrow(events: Frame, *names: str) -> pl.DataFrame:
    """Return the named columns of the events, and those that tell an attempt from context."""
    return table(events, EVENTS, *names, *TOLD_APART)


def account(user: pl.Expr) -> pl.Expr:
    r"""Return the normal form of a login, by which attempts are brought together: no blanks around it, lower case.

    Of `DOMAIN\name` the name: Exchange writes the domain when it accepts a login, and what was typed when it refuses one.
    """
    form = user.str.strip_chars().str.to_lowercase().str.replace(r"^[a-z0-9.-]+\\{1,2}", "")
    return pl.when(form != "").then(form)


def attempts(events: F, *columns: str, stage: str | None = "auth") -> F:
    """Return the rows that are attempts to log in over SMTP: stage auth, an outcome, not context.

    ``stage=None`` keeps every stage. A missing `count` is 1 and a missing `protocol` smtp, so that a small frame made
    by hand can be drawn.
    """
    need(events, "time", "outcome", *(["stage"] if stage else []), *columns)
    if stage is not None and stage not in STAGES:
        raise ValueError(f"stage={stage!r} is none of {', '.join(STAGES)}; None takes all")
    keep = pl.col("outcome").is_not_null() & (pl.col("outcome") != "info")
    if stage:
        keep &= pl.col("stage") == stage
    present = events.collect_schema().names()
    if "protocol" in present:
        keep &= pl.col("protocol").fill_null("smtp") == "smtp"
    n = pl.col("count").fill_null(1) if "count" in present else pl.lit(1)
    return events.filter(keep).with_columns(n.cast(pl.UInt64).alias("count"))


def plain(cause: str | None) -> str:
    """Return a cause as words: "tls_required" is "TLS required"."""
    said = (cause or "unknown").replace("_", " ")
    return re.sub(r"\b(tls|helo|oauth)\b", lambda m: "OAuth" if m[0] == "oauth" else m[0].upper(), said)


def unpack(findings: Frame, own_columns: Mapping[str, Any] = EPISODE) -> pl.DataFrame:
    """Return the findings with every common column and the own columns asked for; what is missing is null.

    Own columns that ``findings()`` packed into `details` are taken out of it.
    """
    frame = table(findings, FINDINGS)
    if "title" not in frame.columns and "kind" not in frame.columns:
        raise MissingColumns("this is no table of findings; it should come from smtplogs.findings() or a detector")
    frame = frame.with_columns(pl.lit(None, c.dtype).alias(n) for n, c in FINDINGS.items() if n not in frame.columns)
    missing = {name: dtype for name, dtype in own_columns.items() if name not in frame.columns}
    if missing:
        packed = frame["details"].to_list() if "details" in frame.columns else [None] * frame.height
        own = [_details(text) for text in packed]
        frame = frame.with_columns(
            pl.Series(name, [_value(row.get(name), dtype) for row in own], dtype=dtype, strict=False)
            for name, dtype in missing.items()
        )
    return frame.with_columns(pl.col(name).cast(dtype, strict=False) for name, dtype in own_columns.items())


def first_of(findings: Frame, kinds: Collection[str], own_columns: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the first finding of these kinds that was found and has a start, as a row; None if there is none."""
    frame = unpack(findings, own_columns).filter(
        pl.col("status").cast(pl.String).fill_null("found") == "found",
        pl.col("kind").cast(pl.String).is_in(list(kinds)),
        pl.col("start").is_not_null(),
    )
    return frame.row(0, named=True) if frame.height else None


def _details(text: str | None) -> dict[str, Any]:
    try:
        own = json.loads(text) if text else {}
    except ValueError:
        own = {}
    return own if isinstance(own, dict) else {}


def _value(value: Any, dtype: Any) -> Any:
    """Return a value out of JSON as one of the dtype; what does not fit is null."""
    if value is None or dtype != TIME:
        return str(value) if dtype == pl.String and value is not None else value
    try:
        moment = datetime.fromisoformat(str(value).replace(" UTC", "+00:00"))
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
