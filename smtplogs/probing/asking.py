"""A port asked at each of its addresses, and in the other TLS mode if it stays mute; the one login where a client would."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from smtplogs.probing.certificates import looking, trusting
from smtplogs.probing.sessions import Seen, Target, look, mechanisms, other_mode, talk
from smtplogs.probing.shapes import misshapen
from smtplogs.probing.verdicts import before_login, of_login, of_port, verdict
from smtplogs.probing.wire import Broken, Script, resolved

if TYPE_CHECKING:
    from smtplogs.probing.logins import Login

BEST_FIRST = (587, 465, 2525)
"""Where a client would log in; other ports come after."""


def ask(
    target: Target, script: Script, *, ip: int | None, versions: bool, asked: bool
) -> tuple[Seen | None, list[dict[str, Any]]]:
    """Ask one port at its first address that answers.

    Parameters
    ----------
    target
        Host, port and mode; family and address are filled in here.
    script
        Takes down what is said.
    ip
        4 or 6: use only such addresses; None: both.
    versions
        Whether to learn which versions of TLS are accepted.
    asked
        Whether the caller named the port: that it does not answer is a problem then.

    Returns
    -------
    seen, verdicts
        What the port showed, in the mode that it speaks (None if the host has no address); what there is to say of it.
    """
    try:
        addresses = resolved(target.host, target.port, target.timeout)
    except Broken as fault:
        why = f"no address for the name: {script.clean(str(fault))}"
        return None, [verdict(target.port, True, "wrong_host_or_port", why)]
    wanted = [(f, a) for f, a in addresses if ip is None or (f.name == "AF_INET6") == (ip == 6)]  # type: ignore[attr-defined]
    if not wanted:
        return None, [verdict(target.port, True, "wrong_host_or_port", f"the name has no IPv{ip} address")]
    failed: list[Seen] = []
    seen = None
    families: set[int] = set()
    for family, address in wanted:
        if family in families:
            continue  # a family that answered is not asked again
        one = look(replace(target, family=family, address=address), script, versions=versions and seen is None)
        if one.connected:
            families.add(family)
            seen = seen or one
        else:
            failed.append(one)
    if seen is None:
        return failed[0], list(of_port(failed[0], asked=asked, other=None))
    verdicts = [
        verdict(target.port, False, "service_unavailable", f"the address {s.target.address} does not answer: {s.broken[2]}")
        for s in failed if s.broken
    ]  # fmt: skip
    other = None
    if _may_speak_the_other_way(seen):
        other = look(other_mode(seen.target), script, versions=versions)
    verdicts += of_port(seen, asked=asked, other=other)
    if other is not None and (other.banner or other.tls):
        verdicts += of_port(other, asked=asked, other=None)
        return other, verdicts
    return seen, verdicts


def _may_speak_the_other_way(seen: Seen) -> bool:
    """Tell whether a port behaved as one does that is spoken to in the wrong mode: TLS to STARTTLS or the reverse."""
    if not seen.broken:
        return False
    step, kind, _ = seen.broken
    if seen.target.mode == "wrapper":
        return step == "tls" and kind in ("plain", "timeout")
    return seen.target.mode == "starttls" and step == "connect" and kind in ("timeout", "closed", "garbage")


def log_in(
    login: Login, sights: list[Seen], script: Script, *, insecure: bool
) -> tuple[Seen | None, list[dict[str, Any]]]:
    """Try the one AUTH at the port where a client would, if the secret is safe there.

    Parameters
    ----------
    login
        Name and secret.
    sights
        What the ports showed that were asked.
    script
        Takes down what is said.
    insecure
        Whether the secret is sent without a trusted certificate, or without TLS.

    Returns
    -------
    seen, verdicts
        What the session with the login showed (None if none was held); what there is to say of it.
    """
    able = [s for s in sights if mechanisms(s.after) or mechanisms(s.before)] or [s for s in sights if s.banner]
    if not able:
        return None, []
    rank = {port: n for n, port in enumerate(BEST_FIRST)}
    best = min(able, key=lambda s: rank.get(s.target.port, 9 + (s.target.port == 25)))
    port = best.target.port
    verdicts: list[dict[str, Any]] = []
    if told := misshapen(best.target.host, login.user):
        verdicts.append(verdict(port, False, "wrong_credential_kind", told))
    if (why := before_login(login, best)) is not None:
        return None, [*verdicts, why]
    if not insecure and not (best.tls and best.trusted):
        reason = f"the certificate is not trusted ({best.distrust})" if best.tls else "nothing here is encrypted"
        cause = "tls_handshake_failed" if best.tls else "tls_unavailable"
        protected = verdict(port, True, cause, f"no AUTH was tried, to protect the secret: {reason}")
        return None, [*verdicts, protected]
    offered = mechanisms(best.after if best.tls else best.before) or []
    context = looking() if insecure else trusting(best.target.cafile)
    seen = talk(
        best.target, script, context, login=login, mechanism=login.choose(offered), need_tls=not insecure
    )  # fmt: skip
    return seen, [*verdicts, *of_login(login, seen)]
