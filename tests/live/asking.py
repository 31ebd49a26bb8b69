"""`smtplogs probe` asks the running servers: what each port offers, one good login and one bad; kept as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import smtplogs as sl
from live.client import WRONG
from live.scenarios import GOOD

if TYPE_CHECKING:
    from pathlib import Path

    from live.scenarios import Server

HOST = "127.0.0.1"


def asked(out: Path, server: Server) -> None:
    """Probe the ports of a server; nothing else is done to it. Answers are in `out/NAME.json`."""
    own = {"user": GOOD[0], "insecure": True}  # nobody vouches for its certificate
    answers = {
        "submission": sl.probe(HOST, ports=[server.submission], mode="starttls"),
        "wrapper": sl.probe(HOST, ports=[server.wrapper], mode="wrapper"),
        "mismatch": sl.probe(HOST, ports=[server.submission], mode="wrapper", versions=False),
        "good": sl.probe(HOST, ports=[server.submission], mode="starttls", password=GOOD[1], versions=False, **own),
        "bad": sl.probe(HOST, ports=[server.submission], mode="starttls", password=WRONG, versions=False, **own),
    }
    for name, told in answers.items():
        (out / f"{name}.json").write_text(json.dumps(json.loads(told.to_json()), indent=1))
