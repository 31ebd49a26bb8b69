"""One AUTH: the mechanism a client would choose, what it sends, and the same without the secret for the transcript."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import polars as pl

from smtplogs.probing.wire import Broken, Said
from smtplogs.redacting import looks_like_password, pseudonym

if TYPE_CHECKING:
    from collections.abc import Sequence

    from smtplogs.probing.wire import Wire

WITH_PASSWORD = ("PLAIN", "LOGIN", "CRAM-MD5")
WITH_TOKEN = ("OAUTHBEARER", "XOAUTH2")
MECHANISMS = (*WITH_PASSWORD, *WITH_TOKEN)
HIDDEN = "[redacted]"


@dataclass(frozen=True)
class Login:
    """A name and its secret, which no repr shows."""

    user: str
    secret: str = field(repr=False)
    token: bool = False
    mechanism: str | None = None

    def choose(self, offered: Sequence[str]) -> str | None:
        """Return the mechanism asked for, or the first that clients choose under TLS; None if there is none to use."""
        if self.mechanism:
            return self.mechanism if self.mechanism in offered else None
        return next((m for m in (WITH_TOKEN if self.token else WITH_PASSWORD) if m in offered), None)

    def forms(self) -> tuple[str, ...]:
        """Return the secret in every form in which it goes over the wire, and a server might say it back."""
        blobs = [encoded(text) for m in MECHANISMS if m != "CRAM-MD5" for text in self.responses(m, self.secret)[-1:]]
        return (self.secret, *blobs, encoded(self.secret))

    def responses(self, mechanism: str, secret: str) -> tuple[str, ...]:
        """Return what is sent for a mechanism, before base64 (CRAM-MD5 needs the challenge: see `attempt`)."""
        user = self.user
        if mechanism == "PLAIN":
            return (f"\0{user}\0{secret}",)
        if mechanism == "LOGIN":
            return (user, secret)
        if mechanism == "XOAUTH2":
            return (f"user={user}\1auth=Bearer {secret}\1\1",)
        return (f"n,a={user.replace('=', '=3D').replace(',', '=2C')},\1auth=Bearer {secret}\1\1",)

    def shown(self) -> Login:
        """Return the login as the transcript has it: a placeholder for the secret, and for a name that looks like one."""
        suspect = pl.DataFrame({"user": [self.user]}).select(looks_like_password(pl.col("user"))).item()
        return Login(pseudonym(self.user) if suspect else self.user, HIDDEN, self.token, self.mechanism)


def encoded(text: str) -> str:
    """Return base64."""
    return base64.b64encode(text.encode()).decode()


def attempt(wire: Wire, login: Login, mechanism: str) -> Said:
    """Try one AUTH and return the last reply.

    Raises
    ------
    Broken
        If the connection does not hold.
    """
    mask = login.shown()
    if mechanism in ("PLAIN", "OAUTHBEARER", "XOAUTH2"):
        first, covered = login.responses(mechanism, login.secret)[0], mask.responses(mechanism, HIDDEN)[0]
        said = wire.ask(f"AUTH {mechanism} {encoded(first)}", f"AUTH {mechanism} {encoded(covered)}")
        if said.code == 334:  # RFC 7628: the reason, in base64, is acknowledged before the refusal comes
            said = wire.ask("" if mechanism == "XOAUTH2" else "AQ==" if mechanism == "OAUTHBEARER" else "*")
        return said
    said = wire.ask(f"AUTH {mechanism}")
    if mechanism == "CRAM-MD5":
        if said.code != 334:
            return said
        try:
            challenge = base64.b64decode(" ".join(said.lines).strip(), validate=True)
        except ValueError:
            wire.ask("*")
            raise Broken("garbage", "the challenge is not base64") from None
        digest = hmac.new(login.secret.encode(), challenge, hashlib.md5).hexdigest()
        sent = encoded(f"{login.user} {digest}")
        wire.script.hidden += (digest, sent)  # what proves the secret can be used to guess it
        return wire.ask(sent, encoded(f"{mask.user} {HIDDEN}"))
    for text, covered in zip(login.responses("LOGIN", login.secret), mask.responses("LOGIN", HIDDEN), strict=True):
        if said.code != 334:
            return said
        said = wire.ask(encoded(text), encoded(covered))
    return said
