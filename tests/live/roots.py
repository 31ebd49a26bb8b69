"""Throw-away roots: Debian packages of a release fetched by apt and unpacked, nothing installed, nothing configured."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

RELEASES = ("bookworm", "trixie")

TOOLS = ("dash", "coreutils", "sed", "grep", "findutils", "diffutils", "openssl")
"""What the servers' own scripts call; essential packages are in no package's dependencies."""

POSTFIX = (
    "postfix", "libsasl2-modules", "libsasl2-modules-db", "sasl2-bin", "libpam-modules", "dovecot-imapd", "dovecot-pop3d",
    "dovecot-submissiond", "dovecot-managesieved", "dovecot-ldap", "dovecot-sqlite",
)  # fmt: skip

PACKAGES = {
    "postfix": POSTFIX,
    "fronts": (*POSTFIX, "nginx", "libnginx-mod-mail", "haproxy", "perdition", "stunnel4"),
    "exim": ("exim4-daemon-heavy", "libsasl2-modules", "libsasl2-modules-db", "sasl2-bin", "libpam-modules", "dovecot-core"),
    "opensmtpd": ("opensmtpd",),
    "sendmail": ("sendmail-bin", "sendmail-cf", "m4", "sasl2-bin", "libsasl2-modules"),
    "courier": ("courier-mta", "courier-imap", "courier-pop", "courier-authdaemon", "perl-base"),
    "smaller": ("chasquid", "python3-aiosmtpd", "nodejs"),
    "mailboxes": ("cyrus-imapd", "cyrus-pop3d", "sasl2-bin", "libsasl2-modules", "libsasl2-modules-db", "perl-base"),
    "clients": (
        "php-cli", "php-mbstring", "libphp-phpmailer", "php-net-smtp", "php-symfony-mailer", "libmail-java", "libjakarta-mail-java",
        "default-jdk-headless", "nodejs", "node-nodemailer", "ruby", "python3", "libio-socket-ssl-perl", "libauthen-sasl-perl",
        "libdigest-hmac-perl", "msmtp", "curl", "swaks", "mutt", "neomutt", "s-nail", "sendemail", "nullmailer", "libsasl2-modules",
    ),
}  # fmt: skip
"""A root each: these conflict with one another."""

BESIDE = {"clients": (("roundcube-core", "roundcube-sqlite3"), ("dma",), ("ssmtp",), ("esmtp-run", "esmtp"))}
"""Packages of the same root that conflict with others in it, as they would if they were installed."""

NODE = {"smaller": ("Haraka",)}
"""Packages of npm that are put under /opt/node of a root; they need a Node of 20 or later."""

FURTHER = {
    "services": "postfix",
    "databases": "postfix",
    "cyrus": "postfix",
    "outages": "postfix",
    "modes": "postfix",
    "eximauth": "exim",
}
"""Set-ups that are played in the root of another one."""


DRAWN_ROOTS = {
    "postfix": "postfix", "cyrus": "postfix", "exim": "exim", "eximauth": "exim", "sendmail": "sendmail", "opensmtpd": "opensmtpd",
    "courier": "courier", "smaller": "smaller",
}  # fmt: skip
"""Servers whose settings are drawn at random, and whose roots they are played in."""


def root_of(server: str, variant: str) -> str:
    """Return whose root a set-up is played in."""
    if server == "relaying":
        return "exim" if variant == "exim" else "postfix"
    if server == "drawn":
        return DRAWN_ROOTS[variant.partition("_")[0]]
    return FURTHER.get(server, server)


ACCOUNTS = {
    "root": 0, "mail": 8, "nobody": 65534, "postfix": 110, "postdrop": 111, "dovecot": 112, "dovenull": 113, "vmail": 1005,
    "Debian-exim": 115, "opensmtpd": 116, "opensmtpq": 117, "smmta": 118, "smmsp": 119, "alice": 1001, "bob": 1002,
    "carol": 1003, "owner": 1004,
}  # fmt: skip

UNUSED = ("/usr/share/doc", "/usr/share/man", "/usr/share/locale", "/usr/share/i18n", "/usr/lib/x86_64-linux-gnu/gconv")


def missing() -> str | None:
    """Return why the servers cannot be run here, or null."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "needs root on Linux: the servers are started in chroots and change their users"
    for tool in ("apt-get", "dpkg-deb", "unshare", "tar", "openssl"):
        if shutil.which(tool) is None:
            return f"needs {tool}"
    if subprocess.run(["unshare", "--net", "--mount", "--pid", "--fork", "true"], capture_output=True).returncode:
        return "namespaces are not allowed here: the servers would be reachable from outside"
    return None


def fetch(cache: Path, release: str, server: str) -> list[Path]:
    """Download what a server of a release needs; return the packages. Raises CalledProcessError where apt cannot."""
    state = cache / release
    archives = state / server
    done = archives / "complete"
    wanted = [*PACKAGES[server], *TOOLS]
    if not done.exists() or done.read_text().split() != wanted:
        (archives / "partial").mkdir(parents=True, exist_ok=True)
        for group in (wanted, *BESIDE.get(server, ())):
            options = ["install", "-y", "--download-only", "--no-install-recommends", *group]
            subprocess.run(
                [*_apt(state), "-o", f"Dir::Cache::archives={archives}", *options], check=True, capture_output=True
            )
        done.write_text("\n".join(wanted))
    return sorted(archives.glob("*.deb"))


def with_node(cache: Path, release: str, server: str, root: Path) -> dict[str, str]:
    """Install what a server needs of npm into a root, without running anything of it; return package -> version."""
    wanted = NODE.get(server, ())
    if not wanted:
        return {}
    kept = cache / release / f"{server}.npm"
    if not (kept / "node_modules").exists():
        kept.mkdir(parents=True, exist_ok=True)
        install = ["npm", "install", "--ignore-scripts", "--omit=optional", "--prefix", str(kept), *wanted]
        subprocess.run(install, check=True, capture_output=True)
    shutil.copytree(kept / "node_modules", root / "opt/node/node_modules", symlinks=True, dirs_exist_ok=True)
    manifests = {name: json.loads((kept / "node_modules" / name / "package.json").read_text()) for name in wanted}
    return {name: manifest["version"] for name, manifest in manifests.items()}


def unpack(packages: list[Path], root: Path) -> dict[str, str]:
    """Unpack packages into a root with accounts; return package -> version."""
    for name in ("bin", "sbin", "lib", "lib64"):
        (root / "usr" / name).mkdir(parents=True, exist_ok=True)
        (root / name).symlink_to(f"usr/{name}")
    versions = {}
    for package in packages:
        name, version, _ = package.name.split("_", 2)
        versions[name] = version.replace("%3a", ":")
        files = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(package)], stdout=subprocess.PIPE)
        skip = [f"--exclude=.{folder}/*" for folder in UNUSED]
        subprocess.run(
            ["tar", "-x", "--keep-directory-symlink", "-C", str(root), *skip], stdin=files.stdout, check=True
        )
        if files.wait():
            raise OSError(f"cannot unpack {package}")
    for folder in ("etc", "dev", "tmp", "run", "var/run", "var/log", "var/mail", "var/spool", "proc"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "tmp").chmod(0o1777)
    lines = [f"{name}:x:{number}:{number}::/var/mail/{name}:/bin/sh" for name, number in ACCOUNTS.items()]
    (root / "etc/passwd").write_text("".join(f"{line}\n" for line in lines))
    (root / "etc/group").write_text("".join(f"{name}:x:{number}:\n" for name, number in ACCOUNTS.items()))
    (root / "etc/hosts").write_text("127.0.0.1 localhost\n127.0.0.1 mx1.example.net mx1\n")
    (root / "etc/nsswitch.conf").write_text(
        "passwd: files\ngroup: files\nshadow: files\nhosts: files\nservices: files\n"
    )
    (root / "etc/resolv.conf").write_text("")
    (root / "etc/localtime").unlink(missing_ok=True)
    return versions


def devices(root: Path) -> None:
    """Make the few devices that a server opens."""
    for name, minor in (("null", 3), ("zero", 5), ("random", 8), ("urandom", 9)):
        node = root / "dev" / name
        if not node.exists():
            os.mknod(node, 0o20666, os.makedev(1, minor))
            node.chmod(0o666)


def _apt(state: Path) -> list[str]:
    settings = {
        "Dir::State": state / "state", "Dir::State::status": state / "status", "Dir::Cache": state / "cache",
        "Dir::Etc::sourcelist": state / "sources.list", "Dir::Etc::sourceparts": "-", "APT::Sandbox::User": "root",
        "APT::Install-Recommends": "false", "Acquire::Languages": "none", "Debug::NoLocking": "true",
    }  # fmt: skip
    return ["apt-get", "-q", *(part for key, value in settings.items() for part in ("-o", f"{key}={value}"))]


def refreshed(state: Path) -> None:
    """Read a release's index, once, from the mirror that this machine uses, into a state of our own."""
    if (state / "updated").exists():
        return
    listing = ["apt-get", "indextargets", "--format", "$(SITE) $(COMPONENT) $(ORIGIN)", "Created-By: Packages"]
    found = subprocess.run(listing, check=True, capture_output=True, text=True).stdout.splitlines()
    sites = [
        site
        for site, component, origin in (line.split(" ", 2) for line in found)
        if component == "main" and origin == "Debian"
    ]
    if not sites:
        raise OSError("no Debian mirror among the sources of apt")
    for folder in ("state/lists/partial", "cache/archives/partial"):
        (state / folder).mkdir(parents=True, exist_ok=True)
    (state / "status").touch()
    plain = next((site for site in sites if not site.endswith("security")), sites[0])
    (state / "sources.list").write_text(f"deb {plain} {state.name} main\n")
    subprocess.run([*_apt(state), "update"], check=True, capture_output=True)
    (state / "updated").touch()
