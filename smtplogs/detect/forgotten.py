"""Forgotten applications: clients that keep an old secret after a change, how often they try, and when it changed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from smtplogs._engine import by_size
from smtplogs._parameters import at_least_one
from smtplogs.detect._attempts import NEEDED, client_columns
from smtplogs.detect._findings import as_findings, lines
from smtplogs.detect._forgotten_stories import STATES, never_row, not_assessable_row, rotation_row, stale_row
from smtplogs.detect._hints import likely_software
from smtplogs.detect._persons import one_person
from smtplogs.detect._rhythm import SCHEDULES
from smtplogs.detect._slices import lazy_door
from smtplogs.detect._sole_names import explained, named, sole_names
from smtplogs.detect._turned import find_turned, hasty
from smtplogs.schema import TIME, Column, need

if TYPE_CHECKING:
    from collections.abc import Sequence

    from smtplogs.detect._turned import Turned

COLUMNS: dict[str, Column] = {
    "state": Column(pl.Enum(STATES), "still_failing when the log ends, repaired (logs in again), or stopped trying"),
    "last_ok": Column(TIME, "last login of this client before it failed; null: never seen to log in", "UTC"),
    "repaired_at": Column(TIME, "its next login", "UTC"),
    "account_last_ok": Column(TIME, "last login of the account from anywhere", "UTC"),
    "n_elsewhere": Column(pl.UInt32, "logins of the account from elsewhere while this client failed", "logins"),
    "period_s": Column(pl.Float64, "time between two tries; retries within a minute count as one try", "s"),
    "regular_share": Column(pl.Float64, "share of the gaps that keep the period, 0-1"),
    "n_ticks": Column(pl.UInt32, "tries, with retries folded in", "tries"),
    "n_missed": Column(pl.UInt32, "tries that the period has room for and that were not made", "tries"),
    "schedule": Column(pl.Enum(SCHEDULES), "clock: cron and its kin; pause: a program that sleeps between two tries"),
    "n_per_day": Column(pl.Float64, "failures per day while it failed", "attempts per day"),
    "failure_share": Column(pl.Float64, "share of all failed logins of the frame, 0-1"),
    "trips_limits": Column(pl.Boolean, "5 failures within 15 minutes at some time: enough for common locks and bans"),
    "fix_order": Column(pl.UInt32, "first, second ... to repair: most failures per day, then who trips limits"),
    "changed_after": Column(TIME, "the secret changed after this: last login with the old one", "UTC"),
    "changed_before": Column(TIME, "and not later than this: first failure with the old one", "UTC"),
    "clients": Column(
        pl.List(pl.String), "rotation: addresses that failed with the old secret; a device that moves: its addresses"
    ),
    "repaired": Column(pl.List(pl.String), "rotation: those of them that log in again"),
    "n_clients": Column(pl.UInt32, "rotation: how many failed; a device that moves: addresses", "clients"),
    "likely": Column(pl.String, "what software it is, likely (see client_hints)"),
    "unnamed_share": Column(pl.Float64, "share of all failed logins of the frame that carry no user name, 0-1"),
}
"""What ``stale_credentials`` tells beside the common columns."""

LIMIT_FAILURES = 5
LIMIT_WITHIN = timedelta(minutes=15)


@lazy_door
@one_person
def stale_credentials(
    events: pl.LazyFrame,
    *,
    successes: int = 3,
    failures: int = 6,
    client: Sequence[str] = ("client_ip",),
    networks: Sequence[str] = (),
    protocols: Sequence[str] = ("smtp",),
) -> pl.DataFrame:
    """Find clients that keep an old password, since when, and what to fix first.

    A *forgotten application* is a client (an account at an address) that had logged in, and then is only refused, in
    a rhythm, or over a night, while the account works from elsewhere. Several clients of one account that turn
    together bear each other out with fewer failures. A job of every hour or slower is reported after three failures, if
    its last logins and all failures keep one rhythm. Failures of one program between the logins of another behind the
    same address are reported too, if they alone keep a rhythm, or come five times a day and over a night. A client
    that was never seen to log in is another finding, ``never_worked``: it was set up wrongly, or the log begins too
    late.

    Where the log names who logs in and not who fails, the failures of an address are taken for those of the account that
    alone logs in from there.

    A phone changes its address all the time: such a *device that moves* is the account in one provider's network (/16 of
    IPv4, /32 of IPv6), if it logged in from there before and is refused from three addresses or more, none of which is
    told by itself or fails on more than two names. `client_ip` is null then, and `clients` holds the addresses.

    Over the clients of one account that failed from about the same time on follows the ``rotation``: the moment of
    the change lies after the last login, and not later than the first failure, of each of them.

    Parameters
    ----------
    events
        Events as ``read`` or ``load`` give them. Needs `time, stage, outcome, user, client_ip`; uses `cause, count,
        side, protocol, source, line_no`. Rows without a time are passed over.
    successes
        Logins of a client before it counts as one that worked [attempts]. Own choice.
    failures
        Refused attempts that make it worth telling [attempts]. Own choice; five of them must keep a rhythm. Three are
        enough of one of several clients that turned together.
    client
        Event columns that, with the account, tell one client from another, as in ``lockouts``.
    networks
        Networks of your own, as ``("192.0.2.0/24",)``: a client there that never logged in is one of yours.
    protocols
        Which logins count. Add ``"imap"`` if Dovecot's lines are in the log: phones fail there too.

    Returns
    -------
    DataFrame
        Findings of the kinds ``stale_credential``, ``never_worked`` and ``rotation``: the common columns and those of
        ``COLUMNS``. `start` and `end` are the first and the last failure. A row with status ``not_assessable`` is
        added if no failure carries a user name, for those that cannot be given one.

        Severity: *warning* while it goes on; *info* if the client was repaired or stopped, if it may be a stranger or
        locked out by the failures of others, and for the rotation itself.

    Raises
    ------
    MissingColumns
        If the events lack a column that is needed.
    ValueError
        If a threshold or network cannot be used.

    Notes
    -----
    The rhythm (`period_s`, `regular_share`) is that of ``detect/_rhythm.py``, measured on cron jobs, sleep loops,
    people and back-off. Known false positives: mail programs on phones poll as regularly as applications, so the
    words are "client or application"; probes with a wrong password on purpose. If five or more accounts turn within
    some twenty minutes it is a change of rule rather than five forgotten applications: reported as *info*.
    """
    at_least_one(successes=successes, failures=failures)
    need(events, *NEEDED)
    client = client_columns(events, client)
    sole = sole_names(events, successes=successes, failures=failures, protocols=protocols)
    events = named(events, sole)
    turned = find_turned(
        events, successes=successes, failures=failures, client=client, protocols=protocols, networks=networks
    )
    span = events.select(pl.col("time").min(), pl.col("time").max().alias("end"))
    log_start, log_end = span.collect(engine=by_size()).row(0)
    share = (turned.n_unnamed + int(sole["n"].sum())) / turned.n_failures if turned.n_failures else 0.0
    rows = _told(events, turned, _stories(turned, log_start, log_end, share)) if turned.found.height else []
    n_left = turned.n_failures - int(sole["n"].sum())
    if n_left and share == 1:
        rows.append(not_assessable_row(log_start, log_end, n_left, others=bool(sole.height)))
    found = as_findings([row | {"unnamed_share": share} for row in rows], "stale_credentials", COLUMNS)
    return explained(found, sole) if sole.height else found


def _told(events: pl.LazyFrame, turned: Turned, stories: pl.DataFrame) -> list[dict[str, Any]]:
    """Return a row a story, and one for each change of a secret that they bear witness to."""
    software = likely_software(events, stories["client_ip"].unique().drop_nulls().to_list())
    evidence = lines(turned.rows, "story")
    rows = []
    for story in stories.iter_rows(named=True):
        told = story | {"likely": software.get(story["client_ip"])}
        row = never_row(told) if story["shape"] == "never" else stale_row(told)
        rows.append(row | {"evidence": evidence.get(story["story"], [])})
    return rows + _rotations(stories, turned)


def _stories(turned: Turned, log_start: Any, log_end: Any, share: float) -> pl.DataFrame:
    """Add figures to the stories: pace, state, share, order to fix."""
    span = (pl.col("end") - pl.col("start")).dt.total_microseconds() / 1e6
    room = (span / pl.col("period_s")).round() + 1
    wait = pl.max_horizontal(6 * pl.col("period_s").fill_null(0), pl.lit(86_400.0))
    left = (pl.lit(log_end, TIME) - pl.col("end")).dt.total_microseconds() / 1e6
    state = pl.when(pl.col("next_ok").is_not_null()).then(pl.lit("repaired"))
    state = state.when(left > wait).then(pl.lit("stopped")).otherwise(pl.lit("still_failing"))
    trips = hasty(turned.rows, LIMIT_FAILURES, LIMIT_WITHIN)
    stories = turned.found.join(turned.changes, on="story", how="left", maintain_order="left").with_columns(
        state.alias("state"),
        (pl.col("n_bad") * 86_400 / pl.max_horizontal(span, pl.lit(86_400.0))).alias("n_per_day"),
        (pl.col("n_bad") / max(turned.n_failures, 1)).alias("failure_share"),
        pl.when("regular").then(pl.max_horizontal(room - pl.col("n_ticks"), pl.lit(0))).alias("n_missed"),
        pl.col("story").is_in(trips.implode()).alias("trips_limits"),
        pl.when(pl.col("shape") == "stale").then(pl.coalesce("changed_after", "last_ok")).alias("changed_after"),
        pl.when(pl.col("shape") == "stale").then(pl.coalesce("changed_before", "start")).alias("changed_before"),
        pl.lit(share).alias("unnamed_share"),
        (pl.col("start") - pl.lit(log_start, TIME)).alias("seen_before"),
    )
    going_on = pl.col("state") == "still_failing"
    order = stories.filter(going_on).sort(
        "n_per_day", "trips_limits", "client_ip", "account", descending=[True, True, False, False]
    )
    order = order.select("story", pl.int_range(1, pl.len() + 1).alias("fix_order"))
    return stories.join(order, on="story", how="left", maintain_order="left")


def _rotations(stories: pl.DataFrame, turned: Turned) -> list[dict[str, Any]]:
    """Return a row for each change of an account's secret that at least two of its clients bear witness to."""
    witnessed = stories.filter(
        pl.col("shape") == "stale",
        pl.col("turned").is_not_null(),
        (pl.col("n_turned") > 1) | (pl.col("n_elsewhere") > 0) | (pl.col("n_after") > 0),
    )
    changes = witnessed.group_by("account_id", "changed_after", "changed_before", maintain_order=True).agg(
        pl.col("user", "account", "account_last", "n_elsewhere").first(),
        pl.col("turned").explode().unique().sort(),
        pl.col("repaired").explode().drop_nulls().unique().sort(),
        pl.col("story").first(),
        pl.col("n_bad").sum(),
        pl.col("n_at_once").max(),
    )
    told = turned.rows.filter(pl.col("story").is_in(changes["story"].implode()))
    edges = told.filter(pl.col("ok") | (pl.col("time") == pl.col("time").filter("bad").min().over("story")))
    evidence = lines(edges, "story")
    return [
        rotation_row(change) | {"evidence": evidence.get(change["story"], [])}
        for change in changes.iter_rows(named=True)
    ]
