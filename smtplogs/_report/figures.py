"""The numbers of a report, from the frames: attempts, accounts, doubts, what was read and what was not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import polars as pl

from smtplogs._frames import NOT_ACCEPTED, TOLD_APART, attempts, lazy_columns
from smtplogs.schema import COVERAGE, as_table, conform
from smtplogs.tally import CANNOT_SHOW

if TYPE_CHECKING:
    from datetime import datetime

    from smtplogs.schema import Frame

NEEDED = ("time", "user", "client_ip", "relay_host", "side", "cause", "basis", "source", "line_no", "also")
"""Event columns that a report needs besides those that tell an attempt from context."""


@dataclass(frozen=True)
class Figures:
    """Key figures of an event table; attempts of our server at upstream relays are counted in, and once more apart."""

    first: datetime | None
    last: datetime | None
    n_attempts: int
    by_outcome: dict[str, int]
    n_clients: int
    n_clients_never_accepted: int
    n_accounts: int
    n_accounts_hit: int
    n_names_never_accepted: int
    n_without_name: int
    n_relay_attempts: int
    n_relay_not_accepted: int
    n_mails: int
    n_assumed: int
    n_unexplained: int
    doubts: dict[str, int]

    @property
    def n_accepted(self) -> int:
        """Attempts that ended with a login."""
        return self.by_outcome.get("success", 0)

    @property
    def n_not_accepted(self) -> int:
        """Attempts that did not end with a login, for any reason."""
        return self.n_attempts - self.n_accepted


def figures(events: Frame) -> Figures:
    """Return the key figures of the events; a LazyFrame is added up piece by piece, so that it may be larger than memory."""
    every = _complete(conform(lazy_columns(events, *NEEDED, *TOLD_APART)))
    tries = attempts(every)
    n, outcome = pl.col("count"), pl.col("outcome")
    refused, accepted, at_relay = outcome.is_in(NOT_ACCEPTED), outcome == "success", pl.col("side") == "client"
    sums = tries.select(
        first=pl.col("time").min(),
        last=pl.col("time").max(),
        n_attempts=n.sum(),
        n_without_name=n.filter(refused & pl.col("user").is_null()).sum(),
        n_relay_attempts=n.filter(at_relay).sum(),
        n_relay_not_accepted=n.filter(at_relay & refused).sum(),
        n_assumed=n.filter(refused & (pl.col("basis") == "assumed")).sum(),
        n_unexplained=n.filter(refused & (pl.col("cause").fill_null("unknown") == "unknown")).sum(),
    )
    mails = attempts(every, stage="mail").filter(accepted).select(n_mails=n.sum())
    outcomes = tries.group_by(outcome.cast(pl.String)).agg(n.sum()).sort("count", descending=True)
    quality = tries.group_by(pl.col("time_quality").cast(pl.String)).len()
    clients, names = (
        tries.drop_nulls(who).group_by(who).agg(ok=accepted.any(), bad=refused.any()).select(
            pl.len(), ok=pl.col("ok").sum(), both=(pl.col("ok") & pl.col("bad")).sum(), never=(pl.col("bad") & ~pl.col("ok")).sum()
        )
        for who in ("client_ip", "user")
    )  # fmt: skip
    parts = pl.collect_all([sums, mails, outcomes, quality, clients, names], engine="streaming")
    who_called, who_named = parts[4].row(0, named=True), parts[5].row(0, named=True)
    return Figures(
        **parts[0].row(0, named=True),
        n_mails=parts[1].item(),
        by_outcome=dict(parts[2].iter_rows()),
        n_clients=who_called["len"],
        n_clients_never_accepted=who_called["never"],
        n_accounts=who_named["ok"],
        n_accounts_hit=who_named["both"],
        n_names_never_accepted=who_named["never"],
        doubts={q: n for q, n in parts[3].iter_rows() if q not in (None, "exact")},
    )


@dataclass(frozen=True)
class Reading:
    """What was read, from the coverage table: sums over files, and what each of them has to say."""

    n_files: int = 0
    bytes: int = 0
    lines: int = 0
    kept: int = 0
    records: int = 0
    context: int = 0
    dismissed: int = 0
    not_understood: int = 0
    bad_stamps: int = 0
    formats: list[str] = field(default_factory=list)
    files: pl.DataFrame = field(default_factory=pl.DataFrame)
    examples: list[tuple[str, str]] = field(default_factory=list)
    year_evidence: list[str] = field(default_factory=list)
    zone_evidence: list[str] = field(default_factory=list)
    cannot_show: list[tuple[str, str]] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)
    errors: list[tuple[str, str]] = field(default_factory=list)


def reading(coverage: pl.DataFrame | None) -> Reading:
    """Return what the coverage table says about all files; rows of single programs are not counted twice."""
    if coverage is None or coverage.is_empty():
        return Reading()
    coverage = as_table(coverage, COVERAGE)
    whole = coverage.filter(pl.col("program").is_null())
    files = whole if whole.height else coverage
    summed = ("bytes", "lines", "kept", "records", "context", "dismissed", "not_understood", "bad_stamps")
    formats = (part.strip() for text in files["format"].drop_nulls() for part in text.split("+"))
    read = files.filter(pl.any_horizontal(pl.col("bytes", "lines", "kept").is_not_null()))
    return Reading(
        n_files=read["source"].n_unique(),
        **{name: int(files[name].sum()) for name in summed},
        formats=sorted(set(formats)),
        files=files,
        examples=[(s, e) for s, es in files.select("source", "examples").iter_rows() for e in es or []],
        year_evidence=_said(read, "year_evidence"),
        zone_evidence=_said(read, "zone_evidence"),
        cannot_show=_cannot_show(files),
        notes=[(s, n) for s, n in files.select("source", "note").iter_rows() if n],
        errors=[(s, e) for s, e in files.select("source", "error").iter_rows() if e],
    )


def _cannot_show(files: pl.DataFrame) -> list[tuple[str, str]]:
    """Return whose logs never show what: names of formats ("" if a file of several does not tell) and the words."""
    whose: dict[str, list[str]] = {}
    for named, texts in files.select("format", "cannot_show").iter_rows():
        names = [name.strip() for name in (named or "").split("+") if name.strip()]
        for text in texts or []:
            owners = [n for n in names if text in CANNOT_SHOW.get(n, ())] or (names if len(names) == 1 else [])
            kept = whose.setdefault(text, [])
            kept += [name for name in owners if name not in kept]
    return [(" or ".join(owners), text) for text, owners in whose.items()]


def _said(files: pl.DataFrame, column: str) -> list[str]:
    """Return the distinct texts of a column, with the number of files where they differ."""
    said = files[column].drop_nulls().value_counts(sort=True)
    if said.height == 1:
        return [said[column].item()]
    return [f"{text} ({n:,} of {said['count'].sum():,} files)" for text, n in said.iter_rows()]


def _complete(events: pl.LazyFrame) -> pl.LazyFrame:
    """Add the columns that a small frame made by hand may lack."""
    wanted = {"user": pl.String, "client_ip": pl.String, "side": pl.String, "cause": pl.String, "basis": pl.String}
    wanted |= {"time_quality": pl.String}
    present = events.collect_schema().names()
    return events.with_columns(pl.lit(None, d).alias(n) for n, d in wanted.items() if n not in present)
