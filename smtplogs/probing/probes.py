"""`probe`: each port asked in turn, at most one login tried, and what follows from it."""

from __future__ import annotations

import datetime as dt
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from smtplogs.probing.arguments import check_way, host_and_port, login_of, ports_to_ask
from smtplogs.probing.asking import ask, log_in
from smtplogs.probing.certificates import can_read
from smtplogs.probing.results import PORTS, Probe, port_row
from smtplogs.probing.sessions import Target, mechanisms
from smtplogs.probing.shapes import commands
from smtplogs.probing.verdicts import VERDICTS, verdict
from smtplogs.probing.wire import Script
from smtplogs.reading import read
from smtplogs.schema import TIME

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike

    from smtplogs.probing.sessions import Seen

SOURCE = "probe"
"""Stands as `source` in the events."""


def probe(
    host: str,
    *,
    ports: Sequence[int] | None = None,
    user: str | None = None,
    password: str | None = None,
    token: str | None = None,
    mechanism: str | None = None,
    mode: str = "auto",
    ip: int | None = None,
    timeout: float = 10.0,
    cafile: str | PathLike[str] | None = None,
    insecure: bool = False,
    versions: bool = True,
) -> Probe:
    """Ask a mail server what it offers; no mail is sent. The one function here that opens a network connection.

    For each port: connect, banner, EHLO, STARTTLS or TLS from the first byte, EHLO again, QUIT; then up to four short
    connections that learn which versions of TLS are accepted. With a user and a secret, one more session with exactly
    one AUTH: it counts towards lockouts.

    Parameters
    ----------
    host
        Name or address, with a port if wanted: `mail.example.com:587`, `[2001:db8::25]:465`.
    ports
        Ports to ask; None: the one in `host`, else 25, 465 and 587 in turn (2525 only if asked for).
    user, password, token
        For one AUTH. The secret is neither stored nor shown.
    mechanism
        PLAIN, LOGIN, CRAM-MD5, XOAUTH2 or OAUTHBEARER; None: the first of those that the server offers, in this order
        (tokens: OAUTHBEARER first).
    mode
        `wrapper` (TLS from the first byte), `starttls`, or `auto`: wrapper on 465 only (RFC 8314).
    ip
        4 or 6: use only such addresses; None: the first address that answers; the others are tried as well and named.
    timeout
        Seconds for each step (name, connect, each reply, handshake); ours: 10.
    cafile
        PEM file of issuers to trust instead of the system's.
    insecure
        Send the secret even where the certificate is not trusted or nothing is encrypted.
    versions
        Whether to learn which versions of TLS are accepted. An old one that the OpenSSL here cannot speak counts as refused.

    Returns
    -------
    Probe
        `events` (a frame in the event schema, source `probe`), `ports` (columns `PORTS`: one row a port), `verdicts`
        (port, problem, cause, told, meaning, check, fix, reply), `transcript` (form of swaks, without secrets; `read`
        reads it back to the same events, less the times), `commands`, `exit_code`. `compare_probe` takes it as it is.

    Raises
    ------
    ValueError
        If an argument makes no sense. A server that does not answer is no exception.
    MissingExtra
        If the extra `probe` (`cryptography`, for certificates) is not installed.
    """
    name, port = host_and_port(host)
    login = login_of(user, password, token, mechanism)
    check_way(mode, ip, timeout)
    chosen = ports_to_ask(port, ports)
    can_read()
    script = Script(login.forms() if login else ())
    asked = port is not None or ports is not None
    rows: list[dict[str, Any]] = []
    sights: list[Seen] = []
    for number in chosen:
        way = ("wrapper" if number == 465 else "starttls") if mode == "auto" else mode
        target = Target(name, number, 0, "", way, timeout, cafile)
        seen, verdicts = ask(target, script, ip=ip, versions=versions, asked=asked)
        rows += verdicts
        sights += [] if seen is None else [seen]
    if login is not None:
        seen, verdicts = log_in(login, sights, script, insecure=insecure)
        rows += verdicts
        sights += [] if seen is None else [seen]
    connected = [s for s in sights if s.connected]
    offered = any(mechanisms(s.after) or mechanisms(s.before) for s in connected)
    if connected and not offered and not any(r["problem"] for r in rows):
        rows.append(verdict(None, True, "auth_not_offered", "no port that was asked offers AUTH"))
    code = 2 if not connected else int(any(r["problem"] for r in rows))
    transcript = "".join(f"{line}\n" for line in script.lines)
    shown_user = login.shown().user if login else None
    repeat = [c for s in connected if s.answer is None for c in commands(s, shown_user, s.mechanism or mechanism)]
    return Probe(
        host=name,
        events=_events(transcript, sights),
        ports=pl.DataFrame([port_row(s, script) for s in sights if s.mechanism is None], schema=PORTS),
        verdicts=pl.DataFrame(rows, schema=VERDICTS),
        transcript=transcript,
        commands=list(dict.fromkeys(repeat)),
        exit_code=code,
    )


def _events(transcript: str, sights: list[Seen]) -> pl.DataFrame:
    """Read the transcript as any other; times come from our own clock, by port."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / SOURCE
        path.write_text(transcript, "utf-8")
        events = read(path, format="swaks")
    text = pl.col(pl.String).str.replace_all(str(path), SOURCE, literal=True)
    events = events.with_columns(
        text, pl.col("also").list.eval(pl.element().str.replace_all(str(path), SOURCE, literal=True))
    )
    starts = {s.target.port: s.start for s in reversed(sights)}
    when = pl.col("server_port").replace_strict(starts, default=dt.datetime.now(dt.UTC), return_dtype=TIME)
    return events.with_columns(time=when, time_quality=pl.lit("exact", events.schema["time_quality"]))
