"""What clients do at any server: each scenario has an address of its own, so that its traces are known in the log."""

from __future__ import annotations

import ssl
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from live.client import PASSWORD, WRONG, Talk, Truth, b64, smtplib_login, swaks

if TYPE_CHECKING:
    from collections.abc import Callable

GOOD = ("alice@example.com", PASSWORD)
OTHER = ("bob@example.com", PASSWORD)
LOCKED = ("carol@example.com", PASSWORD)

ODD_NAMES = {
    "blank": "john doe",
    "quote": 'o"brien',
    "comma": "smith, john",
    "forged": "joe, sasl_username=root",
    "bracket": "x) [192.0.2.66]: 535",
    "utf8": "jürgen@example.com",
    "long": "a" * 68 + "@example.com",
    "domainless": "alice",
    "secret": "S3cret-Pa55word!",
    "empty": "",
    "percent": "100%s@example.com",
}


@dataclass
class Server:
    """Where a running server listens, and what it offers."""

    software: str
    submission: int
    wrapper: int
    plain: int
    closed: int
    """A port without AUTH."""
    cram: bool = False
    plain_in_tls: bool = False
    """`plain` is wrapped in TLS: this server never offers AUTH without."""
    versions: dict[str, str] = field(default_factory=dict)


def opened(truth: Truth, scenario: str, server: Server) -> Talk:
    """Connect to the port that offers AUTH to everybody."""
    return Talk(truth, scenario, server.plain, wrapper=server.plain_in_tls)


def plain_ok(t: Truth, s: str, server: Server) -> None:
    """A good login and a mail."""
    with Talk(t, s, server.submission).starttls() as talk:
        talk.plain(*GOOD)
        talk.send()


def login_ok(t: Truth, s: str, server: Server) -> None:
    """A good login without a mail."""
    with Talk(t, s, server.wrapper, wrapper=True) as talk:
        talk.ehlo()
        talk.login(*GOOD)


def cram(t: Truth, s: str, server: Server) -> None:
    """CRAM-MD5, wrong and right."""
    if not server.cram:
        return
    for password in (WRONG, PASSWORD):
        with opened(t, s, server) as talk:
            talk.ehlo()
            talk.cram(GOOD[0], password)


def plain_bad(t: Truth, s: str, server: Server) -> None:
    """A wrong password."""
    with Talk(t, s, server.submission).starttls() as talk:
        talk.plain(GOOD[0], WRONG)


def login_bad(t: Truth, s: str, server: Server) -> None:
    """A wrong password on the wrapper port."""
    with Talk(t, s, server.wrapper, wrapper=True) as talk:
        talk.ehlo()
        talk.login(GOOD[0], WRONG)


def unknown_user(t: Truth, s: str, server: Server) -> None:
    """A name that is not there."""
    with Talk(t, s, server.submission).starttls() as talk:
        talk.plain("nobody@example.com", WRONG)


def before_starttls(t: Truth, s: str, server: Server) -> None:
    """AUTH before STARTTLS where that is asked for."""
    with Talk(t, s, server.submission) as talk:
        talk.ehlo()
        talk.plain(*GOOD)


def not_offered(t: Truth, s: str, server: Server) -> None:
    """AUTH at a port without it."""
    with Talk(t, s, server.closed) as talk:
        talk.ehlo()
        talk.plain(*GOOD)


def tls_on_plain(t: Truth, s: str, server: Server) -> None:
    """A TLS hello where SMTP is spoken."""
    try:
        Talk(t, s, server.submission, wrapper=True, greet=False).close(quit_=False)
    except OSError:
        pass


def plain_on_wrapper(t: Truth, s: str, server: Server) -> None:
    """SMTP words where a TLS hello is waited for."""
    talk = Talk(t, s, server.wrapper, greet=False)
    talk.sock.settimeout(3)
    talk.ehlo()
    talk.close(quit_=False)


def bad_base64(t: Truth, s: str, server: Server) -> None:
    """Answers that are no base64."""
    with opened(t, s, server) as talk:
        talk.ehlo()
        talk.auth("AUTH PLAIN !!!not-base64!!!")
        talk.auth("AUTH LOGIN", "@@@@", b64(PASSWORD))


def abort(t: Truth, s: str, server: Server) -> None:
    """The client takes its AUTH back."""
    with opened(t, s, server) as talk:
        talk.ehlo()
        talk.auth("AUTH LOGIN", "*")


def hang_up(t: Truth, s: str, server: Server) -> None:
    """The client leaves in the middle."""
    talk = opened(t, s, server)
    talk.ehlo()
    talk.unanswered("AUTH LOGIN", b64(GOOD[0]))
    talk.close(quit_=False)


def old_tls(t: Truth, s: str, server: Server) -> None:
    """A client that knows TLS 1.0 alone."""
    try:
        with Talk(t, s, server.submission) as talk:
            talk.starttls(ssl.TLSVersion.TLSv1)
            talk.plain(*GOOD)
    except (OSError, ValueError):
        pass


def three_then_in(t: Truth, s: str, server: Server) -> None:
    """Two wrong, one right, in one session; then a mail."""
    with Talk(t, s, server.submission).starttls() as talk:
        talk.plain(GOOD[0], WRONG)
        talk.login(GOOD[0], WRONG)
        talk.plain(*GOOD)
        talk.send()


def in_then_again(t: Truth, s: str, server: Server) -> None:
    """Logged in, and AUTH once more."""
    with Talk(t, s, server.submission).starttls() as talk:
        talk.plain(*GOOD)
        talk.plain(GOOD[0], WRONG)


def before_ehlo(t: Truth, s: str, server: Server) -> None:
    """AUTH without a greeting."""
    with opened(t, s, server) as talk:
        talk.plain(*GOOD)


def in_mail(t: Truth, s: str, server: Server) -> None:
    """AUTH between MAIL and RCPT."""
    with opened(t, s, server) as talk:
        talk.ehlo()
        talk.say("MAIL FROM:<alice@example.com>")
        talk.plain(*GOOD)


def syntax(t: Truth, s: str, server: Server) -> None:
    """AUTH alone, and a mechanism that nobody has."""
    with opened(t, s, server) as talk:
        talk.ehlo()
        talk.auth("AUTH")
        talk.auth("AUTH NTLM")


def split_plain(t: Truth, s: str, server: Server) -> None:
    """PLAIN in two lines, LOGIN with the name in the command."""
    with Talk(t, s, server.submission).starttls() as talk:
        talk.plain(GOOD[0], WRONG, split=True)
        talk.login("nobody@example.com", WRONG, initial=True)


def many_wrong(t: Truth, s: str, server: Server) -> None:
    """Wrong until the server has enough."""
    talk = Talk(t, s, server.submission).starttls()
    for n in range(7):
        if not talk.plain(GOOD[0], f"{WRONG}{n}").startswith(("535", "454")):
            break
    talk.close()


def python_bad(t: Truth, s: str, server: Server) -> None:
    """Smtplib with a wrong password: an attempt for each mechanism."""
    port, tls = (server.submission, True) if server.plain_in_tls else (server.plain, False)
    smtplib_login(t, s, port, GOOD[0], WRONG, tls=tls)


def python_good(t: Truth, s: str, server: Server) -> None:
    """Smtplib with the right password."""
    smtplib_login(t, s, server.submission, *GOOD, tls=True)


def ipv6(t: Truth, s: str, server: Server) -> None:
    """Over IPv6."""
    with opened(t, s, server) as talk:
        talk.ehlo()
        talk.plain(GOOD[0], WRONG)


def no_login(t: Truth, s: str, server: Server) -> None:
    """A mail to strangers without a login."""
    with Talk(t, s, server.submission).starttls() as talk:
        talk.send(rcpt="someone@example.org")


COMMON: tuple[Callable[[Truth, str, Server], None], ...] = (
    many_wrong, python_bad, three_then_in, plain_ok, login_ok, cram, plain_bad, login_bad, unknown_user, before_starttls, not_offered, tls_on_plain,
    plain_on_wrapper, bad_base64, abort, hang_up, old_tls, in_then_again, before_ehlo, in_mail, syntax,
    split_plain, python_good, ipv6, no_login,
)  # fmt: skip


def common(truth: Truth, server: Server, swaks_program: str | None = None) -> list[Callable[[], object]]:
    """Return what is to be done at every server, the long ones first."""
    jobs: list[Callable[[], object]] = []
    for act in COMMON:
        name = act.__name__
        truth.scenario(name, what=act.__doc__, **({"address": "::1"} if name == "ipv6" else {}))
        jobs.append(lambda act=act, name=name: act(truth, name, server))
    for name, user in ODD_NAMES.items():
        truth.scenario(f"odd_{name}", what=f"an odd name: {name}")
        jobs.append(lambda name=name, user=user: _odd(truth, f"odd_{name}", server, user))
    if swaks_program:
        truth.scenario("swaks_bad", what="swaks, STARTTLS, LOGIN, wrong")
        truth.scenario("swaks_good", what="swaks, wrapper, PLAIN, right, a mail")
        wrong = ("--tls", "--auth", "LOGIN")
        right = ("--tls-on-connect", "--auth", "PLAIN")
        jobs.append(
            lambda: swaks(swaks_program, truth, "swaks_bad", server.submission, *wrong, user=GOOD[0], password=WRONG)
        )
        jobs.append(
            lambda: swaks(swaks_program, truth, "swaks_good", server.wrapper, *right, user=GOOD[0], password=PASSWORD)
        )
    return jobs


def together(jobs: list[Callable[[], object]], at_once: int = 16) -> None:
    """Do jobs in threads; what a server does to a client (a reset, a silence) is part of the scenario."""
    with ThreadPoolExecutor(at_once) as pool:
        for job in [pool.submit(_bearing, job) for job in jobs]:
            job.result()


def _bearing(job: Callable[[], object]) -> None:
    try:
        job()
    except (OSError, EOFError) as error:
        print(f"a client was cut off: {type(error).__name__} {error}", flush=True)


def _odd(truth: Truth, scenario: str, server: Server, user: str) -> None:
    with opened(truth, scenario, server) as talk:
        talk.ehlo()
        talk.plain(user, WRONG)
        talk.login(user, WRONG)


def pause(seconds: float) -> None:
    """Wait: so that what follows is another second, another session."""
    time.sleep(seconds)
