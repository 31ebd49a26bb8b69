"""All servers: fetch, unpack, record each in namespaces of its own, several at a time; return what could be recorded."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from live.roots import DRAWN_ROOTS as KINDS
from live.roots import RELEASES, fetch, missing, refreshed, root_of, unpack, with_node

SETUPS = (
    *((release, "postfix", variant) for variant in ("quiet", "verbose", "debug") for release in RELEASES),
    *((release, "exim", variant) for variant in ("bare", "all", "syslog") for release in RELEASES),
    ("trixie", "opensmtpd", "default"),
    ("bookworm", "sendmail", "level9"),
    ("trixie", "sendmail", "level14"),
    ("trixie", "services", "told"),
    ("bookworm", "services", "quiet"),
    ("trixie", "services", "busy"),
    ("bookworm", "databases", "told"),
    ("trixie", "databases", "quiet"),
    ("trixie", "cyrus", "saslauthd"),
    ("bookworm", "cyrus", "sasldb"),
    ("trixie", "eximauth", "dovecot"),
    ("bookworm", "eximauth", "saslauthd"),
    ("trixie", "eximauth", "cyrus"),
    ("trixie", "relaying", "postfix"),
    ("bookworm", "relaying", "postfix_hard"),
    ("bookworm", "relaying", "exim"),
    ("trixie", "opensmtpd", "odd"),
    ("bookworm", "sendmail", "odd"),
    ("trixie", "outages", "told"),
    ("bookworm", "outages", "quiet"),
    ("trixie", "mailboxes", "cyrus"),
    ("bookworm", "mailboxes", "cyrus"),
    ("trixie", "courier", "quiet"),
    ("bookworm", "courier", "told"),
    ("trixie", "smaller", "haraka"),
    ("trixie", "smaller", "haraka_protocol"),
    ("trixie", "smaller", "haraka_json"),
    ("trixie", "smaller", "aiosmtpd"),
    ("trixie", "smaller", "chasquid"),
    ("trixie", "modes", "plain"),
    ("bookworm", "modes", "plain"),
    ("bookworm", "modes", "told"),
    ("trixie", "fronts", "nginx"),
    ("bookworm", "fronts", "nginx_syslog"),
    ("trixie", "fronts", "haproxy"),
    ("bookworm", "fronts", "stunnel"),
    ("trixie", "fronts", "perdition"),
)
"""Release of Debian, server, variant. OpenSMTPD 6.8.0p2 of bookworm cannot do TLS with the OpenSSL there."""

ASKED = (("trixie", "postfix", "asked"), ("trixie", "exim", "asked"))
"""Set-ups at which nothing happens but `smtplogs probe`."""

SEEDS = tuple(int(word) for word in os.environ.get("LIVE_SEEDS", "1").split())

DRAWN = tuple(
    (release, "drawn", f"{server}_{seed}")
    for seed in SEEDS
    for server in KINDS
    for release in RELEASES
    if (release, server) not in (("bookworm", "opensmtpd"), ("bookworm", "smaller"))
)
"""Set-ups whose settings and sessions are drawn at random, by a seed."""

PRINTED = (("bookworm", "clients", "many"), ("trixie", "clients", "many"))
"""Set-ups that are about what mailing programs print."""

AT_ONCE = 5
LIMIT = 480
"""Seconds that one recording may take; the slowest are programs that wait for relays that do not answer, 250."""

TESTS = Path(__file__).parent.parent


def prepared(cache: Path, setups: tuple[tuple[str, str, str], ...] = (*SETUPS, *DRAWN, *PRINTED)) -> None:
    """Fetch and unpack what the setups need into the cache. Raises OSError or CalledProcessError where apt cannot."""
    wanted = sorted({(release, root_of(server, variant)) for release, server, variant in setups})
    for release in sorted({r for r, _ in wanted}):
        refreshed(cache / release)
    with ThreadPoolExecutor(4) as pool:
        packages = list(pool.map(lambda w: fetch(cache, *w), wanted))
    for (release, server), files in zip(wanted, packages, strict=True):
        template = cache / release / f"{server}.root"
        known = template / "versions.json"
        names = [file.name for file in files]
        if known.exists() and json.loads(known.read_text())["packages"] == names:
            continue
        shutil.rmtree(template, ignore_errors=True)
        (template / "root").mkdir(parents=True)
        versions = unpack(files, template / "root")
        versions |= with_node(cache, release, server, template / "root")
        known.write_text(json.dumps({"packages": names, "versions": versions}))


def recorded(cache: Path, out: Path, setup: tuple[str, str, str]) -> str | None:
    """Record one setup into `out/release-server-variant`; return what went wrong, or null."""
    release, server, variant = setup
    folder = out / "-".join(setup)
    swaks = shutil.which("swaks")
    apart = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child"]
    asked = [
        str(cache / release / f"{root_of(server, variant)}.root"),
        str(folder),
        server,
        variant,
        *([swaks] if swaks else []),
    ]
    try:
        done = subprocess.run(
            [*apart, sys.executable, "-m", "live.record", *asked], capture_output=True, text=True, timeout=LIMIT,
            env=os.environ | {"PYTHONPATH": str(TESTS)}, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return f"took more than {LIMIT} s"
    return None if done.returncode == 0 else (done.stderr or done.stdout)[-800:]


def main() -> int:
    """`python -m live.play CACHE OUT [SETUP ...]`: a setup is named release-server-variant; `drawn`: all that are drawn."""
    cache, out = Path(sys.argv[1]), Path(sys.argv[2])
    asked = sys.argv[3:]
    setups = tuple(s for s in (*SETUPS, *ASKED, *PRINTED) if not asked or "-".join(s) in asked)
    setups += tuple(s for s in DRAWN if "-".join(s) in asked or "drawn" in asked)
    if reason := missing():
        print(f"not run: {reason}")
        return 3
    began = time.monotonic()
    try:
        prepared(cache, setups)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"not run: the packages cannot be fetched: {error}")
        return 3
    print(f"packages ready after {time.monotonic() - began:.0f} s")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        problems = list(pool.map(lambda setup: recorded(cache, out, setup), setups))
    for setup, problem in zip(setups, problems, strict=True):
        print("-".join(setup), problem or "recorded")
    print(f"recorded after {time.monotonic() - began:.0f} s")
    return 1 if any(problems) else 0


if __name__ == "__main__":
    sys.exit(main())
