"""One machine for one server: a root laid over the unpacked packages, loopback up, and a syslogd that writes what comes.

All of it happens in namespaces of its own (`unshare --net --mount --pid`): nothing is reachable from outside, and
every process and mount ends with the first one.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time
from pathlib import Path
from typing import IO, Any

from live.roots import devices

HOST = "mx1"


def loopback_up() -> None:
    """Bring the loopback interface of this network namespace up."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, 0x8914, struct.pack("16sH14s", b"lo", 0x1 | 0x40, b""))  # SIOCSIFFLAGS: up, running


def laid_over(template: Path, folder: Path) -> Path:
    """Mount a writable root over a template; return it."""
    upper, work, root = (folder / name for name in ("upper", "work", "root"))
    for made in (upper, work, root):
        made.mkdir(parents=True)
    options = f"lowerdir={template.resolve()},upperdir={upper},workdir={work}"
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, str(root)], check=True)
    subprocess.run(["mount", "-t", "proc", "proc", str(root / "proc")], check=True)
    devices(root)
    if not (root / "usr/bin/sh").exists():
        (root / "usr/bin/sh").symlink_to("dash")
    certificate(root / "etc")
    return root


def certificate(folder: Path) -> None:
    """Make a self-signed certificate and its key."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "9", "-subj", "/CN=mx1.example.net",
         "-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")], check=True, capture_output=True,
    )  # fmt: skip
    (folder / "key.pem").chmod(0o644)  # servers that gave up root read it too


def run(root: Path, *command: str, check: bool = True, stdin: str = "", **how: Any) -> str:
    """Run a command in the root; return what it printed."""
    done = subprocess.run(
        ["chroot", str(root), *command], input=stdin, capture_output=True, text=True, env=_environment(), timeout=60, **how
    )
    if check and done.returncode:
        raise OSError(f"{' '.join(command)}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def start(root: Path, out: IO[bytes], *command: str) -> subprocess.Popen[bytes]:
    """Start a daemon in the root."""
    return subprocess.Popen(
        ["chroot", str(root), *command], stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=_environment(),
        start_new_session=True,
    )  # fmt: skip


def stop(process: subprocess.Popen[bytes]) -> None:
    """Stop a daemon that we started, and the processes of its own session that would outlive it."""
    process.send_signal(signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(5)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(5)


def listening(*ports: int, within: float = 15) -> None:
    """Wait until ports answer. Raises TimeoutError."""
    until = time.monotonic() + within
    for port in ports:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                if time.monotonic() > until:
                    raise TimeoutError(f"nothing listens on port {port}") from None
                time.sleep(0.05)


class Syslog:
    """A syslogd in small: what arrives at /dev/log of a root is written with the host's name, as rsyslog does."""

    def __init__(self, root: Path, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        place = root / "dev" / "log"
        place.unlink(missing_ok=True)
        self.socket.bind(str(place))
        place.chmod(0o666)
        self.file = path.open("ab", buffering=0)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while data := self.socket.recv(65536):
            text = data.rstrip(b"\n\0").partition(b">")[2]
            escaped = b"".join(b"#%03o" % b if b < 32 or b == 127 else bytes([b]) for b in text)
            self.file.write(escaped[:15] + b" " + HOST.encode() + escaped[15:] + b"\n")


def remove(folder: Path) -> None:
    """Unmount and remove what `laid_over` made."""
    for name in ("root/proc", "root"):
        subprocess.run(["umount", "-l", str(folder / name)], check=False, capture_output=True)
    shutil.rmtree(folder, ignore_errors=True)


def _environment() -> dict[str, str]:
    return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "TZ": "UTC", "LC_ALL": "C", "HOME": "/root", "MAIL_CONFIG": "/etc/postfix"} | (
        {"LANG": os.environ["LANG"]} if "LANG" in os.environ else {}
    )
