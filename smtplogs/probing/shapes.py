"""The shape of a provider's credentials beside what was given, and the commands that a person would type."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

import polars as pl

from smtplogs.replies.placing import provider_by_marks, providers

if TYPE_CHECKING:
    from smtplogs.probing.sessions import Seen

_SHAPES = {"literally": r"the word ([a-z]+)", "word": r"^the word ([a-z]+)$", "name": r"^([A-Z][A-Za-z]*_[A-Za-z]+)$"}


def misshapen(host: str, user: str) -> str | None:
    """Say how a user name differs from what the provider of this host wants; None if it does not, or is not known.

    The rules come from the field `user` of `replies/providers.toml`: a literal word, an access key by its first
    letters, or a whole address. Known false positive: a provider that changed its rules.
    """
    marks = pl.DataFrame({"text": [""], "server": [host.lower()]})
    name = marks.select(provider_by_marks(pl.col("text"), pl.col("server"))).item()
    entry = next((p for p in providers() if p["name"] == name), None)
    wants = (entry or {}).get("user") or ""
    literal = next((m[1] for shape in _SHAPES.values() if (m := re.search(shape, wants))), None)
    begins = re.search(r"begin with ([A-Z]+)", wants)
    whole = wants.startswith(("the whole address", "the whole iCloud"))
    wrong = (
        (literal is not None and user != literal)
        or (begins is not None and not user.startswith(begins[1]))
        or (whole and "@" not in user)
    )
    if not wrong or entry is None:
        return None
    return f"{name} wants as user name {wants}; as secret {entry['secret']}. The name given has another shape"


def commands(seen: Seen, user: str | None = None, mechanism: str | None = None) -> list[str]:
    """Return the `openssl s_client` and `swaks` commands that repeat what was asked; swaks asks for the secret.

    `-ign_eof` lets openssl send lines that begin with Q or R, which it would take for orders to itself.
    """
    target = seen.target
    place = f"[{target.host}]:{target.port}" if ":" in target.host else f"{target.host}:{target.port}"
    name = "" if re.fullmatch(r"[0-9.]+|.*:.*", target.host) else f" -servername {shlex.quote(target.host)}"
    tls = "" if target.mode == "wrapper" else " -starttls smtp"
    ca = f" -CAfile {shlex.quote(str(target.cafile))}" if target.cafile else ""
    openssl = f"openssl s_client -connect {shlex.quote(place)}{tls}{name}{ca} -crlf -ign_eof"
    mode = "--tls-on-connect" if target.mode == "wrapper" else "--tls-optional"
    swaks = f"swaks --server {shlex.quote(target.host)} --port {target.port} {mode}"
    if user is None:
        return [openssl, f"{swaks} --quit-after EHLO"]
    auth = f" --auth {mechanism}" if mechanism else " --auth"
    return [openssl, f"{swaks}{auth} --auth-user {shlex.quote(user)} --quit-after AUTH"]
