"""The table of hints, read from ``hints.toml``, and what it is held against: the habits of each client."""

from __future__ import annotations

import functools
from importlib import resources
from typing import TYPE_CHECKING, Any

import polars as pl

from smtplogs import _toml
from smtplogs._addresses import kinds_of
from smtplogs._engine import by_size
from smtplogs.detect._rhythm import rhythm, schedules
from smtplogs.detect._slices import compact
from smtplogs.schema import CONFIDENCES, lacking

if TYPE_CHECKING:
    from collections.abc import Sequence

SORTS = ("application", "device", "mail program", "service", "bot", "timing")

HINTS = {
    "rule": pl.String,
    "likely": pl.String,
    "sort": pl.Enum(SORTS),
    "confidence": pl.Enum(CONFIDENCES),
    "source": pl.String,
}

_TEXTS = {"helo": "(?i)", "client_name": "(?i)", "mechanisms": "", "tls": ""}
_BOUNDS = ("period_s", "hang_up")
_USED = ("helo", "client_name", "mechanism", "tls", "session", "detail", "source", "line_no", "side", "user")

MOST_VALUES = 20
"""Different names, versions or orders of one client that are looked at."""

LEAST_SESSIONS = 5
"""Sessions before the share that hangs up says anything."""


@functools.cache
def hint_table() -> tuple[dict[str, Any], ...]:
    """Return the hints as dictionaries, those of higher confidence first; a ValueError names a mistake in the table."""
    text = resources.files("smtplogs.detect").joinpath("hints.toml").read_text("utf-8")
    hints = _toml.loads(text)["hint"]
    known = {"id", "software", "sort", "confidence", "source", "address", "schedule", *_TEXTS, *_BOUNDS}
    for hint in hints:
        if strange := set(hint) - known:
            raise ValueError(f"hints.toml, {hint.get('id')}: unknown key(s) {', '.join(sorted(strange))}")
        if not {"address", "schedule", *_TEXTS, *_BOUNDS} & set(hint):
            raise ValueError(f"hints.toml, {hint.get('id')}: no condition")
    if len({hint["id"] for hint in hints}) != len(hints):
        raise ValueError("hints.toml: an id stands twice")
    return tuple(sorted(hints, key=lambda hint: CONFIDENCES.index(hint["confidence"])))


def habits(events: pl.LazyFrame, whose: pl.Expr) -> pl.DataFrame:
    """Return what each address does for which the condition `whose` holds.

    Names, orders of mechanisms, TLS, rhythm of its sessions, how it leaves.
    """
    rows = (
        events.with_columns(lacking(events, _USED))
        .filter(
            pl.col("client_ip").is_not_null(),
            pl.col("side").fill_null("server") == "server",
            pl.col("time").is_not_null(),
            whose,
        )
        .select("time", "client_ip", "stage", "outcome", *(c for c in _USED if c != "side"))
        .collect(engine=by_size())
    )
    rows = compact(rows)

    def distinct(column: str) -> pl.Expr:
        return pl.col(column).drop_nulls().unique().sort().head(MOST_VALUES)

    out = pl.col("stage").eq("session") & pl.col("session").is_not_null()
    lost = pl.col("detail").str.contains("^(?:lost connection|timeout|too many errors)").fill_null(False)
    sums = rows.group_by("client_ip").agg(
        distinct("helo"),
        distinct("client_name"),
        distinct("tls"),
        distinct("user").alias("users"),
        pl.col("time").min().alias("first"),
        pl.col("time").max().alias("last"),
        pl.col("session").n_unique().alias("n_sessions"),
        out.sum().alias("n_ends"),
        (out & lost).sum().alias("n_lost"),
    )
    starts = rows.group_by("client_ip", "session").agg(pl.col("time").min())
    starts = pl.concat([starts.drop_nulls("session"), rows.filter(pl.col("session").is_null()).select(starts.columns)])
    beat = rhythm(starts, ["client_ip"])
    hang_up = pl.when(pl.col("n_ends") >= LEAST_SESSIONS).then(pl.col("n_lost") / pl.col("n_ends"))
    return (
        sums.join(_orders(rows), on="client_ip", how="left")
        .join(beat.filter("regular").select("client_ip", "period_s"), on="client_ip", how="left")
        .join(schedules(starts, beat, ["client_ip"]), on="client_ip", how="left")
        .with_columns(
            hang_up.alias("hang_up"), kinds_of(sums["client_ip"]).alias("address"), pl.col("schedule").cast(pl.String)
        )
        .drop("n_ends", "n_lost")
        .sort("client_ip")
    )


def _orders(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the orders in which each address tried mechanisms, a text a session, repeats within one left out."""
    tries = rows.filter(
        pl.col("stage") == "auth", pl.col("mechanism").is_not_null(), pl.col("session").is_not_null()
    ).sort("time", "source", "line_no")
    mechanism = pl.col("mechanism")
    return (
        tries.group_by("client_ip", "session", maintain_order=True)
        .agg(mechanism.filter((mechanism != mechanism.shift(1)).fill_null(True)).str.join(" ").alias("order"))
        .group_by("client_ip")
        .agg(pl.col("order").unique().sort().head(MOST_VALUES).alias("mechanisms"))
    )


def matched(known: pl.DataFrame) -> pl.DataFrame:
    """Hold the hints against the habits: a row per address and hint that fits, the surest first."""
    found = []
    for place, hint in enumerate(hint_table()):
        rows = known.lazy().with_columns(pl.lit(None, pl.String).alias("seen"))
        for column, mode in _TEXTS.items():
            if column in hint:
                fits = pl.element().filter(pl.element().str.contains(mode + hint[column]))
                rows = rows.with_columns(pl.col(column).list.eval(fits).list.first().alias("hit"))
                rows = rows.filter(pl.col("hit").is_not_null())
                rows = rows.with_columns(pl.coalesce("seen", pl.format(column + " {}", "hit")).alias("seen"))
        if "address" in hint:
            rows = rows.filter(pl.col("address").cast(pl.String).is_in(hint["address"]))
        if "schedule" in hint:
            rows = rows.filter(pl.col("schedule") == hint["schedule"])
            every = pl.format("every {} s", pl.col("period_s").round(0).cast(pl.Int64))
            rows = rows.with_columns(pl.coalesce("seen", every).alias("seen"))
        for column in _BOUNDS:
            if column in hint:
                rows = rows.filter(pl.col(column).is_between(*hint[column]))
        quits = pl.format("{} % of sessions end without QUIT", (100 * pl.col("hang_up")).round(0).cast(pl.Int64))
        found.append(
            rows.select(
                *known.columns,
                pl.coalesce("seen", quits).alias("seen"),
                pl.lit(place).alias("place"),
                rule=pl.lit(hint["id"]),
                likely=pl.lit(hint["software"]),
                sort=pl.lit(hint["sort"]),
                confidence=pl.lit(hint["confidence"]),
                why=pl.lit(hint["source"]),
            )
        )
    return pl.concat(found).rename({"why": "source"}).sort("client_ip", "place").collect()


def likely_software(events: pl.LazyFrame, clients: Sequence[str]) -> dict[str, str]:
    """Return address -> what software it likely is, for titles: hints of high or medium confidence, timing apart."""
    if not clients:
        return {}
    sure = matched(habits(events, pl.col("client_ip").is_in(list(clients)))).filter(
        pl.col("sort") != "timing", pl.col("confidence") != "low"
    )
    first = sure.unique("client_ip", keep="first", maintain_order=True)
    return dict(first.select("client_ip", "likely").iter_rows())


def known_bots(events: pl.LazyFrame, clients: Sequence[str]) -> set[str]:
    """Return the addresses whose own name is one of a known bot or survey."""
    if not clients:
        return set()
    here = matched(habits(events, pl.col("client_ip").is_in(list(clients)))).filter(pl.col("sort") == "bot")
    return set(here["client_ip"])
