"""What tests/live found wrong: lines that real servers wrote (addresses changed), and what their clients had seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest

import smtplogs as sl
from smtplogs import runs

if TYPE_CHECKING:
    from pathlib import Path

AUTH = pl.col("stage") == "auth"
AT = "Nov 25 18:20:41 mx1"
PEER = "rip=203.0.113.9, lip=192.0.2.25"
NEW = f"imap-login: Login aborted: Logged out (auth failed, 1 attempts in 0 secs) (auth_failed): user=<alice@example.com>, {PEER}"
OLD = (
    "imap-login: Disconnected: Aborted login by logging out (auth failed, 1 attempts in 0 secs): "
    f"user=<alice@example.com>, {PEER}"
)
TOLD = f"imap-login: Login failed: Cleartext authentication disabled: user=<>, {PEER}"


def read(folder: Path, *lines: str) -> pl.DataFrame:
    log = folder / "mail.log"
    log.write_text("".join(f"{line}\n" for line in lines))
    return sl.read(log, year=2026).filter(pl.col("outcome") != "info")


@pytest.mark.parametrize("ended", [NEW, OLD], ids=["2.4", "2.3"])
@pytest.mark.parametrize(("before", "basis"), [([], "assumed"), ([TOLD], "context")], ids=["quiet", "verbose"])
def test_a_password_in_clear_that_dovecot_did_not_take_is_no_wrong_password(
    ended: str, before: list[str], basis: str, tmp_path: Path
) -> None:
    """The client got `NO [PRIVACYREQUIRED]`; the sum of the session says "auth failed" all the same."""
    found = read(tmp_path, *(f"{AT} dovecot: {text}, session=<OMdS+R1hb4B/AAEc>" for text in (*before, ended)))

    assert found.select("outcome", "cause", "basis", "count").rows() == [("refused", "tls_required", basis, 1)]


@pytest.mark.parametrize("field", ["method=PLAIN, ", "TLS, "])
def test_with_a_mechanism_or_tls_it_stays_a_failure(field: str, tmp_path: Path) -> None:
    method, tls = (field, "") if "method" in field else ("", field)
    line = NEW.replace("rip=", f"{method}rip=") + f", {tls}session=<OMdS+R1hb4B/AAEc>"

    assert read(tmp_path, f"{AT} dovecot: {line}").select("outcome", "cause").rows() == [("failure", "bad_credentials")]


def test_the_outcome_of_an_imap_login_follows_the_cause_that_dovecot_tells(tmp_path: Path) -> None:
    word = "auth(alice@example.com,203.0.113.9,sasl:plain)<OMdS+R1hb4B/AAEc>: Error: passwd-file: stat(/etc/dovecot/users) failed"
    ended = NEW.replace("rip=", "method=PLAIN, rip=") + ", TLS, session=<OMdS+R1hb4B/AAEc>"
    found = read(tmp_path, f"{AT} dovecot: {word}", f"{AT} dovecot: {ended}").filter(AUTH)

    assert found.select("outcome", "cause").rows() == [("deferred", "backend_unavailable")]


HELLO = r"\026\003\001\002\000\001\000\001\374\003\003\335\361\346\342\315\326\255\235\2347'\311\307$\294\261"


@pytest.mark.parametrize(
    ("service", "cause"), [("submission/", "wrong_host_or_port"), ("", "tls_handshake_failed")], ids=["587", "25"]
)
def test_a_tls_hello_on_a_plain_port_of_postfix_is_seen(service: str, cause: str, tmp_path: Path) -> None:
    tag = f"{AT} postfix/{service}smtpd[318]:"
    found = read(
        tmp_path,
        f"{tag} connect from unknown[203.0.113.9]",
        f"{tag} improper command pipelining after CONNECT from unknown[203.0.113.9]: {HELLO}",
        f"{tag} disconnect from unknown[203.0.113.9] commands=0/0",
    )

    assert found.select("stage", "outcome", "cause", "client_ip").rows() == [("tls", "aborted", cause, "203.0.113.9")]


def test_words_sent_too_early_are_no_tls_hello(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        f"{AT} postfix/smtpd[318]: connect from unknown[203.0.113.9]",
        rf"{AT} postfix/smtpd[318]: improper command pipelining after CONNECT from unknown[203.0.113.9]: EHLO \026\003\r\n",
        f"{AT} postfix/smtpd[318]: disconnect from unknown[203.0.113.9] commands=0/0",
    )

    assert found.is_empty()


def test_a_tls_hello_on_a_plain_port_of_exim_is_one_event_whatever_lines_it_fills(tmp_path: Path) -> None:
    peer = "H=[203.0.113.9]:41955 I=[192.0.2.25]:587 NUL character(s) present (shown as '?')"
    found = read(
        tmp_path,
        rf'2026-11-25 18:10:16 SMTP syntax error in "\026\003\001\002?\001?\001\374\003\003\330\315\022P" {peer}',
        rf'2026-11-25 18:10:16 SMTP syntax error in "?\026?\024?\035?\027?\036?\031?\030\001?\001\001\001\002" {peer}',
    )

    assert found.select("stage", "cause", "client_ip", "server_port").rows() == [
        ("tls", "wrong_host_or_port", "203.0.113.9", 587)
    ]


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        ("handshake failed: error:0A00010B:SSL routines::wrong version number", "tls_handshake_failed"),
        ("handshake failed: error:0A000102:SSL routines::unsupported protocol", "tls_too_old"),
        ("error:0A000076:SSL routines::no suitable signature algorithm", "tls_too_old"),
        ("read failed: error:0A000126:SSL routines::unexpected eof while reading", None),
    ],
)
def test_a_handshake_that_broke_at_opensmtpd_is_told_with_the_address(
    words: str, cause: str | None, tmp_path: Path
) -> None:
    found = read(
        tmp_path,
        f"{AT} smtpd[13]: c756e506cb141e15 smtp connected address=203.0.113.9 host=<unknown>",
        f'{AT} smtpd[13]: c756e506cb141e15 smtp disconnected reason="io-error: {words}"',
    )

    expected = [("tls", "aborted", cause, "203.0.113.9")] if cause else []
    assert found.select("stage", "outcome", "cause", "client_ip").rows() == expected


def test_sendmails_line_about_an_attack_is_a_limit_and_no_attempt(tmp_path: Path) -> None:
    failed = (
        "AUTH failure (PLAIN): authentication failure (-13) SASL(-13): authentication failure: Password verification failed, "
        "user=alice@example.com, relay=[203.0.113.9]"
    )
    attack = "[203.0.113.9]: possible SMTP attack: command=AUTH, count=4"
    found = read(
        tmp_path, *(f"{AT} sendmail[35]: 6APIKffm000035: {t}" for t in (failed, failed, failed, attack, failed))
    )

    assert found.filter(AUTH)["count"].sum() == 4
    assert found.filter(~AUTH).select("outcome", "cause").rows() == [("throttled", "throttled_auth")]


@pytest.mark.parametrize(
    ("commands", "tls"),
    [
        ("EHLO,STARTTLS,EHLO,AUTH,QUIT", "TLSv1.3"),
        ("EHLO,AUTH,QUIT", "TLSv1.3"),
        ("EHLO,AUTH,STARTTLS,EHLO,QUIT", None),
        ("...,EHLO,AUTH,QUIT", None),
    ],
)
def test_exims_list_of_commands_tells_whether_a_refused_login_was_encrypted(
    commands: str, tls: str | None, tmp_path: Path
) -> None:
    """`X=` of the line at the end of the session; without STARTTLS in a whole list TLS began with the first byte."""
    peer = "(client.example.org) [203.0.113.9]:53563 I=[192.0.2.25]:587"
    found = read(
        tmp_path,
        f"2026-11-25 18:10:13.511 [43] plain_server authenticator failed for {peer}: 535 Incorrect authentication data "
        "(set_id=alice@example.com)",
        f"2026-11-25 18:10:13.571 [43] no MAIL in SMTP connection from {peer} D=0.393s "
        f"X=TLS1.3:ECDHE_X25519__RSA_PSS_RSAE_SHA256__AES_256_GCM:256 CV=no C={commands}",
    )

    assert found.filter(pl.col("outcome") == "failure").select("tls", "user").rows() == [(tls, "alice@example.com")]


def test_exims_times_of_a_delivery_are_no_words_of_the_relay(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "2026-11-25 18:10:13.925 [30] 1xWHRd-00000K-0F ** someone@example.org F=<alice@example.com> P=<alice@example.com> "
        "R=smarthost T=remote_smtp H=relay.example.net [198.51.100.25]:587 I=[192.0.2.25]:45876: SMTP error from remote mail "
        "server after MAIL FROM:<alice@example.com>: 530 5.7.0 Authentication required QT=1.1s DT=0.314s",
    )

    assert found.select("detail", "cause").rows() == [("Authentication required", "auth_required")]


FIRST, MORE = (
    [
        f"{AT} postfix/smtpd[{n}]: warning: unknown[203.0.113.9]: SASL PLAIN authentication failed: x, sasl_username=u{n}"
        for n in r
    ]
    for r in (range(3), range(3, 5))
)


def parsed(folder: Path, monkeypatch: pytest.MonkeyPatch, *, going: Path | None = None) -> pl.DataFrame:
    """Parse a folder; `going`: the log that rotation moves away after it was found and before it is read."""
    real = runs.Run.read

    def late(self: runs.Run, *how: object, **more: object) -> None:
        if going is not None:
            going.rename(going.with_name(f"{going.name}.1"))
        real(self, *how, **more)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(runs.Run, "read", late)
        return sl.parse(folder / "logs", folder / "out", year=2026, progress=False)


def counted(folder: Path) -> tuple[int, dict[str, int | None]]:
    whole = sl.coverage(folder / "out").filter(pl.col("program").is_null(), pl.col("error").is_null())
    names = whole["source"].str.replace(r"^.*/", "")
    failures = sl.load(folder / "out").filter(pl.col("outcome") == "failure").collect().height
    return failures, dict(zip(names, whole["lines"], strict=True))


def test_a_known_log_that_goes_away_before_it_is_read_again_keeps_what_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "logs" / "mail.log"
    log.parent.mkdir()
    log.write_text("".join(f"{text}\n" for text in FIRST))
    parsed(tmp_path, monkeypatch)
    log.write_text("".join(f"{text}\n" for text in (*FIRST, *MORE)))
    told = parsed(tmp_path, monkeypatch, going=log)

    assert told.select("status", "lines").rows() == [("failed", 3)]
    assert "what was read of it before stands" in told["error"].item()
    assert counted(tmp_path) == (3, {"mail.log": 3})

    log.write_text(f"{AT} postfix/smtpd[9]: warning: unknown[192.0.2.7]: SASL PLAIN authentication failed: x\n")
    told = parsed(tmp_path, monkeypatch)

    assert told["error"].null_count() == told.height
    assert counted(tmp_path) == (6, {"mail.log": 1, "mail.log.1": 5})


def test_a_log_that_could_not_be_read_once_leaves_its_name_to_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "logs" / "mail.log"
    log.parent.mkdir()
    log.write_text("".join(f"{text}\n" for text in FIRST))
    assert parsed(tmp_path, monkeypatch, going=log)["error"].null_count() == 0
    log.write_text("".join(f"{text}\n" for text in MORE))
    parsed(tmp_path, monkeypatch)

    assert counted(tmp_path) == (5, {"mail.log": 2, "mail.log.1": 3})


# --- Dovecot asks several databases


CHAIN = {
    "2.4": (
        "auth({u},203.0.113.9,sasl:plain): deny: unknown user - trying the next passdb",
        "auth({u},203.0.113.9,sasl:plain): users: {said} - trying the next passdb",
        "auth({u},203.0.113.9,sasl:plain): more: unknown user",
    ),
    "2.3": (
        "auth: passwd-file({u},203.0.113.9): unknown user - trying the next passdb",
        "auth: passwd-file({u},203.0.113.9): {said} - trying the next passdb",
        "auth: passwd-file({u},203.0.113.9): unknown user",
    ),
}


def asked(version: str, said: str, user: str = "alice@example.com") -> list[str]:
    """Lines of a login that three databases were asked for, and Postfix's word two seconds later."""
    tag = "Nov 26 03:18:58 mx1 postfix/submission/smtpd[263]:"
    said_by = [f"Nov 26 03:18:56 mx1 dovecot: {text.format(u=user, said=said)}" for text in CHAIN[version]]
    return [
        f"{tag} connect from unknown[203.0.113.9]",
        *said_by,
        f"{tag} warning: unknown[203.0.113.9]: SASL PLAIN authentication failed: (reason unavailable), sasl_username={user}",
        f"{tag} disconnect from unknown[203.0.113.9] ehlo=1 auth=0/1 quit=1 commands=2/3",
    ]


@pytest.mark.parametrize("version", CHAIN)
@pytest.mark.parametrize(
    ("said", "cause"),
    [("Password mismatch", "bad_credentials"), ("unknown user", "unknown_user")],
    ids=["known", "nobody"],
)
def test_a_name_that_one_database_knows_is_no_unknown_user_though_the_last_one_says_so(
    version: str, said: str, cause: str, tmp_path: Path
) -> None:
    found = read(tmp_path, *asked(version, said))

    assert found.select("outcome", "cause", "basis", "user", "count").rows() == [
        ("failure", cause, "context", "alice@example.com", 1)
    ]


def test_two_attempts_in_a_row_of_databases_stay_two(tmp_path: Path) -> None:
    lines = asked("2.4", "Password mismatch")
    found = read(tmp_path, *(line for line in lines[1:4] for _ in "x"), *lines[1:4])

    assert found.select("outcome", "cause", "count").rows() == [("failure", "bad_credentials", 1)] * 2


NETS = (
    "auth: passwd-file(nets@example.com,203.0.113.9): allow_nets check failed: IP 203.0.113.9 not in allowed networks"
)


def test_a_refusal_by_networks_is_not_hidden_by_the_database_asked_after_it(tmp_path: Path) -> None:
    lines = asked("2.3", "Password mismatch", "nets@example.com")
    at = "Nov 26 03:18:56 mx1 dovecot: "
    found = read(tmp_path, *lines[:2], f"{at}{NETS}", *lines[3:])

    assert found.select("outcome", "cause", "basis", "count").rows() == [
        ("failure", "access_policy_denied", "context", 1)
    ]


TOKEN = {
    "2.3": "auth: oauth2(alice@example.com,203.0.113.9): oauth2 failed: Introspection failed: Provided token is not valid",
    "2.4": "auth(alice@example.com,203.0.113.9,sasl:xoauth2): Error: xoauth2: oauth2 failed: Introspection failed: "
    "No username returned",
    "of another": "auth(bob@example.com,203.0.113.9,sasl:oauthbearer): oauthbearer: oauth2 failed: Introspection failed: "
    "Username 'bob@example.com' did not match 'alice@example.com'",
}


@pytest.mark.parametrize("text", TOKEN.values(), ids=TOKEN)
def test_a_token_that_the_token_server_does_not_know_is_no_outage(text: str, tmp_path: Path) -> None:
    found = read(tmp_path, f"Nov 26 03:18:56 mx1 dovecot: {text}")

    assert found.select("outcome", "cause").rows() == [("failure", "token_invalid")]


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("auth(?,203.0.113.9,sasl:external): external: username not known", "bad_credentials"),
        ("auth: external(?,203.0.113.9): username not known", "bad_credentials"),
        ("auth(?,203.0.113.9,sasl:xoauth2): xoauth2: Missing token", "malformed_response"),
        ("auth: xoauth2(?,203.0.113.9): Username or token missing", "malformed_response"),
        ("auth: oauthbearer(?,203.0.113.9): Invalid gs2-header in request", "malformed_response"),
    ],
)
def test_words_of_dovecots_mechanisms_are_understood(text: str, cause: str, tmp_path: Path) -> None:
    found = read(tmp_path, f"Nov 26 03:18:56 mx1 dovecot: {text}")

    assert found.select("cause", "client_ip", "user").rows() == [(cause, "203.0.113.9", None)]


def test_a_request_that_is_too_long_is_no_attempt_of_its_own(tmp_path: Path) -> None:
    tag = "Nov 26 03:19:02 mx1 postfix/submission/smtpd[340]:"
    log = tmp_path / "mail.log"
    log.write_text(
        f"{tag} warning: unknown[203.0.113.9]: request longer than 2048: AUTH PLAIN AGFhYWFhYWFhYWFhYWFhYWFh...\n"
    )

    assert sl.read(log, year=2026).filter(AUTH).is_empty()
    assert sl.coverage(log)["not_understood"].sum() == 0


# --- Postfix with Cyrus SASL


def by_saslauthd(pid: int, user: str, pam: str | None, reason: str) -> list[str]:
    tag = f"Nov 26 03:32:02 mx1 saslauthd[{pid}]:"
    said = [f"{tag} DEBUG: auth_pam: {pam}"] if pam else []
    return [
        *said,
        f"{tag}                 : auth failure: [user={user}] [service=smtp] [realm=] [mech=pam] [reason={reason}]",
    ]


def by_cyrus(pid: int, user: str) -> list[str]:
    tag = f"Nov 26 03:32:02 mx1 postfix/submission/smtpd[{pid}]:"
    return [
        f"{tag} connect from unknown[203.0.113.{pid}]",
        f"{tag} warning: SASL authentication failure: Password verification failed",
        f"{tag} warning: unknown[203.0.113.{pid}]: SASL PLAIN authentication failed: authentication failure, sasl_username={user}",
        f"{tag} disconnect from unknown[203.0.113.{pid}] ehlo=2 starttls=1 auth=0/1 quit=1 commands=4/5",
    ]


def test_what_saslauthd_and_pam_say_in_one_second_goes_to_whom_it_is_about(tmp_path: Path) -> None:
    """The name of the function is left out without debugging; one process judges several clients in a second."""
    found = read(
        tmp_path,
        *by_saslauthd(13, "bob", "pam_authenticate failed: Authentication failure", "PAM auth error"),
        *by_cyrus(24, "bob"),
        *by_saslauthd(13, "carol", "pam_acct_mgmt failed: User account has expired", "PAM acct error"),
        *by_cyrus(26, "carol"),
        *by_saslauthd(
            10,
            "nosuch",
            "pam_authenticate failed: User not known to the underlying authentication module",
            "PAM auth error",
        ),
        *by_cyrus(25, "nosuch"),
    )

    assert found.sort("user").select("user", "client_ip", "outcome", "cause", pl.col("also").list.len()).rows() == [
        ("bob", "203.0.113.24", "failure", "bad_credentials", 2),
        ("carol", "203.0.113.26", "failure", "account_disabled", 2),
        ("nosuch", "203.0.113.25", "failure", "unknown_user", 2),
    ]


def test_without_pams_word_saslauthds_own_one_counts(tmp_path: Path) -> None:
    found = read(tmp_path, *by_saslauthd(13, "carol", None, "PAM acct error"), *by_cyrus(26, "carol"))

    assert found.select("cause", "basis", pl.col("also").list.len()).rows() == [("account_disabled", "context", 1)]


def test_pams_word_to_another_process_is_not_about_this_login(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        *by_saslauthd(
            10, "nosuch", "pam_authenticate failed: User not known to the underlying authentication module", "x"
        )[:1],
        *by_saslauthd(13, "bob", None, "PAM auth error"),
        *by_cyrus(24, "bob"),
    )

    assert found.select("user", "cause").rows() == [("bob", "bad_credentials")]


# --- Dovecot's policy server, slow databases, proxies

POLICY = {
    "2.4": "auth(alice@example.com,203.0.113.9,sasl:plain)<q44lpyVhP7p/AAEh>: Error: policy: ",
    "2.3": "auth: Error: policy(alice@example.com,203.0.113.9,<q44lpyVhP7p/AAEh>): ",
}
IN = "imap-login: Login: user=<alice@example.com>, method=PLAIN, rip=203.0.113.9, lip=192.0.2.25, mpid=7, TLS, session=<q44lpyVhP7p/AAEh>"


@pytest.mark.parametrize("start", POLICY.values(), ids=POLICY)
def test_a_policy_server_that_is_down_refuses_nobody(start: str, tmp_path: Path) -> None:
    said = f"{AT} dovecot: {start}Policy server HTTP error: connect(127.0.0.1:10694) failed: Connection refused"
    found = read(tmp_path, said, said, f"{AT} dovecot: {IN}", said)

    assert found.select("stage", "outcome", "count").rows() == [("auth", "success", 1)]


@pytest.mark.parametrize("start", POLICY.values(), ids=POLICY)
def test_nor_does_it_tell_why_postfix_refused(start: str, tmp_path: Path) -> None:
    smtp = start.replace("<q44lpyVhP7p/AAEh>", "").replace(",)", ")")
    said = f"Nov 26 03:18:56 mx1 dovecot: {smtp}Policy server HTTP error: connect(127.0.0.1:10694) failed: Connection refused"
    lines = asked("2.4", "Password mismatch")
    found = read(tmp_path, lines[0], said, *lines[1:4], said, *lines[4:])

    assert found.select("outcome", "cause", "count").rows() == [("failure", "bad_credentials", 1)]


def test_a_name_that_looks_like_the_policy_servers_error_hides_nothing(tmp_path: Path) -> None:
    name = "x,192.0.2.66,sasl:plain): Error: policy: Policy server HTTP error: "
    found = read(tmp_path, f"{AT} dovecot: auth({name},203.0.113.9,sasl:plain): sql: unknown user")

    assert found.select("outcome", "cause", "client_ip").rows() == [("failure", "unknown_user", "203.0.113.9")]


FILE = "auth: passwd-file(bob,203.0.113.9,<dx3cqyVhaZJ/AAE+>): unknown user"
PAM = (
    "auth-worker(203): conn unix:auth-worker (pid=182,uid=112): auth-worker<3>: pam(bob,203.0.113.9,<dx3cqyVhaZJ/AAE+>): "
    "pam_authenticate() failed: Authentication failure (Password mismatch?)"
)
POP3 = "pop3-login: Login: user=<bob>, method=PLAIN, rip=203.0.113.9, lip=192.0.2.25, mpid=245, TLS, session=<dx3cqyVhaZJ/AAE+>"


def test_a_slow_second_database_is_no_second_attempt_and_a_login_no_failure(tmp_path: Path) -> None:
    """POP3: wrong, then right; the first database does not know the name, the second takes three seconds."""
    found = read(
        tmp_path,
        *(f"Nov 26 03:38:{second} mx1 dovecot: {text}"
        for second, text in (("06", FILE), ("09", PAM), ("17", FILE), ("19", POP3))),
    )  # fmt: skip

    assert found.select("outcome", "cause", "count", "user").rows() == [
        ("failure", "bad_credentials", 1, "bob"),
        ("success", "success", 1, "bob"),
    ]


def test_unknown_names_before_a_login_of_another_name_are_failures(tmp_path: Path) -> None:
    other = FILE.replace("(bob", "(ann")
    found = read(tmp_path, f"Nov 26 03:38:06 mx1 dovecot: {other}", f"Nov 26 03:38:19 mx1 dovecot: {POP3}")

    assert found.select("outcome", "user").rows() == [("failure", "ann"), ("success", "bob")]


PROXIED = {
    "2.4": "imap-login: Login aborted: Logged out (proxy dest authentication failure, 1/1 successful auths in 4 secs) "
    "(proxy_dest_auth_failed): user=<ann@example.com>, method=PLAIN, rip=203.0.113.9, lip=192.0.2.25, TLS, session=<lU7aqyVhD8h/AAE7>",
    "2.3": "imap-login: Disconnected: Aborted login by logging out (proxy dest auth failed): user=<ann@example.com>, method=PLAIN, "
    "rip=203.0.113.9, lip=192.0.2.25, TLS, session=<lU7aqyVhD8h/AAE7>",
}


@pytest.mark.parametrize("ended", PROXIED.values(), ids=PROXIED)
def test_a_login_that_the_server_behind_the_proxy_refused_is_a_failure(ended: str, tmp_path: Path) -> None:
    """The client got NO [AUTHENTICATIONFAILED]; a database that did not know the name was not the last one."""
    before = "auth: passwd-file(ann@example.com,203.0.113.9,<lU7aqyVhD8h/AAE7>): unknown user"
    found = read(tmp_path, f"{AT} dovecot: {before}", f"{AT} dovecot: {ended}")

    assert found.select("outcome", "cause", "basis", "count").rows() == [("failure", "bad_credentials", "assumed", 1)]


# --- Exim


@pytest.mark.parametrize(
    ("said", "outcome", "cause"),
    [
        ("RATE 4.0/5m (max 3)", "throttled", "throttled_auth"),
        ("Sender rate overlimit - 12.3 / 1h", "throttled", "throttled_auth"),
        ("TLS first", "failure", "access_policy_denied"),
    ],
)
def test_a_limit_in_the_words_of_exims_manual_is_a_limit(said: str, outcome: str, cause: str, tmp_path: Path) -> None:
    log = tmp_path / "mainlog"
    start = "2026-11-26 03:46:51.039 +0000 [152] H=(client.example.org) [203.0.113.9]:48091 I=[192.0.2.25]:587"
    log.write_text(f"{start} rejected AUTH LOGIN: {said}\n")

    assert sl.read(log).filter(AUTH).select("outcome", "cause", "client_ip").rows() == [(outcome, cause, "203.0.113.9")]


# --- the answer where the mechanism belongs

SECRET = "AGFsaWNlQGV4YW1wbGUuY29tAHdyb25nLVB3LTk="
POSTFIX_310 = (
    "Nov 26 03:43:26 mx1 postfix/submission/smtpd[342]: warning: unknown[203.0.113.9]: SASL {s} authentication failed: "
    "Invalid authentication mechanism: '{s}', sasl_username=(unavailable)"
)
SMTPD = "Nov 26 03:53:33 mx1 smtpd[13]: 826d91d0cc124c42 smtp"
OPENSMTPD = (
    f"{SMTPD} connected address=203.0.113.9 host=<unknown>",
    f"{SMTPD} tls ciphers=TLSv1.3:TLS_AES_256_GCM_SHA384:256",
    f'{SMTPD} failed-command command="AUTH {SECRET}" result="504 5.7.4 Security features not supported: '
    f'AUTH method "{SECRET}" not supported"',
    f"{SMTPD} disconnected reason=quit",
)


@pytest.mark.parametrize(
    "lines", [(POSTFIX_310.format(s=SECRET),), OPENSMTPD], ids=["Postfix 3.10", "OpenSMTPD 7.6"]
)  # fmt: skip
def test_a_password_that_came_as_the_mechanism_is_an_attempt_and_is_nowhere_to_be_read(
    lines: tuple[str, ...], tmp_path: Path
) -> None:
    log = tmp_path / "mail.log"
    log.write_text("".join(f"{line}\n" for line in lines))
    found = sl.read(log, year=2026)

    assert found.filter(AUTH).select("outcome", "cause", "client_ip", "redacted").rows() == [
        ("refused", "mechanism_unsupported", "203.0.113.9", "sasl response")
    ]
    assert SECRET not in found.write_json()
    assert SECRET not in sl.coverage(log).write_json()


def test_a_mechanism_that_is_one_stays(tmp_path: Path) -> None:
    found = read(tmp_path, POSTFIX_310.format(s="CRAM-MD5"))

    assert found.select("mechanism", "detail").rows() == [("CRAM-MD5", "Invalid authentication mechanism: 'CRAM-MD5'")]


def test_another_mechanism_in_the_same_session_is_another_attempt(tmp_path: Path) -> None:
    """A mechanism stands where a database does in Dovecot's lines."""
    session = "<dx3cqyVhaZJ/AAE+>"
    lines = (
        ("06", f"auth: passwd-file(bob,203.0.113.9,{session}): Password mismatch"),
        ("12", f"auth: cram-md5(bob,203.0.113.9,{session}): Password mismatch"),
        ("19", POP3),
    )
    found = read(tmp_path, *(f"Nov 26 03:38:{second} mx1 dovecot: {text}" for second, text in lines))

    assert found.select("outcome", "count").rows() == [("failure", 1), ("failure", 1), ("success", 1)]
