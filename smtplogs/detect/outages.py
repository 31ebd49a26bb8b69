"""Incidents: rises of failures and drops of successes, of which kind they are, and what explains them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from smtplogs._frames import table
from smtplogs.detect._bins import (
    BEFORE,
    BIN,
    DROP,
    LEAST_BINS,
    Thresholds,
    baselines,
    drops,
    earlier_days,
    episodes,
    grid,
    holes,
    rises,
    unjudged,
)
from smtplogs.detect._findings import as_findings
from smtplogs.detect._incident_edges import own_failures, proved, sharpened
from smtplogs.detect._incident_facts import (
    Facts,
    Rows,
    decomposition,
    described,
    facts_of,
    turned,
    verdict,
)
from smtplogs.detect._incident_rows import BEFOREHAND, HOUR, Attempts
from smtplogs.detect._incident_stories import SERIOUS, incident_row, too_short_row, without_logins_row
from smtplogs.detect._missing import as_many, missing, one_missing, still_heard, were_there
from smtplogs.detect._persons import one_person
from smtplogs.detect._slices import Slices, judged, pieces, proof, sliced, sliced_door, span_of, texts
from smtplogs.schema import OUTCOMES, TIME, TRAFFIC, Column, as_table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from smtplogs.schema import Frame

SHOWN_AS = ("temporary", "refusal", "mixed")

COLUMNS: dict[str, Column] = {
    "n_ok": Column(pl.UInt32, "logins from start to end", "attempts"),
    "success_share": Column(
        pl.Float64, "logins, as a share of what is usual then, 1 = as usual; null: too few to tell"
    ),
    "usual_failures": Column(pl.Float64, "refused attempts that are usual in this time", "attempts"),
    "n_established": Column(pl.UInt32, "established clients at work: 3 logins within 7 days around", "clients"),
    "n_established_hit": Column(pl.UInt32, "of them refused at least once", "clients"),
    "n_failing_only": Column(pl.UInt32, "of them refused and not let in once", "clients"),
    "top_client_ip": Column(pl.String, "address that explains most of the rise"),
    "top_client_share": Column(pl.Float64, "its share of the rise, 0-1"),
    "top_user": Column(pl.String, "account that explains most of the rise"),
    "top_user_share": Column(pl.Float64, "its share of the rise, 0-1"),
    "stranger_share": Column(pl.Float64, "share of the failures from addresses that never logged in, 0-1"),
    "deferred_share": Column(pl.Float64, "share of the failures that could not be judged (454 and the like), 0-1"),
    "shown_as": Column(
        pl.Enum(SHOWN_AS), "outage, fault: what clients were told: temporary (4xx), refusal (a plain 535), mixed"
    ),
    "recovered_at": Column(
        TIME,
        "outage, fault, policy: next login of a client that was hit, null: none in a day; one client: its own, within an hour",
        "UTC",
    ),
    "shared": Column(pl.String, "what the refused have in common and the others not, as `mechanism=PLAIN`"),
    "explained_by": Column(
        pl.List(pl.String), "values that explain the rise (or drop), as `client_ip=192.0.2.1: 83%`, most first"
    ),
    "explained_share": Column(pl.Float64, "share of the rise (or drop) that these explain together, 0-1"),
    "n_sources": Column(pl.UInt32, "addresses the failures came from", "addresses"),
    "sources": Column(pl.List(pl.String), "those with most failures, until two thirds are named; up to 10"),
    "n_names": Column(pl.UInt32, "accounts that failed", "accounts"),
}
"""What ``incidents`` tells beside the common columns."""

STAGES = ("auth", "tls")
TRIED = {"stage": STAGES, "outcome": [o for o in OUTCOMES if o != "info"]}
BY_HAND = 30
"""Fewer refusals of one client that then gets in may be a person who mistypes: reported as info. A program repeats them, and
30 within an hour are a storm (``misconfigured_clients``). Own choice."""

TURNED = timedelta(hours=6)
"""A client that is only refused from so long before: what shut it out is none of an episode's own. As long as a lock is
waited for (``lockouts``). Own choice."""


@sliced_door
@one_person
def incidents(
    events: pl.LazyFrame,
    *,
    traffic: Frame | None = None,
    count: int = 20,
    ratio: float = 3.0,
    z: float = 6.0,
    protocols: Sequence[str] = ("smtp",),
) -> pl.DataFrame:
    """Find rises of failures and drops of logins, and what explains them.

    Counts per five minutes are held against the median of the same time of day on up to five earlier comparable days
    (working days or weekends), else of the trailing day. What stands out is distinguished by who was hit: if logins go on
    as usual it is no outage, however many failures there are; then one client, one source or many strangers explain
    the rise. If established clients are refused it is an outage, a fault of a part, or a rule that shuts some out. If
    logins stop without failures it is the network, or the log itself; of a small firm, with fewer than 36 logins an hour,
    three or six hours with next to none are needed to tell.

    Parameters
    ----------
    events
        Events as ``read`` or ``load`` give them; a LazyFrame is read in pieces. Needs `time, stage, outcome, user,
        client_ip`; uses `cause, count, side, protocol, mechanism, service, host, helo, tls, source, line_no`.
    traffic
        The table of that name from ``read(..., full=True)``: with it a hole in the log is distinguished from a silent network.
    count
        Failures, or logins usually seen, below which nothing is reported [attempts]. Own choice.
    ratio
        Failures: so many times what is usual. Own choice.
    z
        And so many times the spread of a Poisson count. 14 simulated quiet days gave no episode at 6.
    protocols
        Which logins count.

    Returns
    -------
    DataFrame
        Findings of the kinds ``outage``, ``partial_fault``, ``policy_change`` (serious), ``network_loss``,
        ``log_hole``, ``one_client_rise``, ``spray_rise``, ``botnet_rise``, ``unclear_rise`` (warning; *info* for
        one client with fewer than 30 refusals that then gets in, for strangers that hardly try an account which
        exists or, where failures carry no names, are refused fewer than 100 times (many of them: fewer than on an ordinary
        day), and for drops before which it was quiet already or which one job makes): the common columns and those
        of ``COLUMNS``. With status ``not_assessable``: less than an hour of log, or no logins in it.

    Raises
    ------
    MissingColumns
        If the events lack a column that is needed.
    ValueError
        If a threshold cannot be used.

    Notes
    -----
    Times are UTC: in the days after a Sunday on which clocks may have been changed, logins are held against both the
    same time and the same local time before, and only what falls below both is a drop. Known false positives: month
    ends for drops of logins, which need two earlier comparable days and are reported as warnings. A site with less
    than 40 % of all logins can fall silent unseen. Break-down: Adtributor (Bhagwan et al., NSDI 2014). Rules and
    measured figures: docs/detectors.md.
    """
    if count < 1 or ratio <= 1 or z <= 0:
        raise ValueError(f"count={count!r} must be 1 or more, ratio={ratio!r} above 1, z={z!r} above 0")
    slices = sliced(events, "time", "stage", "outcome", "user", "client_ip")
    counted = judged(protocols, STAGES)
    lines = None if traffic is None else as_table(table(traffic, TRAFFIC), TRAFFIC)
    counts, known = _counts(slices, counted, lines)
    if counts.is_empty() or not counts.select("bad", "ok").sum().sum_horizontal().item():
        return as_findings([], "incidents", COLUMNS)
    first, last = span_of(counts, "bin", "bin")
    last += BIN
    n_bad = int(counts["bad"].sum())
    if counts.height < LEAST_BINS:
        return as_findings([too_short_row(first, last, n_bad)], "incidents", COLUMNS)
    found = _episodes(counts, Thresholds(count, ratio, z))
    judged_ones = _judged(slices, counted, counts, known, found)
    places = pl.DataFrame(
        [{"finding": i, "start": f.start, "end": f.end} for i, (f, _) in enumerate(judged_ones)],
        schema={"finding": pl.Int64, "start": counts.schema["bin"], "end": counts.schema["bin"]},
    )
    failing = counted & ~pl.col("outcome").is_in(["success", "throttled"])
    evidence = proof(slices, places, (), where=failing)
    rows = [incident_row(f, kind) | {"evidence": evidence.get(i, [])} for i, (f, kind) in enumerate(judged_ones)]
    if counts["ok"].sum() == 0:
        rows.append(without_logins_row(first, last, n_bad))
    return as_findings(rows, "incidents", COLUMNS)


def _counts(slices: Slices, counted: pl.Expr, traffic: pl.DataFrame | None) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return failures, logins and lines per bin, and the logins per client and hour."""
    bins, logins, lines = [], [], []
    tick = pl.col("time").dt.truncate("5m").alias("bin")
    n = pl.col("count").fill_null(1).cast(pl.Int64)
    good, at_auth = pl.col("outcome") == "success", pl.col("stage") == "auth"
    bad = pl.col("outcome").is_in(["failure", "deferred", "refused", "aborted"])
    for piece in pieces(slices, "stage", "outcome", "count", "account", "client_ip", words=TRIED, where=counted):
        bins.append(
            piece.group_by(tick).agg(
                n.filter(good & at_auth).sum().alias("ok"),
                n.filter(bad).sum().alias("bad"),
                n.filter(at_auth & (pl.col("outcome") == "deferred")).sum().alias("unjudged"),
            )
        )
        hour = pl.col("time").dt.truncate("1h").alias("hour")
        ok = piece.filter(good & at_auth)
        logins.append(ok.group_by("account", "client_ip", hour).agg(n.sum().alias("ok")))
    if traffic is not None and traffic.height:
        whole = traffic.filter(pl.col("host").is_null(), pl.col("program").is_null(), pl.col("time").is_not_null())
        lines.append(whole.group_by(tick).agg(pl.col("n_lines").cast(pl.Int64).sum().alias("lines")))
    else:
        lines += [piece.group_by(tick).agg(pl.len().cast(pl.Int64).alias("lines")) for piece in pieces(slices)]
    if not bins or not lines:
        return pl.DataFrame(), pl.DataFrame()
    sums = pl.concat(bins).group_by("bin").agg(pl.col("ok", "bad", "unjudged").sum())
    whole = pl.concat(lines).group_by("bin").agg(pl.col("lines").sum())
    sums = sums.join(whole, on="bin", how="full", coalesce=True).sort("bin")
    # an hour is never cut
    known = pl.concat(logins)
    return grid(sums, ["ok", "bad", "unjudged", "lines"]), known


def _episodes(counts: pl.DataFrame, limits: Thresholds) -> pl.DataFrame:
    """Return the episodes, each with what is usual in it."""
    days = earlier_days(counts)
    bad = baselines(counts, "bad", days, peaks=True)
    ok = baselines(counts, "ok", days)
    silent = holes(counts, "lines", days)
    up, down = rises(bad, "bad", limits), drops(ok, "ok", limits, days) | silent
    faults = unjudged(baselines(counts, "unjudged", days, peaks=True), "unjudged", limits)
    found = episodes(bad, up | faults, down)
    risen = found.join_where(
        counts.filter(up).select("bin"), pl.col("bin") >= pl.col("start"), pl.col("bin") < pl.col("end")
    )
    found = found.with_columns(pl.col("episode").is_in(risen["episode"].implode()).alias("risen"))
    usual = counts.select("bin", "lines", "ok").with_columns(
        bad["usual"].alias("usual_bad"), ok["usual"].alias("usual_ok")
    )
    inside = (pl.col("bin") >= pl.col("start")) & (pl.col("bin") < pl.col("end"))
    hour = ~inside & (pl.col("bin") >= pl.col("start") - HOUR)
    was, is_usual = (pl.col(c).filter(hour).sum() for c in ("ok", "usual_ok"))
    was_long, is_usual_long = (pl.col(c).filter(~inside).sum() for c in ("ok", "usual_ok"))
    # a small firm, of which three hours at least are missing, has too few logins in an hour to tell whether it was at work
    few = (is_usual < limits.count) & ((pl.col("end") - pl.col("start")).first() >= BEFOREHAND)
    there = pl.when(few).then((is_usual_long >= limits.count) & (was_long >= DROP * is_usual_long))
    there = there.otherwise((is_usual >= limits.count) & (was >= DROP * is_usual))
    fallen = (pl.col("usual_ok") - pl.col("ok")).filter(inside).sum() / pl.col("usual_ok").filter(inside).sum().sqrt()
    found = (
        found.join_where(usual, pl.col("bin") >= pl.col("start") - BEFOREHAND, pl.col("bin") < pl.col("end"))
        .group_by("episode", "start", "end", "up", "down", "thin", "risen")
        .agg(
            pl.col("usual_bad", "usual_ok").filter(inside).sum(),
            _hole_share(inside).alias("hole_share"),
            pl.col("bin").filter(inside, pl.col("lines") == 0).min().alias("hole_start"),
            pl.col("bin").filter(inside, pl.col("lines") == 0).max().alias("hole_end"),
            # where the hour before is empty every day, as at dawn, a late morning looks the same
            there.alias("abrupt"),
            few.alias("few"),
            (~pl.col("up").first() & (fallen < limits.z)).alias("faint"),
        )
        .sort("episode")
    )
    # an hour with an outage in it is low as a whole: a quiet five minutes before it are no drop of their own
    clear = found.filter(~pl.col("faint") | (pl.col("hole_share") > 0)).select("episode", "start", "end")
    echoes = found.filter("faint", pl.col("hole_share") == 0).join_where(
        clear.select(pl.all().name.suffix("_l")),
        pl.col("start") <= pl.col("end_l") + HOUR,
        pl.col("end") >= pl.col("start_l") - HOUR,
    )
    return found.join(echoes, on="episode", how="anti", maintain_order="left")


def _hole_share(inside: pl.Expr) -> pl.Expr:
    """Return which share of the missing logins is missing where no line of any kind was written; of time, if none is."""
    silent = pl.col("lines") == 0
    missing = (pl.col("usual_ok") - pl.col("ok")).clip(lower_bound=0)
    total = missing.filter(inside).sum()
    in_time = silent.filter(inside).mean()
    return pl.when(total > 0).then(missing.filter(inside, silent).sum() / total).otherwise(in_time)


def _judged(
    slices: Slices, counted: pl.Expr, counts: pl.DataFrame, known: pl.DataFrame, found: pl.DataFrame
) -> list[tuple[Facts, str]]:
    """Return the facts and the kind of each episode; one that proves to be nothing is left out."""
    log_start: datetime = counts["bin"].min()  # pyright: ignore
    attempts = Attempts(slices, counted)
    good = texts(known.group_by("client_ip").agg(pl.col("hour").min().alias("first_good")))
    result = []
    for episode in found.iter_rows(named=True):
        start, end = episode["start"], episode["end"]
        inside = attempts.between(start - 2 * BIN, end + 2 * BIN)
        days = _days_before(start, log_start)
        before = [attempts.between(start - d, end - d) for d in days]
        rows = Rows(inside, pl.concat(before) if before else inside.clear(), len(days))
        facts, marked = _facts(rows, known, good, episode)
        if not episode["up"] and facts.success_share is None and not facts.hole_share:
            continue  # hours with a burst every day, at another minute: nothing is missing just here
        kind = verdict(facts, up=episode["up"])
        if kind in SERIOUS:
            before = turned(described(attempts.between(start - TURNED, start)), marked)
            if before.height:
                facts, marked = _facts(rows, known, good, episode, before)
                kind = verdict(facts, up=episode["up"])
        if kind not in SERIOUS and not episode["risen"] and not episode["down"]:
            continue
        if kind in {"network_loss", "log_hole"}:
            at = marked.filter(pl.col("time") >= start, pl.col("time") < end)
            usual = described(rows.before)
            facts.explained_by = decomposition(at, usual, rows.n_days, "ok")
            if kind == "network_loss":
                if still_heard(at, usual, rows.n_days):
                    continue
                gone = missing(at, usual, rows.n_days)
                facts.one_missing = one_missing(gone)
                facts.as_many = as_many(at, usual, rows.n_days)
                if facts.abrupt:
                    long = BEFOREHAND if episode["few"] else HOUR
                    hours = [attempts.between(a - long, a) for a in (start, *(start - d for d in days))]
                    facts.abrupt = were_there(gone, list(map(described, hours)))
        facts.bad_a_day = _a_day(counts, start, end)
        facts.start, facts.end = sharpened(facts, kind, marked)
        if kind == "log_hole":  # quiet bins beside the hole are none of it
            facts.start = max(facts.start, episode["hole_start"] - BIN)
            facts.end = min(facts.end, episode["hole_end"] + 2 * BIN)
        kind = proved(facts, kind, marked)
        if kind == "one_client_rise":
            facts.recovered_at = attempts.back(facts)
            facts.typed = facts.recovered_at is not None and own_failures(facts, marked) < BY_HAND
        if kind in SERIOUS:
            facts.end = attempts.until(facts.end)
            facts.recovered_at = attempts.recovered(marked, facts)
        result.append((facts, kind))
    return result


def _a_day(counts: pl.DataFrame, start: datetime, end: datetime) -> float:
    """Return how many attempts fail on an ordinary day: the median of the other days of the log; 0 if there is none."""
    day = pl.col("bin").dt.date()
    days = counts.filter((day < start.date()) | (day > end.date())).group_by(day).agg(pl.col("bad").sum())
    return float(days["bad"].median() or 0.0)  # pyright: ignore


def _facts(
    rows: Rows, known: pl.DataFrame, good: pl.DataFrame, episode: dict[str, Any], but: pl.DataFrame | None = None
) -> tuple[Facts, pl.DataFrame]:
    """Return the figures of an episode, with what is usual then, and its rows."""
    facts, marked = facts_of(rows, known, good, episode["start"], episode["end"], but)
    for name in ("usual_ok", "usual_bad", "hole_share", "thin", "abrupt"):
        setattr(facts, name, episode[name])
    return facts, marked


def _days_before(start: datetime, log_start: datetime) -> list[timedelta]:
    """Return how long ago up to five comparable days were; any days, if there is none."""
    for days in (BEFORE[start.isoweekday()], range(1, 6)):
        known = [timedelta(days=k) for k in days if start - timedelta(days=k) >= log_start]
        if known:
            return known
    return []
