"""Smaller SMTP servers, each by itself: Haraka, aiosmtpd, chasquid, qpsmtpd, smtp-server."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from live.client import Truth
from live.machine import Syslog, listening, run, start, stop
from live.scenarios import GOOD, OTHER, Server, common, pause, together

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path
    from typing import BinaryIO

VARIANTS = ("haraka", "haraka_protocol", "haraka_json", "aiosmtpd", "chasquid", "qpsmtpd", "nodemailer")

LEVELS = {"haraka_protocol": "protocol", "haraka_json": "protocol"}
"""Of Haraka's log, where it is not its default, INFO."""

PORTS = {"submission": 10587, "wrapper": 10465, "plain": 10500, "closed": 10500}


def record(root: Path, out: Path, variant: str, versions: dict[str, str], swaks: str | None) -> tuple[Truth, Server]:
    """Start the server, let clients come, stop it; its log is in `out`."""
    Syslog(root, out / "syslog.log")
    truth = Truth()
    server = Server("smaller", **PORTS, cram=variant.startswith("haraka"), versions=versions)
    log = out / f"{variant.partition('_')[0]}.log"
    with log.open("wb") as errors:
        processes = STARTED[variant.partition("_")[0]](root, errors, variant)
        listening(*PORTS.values())
        together(common(truth, server, swaks))
        pause(2)
        for process in processes:
            stop(process)
    for written in (log, out / "syslog.log"):
        if not written.stat().st_size:
            written.unlink()
    return truth, server


def _haraka(root: Path, errors: BinaryIO, variant: str) -> list[subprocess.Popen[bytes]]:
    home = root / "opt/haraka"
    plugins = "tls\nauth/flat_file\nrcpt_to.in_host_list\nqueue/discard\n"
    config = {
        "me": "mx1.example.net", "host_list": "example.com\nexample.org", "plugins": plugins,
        "smtp.ini": f"listen=[::0]:{PORTS['plain']},[::0]:{PORTS['submission']},[::0]:{PORTS['wrapper']}\nsmtps_port={PORTS['wrapper']}\nnodes=0\n",
        "log.ini": f"level={LEVELS.get(variant, 'info')}\ntimestamps=true\n"
        + ("format=json\n" if variant.endswith("json") else "format=default\n"),
        "auth_flat_file.ini": "[core]\nmethods=PLAIN,LOGIN,CRAM-MD5\n[users]\n" + "".join(f"{u}={p}\n" for u, p in (GOOD, OTHER)),
        "tls.ini": "key=/etc/key.pem\ncert=/etc/cert.pem\n",
    }  # fmt: skip
    (home / "config").mkdir(parents=True)
    (home / "plugins").mkdir()
    shutil.copytree(root / "opt/node/node_modules/Haraka/config", home / "config", dirs_exist_ok=True)
    for name, text in config.items():
        (home / "config" / name).write_text(text)
    return [start(root, errors, "node", "/opt/node/node_modules/Haraka/bin/haraka", "-c", "/opt/haraka")]


STARTED = {"haraka": _haraka}
"""How each is started."""
