"""What clients do besides: odd mechanisms, answers and names, sessions that end anyhow; at Dovecot's databases of `services`."""

from __future__ import annotations

import base64
import contextlib
from typing import TYPE_CHECKING

from live.client import PASSWORD, WRONG, Talk, Truth, b64, mailbox
from live.postfix import IMAPS, PORTS
from live.scenarios import GOOD, LOCKED, OTHER, together

if TYPE_CHECKING:
    from collections.abc import Callable


def _plain(t: Truth, s: str) -> Talk:
    talk = Talk(t, s, PORTS["plain"], wrapper=t.wrapped)
    talk.ehlo()
    return talk


def _digest(t: Truth, s: str) -> None:
    """DIGEST-MD5, wrong and right."""
    with _plain(t, s) as talk:
        talk.digest(GOOD[0], WRONG)
        talk.means("bad_credentials")
        talk.digest(*GOOD)
        talk.send()


def _scram(t: Truth, s: str) -> None:
    """SCRAM, wrong and right, an unknown name."""
    with _plain(t, s) as talk:
        talk.scram(GOOD[0], WRONG)
        talk.means("bad_credentials")
        talk.scram("nobody@example.com", WRONG)
        talk.means("unknown_user")
        talk.scram(GOOD[0], PASSWORD, "SCRAM-SHA-1")
        talk.send()


def _xoauth2(t: Truth, s: str) -> None:
    """XOAUTH2 with a bad and a good token."""
    with _plain(t, s) as talk:
        bad = b64(f"user={GOOD[0]}\x01auth=Bearer stale-token\x01\x01")
        talk.auth(f"AUTH XOAUTH2 {bad}", "", user=GOOD[0])
        talk.means("token_invalid")
        good = b64(f"user={GOOD[0]}\x01auth=Bearer good-token\x01\x01")
        talk.auth(f"AUTH XOAUTH2 {good}", user=GOOD[0])
        talk.send()


def _oauthbearer(t: Truth, s: str) -> None:
    """OAUTHBEARER with a bad token, then a good one of another name."""
    with _plain(t, s) as talk:
        for token, user in (("stale-token", GOOD[0]), ("good-token", OTHER[0]), ("good-token", GOOD[0])):
            blob = b64(f"n,a={user},\x01host=mx1\x01port=587\x01auth=Bearer {token}\x01\x01")
            talk.auth(f"AUTH OAUTHBEARER {blob}", b64("\x01"), user=user)


def _oauth_garbage(t: Truth, s: str) -> None:
    """XOAUTH2 that is no XOAUTH2."""
    with _plain(t, s) as talk:
        talk.auth(f"AUTH XOAUTH2 {b64('hello')}", "")
        talk.means("malformed_response", "aborted|failure")
        talk.auth(f"AUTH OAUTHBEARER {b64('hello')}", "")
        talk.means("malformed_response", "aborted|failure")


def _anonymous(t: Truth, s: str) -> None:
    """ANONYMOUS where it is not wanted."""
    with _plain(t, s) as talk:
        talk.auth(f"AUTH ANONYMOUS {b64('me')}")


def _external(t: Truth, s: str) -> None:
    """EXTERNAL without a certificate."""
    with _plain(t, s) as talk:
        talk.auth(f"AUTH EXTERNAL {b64('alice@example.com')}", user=GOOD[0])
        talk.auth("AUTH EXTERNAL =")


def _denied(t: Truth, s: str) -> None:
    """A name of the deny database, its password right or not."""
    with _plain(t, s) as talk:
        talk.plain("denied@example.com", PASSWORD)
        talk.means("access_policy_denied|bad_credentials")


def _second_database(t: Truth, s: str) -> None:
    """A name that the last database has: right, wrong."""
    with _plain(t, s) as talk:
        talk.plain(LOCKED[0], WRONG)
        talk.means("bad_credentials")
        talk.plain(*LOCKED)


def _nobody(t: Truth, s: str) -> None:
    """A name that no database has."""
    with _plain(t, s) as talk:
        talk.plain("nobody@example.com", WRONG)
        talk.means("unknown_user")
        talk.login("nobody@example.com", WRONG)
        talk.means("unknown_user")


def _nologin(t: Truth, s: str) -> None:
    """Accounts that may not log in, with the right password and the wrong one."""
    with _plain(t, s) as talk:
        talk.plain("nologin@example.com", PASSWORD)
        talk.plain("nologin@example.com", WRONG)
        talk.means("unknown|bad_sequence", "refused")
        talk.plain("reason@example.com", PASSWORD)
        talk.means("unknown|bad_sequence", "refused")


def _nets(t: Truth, s: str) -> None:
    """An account that may not come from here."""
    with _plain(t, s) as talk:
        talk.plain("nets@example.com", PASSWORD)
        talk.means("access_policy_denied")
        talk.plain("nets@example.com", WRONG)
        talk.means("access_policy_denied")


def _broken_hash(t: Truth, s: str) -> None:
    """An account whose stored password is broken, one without."""
    with _plain(t, s) as talk:
        talk.plain("bcrypt@example.com", PASSWORD)
        talk.means("server_config_error", "deferred")
        talk.plain("nopw@example.com", PASSWORD)
        talk.means("bad_credentials")


def _master(t: Truth, s: str) -> None:
    """A master user logs in for another: right, wrong, for nobody."""
    with _plain(t, s) as talk:
        talk.plain(f"{GOOD[0]}*master@example.com", WRONG)
        talk.means("bad_credentials")
        talk.plain(f"{GOOD[0]}*nomaster@example.com", PASSWORD)
        talk.means("unknown_user")
    with _plain(t, s) as talk:
        talk.plain(f"{GOOD[0]}*master@example.com", PASSWORD)
        talk.send()


def _authzid(t: Truth, s: str) -> None:
    """PLAIN with an authorization name."""
    with _plain(t, s) as talk:
        for authz, user, password in (("bob@example.com", GOOD[0], PASSWORD), (GOOD[0], GOOD[0], WRONG)):
            known = talk.command("PLAIN", user)
            known.reply = talk.say(f"AUTH PLAIN {b64(f'{authz}{chr(0)}{user}{chr(0)}{password}')}") or None


def _upper(t: Truth, s: str) -> None:
    """Capital letters in the name and in the command."""
    with _plain(t, s) as talk:
        known = talk.command("PLAIN", "ALICE@EXAMPLE.COM")
        blob = b64(f"\0ALICE@EXAMPLE.COM\0{WRONG}")
        known.reply = talk.say(f"auth plain {blob}")
        talk.means("bad_credentials")
        talk.plain("ALICE@example.com", PASSWORD)
        talk.send()


def _strange_plain(t: Truth, s: str) -> None:
    """PLAIN answers without their parts."""
    with _plain(t, s) as talk:
        talk.auth("AUTH PLAIN =")
        talk.means("", "aborted|failure|deferred|throttled")
        talk.auth(f"AUTH PLAIN {b64('alice@example.com')}")
        talk.means("", "aborted|failure|deferred|throttled")
        talk.auth(f"AUTH PLAIN {b64(chr(0) + 'alice@example.com')}")
        talk.means("", "aborted|failure|deferred|throttled")
        talk.auth(f"AUTH PLAIN {b64(chr(0) * 2)}")
        talk.means("", "aborted|failure|deferred|throttled")


def _empty_password(t: Truth, s: str) -> None:
    """Empty passwords."""
    with _plain(t, s) as talk:
        talk.plain(GOOD[0], "")
        talk.means("bad_credentials")
        talk.login(GOOD[0], "")
        talk.means("bad_credentials")


def _long_line(t: Truth, s: str) -> None:
    """An answer of 20,000 characters."""
    with _plain(t, s) as talk:
        talk.plain("a" * 15000, WRONG)


def _control(t: Truth, s: str) -> None:
    """Control characters in a name."""
    with _plain(t, s) as talk:
        talk.plain("al\nice\t@example.com", WRONG)
        talk.means("malformed_response", "aborted|failure")


def _names(t: Truth, s: str) -> None:
    """Different names in one session, the last good, then mails."""
    with Talk(t, s, PORTS["submission"]).starttls() as talk:
        for name in ("a@example.com", "b@example.com", OTHER[0]):
            talk.login(name, WRONG)
            talk.means("bad_credentials" if name == OTHER[0] else "unknown_user")
        talk.login(*GOOD)
        talk.send()
        talk.send()
        talk.send(rcpt="someone@example.net")


def _blank(t: Truth, s: str) -> None:
    """A name with a blank that is one."""
    with _plain(t, s) as talk:
        talk.plain("john doe", PASSWORD)
        talk.send()


def _starttls_after(t: Truth, s: str) -> None:
    """Logged in, then STARTTLS, then AUTH once more."""
    with _plain(t, s) as talk:
        talk.plain(*GOOD)
        talk.starttls()
        talk.plain(*GOOD)
        talk.means("success", "success")
        talk.send()


def _bad_then_starttls(t: Truth, s: str) -> None:
    """A wrong login in clear, then STARTTLS, then a good one."""
    with _plain(t, s) as talk:
        talk.plain(GOOD[0], WRONG)
        talk.means("bad_credentials")
        talk.starttls()
        talk.plain(*GOOD)
        talk.send()


def _mail_refused(t: Truth, s: str) -> None:
    """Logged in; the recipient is refused; quit."""
    with _plain(t, s) as talk:
        talk.plain(*GOOD)
        talk.send(rcpt="no-domain@@x")
        talk.say("FOO")


def _gone_after_login(t: Truth, s: str) -> None:
    """Logged in, and the line is cut."""
    talk = _plain(t, s)
    talk.plain(*GOOD)
    talk.close(quit_=False)


def _gone_in_data(t: Truth, s: str) -> None:
    """Logged in, and the line is cut in the mail."""
    talk = _plain(t, s)
    talk.plain(*GOOD)
    talk.say("MAIL FROM:<alice@example.com>")
    talk.say("RCPT TO:<bob@example.com>")
    talk.say("DATA")
    talk.sock.sendall(b"Subject: half\r\n")
    talk.close(quit_=False)


def _gone_while_judged(t: Truth, s: str) -> None:
    """The client leaves while its wrong password is looked at."""
    talk = _plain(t, s)
    talk.command("PLAIN", GOOD[0])
    talk.means("bad_credentials")
    talk.sock.sendall(f"AUTH PLAIN {b64(f'{chr(0)}{GOOD[0]}{chr(0)}{WRONG}')}\r\n".encode())
    talk.close(quit_=False)


def _crowd(t: Truth, s: str) -> None:
    """One address, ten sessions at once, good and bad of several names."""

    def one(n: int) -> None:
        with Talk(t, s, PORTS["submission"]).starttls() as talk:
            if n % 3:
                talk.plain((GOOD, OTHER, LOCKED)[n % 3][0], WRONG if n % 2 else PASSWORD)
            else:
                talk.plain(GOOD[0], WRONG)
                talk.plain(*GOOD)

    together([lambda n=n: one(n) for n in range(10)])


def _imap_beside(t: Truth, s: str) -> None:
    """IMAP and SMTP of one address and name, both wrong, at once."""
    together([
        lambda: mailbox(t, s, "imap", IMAPS, (GOOD[0], WRONG)),
        lambda: _wrong(t, s),
    ])  # fmt: skip


def _wrong(t: Truth, s: str) -> None:
    with _plain(t, s) as talk:
        talk.plain(GOOD[0], WRONG)
        talk.means("bad_credentials")


def _pipelined(t: Truth, s: str) -> None:
    """AUTH and the mail in one go."""
    with _plain(t, s) as talk:
        blob = b64(f"\0{GOOD[0]}\0{PASSWORD}")
        lines = f"AUTH PLAIN {blob}", "MAIL FROM:<alice@example.com>", "RCPT TO:<bob@example.com>", "DATA"
        known = talk.command("PLAIN", GOOD[0])
        talk.sock.sendall("".join(f"{line}\r\n" for line in lines).encode())
        known.reply = talk.reply()
        for _ in range(3):
            talk.reply()
        talk.say("Subject: x\r\n\r\nhello\r\n.")


def _login_cancelled(t: Truth, s: str) -> None:
    """LOGIN taken back at the password, PLAIN at its continuation, then good."""
    with _plain(t, s) as talk:
        for line, *answers in (("AUTH LOGIN", b64(GOOD[0])), ("AUTH PLAIN",), ("AUTH CRAM-MD5",)):
            talk.auth(line, *answers, "*", user=GOOD[0])
            talk.means("aborted", "aborted")
        talk.plain(*GOOD)


def _after_too_many(t: Truth, s: str) -> None:
    """Twenty and more commands that are none, after a login."""
    with _plain(t, s) as talk:
        talk.plain(*GOOD)
        for _ in range(22):
            if not talk.say("NONSENSE"):
                break


def _http(t: Truth, s: str) -> None:
    """A web browser at the submission port."""
    with contextlib.suppress(OSError):
        talk = Talk(t, s, PORTS["submission"])
        talk.say("GET / HTTP/1.1")
        talk.say("Host: mx1.example.net")
        talk.close(quit_=False)


def _just_looking(t: Truth, s: str) -> None:
    """Connect and go; EHLO and go; STARTTLS and go."""
    Talk(t, s, PORTS["submission"]).close(quit_=False)
    talk = Talk(t, s, PORTS["submission"])
    talk.ehlo()
    talk.close()
    Talk(t, s, PORTS["submission"]).starttls().close()
    Talk(t, s, PORTS["wrapper"], wrapper=True).close(quit_=False)


def _login_only(t: Truth, s: str) -> None:
    """Three logins without a mail, one after the other."""
    for _ in range(3):
        with Talk(t, s, PORTS["submission"]).starttls() as talk:
            talk.plain(*GOOD)


def _ntlm(t: Truth, s: str) -> None:
    """NTLM and GSSAPI first, as some clients do, then LOGIN."""
    with _plain(t, s) as talk:
        talk.auth("AUTH NTLM TlRMTVNTUAABAAAAB4IIAAAAAAAAAAAAAAAAAAAAAAA=")
        talk.auth("AUTH GSSAPI")
        talk.login(*GOOD)


def _base64_mechanism(t: Truth, s: str) -> None:
    """The answer in place of the mechanism."""
    with _plain(t, s) as talk:
        known = talk.command(None, None)
        known.reply = talk.say(f"AUTH {b64(f'{chr(0)}{GOOD[0]}{chr(0)}{WRONG}')}")


def _auth_with_equals(t: Truth, s: str) -> None:
    """AUTH=PLAIN, an old way."""
    with _plain(t, s) as talk:
        talk.say("AUTH=PLAIN")


def _auth_extra(t: Truth, s: str) -> None:
    """AUTH with too many words."""
    with _plain(t, s) as talk:
        talk.auth("AUTH PLAIN abc def")
        talk.means("unknown|bad_sequence", "refused")
        talk.auth("AUTH PLAIN " + base64.b64encode(b"\0x\0y\0z\0w").decode())
        talk.means("malformed_response", "aborted|failure")


BEHAVIOURS = tuple(
    value for name, value in list(globals().items()) if name.startswith("_") and getattr(value, "__doc__", None)
    and getattr(value, "__module__", None) == __name__
)  # fmt: skip
"""All of the above."""

EVERYWHERE = (
    _upper, _strange_plain, _empty_password, _control, _names, _blank, _starttls_after, _bad_then_starttls, _mail_refused,
    _gone_after_login, _gone_in_data, _gone_while_judged, _crowd, _pipelined, _login_cancelled, _after_too_many, _http,
    _just_looking, _login_only, _ntlm, _auth_extra, _digest, _scram, _base64_mechanism,
)  # fmt: skip
"""Those that ask nothing of Dovecot."""


def everywhere(truth: Truth) -> list[Callable[[], object]]:
    """Return what is done at any server, whatever it says: only the replies are the truth."""
    jobs: list[Callable[[], object]] = []
    for act in EVERYWHERE:
        name = act.__name__.removeprefix("_")
        truth.scenario(name, what=act.__doc__)
        jobs.append(lambda act=act, name=name: act(truth, name))
    return jobs


def unexpecting(truth: Truth) -> None:
    """Forget what `services` makes of them."""
    told = {act.__name__.removeprefix("_") for act in EVERYWHERE}
    for command in truth.commands:
        if command.scenario in told:
            command.outcome = command.cause = None
