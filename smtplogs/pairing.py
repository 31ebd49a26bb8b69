"""Dovecot's word meets the failure it belongs to: lines of its auth processes, of its login processes, and of PAM.

Sources: Dovecot src/auth/auth-request.c; Postfix xsasl_dovecot_server.c; measured in the project's loopback lab.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from smtplogs.in_turn import asked_in_turn, attempts_of, files
from smtplogs.login_sums import in_plain_text, login_attempts, name_key
from smtplogs.overview import ASKS_DOVECOT, LOST_ANSWER, waiting
from smtplogs.redacting import pseudonyms
from smtplogs.schema import EVENTS, RECORDS, empty, reference
from smtplogs.unsettled import finished, patched, stacked

if TYPE_CHECKING:
    from smtplogs.overview import Overview

PAIR_BEFORE = "5s"
"""Dovecot writes a refusal before Postfix does: auth_failure_delay (2 s) and internal failures (3 s)."""

BURST_S = 10
"""Failures of an address that are nearer than this are one burst: one server, whose refusals wait alike."""

LOST_WITHIN = "10s"
"""Postfix waits 10 s for Dovecot; the line of a lost answer stands that far before or after."""

_CAUSE, _OUTCOME, _BASIS = (RECORDS[c].dtype for c in ("cause", "outcome", "basis"))

_USED = (
    "host", "pid", "user", "client_ip", "mechanism", "vendor_code", "session", "also", "passdb", "peer_pid", "detail",
    "raw", "cause", "outcome", "basis", "stage", "protocol", "count", "client_port", "tls", "side",
)  # fmt: skip
"""Columns that the functions below look at."""


def with_columns(frame: pl.DataFrame) -> pl.DataFrame:
    """Add the columns used below that the frame lacks, as nulls."""
    return frame.with_columns(pl.lit(None, RECORDS[n].dtype).alias(n) for n in _USED if n not in frame.columns)


def paired(events: pl.DataFrame, dovecot: pl.DataFrame, known: Overview) -> pl.DataFrame:
    """Give Dovecot's word to the Postfix failures it belongs to; what belongs to none becomes events of its own."""
    debug = pl.col("pattern").str.starts_with("debug_")
    events = _asked(events, dovecot.filter(debug))
    dovecot = asked_in_turn(dovecot.filter(~debug)).filter(pl.col("_role") == "event")
    pam = dovecot.filter(pl.col("format") == "pam")
    dovecot = dovecot.filter(pl.col("format") == "dovecot")
    attempt = (pl.col("stage") == "auth") & pl.col("client_ip").is_not_null()
    dovecot = in_plain_text(dovecot)
    login = pl.col("pattern").str.starts_with("login_")
    # what Dovecot says of itself is no attempt of anybody
    notice = pl.when((pl.col("stage") == "auth") & ~attempt & ~login).then(pl.lit("session", RECORDS["stage"].dtype))
    own = [dovecot.filter(~attempt | login).with_columns(pl.coalesce(notice, "stage").alias("stage"))]
    with_session = dovecot.filter(attempt & ~login & pl.col("session").is_not_null())
    without = dovecot.filter(attempt & ~login & pl.col("session").is_null())
    if with_session.height:
        logins, rest = login_attempts(own[0], with_session, known.order)
        own = [logins, rest]
    if without.height:
        events, rest = _matched(
            events, attempts_of(without, known.order, "host", "client_ip", "user"), by_host=known.by_host
        )
        own.append(without_postfix(rest, events))
    own = [finished(f) for f in own if f.height]
    every = stacked(finished(events), *own)
    events = with_columns(every if every.height else empty(EVENTS))
    return _with_pam(events, dovecot.filter(attempt), pam) if pam.height else events


def _matched(events: pl.DataFrame, attempts: pl.DataFrame, *, by_host: bool) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Pair Dovecot's attempts with Postfix's failures, one to one; return events and the attempts left over."""
    attempts = attempts.with_row_index("_attempt")
    open_ = events.select(
        "time", "source", "line_no", "host", "client_ip", "user", "detail", "cause", _event=pl.int_range(pl.len(), dtype=pl.UInt32),
        _open=waiting(),
    ).filter("_open")  # fmt: skip
    # hosts are compared only where both logs name them and share one
    host = pl.col("host").fill_null("") if by_host else pl.lit("")
    names = {"_event": open_, "_attempt": attempts}
    keyed = {
        row: frame.select(
            row,
            "time",
            ip=pl.concat_str(host, pl.lit(" "), pl.col("client_ip").fill_null("")),
            name=name_key(pl.lit(pseudonyms(frame["user"]))).fill_null(""),
            lost=pl.col("detail").str.starts_with(LOST_ANSWER).fill_null(False),
            nobody=(pl.col("cause") == "unknown_user").fill_null(value=False),
            _file=files(frame),
            _line=pl.col("line_no"),
        )
        .sort("time", "_file", "_line", maintain_order=True)
        .drop("_file", "_line")
        for row, frame in names.items()
    }
    left, right = keyed["_event"], keyed["_attempt"]
    nameless = (pl.col("name") == "") & ~pl.col("lost")
    # a refusal waits for a second or two: the line in the second of the failure belongs to the attempt after it
    named, left, right = _by_rules(
        left, right,
        (["ip", "name"], "4s", "backward", ~pl.col("lost"), "1s"),
        (["ip", "name"], PAIR_BEFORE, "backward", ~pl.col("lost")),
    )  # fmt: skip
    paced, left, right = _in_pace(left, right, nameless)
    others, left, right = _by_rules(
        left, right,
        (["ip"], PAIR_BEFORE, "backward", nameless),
        # the two print control characters differently
        (["ip"], PAIR_BEFORE, "backward", pl.col("name").str.contains("?", literal=True)),
    )  # fmt: skip
    # one of them may hide what the other shows: a name that proved to be one, so none that is shown and nobody's
    secret = pl.col("name").str.starts_with("[redacted:")
    hidden, left, _ = one_to_one(
        left, right.filter(secret | ~pl.col("nobody")), ["ip"], PAIR_BEFORE, "backward", secret
    )
    right = right.join(hidden, on="_attempt", how="anti", maintain_order="left")
    # Postfix prints no name there that could be trusted, and the line of its own attempt may come too late
    lost_ones, left, right = one_to_one(left, right, ["ip"], LOST_WITHIN, "nearest", pl.col("lost"))
    links = pl.concat([*named, paced, *others, hidden, lost_ones])
    if links.is_empty():
        return events, attempts.drop("_attempt")
    said = attempts.select(
        "_attempt",
        _ref=reference(),
        _also="also",
        _cause="cause",
        _outcome="outcome",
        user="user",
        _mechanism="mechanism",
        _vendor="vendor_code",
    )
    links = links.join(said, on="_attempt").sort("_event")
    mine = events.select("user", "detail", "also", "mechanism", "vendor_code")[links["_event"]].rename(
        {"user": "_name", "also": "_mine"}
    )
    links = links.hstack(mine)
    lost = pl.col("detail").str.starts_with(LOST_ANSWER).fill_null(value=False)
    broken = pl.col("_cause").is_in(["backend_unavailable", "server_config_error"]).fill_null(value=False)
    told = (~lost & pl.col("_cause").is_not_null()) | broken
    lists = [pl.col("_mine").fill_null([]), pl.concat_list("_ref"), pl.col("_also").fill_null([])]
    values = links.select(
        cause=pl.when(told).then("_cause"),
        outcome=pl.when(told).then("_outcome"),
        basis=pl.when(told).then(pl.lit("context", _BASIS)),
        user=pl.coalesce("_name", "user"),
        mechanism=pl.coalesce("mechanism", "_mechanism"),
        vendor_code=pl.coalesce("vendor_code", "_vendor"),
        also=pl.concat_list(lists),
    )
    rest = attempts.join(links.select("_attempt"), on="_attempt", how="anti")
    return patched(events, links["_event"], values), rest.drop("_attempt")


def _by_rules(
    left: pl.DataFrame, right: pl.DataFrame, *rules: tuple[Any, ...]
) -> tuple[list[pl.DataFrame], pl.DataFrame, pl.DataFrame]:
    """Try rules of `one_to_one` in turn, each with what the one before left."""
    pairs = []
    for rule in rules:
        found, left, right = one_to_one(left, right, *rule)
        pairs.append(found)
    return pairs, left, right


def _in_pace(
    left: pl.DataFrame, right: pl.DataFrame, which: pl.Expr
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Pair failures by how long refusals wait: two seconds, Dovecot's default, or not at all; burst by burst, the way that fits more.

    An address that tries one name after the other has a line of Dovecot in the second of every failure: the next name's.
    """
    wanted = left.filter(which)
    if wanted.is_empty() or right.is_empty():
        return left.select("_event", _attempt="_event").clear(), left, right
    near = pl.concat([wanted.select("ip", "time", "_event"), right.select("ip", "time")], how="diagonal")
    apart = (pl.col("ip") != pl.col("ip").shift()) | (pl.col("time").diff() > pl.duration(seconds=BURST_S))
    near = near.sort("ip", "time").with_columns(_burst=apart.fill_null(value=True).cum_sum())
    bursts = near.drop_nulls("_event").select("_event", "_burst")
    waiting_, at_once = (
        one_to_one(wanted, right, ["ip"], "1s", strategy, pl.lit(value=True), ago)[0].join(bursts, on="_event")
        for strategy, ago in (("nearest", "2s"), ("backward", "0s"))
    )
    more = at_once.group_by("_burst").len().join(waiting_.group_by("_burst").len(), on="_burst", how="left")
    quick = pl.col("_burst").is_in(more.filter(pl.col("len") > pl.col("len_right").fill_null(0))["_burst"].implode())
    pairs = pl.concat([waiting_.filter(~quick), at_once.filter(quick)]).select("_event", "_attempt")
    left = left.join(pairs, on="_event", how="anti", maintain_order="left")
    return pairs, left, right.join(pairs, on="_attempt", how="anti", maintain_order="left")


def one_to_one(
    left: pl.DataFrame,
    right: pl.DataFrame,
    by: list[str],
    within: str,
    strategy: str,
    which: pl.Expr,
    ago: str = "0s",
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Pair rows of one key nearest in time; each row once. Return pairs and what is left on both sides."""
    found = [pl.DataFrame(schema={"_event": pl.UInt32, "_attempt": pl.UInt32})]
    for _ in range(5):
        wanted = left.filter(which)
        if wanted.is_empty() or right.is_empty():
            break
        joined = (
            wanted.with_columns(pl.col("time").dt.offset_by(f"-{ago}"))
            .join_asof(
                right.select("_attempt", "time", *by, _then=pl.col("time")),
                on="time",
                by=by,
                strategy=strategy,  # type: ignore[arg-type]
                tolerance=within,
                check_sortedness=False,
            )
            .filter(pl.col("_attempt").is_not_null())
        )
        if joined.is_empty():
            break
        near = (pl.col("time") - pl.col("_then")).abs()
        pairs = joined.sort(near, maintain_order=True).unique("_attempt", keep="first", maintain_order=True)
        pairs = pairs.select("_event", "_attempt")
        found.append(pairs)
        left = left.join(pairs, on="_event", how="anti", maintain_order="left")
        right = right.join(pairs, on="_attempt", how="anti", maintain_order="left")
    return pl.concat(found), left, right


def without_postfix(attempts: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """Keep the attempts of addresses that no Postfix session of that time explains.

    Where Postfix logs the address soon after, the attempt is counted there: as a failure (paired), or as the success
    that followed a deny database's "unknown user".
    """
    if attempts.is_empty():
        return attempts
    postfix = events.select("client_ip", "time", "format").filter(pl.col("format").is_in(list(ASKS_DOVECOT)))
    postfix = postfix.join(attempts.select(pl.col("client_ip").unique()), on="client_ip", how="semi")
    if postfix.is_empty():
        return attempts
    after = postfix.select("client_ip", "time", _seen=pl.lit(value=True)).sort("time", maintain_order=True)
    timed = attempts.with_columns(time=pl.col("time") - pl.duration(seconds=10)).sort("time", maintain_order=True)
    seen = timed.join_asof(
        after, on="time", by="client_ip", strategy="forward", tolerance="10m", check_sortedness=False
    )
    return (
        seen.filter(pl.col("_seen").is_null()).drop("_seen").with_columns(time=pl.col("time") + pl.duration(seconds=10))
    )


def _asked(events: pl.DataFrame, debug: pl.DataFrame) -> pl.DataFrame:
    """Dovecot's auth_debug names the asking process: a success without mail gets its name from there."""
    good = debug.filter(
        (pl.col("pattern") == "debug_out") & pl.col("user").is_not_null() & (pl.col("vendor_code") == "OK")
    )
    if events.is_empty() or good.is_empty():
        return events
    said = (
        good.select("time", pid="peer_pid", _user="user", _ref=reference())
        .drop_nulls("pid")
        .sort("time", maintain_order=True)
    )
    events = events.sort("time", maintain_order=True).join_asof(
        said, on="time", by="pid", strategy="backward", tolerance="10m", check_sortedness=False
    )
    nameless = (pl.col("outcome") == "success") & pl.col("user").is_null() & (pl.col("format") == "postfix")
    told = (nameless & pl.col("_user").is_not_null()).fill_null(False)
    return events.with_columns(
        user=pl.when(told).then("_user").otherwise("user"),
        also=pl.when(told).then(pl.concat_list(pl.col("also").fill_null([]), "_ref")).otherwise("also"),
    ).drop("_user", "_ref")


def _with_pam(events: pl.DataFrame, dovecot: pl.DataFrame, pam: pl.DataFrame) -> pl.DataFrame:
    """A PAM line stands for an attempt only where neither Postfix nor Dovecot has a line for it."""
    # Dovecot's own lines as well: several attempts of one session may end in one row, under the last name
    tried = pl.concat([f.select("time", "client_ip", "user", "stage") for f in (events, dovecot)])
    failures = tried.filter(pl.col("stage") == "auth").select(
        "time", "client_ip", user=name_key(pl.col("user")).fill_null(""), _seen=pl.lit(value=True)
    )
    keyed = pam.with_columns(_name=pl.col("user"), user=name_key(pl.col("user")).fill_null("")).sort(
        "time", maintain_order=True
    )
    seen = keyed.join_asof(
        failures.sort("time", maintain_order=True), on="time", by=["client_ip", "user"], strategy="nearest", tolerance="10s",
        check_sortedness=False,
    )  # fmt: skip
    alone = seen.filter(pl.col("_seen").is_null()).with_columns(user="_name").drop("_name", "_seen")
    alone = without_postfix(alone, events)
    return pl.concat([events, alone], how="diagonal_relaxed") if alone.height else events
