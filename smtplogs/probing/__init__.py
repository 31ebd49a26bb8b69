"""Ask a live server what it offers: the one part of smtplogs that opens a connection, and only where it is told to."""

from __future__ import annotations

import datetime as dt
import json
import re
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from smtplogs._visible import visible
from smtplogs.probing.asking import ask, log_in
from smtplogs.probing.certificates import VERSIONS, can_read
from smtplogs.probing.comparing import PORTS, STEPS, compare_probe
from smtplogs.probing.logins import MECHANISMS, WITH_TOKEN, Login
from smtplogs.probing.sessions import Seen, Target, mechanisms
from smtplogs.probing.shapes import commands
from smtplogs.probing.verdicts import VERDICTS, verdict
from smtplogs.probing.wire import Script
from smtplogs.reading import read
from smtplogs.schema import TIME

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike

__all__ = ["PORTS", "PORTS_IN_TURN", "Probe", "compare_probe", "probe"]

PORTS_IN_TURN = (25, 465, 587)
"""Ports that are asked unless some are named: relaying, and the two of submission (RFC 8314)."""

SOURCE = "probe"
"""Stands as `source` in the events."""


@dataclass(frozen=True)
class Probe:
    """What a server showed.

    Attributes
    ----------
    host
        The server as it was asked for.
    events
        Event table (source `probe`, side client): for every function that takes events.
    ports
        A row a port, columns `PORTS`; `compare_probe` takes it, the Probe itself, or a file with its JSON.
    verdicts
        `port, problem, cause, told, meaning, check, fix, reply`: a row for each thing worth saying.
    transcript
        What was said, in the form of swaks, without secrets. `read` gives the same events for it, less the times.
    commands
        `openssl s_client` and `swaks` commands that repeat what was asked.
    exit_code
        0: AUTH is offered and nothing is wrong; 1: a problem; 2: no connection.
    """

    host: str
    events: pl.DataFrame = field(repr=False)
    ports: pl.DataFrame = field(repr=False)
    verdicts: pl.DataFrame = field(repr=False)
    transcript: str = field(repr=False)
    commands: list[str] = field(repr=False)
    exit_code: int = 0

    def to_json(self) -> str:
        """Return everything as one JSON object, times in UTC (ISO 8601)."""
        frames = {name: json.loads(getattr(self, name).write_json()) for name in ("verdicts", "ports", "events")}
        told = {"host": self.host, "exit_code": self.exit_code, **frames}
        return json.dumps(told | {"commands": self.commands, "transcript": self.transcript}, indent=2)

    def text(self) -> str:
        """Return what was seen and what follows from it in plain words."""
        lines = [f"{self.host}"]
        for row in self.ports.iter_rows(named=True):
            way = "TLS from the first byte" if row["mode"] == "wrapper" else "in the clear at first"
            lines.append(f"\nport {row['port']} ({visible(row['address'])}, {way})")
            for name, value in row.items():
                if name not in ("port", "address", "mode", "time") and not name.endswith("_s") and value is not None:
                    shown = (", ".join(value) or "none") if isinstance(value, list) else str(value)
                    lines.append(f"  {name.replace('_', ' ')}: {visible(shown)}")
            steps = [f"{s} {row[f'{s}_s']:.3f}" for s in STEPS if row[f"{s}_s"] is not None]
            lines.append(f"  seconds: {', '.join(steps) or 'none'}")
        lines.append("\nverdict")
        for row in self.verdicts.sort("problem", descending=True, maintain_order=True).iter_rows(named=True):
            where = f"port {row['port']}: " if row["port"] else ""
            cause = f" [{row['cause']}]" if row["cause"] else ""
            lines.append(visible(f"  {'PROBLEM' if row['problem'] else 'note'}: {where}{row['told']}{cause}"))
            lines += [f"    {n}: {visible(row[n])}" for n in ("reply", "meaning", "check", "fix") if row[n]]
        if not self.verdicts["problem"].any():
            lines.append("  AUTH is offered, and nothing is wrong")
        return "\n".join([*lines, "\nthe same by hand", *(f"  {c}" for c in self.commands)])


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
    name, port = _place(host)
    login = _login(user, password, token, mechanism)
    if mode not in ("auto", "wrapper", "starttls"):
        raise ValueError(f"mode={mode!r} must be auto, wrapper or starttls")
    if ip not in (None, 4, 6):
        raise ValueError(f"ip={ip!r} must be 4 or 6")
    if not timeout > 0:
        raise ValueError(f"timeout={timeout!r} must be more than 0 seconds")
    chosen = _chosen(port, ports)
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
    best = login.shown().user if login else None
    told = [c for s in connected if s.answer is None for c in commands(s, best, s.mechanism or mechanism)]
    seen_ports = pl.DataFrame([_row(s, script) for s in sights if s.mechanism is None], schema=PORTS)
    return Probe(
        name, _events(transcript, sights), seen_ports, pl.DataFrame(rows, schema=VERDICTS), transcript,
        list(dict.fromkeys(told)), code,
    )  # fmt: skip


def _chosen(port: int | None, ports: Sequence[int] | None) -> list[int]:
    """Return the ports to ask, each once: the one written behind the host, else those given, else the usual ones."""
    chosen = [port] if port is not None else list(PORTS_IN_TURN if ports is None else dict.fromkeys(ports))
    wrong = [p for p in chosen if not 0 < p < 65536]
    if wrong or not chosen:
        raise ValueError(f"ports={wrong!r}: a port is a number from 1 to 65535")
    return chosen


def _place(host: str) -> tuple[str, int | None]:
    """Split `host:port`, `[address]:port`; a bare IPv6 address has no port."""
    found = re.fullmatch(r"\[([0-9A-Fa-f:.%a-z]+)\](?::([0-9]{1,5}))?|([^\s:\[\]/@]+)(?::([0-9]{1,5}))?", host)
    if found is None:
        if re.fullmatch(r"[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*", host):
            return host, None
        raise ValueError("write the server as HOST, HOST:PORT or [IPV6]:PORT")
    port = found[2] or found[4]
    return found[1] or found[3], int(port) if port else None


def _login(user: str | None, password: str | None, token: str | None, mechanism: str | None) -> Login | None:
    mechanism = mechanism.upper() if mechanism else None
    if mechanism and mechanism not in MECHANISMS:
        raise ValueError(f"mechanism={mechanism!r} must be one of {', '.join(MECHANISMS)}")
    if user is None:
        if password is not None or token is not None or mechanism:
            raise ValueError("a password, token or mechanism needs a user")
        return None
    secret = token if password is None else password
    if not secret or (password is not None and token is not None):
        raise ValueError("give either a password or a token with the user, and no empty one")
    if mechanism and (mechanism in WITH_TOKEN) != (token is not None):
        raise ValueError("XOAUTH2 and OAUTHBEARER take a token, the other mechanisms a password")
    return Login(user, secret, token is not None, mechanism)


def _row(seen: Seen, script: Script) -> dict[str, Any]:
    def clean(texts: list[str] | None) -> list[str] | None:
        return texts if texts is None else [script.clean(t) for t in texts]

    tested = {v: seen.versions.get(v) for v in VERSIONS}
    row = {
        "port": seen.target.port, "address": seen.target.address, "mode": seen.target.mode, "time": seen.start,
        "connected": seen.connected, "banner": seen.banner.text if seen.banner else None,
        "before": clean(seen.before), "after": clean(seen.after), "auth_before": mechanisms(seen.before),
        "auth_after": mechanisms(seen.after), "tls": seen.tls, "cipher": seen.cipher,
        "tls_accepted": [v for v, ok in tested.items() if ok] if seen.versions else None,
        "tls_refused": [v for v, ok in tested.items() if ok is False] if seen.versions else None,
        "trusted": seen.trusted, "distrust": seen.distrust,
        "fault": ": ".join((seen.broken[0], seen.broken[2])) if seen.broken else None,
    }  # fmt: skip
    certificate = {
        k: clean(v) if isinstance(v, list) else script.clean(v) if isinstance(v, str) else v
        for k, v in seen.cert.items()
    }
    return row | certificate | {f"{step}_s": seen.timings.get(step) for step in STEPS}


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
