"""What was seen, in the words of the causes table: one row per verdict, and whether it is a problem."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from smtplogs import replies
from smtplogs.probing.certificates import OLD
from smtplogs.probing.logins import WITH_PASSWORD, WITH_TOKEN
from smtplogs.probing.sessions import mechanisms, offers_starttls
from smtplogs.schema import CAUSES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smtplogs.probing.logins import Login
    from smtplogs.probing.sessions import Seen
    from smtplogs.probing.wire import Said

VERDICTS = {
    "port": pl.UInt16,
    "problem": pl.Boolean,
    "cause": pl.Enum(CAUSES),
    "told": pl.String,
    "meaning": pl.String,
    "check": pl.String,
    "fix": pl.String,
    "reply": pl.String,
}
SOON = 14
"""Days before the end of a certificate from which it is mentioned; ours: renewal robots act 30 days before."""

SHORT_OF_TIME = 3.0
"""Seconds for a banner from which it is called slow; ours: many clients give up after 10 to 30."""


def verdict(
    port: int | None, problem: bool, cause: str | None, told: str, reply: str | None = None, **words: str | None
) -> dict[str, Any]:
    """Return a row: what was seen, and meaning, first check and fix from the table of causes unless given."""
    entry = replies.causes().row(by_predicate=pl.col("cause") == cause, named=True) if cause else {}
    return {
        "port": port, "problem": problem, "cause": cause, "told": told, "reply": reply,
        "meaning": words.get("meaning") or entry.get("meaning"),
        "check": words.get("check") or entry.get("first_check"),
        "fix": words.get("fix") or entry.get("fix"),
    }  # fmt: skip


def of_reply(seen: Seen, step: str, said: Said, told: str) -> dict[str, Any]:
    """Return the verdict on a refusal, by the catalogue of replies."""
    best = replies.explain(said.text, stage=step, side="client", server=seen.target.host).row(0, named=True)
    wants = f" {best['provider']} wants: {best['provider_wants']}" if best["provider_wants"] else ""
    beware = f" {best['beware']}" if best["beware"] else ""
    return verdict(
        seen.target.port, best["outcome"] not in ("success", "info"), best["cause"], f"{told}{wants}{beware}", said.text,
        meaning=best["meaning"], check=best["first_check"], fix=best["fix"],
    )  # fmt: skip


def of_port(seen: Seen, *, asked: bool, other: Seen | None) -> Iterator[dict[str, Any]]:
    """Yield the verdicts on one port; `other` is what it showed when asked the other way, where that was tried."""
    port, mode = seen.target.port, seen.target.mode
    if not seen.connected:
        step, kind, words = seen.broken or ("connect", "error", "no connection")
        yield verdict(port, asked, "timeout" if kind == "timeout" else "service_unavailable", f"no connection: {words}")
        return
    if other is not None and (other.banner or other.tls):
        speaks = "in the clear (STARTTLS)" if mode == "wrapper" else "TLS from the first byte (wrapper mode)"
        yield verdict(port, True, "wrong_host_or_port", f"TLS mode and port do not fit: this port speaks {speaks}")
    elif seen.refused and seen.refused[0] != "auth":
        step, said = seen.refused
        yield of_reply(seen, step, said, f"the server refuses at the step {step}")
    elif seen.broken and seen.broken[0] != "auth":
        yield _of_fault(seen)
    yield from _of_tls(seen)
    yield from _of_auth(seen)
    yield from _oddities(seen)


def _of_fault(seen: Seen) -> dict[str, Any]:
    """Return what follows from a connection that broke."""
    step, kind, words = seen.broken or ("", "", "")
    port = seen.target.port
    if kind == "timeout":
        return verdict(port, True, "timeout", f"silent at the step {step}: {words}")
    if kind == "garbage":
        return verdict(port, True, "wrong_host_or_port", f"this is not an SMTP server: at the step {step} {words}")
    if step == "tls":
        old = [v for v in OLD if seen.versions.get(v)]
        if old and not (seen.versions.get("TLSv1.2") or seen.versions.get("TLSv1.3")):
            return verdict(
                port, True, "tls_too_old", f"the server speaks only {', '.join(old)}: it is the one that is too old",
                fix="Update the server, or switch TLS 1.2 and 1.3 on there.",
            )  # fmt: skip
        return verdict(port, True, "tls_handshake_failed", f"no TLS: {words}")
    return verdict(port, True, "connection_lost", f"cut at the step {step}: {words}")


def _of_tls(seen: Seen) -> Iterator[dict[str, Any]]:
    """Yield what follows from certificate, versions of TLS and a missing STARTTLS."""
    port = seen.target.port
    if seen.distrust:
        until = seen.cert.get("cert_until")
        when = f", valid until {until:%Y-%m-%d}" if until else ""
        expired = until is not None and until < seen.start
        yield verdict(
            port, True, "tls_handshake_failed",
            f"clients that check will not trust the certificate: {seen.distrust}{when}",
            meaning="The certificate has expired; clients that check it break the handshake off." if expired else None,
            fix="Renew the certificate, and let the server load it." if expired else None,
        )  # fmt: skip
    days = seen.cert.get("cert_days_left")
    if days is not None and 0 <= days < SOON:
        yield verdict(port, False, None, f"the certificate ends in {days} days")
    old = [v for v in OLD if seen.versions.get(v)]
    if old and seen.tls:
        yield verdict(port, False, None, f"withdrawn versions of TLS are still accepted: {', '.join(old)} (RFC 8996)")
    if seen.before is not None and not offers_starttls(seen.before):
        yield verdict(port, port != 25, "tls_unavailable", "STARTTLS is not offered: nothing here can be encrypted")


def _of_auth(seen: Seen) -> Iterator[dict[str, Any]]:
    """Yield what follows from the mechanisms offered before and after TLS."""
    port, before, after = seen.target.port, mechanisms(seen.before), mechanisms(seen.after)
    clear = [m for m in before or () if m in ("PLAIN", "LOGIN", *WITH_TOKEN)]
    if clear:
        yield verdict(
            port, False, None, f"{', '.join(clear)} offered before TLS: clients may send secrets in the clear"
        )
    if before == [] and after:
        yield verdict(
            port, False, "auth_not_offered",
            f"AUTH is offered only after TLS ({' '.join(after)}). That is normal: before TLS it should not be",
            fix="Nothing to repair on the server; a client that finds no AUTH must switch TLS on.",
        )  # fmt: skip
    final = after if seen.tls else before
    if final == [] and (seen.tls or not offers_starttls(seen.before)):
        told = "AUTH is not offered" + (", not even after TLS" if seen.tls else "")
        if port == 25:
            told += ": normal on port 25, which is for mail between servers; clients log in on 587 or 465"
        yield verdict(port, port != 25, "auth_not_offered", told)


def _oddities(seen: Seen) -> Iterator[dict[str, Any]]:
    """Yield what is odd about the banner, and harmless to most clients."""
    port = seen.target.port
    told: list[str] = []
    if seen.banner and seen.banner.code == 220:
        text = " ".join(seen.banner.lines)
        name = text.split(" ")[0]
        if "SMTP" not in text.upper():
            told.append("the banner does not say ESMTP")
        if "." not in name and not name.startswith("["):
            told.append(f"the banner begins with {name!r}, which is not a full host name (RFC 5321 section 4.2)")
        elif seen.ehlo and (hello := seen.ehlo.lines[0].split(" ")[0]) and hello.lower() != name.lower():
            told.append(f"banner and EHLO name two hosts: {name} and {hello}")
        if seen.timings.get("banner", 0) >= SHORT_OF_TIME:
            told.append(f"the banner took {seen.timings['banner']:.1f} s: impatient clients give up")
    for text in told:
        yield verdict(port, False, None, text)


def before_login(login: Login, seen: Seen) -> dict[str, Any] | None:
    """Return why no AUTH is tried at all, if so: nothing to use, or a secret that would not be safe."""
    port = seen.target.port
    offered = mechanisms(seen.after if seen.tls else seen.before) or []
    if not offered:
        return verdict(port, True, "auth_not_offered", "no AUTH was tried: none is offered here")
    chosen = login.choose(offered)
    if chosen is None and not login.token and not set(offered) & set(WITH_PASSWORD) and set(offered) & set(WITH_TOKEN):
        return verdict(
            port, True, "oauth_required",
            f"no AUTH was tried: the server takes only tokens ({' '.join(offered)}), and a password was given",
        )  # fmt: skip
    if chosen is None:
        asked = login.mechanism or "one for a token" if login.token else login.mechanism or "one for a password"
        return verdict(
            port, True, "mechanism_unsupported",
            f"no AUTH was tried: the mechanism asked for ({asked}) is not among {' '.join(offered)}",
        )  # fmt: skip
    return None


def of_login(login: Login, seen: Seen) -> Iterator[dict[str, Any]]:
    """Yield the verdict on the one AUTH."""
    port = seen.target.port
    if seen.answer is None:
        step, _, words = seen.broken or ("auth", "", "no answer")
        if seen.refused:
            yield of_reply(seen, *seen.refused, "refused before AUTH")
        else:
            yield verdict(port, True, "connection_lost", f"no answer to AUTH (step {step}): {words}")
        return
    if seen.answer.code == 235:
        yield verdict(port, False, "success", f"AUTH {seen.mechanism} was accepted", seen.answer.text)
        return
    row = of_reply(seen, "auth", seen.answer, f"AUTH {seen.mechanism} was refused.")
    yield row | {"problem": True}
    tokens = [m for m in mechanisms(seen.after or seen.before) or () if m in WITH_TOKEN]
    if tokens and not login.token and row["cause"] == "bad_credentials":
        yield verdict(
            port, False, "oauth_required",
            f"the server also offers {' '.join(tokens)}: maybe a password is refused here whatever it is",
        )  # fmt: skip
