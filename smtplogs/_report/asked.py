"""The triage of one account or client: where it logs in, where it is refused and why, and the findings that concern it."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

import polars as pl
from rich.text import Text

from smtplogs._frames import NOT_ACCEPTED, lazy_columns, plain
from smtplogs._report import words
from smtplogs._report.refusals import HOW_TO_TELL, block, quoted, why
from smtplogs._report.stories import EVERYBODYS, evidence_lines
from smtplogs._visible import visible
from smtplogs.replies import causes
from smtplogs.schema import TIME, conform, reference
from smtplogs.whose import COLUMNS, selected

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType
    from rich.table import Table

    from smtplogs.schema import Frame

MOST_OWN = 8
MOST_STRANGERS = 4
MOST_NAMES = 5
NOT_THEIRS = "If this address is not the owner's, leave it to a ban per address; else enter name and secret anew there."


def concerning(findings: pl.DataFrame, chosen: pl.DataFrame) -> pl.DataFrame:
    """Keep the findings that concern these events.

    Parameters
    ----------
    findings
        Findings of all events, so that they know the others.
    chosen
        Events of one account or client.

    Returns
    -------
    DataFrame
        Findings about one of the accounts; about one of the addresses and no other account; with one of the lines as
        evidence; about a server, service or relay as a whole, while one of the events was a refusal.
    """
    names, addresses = (chosen[name].drop_nulls().unique().implode() for name in ("user", "client_ip"))
    refused = chosen.filter(pl.col("outcome").is_in(NOT_ACCEPTED))
    places = refused.select(reference()).to_series().implode()
    moments = refused["time"].drop_nulls()
    shared = [
        bool(kind in EVERYBODYS and start and moments.len() and moments.is_between(start, end or moments.max()).any())
        for kind, start, end in findings.select("subject_kind", "start", "end").iter_rows()
    ]
    about = pl.any_horizontal(
        pl.col("user").is_in(names),
        pl.col("subject").is_in(names),
        pl.col("user").is_null() & pl.col("client_ip").is_in(addresses),
        pl.col("evidence").list.set_intersection(places.first()).list.len() > 0
        if refused.height
        else pl.lit(value=False),
    )
    return findings.filter(about.fill_null(value=False) | pl.Series(shared, dtype=pl.Boolean))


def standing(
    events: Frame, clients: pl.DataFrame, findings: pl.DataFrame, *, asked: str, zone: str
) -> Iterator[RenderableType]:
    """Tell of each client how it stands: refused since when and why, or when it last got in.

    Parameters
    ----------
    events
        All events: for the lines, and for names that come near where nothing fits.
    clients
        The answer of `smtplogs.clients`.
    findings
        What is told below, in that order: a client is sent to the finding that knows what to do about it.
    asked
        Whom the question was about, in words.
    zone
        Name of the zone in which times are shown.
    """
    if clients.is_empty():
        yield from _nobody(events, asked)
        return
    own = pl.col("last_success").is_not_null() | pl.col("client_ip").is_null()
    ours, strangers = clients.filter(own), clients.filter(~own)
    shown = pl.concat([ours.head(MOST_OWN), strangers.head(MOST_STRANGERS)])
    lines = evidence_lines(events, shown.select(pl.concat_list("line").alias("evidence")))
    known = {row["cause"]: row for row in causes().iter_rows(named=True)}
    n_now = clients.filter(pl.col("n_refused_since") > 0).height
    guessed_at = bool(ours.height and strangers.height > 1)
    of_them = f" ({strangers.height:,} of them never seen to log in)" if guessed_at else ""
    yield Text.assemble(
        (f"{visible(asked)}: {words.many(clients.height, 'client')}", "bold"),
        f", {n_now:,} refused when last seen{of_them}, {clients.height - n_now:,} getting in. Times: {zone}.",
    )
    for row in shown.iter_rows(named=True):
        guess = guessed_at and row["client_ip"] is not None and row["last_success"] is None
        yield _client(row, lines, known, _answered(row, findings), zone, guess=guess)
    if (left := ours.height - MOST_OWN) > 0:
        yield Text(f"{words.many(left, 'more client')} that logged in before: see `smtplogs clients`.")
    if (rest := strangers.slice(MOST_STRANGERS)).height:
        n = words.many(int(rest["n_not_accepted"].sum()), "time")
        yield Text(
            f"{words.many(rest.height, 'more address', 'more addresses')} that never logged in: refused {n} in all."
        )


def _answered(row: dict[str, Any], findings: pl.DataFrame) -> int | None:
    """Return the place of the finding to read, from 1: about this client, else its account, else what met everybody then."""
    user, address = (pl.lit(row[name], pl.String) for name in ("user", "client_ip"))
    here = (pl.col("client_ip") == address) & (pl.col("user").is_null() | (pl.col("user") == user))
    account = (pl.col("user") == user) & pl.col("client_ip").is_null()
    begun, last = (pl.lit(row[name], TIME) for name in ("refused_since", "last"))
    then = (pl.col("start") <= begun) & (pl.col("end").is_null() | (pl.col("end") >= last))
    everybody = pl.col("subject_kind").is_in(EVERYBODYS) & then
    for about in (here, account, everybody):
        if (places := findings.select(about.fill_null(value=False).arg_true()).to_series()).len():
            return int(places[0]) + 1
    return None


def _client(
    row: dict[str, Any],
    lines: dict[str, str],
    known: dict[str, dict[str, Any]],
    answered: int | None,
    zone: str,
    *,
    guess: bool,
) -> Table:
    """Lay out one client: whether it gets in, since when, why not, and the line that says so."""
    told: dict[str, str | None] = {"since": _since(row, zone), "how": _how(row)}
    state = Text("GETS IN", "bold green")
    if row["n_refused_since"]:
        state = Text("REFUSED", "bold red")
        told |= _why(row, known[row["cause"] or "unknown"], answered, guess=guess)
        told["line"] = quoted(row["line"], lines)
    return block(Text.assemble(state, " ", (visible(_named(row)), "bold")), told)


def _why(row: dict[str, Any], cause: dict[str, Any], answered: int | None, *, guess: bool) -> dict[str, str | None]:
    """Return why a client is refused, and what to do: by the finding that knows this client, else by its cause.

    `guess`: it is one of several that never got in, while others of the account did: mostly none of the owner's.
    """
    told: dict[str, str | None] = {"why": why(cause, assumed=row["basis"] == "assumed")}
    if answered is not None:
        return told | {"do": f"see {answered} below"}
    if guess:
        return told | {"do": NOT_THEIRS}
    if cause["cause"] == "unknown":
        return told | {"check": HOW_TO_TELL}
    return told | {"check": cause["first_check"], "do": cause["fix"]}


def _named(row: dict[str, Any]) -> str:
    """Name a client: account, address, and what it is called."""
    names = dict.fromkeys(name for name in (row["client_name"], row["helo"]) if name and name != "unknown")
    where = row["client_ip"] or (f"our server at {row['relay_host']}" if row["relay_host"] else "an address not logged")
    called = f" ({', '.join(names)})" if names else ""
    return f"{row['user'] or 'somebody not named'} from {where}{called}"


def _since(row: dict[str, Any], zone: str) -> str:
    """Tell in a sentence since when a client is refused, or how it gets in."""
    last_in = words.period(row["last_success"], row["last_success"], zone) if row["last_success"] else None
    if row["n_refused_since"]:
        n = words.many(row["n_refused_since"], "time")
        stretch = f" {words.period(row['refused_since'], row['last'], zone)}" if row["refused_since"] else ""
        return f"refused {n}{stretch}; {f'got in until {last_in}' if last_in else 'never seen to log in'}"
    n = words.many(row["n_not_accepted"], "time")
    before = f"; refused {n} before that ({plain(row['cause'])})" if row["n_not_accepted"] else ""
    what = words.many(row["n_success"], "login") if row["n_success"] else words.many(row["n_mails"], "mail")
    if not row["n_success"] + row["n_mails"]:  # a name was logged only with the logins that came later
        what = "logins with a name from there"
    return f"{what}, the last {last_in or 'at a time not known'}{before}"


def _how(row: dict[str, Any]) -> str:
    """Name listener, TLS and mechanism as last seen: what the client's settings must fit."""
    tls = {"none": "no TLS", "yes": "TLS"}.get(row["tls"], row["tls"])
    port = f"port {row['server_port']}" if row["server_port"] else None
    return ", ".join(part for part in (row["service"], port, tls, row["mechanism"]) if part)


def _nobody(events: Frame, asked: str) -> Iterator[RenderableType]:
    """Say that nothing fits, which names come near, and how many refusals name nobody."""
    rows = conform(lazy_columns(events, "outcome", "count", "user", "client_ip", "client_name", "helo"))
    kind, _, wanted = asked.partition(" ")
    columns = ["user"] if kind == "user" else ["client_ip", "client_name", "helo"]
    present = [c for c in columns if c in rows.collect_schema()]
    seen = {name for c in present for name in rows.select(pl.col(c).drop_nulls().unique()).collect().to_series()}
    yield Text.assemble(
        (visible(f"{asked}: no attempt in these logs."), "bold"),
        " Either it never got as far as a login here, or these are logs of another time or server.",
    )
    near = _near(wanted.lower(), seen)
    if near:
        yield Text(visible(f"Names that come near: {', '.join(near)}."))
    nameless = rows.filter(pl.col("user").is_null(), pl.col("outcome").is_in(NOT_ACCEPTED))
    n = nameless.select(pl.col("count").fill_null(1).cast(pl.UInt64).sum()).collect().item()
    if n and kind == "user":
        yield Text(
            f"{words.many(n, 'refusal names', 'refusals name')} no account: ask by address or name of the device, with --client."
        )


def _near(wanted: str, seen: set[str]) -> list[str]:
    holding = sorted(name for name in seen if wanted in name.lower())
    parts = {name.lower(): name for name in seen} | {name.lower().partition("@")[0]: name for name in seen}
    alike = [parts[name] for name in difflib.get_close_matches(wanted, parts, MOST_NAMES)]
    return list(dict.fromkeys([*holding, *alike]))[:MOST_NAMES]


def chosen(events: Frame, *, user: str | None, client: str | None) -> pl.DataFrame:
    """Return the events of an account or client without their lines, so that more events than memory holds may be asked."""
    return selected(conform(lazy_columns(events, *COLUMNS)), user=user, client=client).collect()
