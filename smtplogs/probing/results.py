"""What a probe showed: its tables, and the same in plain words and as JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import polars as pl

from smtplogs._visible import visible
from smtplogs.probing.certificates import VERSIONS
from smtplogs.probing.sessions import mechanisms
from smtplogs.schema import TIME

if TYPE_CHECKING:
    from smtplogs.probing.sessions import Seen
    from smtplogs.probing.wire import Script

STEPS = ("connect", "banner", "ehlo", "starttls", "tls", "ehlo_tls", "auth", "quit")

PORTS: dict[str, pl.DataType | type[pl.DataType]] = {
    "port": pl.UInt16, "address": pl.String, "mode": pl.String, "time": TIME, "connected": pl.Boolean,
    "banner": pl.String, "before": pl.List(pl.String), "after": pl.List(pl.String),
    "auth_before": pl.List(pl.String), "auth_after": pl.List(pl.String), "tls": pl.String, "cipher": pl.String,
    "tls_accepted": pl.List(pl.String), "tls_refused": pl.List(pl.String), "trusted": pl.Boolean, "distrust": pl.String,
    "cert_subject": pl.String, "cert_names": pl.List(pl.String), "cert_issuer": pl.String, "cert_from": TIME,
    "cert_until": TIME, "cert_days_left": pl.Int32, "cert_sha256": pl.String, "cert_chain": pl.List(pl.String),
    "fault": pl.String, **{f"{step}_s": pl.Float64 for step in STEPS},
}  # fmt: skip
"""Columns of `Probe.ports`."""


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
        lines = [self.host]
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


def port_row(seen: Seen, script: Script) -> dict[str, Any]:
    """Return what was seen of one port as a row of the table `ports`, secrets cut."""

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
