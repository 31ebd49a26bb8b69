"""Smaller SMTP servers, each by itself: Haraka, aiosmtpd, chasquid."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from live.client import PASSWORD, Truth
from live.machine import Syslog, listening, run, start, stop
from live.scenarios import GOOD, OTHER, Server, common, pause, together

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path
    from typing import BinaryIO

VARIANTS = ("haraka", "haraka_protocol", "haraka_json", "aiosmtpd", "chasquid")

AIOSMTPD = """\
import asyncio, logging, ssl, sys
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink
from aiosmtpd.smtp import AuthResult, LoginPassword

logging.basicConfig(level=logging.DEBUG, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
logging.getLogger("asyncio").setLevel(logging.WARNING)
KNOWN = {b"alice@example.com": b"PASSWORD", b"bob@example.com": b"PASSWORD"}

def judge(server, session, envelope, mechanism, given):
    good = isinstance(given, LoginPassword) and KNOWN.get(given.login) == given.password
    return AuthResult(success=good, handled=False)

tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
tls.load_cert_chain("/etc/cert.pem", "/etc/key.pem")
plain, submission, wrapper = map(int, sys.argv[1:])
common = {"hostname": "", "authenticator": judge}
for port, how in ((plain, {"auth_require_tls": False}), (submission, {"tls_context": tls, "require_starttls": True}), (wrapper, {"ssl_context": tls, "auth_require_tls": False})):
    Controller(Sink(), port=port, ready_timeout=5, **common, **how).start()
import threading; threading.Event().wait()
""".replace("PASSWORD", PASSWORD)

LEVELS = {"haraka_protocol": "protocol", "haraka_json": "protocol"}
"""Of Haraka's log, where it is not its default, INFO."""

PORTS = {"submission": 10587, "wrapper": 10465, "plain": 10500, "closed": 10500}
CLOSED = 10025


def record(root: Path, out: Path, variant: str, versions: dict[str, str], swaks: str | None) -> tuple[Truth, Server]:
    """Start the server, let clients come, stop it; its log is in `out`."""
    Syslog(root, out / "syslog.log")
    truth = Truth()
    ports = PORTS | ({"plain": PORTS["wrapper"], "closed": CLOSED} if variant == "chasquid" else {})
    cram, wrapped = variant.startswith("haraka"), variant == "chasquid"  # chasquid takes no login in clear
    server = Server("smaller", **ports, cram=cram, plain_in_tls=wrapped, versions=versions)
    log = out / f"{variant.partition('_')[0]}.log"
    with log.open("wb") as errors:
        processes = STARTED[variant.partition("_")[0]](root, errors, variant)
        listening(*ports.values())
        together(common(truth, server, swaks))
        pause(2)
        for process in processes:
            stop(process)
    if (mails := root / "var/log/mail.log").exists():
        (out / "mail.log").write_bytes(mails.read_bytes())
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


def _aiosmtpd(root: Path, errors: BinaryIO, variant: str) -> list[subprocess.Popen[bytes]]:
    (root / "opt/served.py").write_text(AIOSMTPD)
    ports = [str(PORTS[name]) for name in ("plain", "submission", "wrapper")]
    return [start(root, errors, "python3", "/opt/served.py", *ports)]


def _chasquid(root: Path, errors: BinaryIO, variant: str) -> list[subprocess.Popen[bytes]]:
    etc = root / "etc/chasquid"
    (etc / "chasquid.conf").write_text(
        'hostname: "mx1.example.net"\nmax_data_size_mb: 1\nsuffix_separators: "+"\n'
        f'smtp_address: "127.0.0.1:{CLOSED}"\nsubmission_address: ":{PORTS["submission"]}"\n'
        f'submission_over_tls_address: ":{PORTS["wrapper"]}"\nmail_delivery_agent_bin: "/usr/bin/true"\n'
        'data_dir: "/var/lib/chasquid"\nmail_log_path: "/var/log/mail.log"\n'
    )
    for folder in ("certs/mx1.example.net", "domains/example.com"):
        (etc / folder).mkdir(parents=True, exist_ok=True)
    (etc / "certs/mx1.example.net/fullchain.pem").write_text((root / "etc/cert.pem").read_text())
    (etc / "certs/mx1.example.net/privkey.pem").write_text((root / "etc/key.pem").read_text())
    (root / "var/lib/chasquid").mkdir(parents=True, exist_ok=True)
    for user, password in (GOOD, OTHER):
        run(root, "chasquid-util", "-C=/etc/chasquid", "user-add", user, f"--password={password}", check=False)
    return [start(root, errors, "chasquid", "-logtime=true")]


STARTED = {"haraka": _haraka, "aiosmtpd": _aiosmtpd, "chasquid": _chasquid}
"""How each is started."""
