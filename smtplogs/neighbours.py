"""Servers beside the mail server that write of the same attempt: nginx, Perdition, Mailu, Dovecot's submission before it, Zimbra and saslauthd behind.

One attempt, one row: a line of theirs that belongs to a row of the mail server goes into its `also`, and tells what
that one could not. What belongs to none is an attempt of its own.
"""

from __future__ import annotations

import polars as pl

from smtplogs._addresses import is_private
from smtplogs.in_turn import files
from smtplogs.login_sums import name_key
from smtplogs.overview import NEIGHBOURS, of_saslauthd, waiting
from smtplogs.pairing import one_to_one, with_columns, without_postfix
from smtplogs.redacting import pseudonyms
from smtplogs.schema import RECORDS, reference
from smtplogs.unsettled import finished, patched, stacked

NEAR_S = 3
AT_ONCE = f"{NEAR_S}s"
"""They all write in the same moment, to the second or to the millisecond."""

SESSION = "10m"
"""A login that a neighbour tells is proved by Postfix later: by the mail, or by the end of the session."""

_SAID = ("pam_said", "plesk_said", "ldap_said", "ldap_away")
_MAIL_SERVERS = ("postfix", "exim", "sendmail")
_BASIS = RECORDS["basis"].dtype
_NAMED, _NAMELESS = pl.col("name") != "", pl.col("name") == ""
_EVERY = pl.lit(value=True)


def met(events: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """Fold what the neighbours wrote into the rows it belongs to, and add the rest.

    Parameters
    ----------
    events
        Events of the mail servers, with the columns of `pairing.with_columns`.
    lines
        Records of the formats NEIGHBOURS, with the same columns and `pattern`.

    Returns
    -------
    DataFrame
        Events: with cause, user, port and TLS where a neighbour knew them (basis context), and further rows.
    """
    lines = lines.filter(pl.col("format").is_in(list(NEIGHBOURS)))
    lines = _after_pam(lines).filter(pl.col("_role") == "event")
    by_format = {name: lines.filter(pl.col("format") == name) for name in NEIGHBOURS}
    events, zimbra = _with_zimbra(events, by_format["zimbra"])
    events, saslauthd = _with_saslauthd(events, by_format["saslauthd"])
    events, fronts = _with_fronts(events, by_format["nginx"], by_format["mailu"], by_format["perdition"])
    events = _with_submission(events)
    return with_columns(stacked(*(finished(f) for f in (events, zimbra, saslauthd, fronts) if f.height)))


def _with_zimbra(events: pl.DataFrame, lines: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Zimbra's audit log has what its mailbox log and Postfix write of one attempt as well."""
    if lines.is_empty():
        return events, lines
    mailbox = pl.col("pattern") == "refused_mailbox"
    audit, rest = _folded(
        lines.filter(~mailbox), lines.filter(mailbox), (["ip", "port"], AT_ONCE, "nearest", _EVERY), may=_failed()
    )
    lines = stacked(audit, rest)
    smtp = pl.col("protocol") == "smtp"
    words, others = lines.filter(smtp), lines.filter(~smtp)
    good = pl.col("outcome") == "success"
    events, failures = _folded(
        events, words.filter(~good),
        (["ip", "name"], AT_ONCE, "nearest", _NAMED), (["ip"], AT_ONCE, "nearest", _NAMELESS),
        may=of_saslauthd() | waiting(), tells=True,
    )  # fmt: skip
    events, logins = _folded(events, words.filter(good), *_PROVED, may=_login())
    alone = without_postfix(stacked(failures, logins), events) if failures.height or logins.height else failures
    return events, stacked(alone, others)


def _after_pam(lines: pl.DataFrame) -> pl.DataFrame:
    """What PAM, or Plesk's list of names, said just before to the process of saslauthd that refuses."""
    mine = pl.col("format") == "saslauthd"
    refused = pl.col("_role") == "event"
    rows = lines.with_row_index("_row").filter(mine & (refused | pl.col("pattern").is_in(_SAID)))
    if not rows["pattern"].is_in(_SAID).any():
        return lines
    rows = rows.sort("host", "pid", "time", files(rows), "line_no", nulls_last=True)
    rows = rows.with_columns(_said=reference(), _near=pl.col("time") - pl.col("time").shift())
    said = ("host", "pid", "pattern", "cause", "outcome", "basis", "_said")
    before = {f"_{name}_before": pl.col(name).shift() for name in said}
    told = rows.with_columns(**before).filter(
        refused,
        pl.col("_pattern_before").is_in(_SAID) & pl.col("host").eq_missing(pl.col("_host_before")),
        pl.col("pid") == pl.col("_pid_before"),
        (pl.col("_cause_before") != "unknown") & (pl.col("_near") <= pl.duration(seconds=2)),
    )
    if told.is_empty():
        return lines
    values = {name: pl.col(f"_{name}_before") for name in ("cause", "outcome", "basis")}
    values = told.sort("_row").select("_row", **values, also=pl.concat_list("__said_before"))
    return patched(lines, values["_row"], values.drop("_row"))


def _with_saslauthd(events: pl.DataFrame, lines: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What saslauthd refuses is a mail server's failure: only where there is no mail server's log it stands alone.

    It knows no address. Where the mail server has no name, both must be the only ones of their host in that moment, or
    take turns in one file: in any other burst nobody can tell whose name it was.
    """
    if lines.is_empty():
        return events, lines
    lines, may = _with_realm(lines), of_saslauthd() | waiting()
    events, rest = _folded(
        *_taking_turns(events, lines, may),
        (["host", "local"], AT_ONCE, "nearest", pl.col("local") != ""),
        (["turn"], AT_ONCE, "backward", _NAMELESS & pl.col("turn").is_not_null()),
        (["host", "alone"], AT_ONCE, "nearest", _NAMELESS & pl.col("alone")),
        may=may, tells=True,
    )  # fmt: skip
    events, rest = events.drop("_turn"), rest.drop("_turn")
    server = pl.col("format").is_in(list(_MAIL_SERVERS)) & (pl.col("side") == "server")
    hosts = events.filter(server)["host"].unique()
    heard = pl.col("host").is_in(hosts.implode()).fill_null(value=True) | pl.lit(hosts.null_count() > 0)
    return events, rest.filter(~heard) if hosts.len() else rest


def _taking_turns(events: pl.DataFrame, lines: pl.DataFrame, may: pl.Expr) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Number (`_turn`) each failure after which, and each refusal before which, nothing else of its kind stands in the file."""
    place = ("host", "source", "line_no")
    failures = events.select(
        *place, _row=pl.int_range(pl.len(), dtype=pl.UInt32), _refusal=pl.lit(value=False), _may=may
    )
    refusals = lines.select(
        *place, _row=pl.int_range(pl.len(), dtype=pl.UInt32), _refusal=pl.lit(value=True),
        _may=(pl.col("protocol") == "smtp").fill_null(value=True),
    )  # fmt: skip
    both = pl.concat([failures, refusals]).filter("_may").drop("_may").sort(place, nulls_last=True)
    mine, where = pl.col("_refusal"), ["host", "source"]
    before = mine.shift().over(where).fill_null(value=False)
    # one refusal since the failure before, and then the failure
    told = ~mine & before & ~mine.shift(2).over(where).fill_null(value=False)
    both = both.with_columns(_turn=told.cum_sum()).with_columns(
        _turn=pl.when(told)
        .then("_turn")
        .when(mine & told.shift(-1).over(where).fill_null(value=False))
        .then(pl.col("_turn") + 1)
    )
    numbers = [both.filter(keep).sort("_row").select("_row", "_turn") for keep in (~mine, mine)]
    found = []
    for frame, number in zip((events, lines), numbers, strict=True):
        rows = frame.with_row_index("_row").join(number, on="_row", how="left", maintain_order="left")
        found.append(rows.drop("_row"))
    return found[0], found[1]


def _with_realm(lines: pl.DataFrame) -> pl.DataFrame:
    """Give a login its domain back: Cyrus SASL cuts it off (``ann@example.com``) and says it apart, as the realm.

    A login without one gets the realm of the mail server (``smtpd_sasl_local_domain``), and is told with it when it gets in.
    """
    bare = ~pl.col("user").str.contains("@", literal=True) & ~pl.col("user").str.starts_with("[redacted:")
    realm = pl.col("raw").str.extract(r"\] \[realm=([^\]@\[ ]+)\] \[mech=[^\]]*\] \[reason=(?:\[ALERT\] )?[^\]]*\]$", 1)
    return lines.with_columns(
        user=pl.when(bare).then(pl.coalesce(pl.format("{}@{}", "user", realm), "user")).otherwise("user")
    )


def _with_fronts(
    events: pl.DataFrame, nginx: pl.DataFrame, mailu: pl.DataFrame, perdition: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Mailu's admin says why, its nginx on which connection; a login that both let in goes on to Postfix (XCLIENT)."""
    if nginx.is_empty() and mailu.is_empty() and perdition.is_empty():
        return events, nginx
    nginx, rest = _folded(
        nginx, mailu,
        (["ip", "name"], AT_ONCE, "nearest", _NAMED), (["ip"], AT_ONCE, "nearest", pl.col("limited")),
        may=pl.col("stage") == "auth", tells=True,
    )  # fmt: skip
    lines = stacked(nginx, rest, perdition)
    good = (pl.col("outcome") == "success") & (pl.col("protocol") == "smtp")
    events, logins = _folded(events, lines.filter(good), *_PROVED, may=_login())
    return _behind(events, stacked(lines.filter(~good), logins), lines["client_ip"].unique())


def _behind(events: pl.DataFrame, fronts: pl.DataFrame, clients: pl.Series) -> tuple[pl.DataFrame, pl.DataFrame]:
    """A front that logs in at the mail server itself: the attempt is the client's, and the server saw the front's address."""
    if fronts.is_empty():
        return events, fronts
    inner = (pl.col("stage") == "auth") & (pl.col("side") == "server") & is_private(pl.col("client_ip"))
    inner &= ~pl.col("client_ip").is_in(clients.implode())  # a client of the front is not the front
    for outcome in ("success", "failure"):
        if events.is_empty():  # all that the server wrote is told by the front's lines
            break
        mine = (inner & (pl.col("outcome") == outcome)).fill_null(value=False)
        fronts, alone = _folded(
            fronts,
            events.filter(mine),
            (["name"], AT_ONCE, "nearest", _NAMED),
            may=(pl.col("stage") == "auth") & (pl.col("outcome") == outcome),
            tells=True,
        )
        events = stacked(events.filter(~mine), alone)
    return events, fronts


def _with_submission(events: pl.DataFrame) -> pl.DataFrame:
    """A login at Dovecot's submission, which hands it on to Postfix (XCLIENT), is Dovecot's."""
    mine = handed_on()
    handed = events.filter(mine) if "mechanism" in events.columns else events.clear()
    if handed.is_empty():
        return events
    theirs = (pl.col("format") == "dovecot") & (pl.col("protocol") == "smtp") & (pl.col("outcome") == "success")
    rest, alone = _folded(
        events.filter(~mine),
        handed,
        (["ip", "name"], SESSION, "forward", _NAMED),
        may=theirs & (pl.col("stage") == "auth"),
    )
    return stacked(rest, alone)


def handed_on() -> pl.Expr:
    """Logins that Postfix took over from the server before it."""
    return (_login() & (pl.col("mechanism") == "XCLIENT")).fill_null(value=False)


def _failed() -> pl.Expr:
    return pl.col("outcome").is_in(["failure", "deferred"])


def _login() -> pl.Expr:
    """Logins at Postfix."""
    return (
        (pl.col("format") == "postfix")
        & (pl.col("side") == "server")
        & (pl.col("stage") == "auth")
        & (pl.col("outcome") == "success")
    ).fill_null(value=False)


_PROVED = ((["ip", "name"], SESSION, "backward", _NAMED), (["ip"], SESSION, "backward", _NAMELESS))


def _folded(
    rows: pl.DataFrame,
    words: pl.DataFrame,
    *rules: tuple[list[str], str, str, pl.Expr],
    may: pl.Expr,
    tells: bool = False,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Fold words into rows, one to one.

    Parameters
    ----------
    rows, words
        Events, and what neighbours wrote.
    *rules
        Tried in turn: columns that must agree (`ip`, `port`, `host`, `name`, its part before the `@`: `local`; `alone`:
        no other of that host in the same moment; `turn`: the number that `_taking_turns` gives), how near in time, where the word is to be looked for (`backward`: before the row), which rows take part.
    may
        Rows that may take a word.
    tells
        A word may change cause and outcome, and name who the row does not.

    Returns
    -------
    rows, words
        All rows; the words that belong to none.
    """
    if rows.is_empty() or words.is_empty():
        return rows, words
    rows, words = with_columns(rows), with_columns(words)
    left, right = _keys(rows, "_event", may), _keys(words, "_attempt", pl.lit(value=True))
    pairs = []
    for by, within, strategy, which in rules:
        found, left, right = one_to_one(left, right, by, within, strategy, which)
        pairs.append(found)
    links = pl.concat(pairs)
    if links.is_empty():
        return rows, words
    said = words.select(
        _attempt=pl.int_range(pl.len(), dtype=pl.UInt32), _refs=pl.concat_list(reference(), pl.col("also").fill_null([])),
        **{f"_{c}": pl.col(c) for c in (*_LENT, "cause", "outcome", "basis")},
    )  # fmt: skip
    links = links.join(said, on="_attempt").sort("_event")
    mine = rows.select(_mine="also", _own_basis="basis", _own_cause="cause")[links["_event"]]
    links = links.hstack(mine)
    # a word that only repeats the refusal changes nothing
    more = pl.lit(tells) & (pl.col("_basis") != "assumed") & (pl.col("_cause") != "unknown")
    more = (more & ((pl.col("_cause") != pl.col("_own_cause")) | (pl.col("_own_basis") == "assumed"))).fill_null(
        value=False
    )
    values = links.select(
        *(pl.col(f"_{c}").alias(c) for c in _LENT),
        cause=pl.when(more).then("_cause"),
        outcome=pl.when(more).then("_outcome"),
        basis=pl.when(more).then(pl.lit("context", _BASIS)),
        also=pl.concat_list(pl.col("_mine").fill_null([]), "_refs"),
    )
    lent = rows.select(*_LENT)[links["_event"]]
    values = values.with_columns(pl.coalesce(pl.lit(lent[c]), c).alias(c) for c in _LENT)
    rest = words.with_row_index("_attempt").join(
        links.select("_attempt"), on="_attempt", how="anti", maintain_order="left"
    )
    return patched(rows, links["_event"], values), rest.drop("_attempt")


_LENT = ("user", "client_port", "mechanism", "vendor_code", "tls")
"""What a row without them takes from a neighbour."""


def _keys(frame: pl.DataFrame, row: str, may: pl.Expr) -> pl.DataFrame:
    """Return what rows are compared by, in order of time: by the second, since many stamps have no fraction of it."""
    name = name_key(pl.lit(pseudonyms(frame["user"]))).fill_null("")
    keys = frame.select(
        pl.col("time").dt.truncate("1s"),
        pl.int_range(pl.len(), dtype=pl.UInt32).alias(row),
        ip=pl.col("client_ip"),
        port=pl.col("client_port"),
        host=pl.col("host"),
        name=name,
        local=name.str.replace(r"@.*$", ""),
        turn=pl.col("_turn") if "_turn" in frame.columns else pl.lit(None, pl.UInt32),
        limited=pl.col("outcome") == "throttled",
        may=may.fill_null(value=False),
        _file=files(frame),
        _line=pl.col("line_no"),
    )
    keys = keys.filter("may").sort("time", "_file", "_line", maintain_order=True).drop("may", "_file", "_line")
    since, until = pl.col("time").diff().over("host"), pl.col("time").diff(-1).over("host").abs()
    far = [(gap > pl.duration(seconds=2 * NEAR_S)).fill_null(value=True) for gap in (since, until)]
    return keys.with_columns(alone=pl.all_horizontal(far))
