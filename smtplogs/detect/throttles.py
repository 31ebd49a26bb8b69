"""Throttling: who was slowed down by which limit, ours or a relay's, for how long, and how the client took it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from smtplogs._parameters import at_least_one
from smtplogs.detect._attempts import duration
from smtplogs.detect._findings import as_findings
from smtplogs.detect._limits import KIND, Limit, inferred, printed
from smtplogs.detect._slices import Slices, pieces, proof, sliced, sliced_door, spoken, texts
from smtplogs.detect._throttle_stories import row
from smtplogs.detect._waits import held_on, joined
from smtplogs.schema import TIME, Column

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

REACTIONS = ("none", "fixed", "backing_off")
FAIRNESS = ("fair", "abusive", "unclear")
METHODS = ("printed", "inferred")

COLUMNS: dict[str, Column] = {
    "limiter": Column(pl.String, "what limited: the words of the log, or the cause where there are none"),
    "limit_key": Column(pl.String, "event column that the limit counts by: client_ip, user, relay_host"),
    "n_refused": Column(pl.UInt32, "refused by the limit", "attempts"),
    "n_accepted": Column(pl.UInt32, "of the same key and kind, that went through from start to end", "attempts"),
    "refused_share": Column(pl.Float64, "refused, of both together, 0-1"),
    "n_users": Column(pl.UInt32, "accounts that log in from behind the key", "accounts"),
    "collateral": Column(
        pl.List(pl.String), "accounts with logins behind the key that another one exhausted: refused or cut short"
    ),
    "recovered_at": Column(TIME, "first accepted after the last refusal; null: none seen", "UTC"),
    "recovery_s": Column(pl.Float64, "last refusal to first accepted", "s"),
    "reaction": Column(
        pl.Enum(REACTIONS), "of the client: fixed: steady gaps; backing_off: gaps grow by half or more; none: gave up"
    ),
    "retry_s": Column(pl.Float64, "median gap between its refused attempts", "s"),
    "limit_n": Column(pl.UInt32, "the limit: so many", "attempts"),
    "limit_window_s": Column(pl.Float64, "in so many seconds", "s"),
    "limit_method": Column(
        pl.Enum(METHODS), "printed in the log, or inferred from five episodes or more; null: not known"
    ),
    "limit_episodes": Column(pl.UInt32, "episodes or lines that the limit rests on"),
    "fairness": Column(pl.Enum(FAIRNESS), "fair: who is behind the key logs in at other times; abusive: never did"),
    "n_deferred_mails": Column(pl.UInt32, "relay_throttling: mails put off", "messages"),
}
"""What ``throttling`` tells beside the common columns."""

LIMITED = {"outcome": ["throttled"]}
BACKING_OFF = 1.5
DETAIL = (
    "side", "cause", "client_ip", "account", "relay_host", "rate_value", "rate_window_s", "count", "detail", "service",
    "queue_id",
)  # fmt: skip


@sliced_door
def throttling(
    events: pl.LazyFrame, *, refused: int = 3, pause: str = "5m", protocols: Sequence[str] = ("smtp",)
) -> pl.DataFrame:
    """Find episodes in which a limit refused attempts: ours or a relay's.

    Refusals of one key and cause without a longer pause are an episode. The key is the address, for sending limits
    that name it the account, at a relay the relay. The limit itself is reported only if the log prints it, or if five
    episodes or more agree on it.

    Parameters
    ----------
    events
        Events as ``read`` or ``load`` give them; a LazyFrame is read in pieces. Needs `time, stage, outcome, user,
        client_ip`; uses `cause, side, protocol, relay_host, rate_value, rate_window_s, count, detail, service,
        queue_id, source, line_no`.
    refused
        Refusals that make an episode [attempts]. Own choice.
    pause
        A longer pause ends an episode; where the log prints a window, twice that if longer. Own choice. At a relay a
        queue that waits (4000 s at most) ends none, unless mail goes through meanwhile.
    protocols
        Which rows count.

    Returns
    -------
    DataFrame
        Findings of the kinds ``throttling`` (side server) and ``relay_throttling`` (side client): the common columns
        and those of ``COLUMNS``. Severity: *serious* if mail at a relay is refused for good; *warning* if established
        accounts were held up; *info* if the key never logged in, or may be a person who mistyped: fewer than ten refusals
        at AUTH by no printed limit, and in again within five minutes.

    Raises
    ------
    MissingColumns
        If the events lack a column that is needed.
    ValueError
        If a threshold or duration cannot be used.

    Notes
    -----
    Postfix prints the count reached, refused ones included: the limit is the least count less one, per 60 s
    (``anvil_rate_time_unit``). Its ``statistics:`` lines are peaks, no refusals. Limits by key and their defaults:
    ``detect/_presets.py``. Known false positives: a backend that fails with the words of a limit.
    """
    at_least_one(refused=refused)
    gap = duration(pause, "pause")
    slices = sliced(events, "time", "stage", "outcome", "user", "client_ip")
    here = spoken(protocols)
    parts = [texts(p) for p in pieces(slices, "source", "line_no", *DETAIL, words=LIMITED, where=here)]
    rows = pl.concat(parts) if parts else pl.DataFrame()
    if rows.is_empty():
        return as_findings([], "throttling", COLUMNS)
    rows = _keyed(rows, gap)
    episodes = _episodes(rows)
    shut = held_on(episodes)
    episodes = episodes.filter((pl.col("n_refused") >= refused) | pl.col("episode").is_in(shut.implode()))
    if episodes.is_empty():
        return as_findings([], "throttling", COLUMNS)
    accepted, logins = _accepted(slices, here, episodes)
    if shut.len():
        rows = joined(rows, episodes, accepted)
        episodes = _episodes(rows).filter(pl.col("n_refused") >= refused)
    told = _around(episodes, accepted, logins)
    limits = _limits(rows, episodes, accepted)
    evidence = _evidence(slices, here, episodes)
    found = [
        row(e, limits[e["group"]]) | {"evidence": evidence.get(e["episode"], [])} for e in told.iter_rows(named=True)
    ]
    return as_findings(found, "throttling", COLUMNS)


def _keyed(rows: pl.DataFrame, gap: timedelta) -> pl.DataFrame:
    """Add the key that the limit counts by, and number the episodes."""
    sending = pl.col("cause").is_in(["throttled_sending", "quota_exceeded"])
    relay = pl.col("side") == "client"
    by_user = sending & pl.col("account").is_not_null() & pl.col("rate_value").is_null()
    key_kind = (
        pl.when(relay).then(pl.lit("relay_host")).when(by_user).then(pl.lit("user")).otherwise(pl.lit("client_ip"))
    )
    key = pl.when(relay).then("relay_host").when(by_user).then("account").otherwise("client_ip")
    words = pl.when(~relay).then(pl.col("detail").str.extract(r"^([A-Za-z ]{3,40}(?:rate|concurrency))$"))
    rows = (
        rows.with_columns(
            pl.col("side").cast(pl.String).fill_null("server"),
            pl.col("cause").cast(pl.String).fill_null("unknown"),
            pl.col("count").fill_null(1).cast(pl.Int64).alias("n"),
            key_kind.alias("key_kind"),
            key.alias("key"),
        )
        .with_columns(pl.coalesce(words, "cause").alias("limiter"))
        .with_columns(pl.concat_str("side", "limiter", "service", separator="\x1f", ignore_nulls=True).alias("group"))
        .filter(pl.col("key").is_not_null())
        .sort("group", "key", "time", "source", "line_no")
    )
    longest = pl.max_horizontal(
        pl.lit(gap), pl.duration(seconds=2 * pl.col("rate_window_s").max().over("group", "key").fill_null(0.0))
    )
    other = pl.any_horizontal(pl.col(c) != pl.col(c).shift(1) for c in ("group", "key"))
    new = other | (pl.col("time") - pl.col("time").shift(1) > longest)
    return rows.with_columns(new.fill_null(value=True).cast(pl.UInt32).cum_sum().alias("episode"))


def _episodes(rows: pl.DataFrame) -> pl.DataFrame:
    """Return a row an episode, with how the client came back."""
    gap = (pl.col("time") - pl.col("time").shift(1)).dt.total_microseconds() / 1e6
    ratio = (gap / gap.shift(1)).filter((gap > 0) & (gap.shift(1) > 0)).median()
    return (
        rows.group_by("episode", maintain_order=True)
        .agg(
            pl.col("side", "cause", "limiter", "group", "key", "key_kind").first(),
            pl.col("time").min().alias("first"),
            pl.col("time").max().alias("last"),
            pl.col("n").sum().alias("n_refused"),
            gap.filter(gap > 0).median().alias("retry_s"),
            ratio.alias("ratio"),
            pl.len().alias("n_rows"),
            pl.col("account").drop_nulls().unique(maintain_order=True).alias("refused_users"),
            pl.col("queue_id").drop_nulls().n_unique().alias("n_mails"),
        )
        .with_columns(
            pl.when(pl.col("n_rows") < 3)
            .then(pl.lit("none"))
            .when(pl.col("ratio") >= BACKING_OFF)
            .then(pl.lit("backing_off"))
            .otherwise(pl.lit("fixed"))
            .alias("reaction")
        )
    )


def _accepted(slices: Slices, here: pl.Expr, episodes: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return what went through of the keys that were limited (``key, key_kind, stage, time``), and who logs in there."""
    keys = {
        kind: episodes.filter(key_kind=kind)["key"].unique().implode() for kind in ("client_ip", "user", "relay_host")
    }
    ours = pl.col("client_ip").is_in(keys["client_ip"]) | pl.col("user").str.strip_chars().str.to_lowercase().is_in(
        keys["user"]
    )
    theirs = (pl.col("side") == "client") & pl.col("relay_host").is_in(keys["relay_host"])
    through = here & ~pl.col("outcome").is_in(["throttled"]) & (ours | theirs)
    went, logins = [nothing_yet()], []
    columns = ("stage", "outcome", "side", "client_ip", "account", "relay_host", "session", "delivery")
    for piece in map(texts, pieces(slices, *columns, where=through)):
        stage, ok = pl.col("stage").cast(pl.String), pl.col("outcome") == "success"
        for kind, column in (("client_ip", "client_ip"), ("user", "account"), ("relay_host", "relay_host")):
            own = piece.filter(pl.col(column).is_in(keys[kind]), (pl.col("side") == "client") == (kind == "relay_host"))
            own = own.with_columns(pl.col(column).alias("key"), pl.lit(kind).alias("key_kind"))
            # a limit on AUTH counts attempts, right or wrong; one on connections, sessions; one on sending, mails
            tried = own.filter(stage == "auth", pl.col("outcome").is_in(["success", "failure", "deferred"]))
            sent = own.filter(((stage == "mail") & ok) | (pl.col("delivery") == "sent").fill_null(value=False))
            sessions = own.filter(pl.col("session").is_not_null()).sort("time").unique("session", keep="first")
            for rows, word in ((tried, "auth"), (sent, "mail"), (sessions, "session")):
                went.append(rows.select("key", "key_kind", pl.lit(word).alias("stage"), "time"))
            logged = own.filter(stage == "auth", ok, pl.col("account").is_not_null())
            logins.append(
                logged.group_by("key", "key_kind", "account").agg(pl.len().alias("n_ok"), pl.col("time").max())
            )
    went_through = pl.concat(went).sort("key", "time")
    if not logins:
        return went_through, pl.DataFrame(
            schema={"key": pl.String, "key_kind": pl.String, "account": pl.String, "n_ok": pl.UInt32}
        )
    return went_through, pl.concat(logins).group_by("key", "key_kind", "account").agg(pl.col("n_ok").sum()).sort(
        "account"
    )


def nothing_yet() -> pl.DataFrame:
    """Return an empty table of what went through."""
    return pl.DataFrame(schema={"key": pl.String, "key_kind": pl.String, "stage": pl.String, "time": TIME})


def _around(episodes: pl.DataFrame, accepted: pl.DataFrame, logins: pl.DataFrame) -> pl.DataFrame:
    """Add what went through during each episode, when it was over, and who is behind the key."""
    stage = pl.col("cause").replace_strict(KIND, default="session", return_dtype=pl.String).alias("stage")
    episodes = episodes.with_columns(
        pl.when(pl.col("side") == "client").then(pl.lit("mail")).otherwise(stage).alias("stage")
    )
    sums = _passed(episodes, accepted)
    people = logins.group_by("key", "key_kind").agg(
        pl.col("account").alias("users"), pl.col("n_ok").sum().alias("n_ok")
    )
    return (
        sums.join(people, on=["key", "key_kind"], how="left")
        .with_columns(
            pl.col("n_ok").fill_null(0),
            pl.col("users").fill_null(pl.lit([], pl.List(pl.String))),
        )
        .sort("episode")
    )


def _passed(episodes: pl.DataFrame, accepted: pl.DataFrame) -> pl.DataFrame:
    """Add ``n_all``, ``n_accepted`` (from first to last) and ``recovered_at``: by place, for a join of all could be huge."""
    by = ["key", "key_kind", "stage"]
    times = accepted.sort("time").with_columns(pl.int_range(1, pl.len() + 1).over(by).alias("place"))
    until, before = (times.rename({"place": name}) for name in ("until", "before"))
    after = times.select(*by, "time", pl.col("time").alias("recovered_at"))
    rows = episodes.join(times.group_by(by).agg(pl.len().alias("n_all")), on=by, how="left")
    edges: tuple[tuple[str, pl.DataFrame, Literal["backward", "forward"], bool], ...] = (
        ("last", until, "backward", True),
        ("first", before, "backward", False),
        ("last", after, "forward", False),
    )
    for edge, table, strategy, exact in edges:
        rows = rows.sort(edge).join_asof(
            table, left_on=edge, right_on="time", by=by, strategy=strategy, allow_exact_matches=exact,
            check_sortedness=False, coalesce=False,
        ).drop("time")  # fmt: skip
    counts = pl.col("n_all", "until", "before").fill_null(0)
    rows = rows.with_columns(counts).with_columns((pl.col("until") - pl.col("before")).alias("n_accepted"))
    return rows.drop("until", "before")


def _limits(rows: pl.DataFrame, episodes: pl.DataFrame, accepted: pl.DataFrame) -> dict[str, Limit]:
    """Return the limit of each limiter: printed if it prints one, else inferred from its episodes."""
    limits = {}
    for (group,), own in rows.group_by("group"):
        limit = printed(own["rate_value"], own["rate_window_s"], at_once="concurrency" in own["limiter"][0])
        if limit.n is None:
            mine = episodes.filter(pl.col("group") == group)
            stage = "mail" if own["side"][0] == "client" else KIND.get(own["cause"][0], "session")
            limit = inferred(accepted.filter(pl.col("stage") == stage), mine)
        limits[group] = limit
    return limits


def _evidence(slices: Slices, here: pl.Expr, episodes: pl.DataFrame) -> dict[Any, list[str]]:
    """Return the lines of each episode."""
    lines: dict[Any, list[str]] = {}
    for (kind,), own in episodes.group_by("key_kind"):
        column = {"user": "account"}.get(str(kind), str(kind))
        wanted = own.select(
            pl.col("episode").alias("finding"), pl.col("first").alias("start"), pl.col("last").alias("end"),
            pl.col("key").alias(column), pl.col("cause"),
        )  # fmt: skip
        lines |= proof(slices, wanted, (column, "cause"), words=LIMITED, where=here)
    return lines
