"""The arguments of `probe` checked: which server, which ports, which login."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from smtplogs.probing.logins import MECHANISMS, WITH_TOKEN, Login

if TYPE_CHECKING:
    from collections.abc import Sequence

PORTS_IN_TURN = (25, 465, 587)
"""Ports that are asked unless some are named: relaying, and the two of submission (RFC 8314)."""


def check_way(mode: str, ip: int | None, timeout: float) -> None:
    """Complain of a way to ask that there is not."""
    if mode not in ("auto", "wrapper", "starttls"):
        raise ValueError(f"mode={mode!r} must be auto, wrapper or starttls")
    if ip not in (None, 4, 6):
        raise ValueError(f"ip={ip!r} must be 4 or 6")
    if not timeout > 0:
        raise ValueError(f"timeout={timeout!r} must be more than 0 seconds")


def ports_to_ask(port: int | None, ports: Sequence[int] | None) -> list[int]:
    """Return the ports to ask, each once: the one written behind the host, else those given, else the usual ones."""
    chosen = [port] if port is not None else list(PORTS_IN_TURN if ports is None else dict.fromkeys(ports))
    wrong = [p for p in chosen if not 0 < p < 65536]
    if wrong or not chosen:
        raise ValueError(f"ports={wrong!r}: a port is a number from 1 to 65535")
    return chosen


def host_and_port(host: str) -> tuple[str, int | None]:
    """Split `host:port`, `[address]:port`; a bare IPv6 address has no port."""
    found = re.fullmatch(r"\[([0-9A-Fa-f:.%a-z]+)\](?::([0-9]{1,5}))?|([^\s:\[\]/@]+)(?::([0-9]{1,5}))?", host)
    if found is None:
        if re.fullmatch(r"[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*", host):
            return host, None
        raise ValueError("write the server as HOST, HOST:PORT or [IPV6]:PORT")
    port = found[2] or found[4]
    return found[1] or found[3], int(port) if port else None


def login_of(user: str | None, password: str | None, token: str | None, mechanism: str | None) -> Login | None:
    """Return the login to try, None if no user is given; complain of a secret that does not go with it."""
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
