"""Record one server: start it in its root, let the clients come, keep log and truth.

Run inside namespaces of its own: `unshare --net --mount --pid --fork --kill-child python -m live.record ...`.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from pathlib import Path

from live import (
    clients,
    courier,
    cyrus,
    databases,
    drawn_servers,
    exim,
    eximauth,
    fronts,
    mailboxes,
    modes,
    opensmtpd,
    outages,
    postfix,
    relaying,
    sendmail,
    services,
    smaller,
)
from live.machine import laid_over, loopback_up, remove
from live.smarthost import RELAYS

SERVERS = {
    "postfix": postfix,
    "services": services,
    "smaller": smaller,
    "courier": courier,
    "cyrus": cyrus,
    "databases": databases,
    "exim": exim,
    "eximauth": eximauth,
    "relaying": relaying,
    "opensmtpd": opensmtpd,
    "sendmail": sendmail,
    "clients": clients,
    "mailboxes": mailboxes,
    "modes": modes,
    "fronts": fronts,
    "outages": outages,
    "drawn": drawn_servers,
}


def main() -> int:
    """`python -m live.record TEMPLATE OUT SERVER VARIANT [SWAKS]`."""
    template, out, server, variant = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4]
    swaks = sys.argv[5] if len(sys.argv) > 5 else None
    loopback_up()
    out.mkdir(parents=True, exist_ok=True)
    work = out / "machine"
    root = laid_over(template / "root", work)
    versions = json.loads((template / "versions.json").read_text())["versions"]
    began = time.monotonic()
    try:
        truth, running = SERVERS[server].record(root, out, variant, versions, swaks)
        facts = {
            "software": server,
            "variant": variant,
            "versions": versions,
            "seconds": round(time.monotonic() - began, 1),
        }
        ports = {name: getattr(running, name) for name in ("submission", "wrapper", "plain", "closed")}
        addresses = (
            {name: h.address for name, h in relaying.HOSTS.items()}
            if server == "relaying"
            else RELAYS
            if truth.relays
            else {}
        )
        (out / "truth.json").write_text(
            json.dumps(
                facts | {"ports": ports, "relay_addresses": addresses} | truth.as_json(), indent=1, ensure_ascii=False
            )
        )
    finally:
        remove(work)
        shutil.rmtree(work, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
