"""What an AUTH command gives away: mechanism and user; the secrets in it are named only so that they can be cut."""

from __future__ import annotations

import base64
import binascii
import functools
import re
from typing import NamedTuple

MECHANISMS = (
    "PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5", "NTLM", "GSSAPI", "GSS-SPNEGO", "XOAUTH2", "OAUTHBEARER", "EXTERNAL",
    "ANONYMOUS", "OTP", "KERBEROS_V4", "SRP", "XOAUTH", "SCRAM-SHA-1", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256",
    "SCRAM-SHA-256-PLUS", "SCRAM-SHA-512", "SCRAM-SHA-512-PLUS", "PLAIN-CLIENTTOKEN", "XYMCOOKIE",
)  # fmt: skip
"""Names of SASL mechanisms as servers offer them. Any other word behind AUTH may as well be a password."""

_ONE = "|".join(re.escape(m) for m in sorted(MECHANISMS, key=len, reverse=True))
MECHANISM = rf"(?:{_ONE})"
"""Regex of one name."""

COMMAND = rf"(?i)^AUTH[ \t=]+({_ONE})(?:[ \t]+(.*))?$"
"""Regex of an AUTH command: mechanism, initial response."""

_DIGEST_USER = re.compile(r'(?:^|,) *username="((?:[^"\\]|\\.)*)"')
CUT = "[redacted]"
"""What stands in place of a secret that was cut."""

_MASKED = frozenset(
    {
        "***",
        "*",
        "=",
        "",
        "<authentication response>",
        "<Binary Data>",
        CUT,
        "[credentials hidden]",
        "<credentials hidden>",
        "&lt;credentials hidden&gt;",
        "/* secured */",
    }
)


_HIDDEN = "/* secret */"
_PLACEHOLDERS = _MASKED | {_HIDDEN}
"""What clients put in place of the password itself: ours, nodemailer."""


class Given(NamedTuple):
    """What a client gave: the user it named, every text that must not be kept, whether a secret could be read in them."""

    user: str | None
    secrets: tuple[str, ...]
    leaks: bool = False


@functools.lru_cache(maxsize=1 << 14)
def given(mechanism: str | None, responses: tuple[str, ...]) -> Given:
    r"""Read the responses of one AUTH exchange, the initial one first.

    Parameters
    ----------
    mechanism
        Name in upper case; None: not known, so that nothing is read, and all is secret.
    responses
        What the client sent, in base64, as far as the log shows it. hMailServer masks parts of it by `***`.

    Returns
    -------
    Given
        The user in clear text (None: not told, or not readable); the responses, and passwords in them in clear text.

    Examples
    --------
    >>> given("PLAIN", ("AGFubgBzM2NyZXQ=",)).user
    'ann'
    """
    texts = tuple(t.strip() for t in responses)
    clear = [_decoded(t.partition(" ")[0]) for t in texts]
    first = next((c for c in clear if c), None)
    user: str | None = None
    hidden: list[str] = []
    if mechanism == "PLAIN" and first is not None:
        parts = first.split("\0")
        user = parts[1] if len(parts) == 3 else first if "\0" not in first else None
        hidden = parts[2:]
    elif mechanism == "LOGIN":
        user = clear[0] if clear else None
        hidden = [c for c in clear[1:] if c]
    elif mechanism == "CRAM-MD5" and first is not None:
        known = first.endswith(f" {_HIDDEN}")
        user, _, proof = (first.removesuffix(_HIDDEN).rstrip(), "", _HIDDEN) if known else first.rpartition(" ")
        hidden = [proof]
    elif mechanism in {"XOAUTH2", "OAUTHBEARER"} and first is not None:
        user, hidden = _of_token(first)
    elif mechanism == "DIGEST-MD5":
        found = [m[1] for c in clear if c and (m := _DIGEST_USER.search(c))]
        user = found[0] if found else None
        hidden = [c for c in clear if c]
    elif mechanism and mechanism.startswith("SCRAM-") and first is not None:
        user = next((p[2:].replace("=2C", ",").replace("=3D", "=") for p in first.split(",") if p[:2] == "n="), None)
        hidden = [c for c in clear[1:] if c]
    elif mechanism == "EXTERNAL":
        user = first
    else:
        hidden = [c for c in clear if c]
    secrets = (*texts, *hidden)
    proofs = () if mechanism == "EXTERNAL" else texts[1:] if mechanism == "LOGIN" else texts
    leaks = (
        any(h not in _PLACEHOLDERS for h in hidden)
        or CUT in proofs
        or any(t not in _MASKED and _decoded(t.partition(" ")[0]) is None for t in proofs)
    )
    return Given(user or None, tuple(dict.fromkeys(s for s in secrets if s not in _MASKED and len(s) > 2)), leaks)


def _of_token(text: str) -> tuple[str | None, list[str]]:
    """Take user and token out of an XOAUTH2 (`user=`) or OAUTHBEARER (`n,a=user,`) response."""
    parts = text.split("\1")
    user = next((p[5:] for p in parts if p.startswith("user=")), None)
    user = user or next((p[2:] for p in parts[0].split(",") if p.startswith("a=")), None)
    tokens = [p.partition("=")[2] for p in parts if p.startswith("auth=")]
    return user, [*tokens, *(t.partition(" ")[2] for t in tokens)]


def _decoded(text: str) -> str | None:
    """Return the clear text of base64, None for what is none."""
    try:
        return base64.b64decode(text, validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return None
