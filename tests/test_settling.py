"""What only other lines can tell: Dovecot refines Postfix, doubles go, penalties are told from outages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest

from small_logs import FAILED, LOST, PEER, SUBMISSION, clocks, line, read, told, write
from smtplogs import reading

if TYPE_CHECKING:
    from pathlib import Path

WHAT = ("stage", "outcome", "cause", "basis", "count")
IP = "203.0.113.9"


def dovecot(clock: str, message: str, *, host: str = "mx1") -> str:
    return line(clock, message, "dovecot", host=host)


def postfix(clock: str, message: str, pid: int = 10) -> str:
    return line(clock, message, SUBMISSION.replace("10", str(pid)))


def failing(clock: str, message: str = FAILED) -> list[str]:
    """Return a session that fails at this second."""
    early = clock[:-2] + "00"
    return [
        postfix(early, f"connect from {PEER}"),
        postfix(clock, message),
        postfix(clock, f"disconnect from {PEER} ehlo=1 auth=0/1 commands=1/2"),
    ]


def good(clock: str, ip: str = "203.0.113.200", pid: int = 20, user: str = "carol") -> list[str]:
    """Return a session of one login and one mail."""
    peer = f"unknown[{ip}]"
    return [
        postfix(clock, f"connect from {peer}", pid),
        postfix(clock, f"4AA: client={peer}, sasl_method=PLAIN, sasl_username={user}", pid),
        postfix(clock, f"disconnect from {peer} ehlo=1 auth=1 mail=1 rcpt=1 data=1 quit=1 commands=6", pid),
    ]


# --- Dovecot's word on Postfix's failures


@pytest.mark.parametrize(
    ("said", "outcome", "cause"),
    [
        (f"auth: passwd-file(alice,{IP}): unknown user", "failure", "unknown_user"),
        (f"auth: passwd-file(alice,{IP}): Password mismatch", "failure", "bad_credentials"),
        (f"auth: passwd-file(alice,{IP}): allow_nets check failed: IP {IP} not in allowed networks", "failure", "access_policy_denied"),
        (f"auth: passwd-file(alice,{IP}): User found from deny passdb", "failure", "access_policy_denied"),
        (f"auth: Error: sql(alice,{IP}): Password query failed: Not connected to database", "deferred", "backend_unavailable"),
        (f"auth: plain(alice,{IP}): Username character disallowed by auth_username_chars: 0x20 (username: alice)", "aborted", "malformed_response"),
        (f"auth(alice,{IP},sasl:plain): passwd-file: unknown user", "failure", "unknown_user"),
        (f"auth-worker(304): pam(alice,{IP}): pam_authenticate() failed: Authentication failure (Password mismatch?)", "failure", "bad_credentials"),
    ],
)  # fmt: skip
def test_dovecot_says_why(tmp_path: Path, said: str, outcome: str, cause: str) -> None:
    events = read(tmp_path, dovecot("10:00:03", said), *failing("10:00:05"))

    assert told(events, *WHAT, "user", "format") == [("auth", outcome, cause, "context", 1, "alice", "postfix")]
    assert events.filter(stage="auth")["also"].to_list() == [[f"{tmp_path}/mail.log:1"]]


@pytest.mark.parametrize(("clock", "cause"), [("10:00:00", "unknown_user"), ("09:59:59", "bad_credentials")])
def test_dovecots_line_is_at_most_five_seconds_older(tmp_path: Path, clock: str, cause: str) -> None:
    """Beyond that it is another attempt, of which Postfix says nothing."""
    lines = sorted(
        [dovecot(clock, f"auth: passwd-file(alice,{IP}): unknown user"), *failing("10:00:05")], key=lambda t: t[:20]
    )

    assert told(read(tmp_path, *lines).filter(format="postfix"), "cause") == [cause]


def test_dovecots_word_on_another_user_or_address_is_left_alone(tmp_path: Path) -> None:
    events = read(
        tmp_path,
        dovecot("10:00:03", f"auth: passwd-file(bob,{IP}): unknown user"),
        dovecot("10:00:03", "auth: passwd-file(alice,203.0.113.10): unknown user"),
        *failing("10:00:05"),
    )

    assert told(events.filter(format="postfix"), "cause", "basis", "also") == [("bad_credentials", "assumed", None)]
    assert told(events.filter(format="dovecot"), "user", "client_ip") == [("alice", "203.0.113.10")]


def test_what_the_line_itself_proves_is_not_refined(tmp_path: Path) -> None:
    """Cyrus, and reasons of the site: Dovecot is not asked again."""
    proven = FAILED.replace("(reason unavailable)", "authentication failure")
    events = read(
        tmp_path, dovecot("10:00:03", f"auth: passwd-file(alice,{IP}): unknown user"), *failing("10:00:05", proven)
    )

    assert told(events, "cause", "basis", "format") == [("bad_credentials", "line", "postfix")]


def test_parallel_attempts_of_one_user_pair_one_to_one(tmp_path: Path) -> None:
    sessions = [failing("10:00:05"), failing("10:00:06")]
    second = [text.replace("smtpd[10]", "smtpd[11]") for text in sessions[1]]
    lines = [
        dovecot("10:00:03", f"auth: passwd-file(alice,{IP}): Password mismatch"),
        dovecot("10:00:04", f"auth: passwd-file(alice,{IP}): unknown user"),
        *sessions[0],
        *second,
    ]
    events = read(tmp_path, *lines)

    also = events.filter(outcome="failure").sort("time")["also"].to_list()
    assert sorted(ref for refs in also for ref in refs) == [f"{tmp_path}/mail.log:{n}" for n in (1, 2)]
    assert events.filter(outcome="failure").height == 2


def test_many_failures_of_one_address_each_get_their_own_line(tmp_path: Path) -> None:
    lines = []
    for n in range(9):
        lines.append(dovecot(f"10:0{n}:03", f"auth: passwd-file(u{n},{IP}): unknown user"))
        lines += failing(f"10:0{n}:05", FAILED.replace("alice", f"u{n}"))
    events = read(tmp_path, *lines)

    assert told(events, "user", "cause", "basis") == [(f"u{n}", "unknown_user", "context") for n in range(9)]


def test_the_name_comes_from_dovecot_where_postfix_is_too_old_to_print_it(tmp_path: Path) -> None:
    old = FAILED.removesuffix(", sasl_username=alice").replace("(reason unavailable)", "UGFzc3dvcmQ6")
    events = read(
        tmp_path, dovecot("10:00:03", f"auth: passwd-file(alice,{IP}): unknown user"), *failing("10:00:05", old)
    )

    assert told(events, "user", "cause", "basis") == [("alice", "unknown_user", "context")]


def test_several_databases_are_one_attempt_and_the_most_telling_one_speaks(tmp_path: Path) -> None:
    said = [
        dovecot("10:00:03", f"auth: passwd-file(alice,{IP}): unknown user - trying the next passdb"),
        dovecot("10:00:03", f"auth: Error: sql(alice,{IP}): Password query failed: Not connected to database"),
        dovecot("10:00:04", f"auth: pam(alice,{IP}): pam_authenticate() failed: Authentication failure"),
    ]
    with_postfix = read(tmp_path, *said, *failing("10:00:05"))

    assert told(with_postfix, "outcome", "cause", "format", "count") == [
        ("deferred", "backend_unavailable", "postfix", 1)
    ]
    assert sorted(with_postfix.filter(stage="auth")["also"][0]) == [f"{tmp_path}/mail.log:{n}" for n in (2, 3)]
    alone = read(tmp_path, *said)
    assert told(alone, "outcome", "cause", "format", "count", "line_no") == [
        ("deferred", "backend_unavailable", "dovecot", 1, 2)
    ]


# --- deny databases


def test_a_deny_databases_unknown_user_before_a_good_smtp_login_is_no_failure(tmp_path: Path) -> None:
    events = read(
        tmp_path,
        dovecot("10:00:00", "auth: passwd-file(carol,203.0.113.200): unknown user - trying the next passdb"),
        *good("10:00:00"),
    )

    assert told(events, "stage", "outcome", "format") == [
        ("auth", "success", "postfix"),
        ("mail", "success", "postfix"),
    ]


def test_a_deny_databases_unknown_user_before_a_good_imap_login_is_no_failure(tmp_path: Path) -> None:
    events = read(
        tmp_path,
        dovecot("10:00:00", f"auth: passwd-file(carol,{IP},<s1>): unknown user - trying the next passdb"),
        dovecot(
            "10:00:00",
            f"imap-login: Login: user=<carol>, method=PLAIN, rip={IP}, lip=192.0.2.25, mpid=2, TLS, session=<s1>",
        ),
    )

    assert told(events, "outcome", "protocol", "user") == [("success", "imap", "carol")]


def test_a_failure_long_before_the_login_of_the_same_imap_session_is_one(tmp_path: Path) -> None:
    events = read(
        tmp_path,
        dovecot("10:00:00", f"auth: passwd-file(carol,{IP},<s1>): Password mismatch"),
        dovecot(
            "10:00:09",
            f"imap-login: Login: user=<carol>, method=PLAIN, rip={IP}, lip=192.0.2.25, mpid=2, TLS, session=<s1>",
        ),
    )

    assert told(events, "outcome", "cause") == [("failure", "bad_credentials"), ("success", "success")]


# --- Dovecot alone


def test_dovecot_alone_gives_attempts(tmp_path: Path) -> None:
    events = read(
        tmp_path,
        dovecot("10:00:03", f"auth: passwd-file(alice,{IP}): Password mismatch"),
        dovecot("10:00:09", f"auth: passwd-file(alice,{IP}): Password mismatch"),
    )

    assert (
        told(events, *WHAT, "user", "client_ip", "protocol", "side")
        == [("auth", "failure", "bad_credentials", "line", 1, "alice", IP, "smtp", "server")] * 2
    )


def sum_of(tmp_path: Path, *lines: str, attempts: int = 3, name: str = "bob") -> pl.DataFrame:
    ended = f"auth failed, {attempts} attempts in 25 secs): user=<{name}>, method=PLAIN, rip={IP}, lip=192.0.2.25, TLS, session=<s1>"
    return read(tmp_path, *lines, dovecot("10:00:30", f"imap-login: Disconnected ({ended}"))


def test_the_sum_of_a_login_process_counts_and_its_lines_say_why(tmp_path: Path) -> None:
    events = sum_of(
        tmp_path,
        dovecot("10:00:01", f"auth: passwd-file(bob,{IP},<s1>): unknown user"),
        dovecot("10:00:21", f"auth: passwd-file(bob,{IP},<s1>): unknown user"),
    )

    assert told(events, *WHAT, "protocol") == [("auth", "failure", "unknown_user", "context", 3, "imap")]
    assert events["also"].to_list() == [[f"{tmp_path}/mail.log:{n}" for n in (1, 2)]]


def test_a_sum_of_which_each_attempt_has_a_line_is_a_row_for_each(tmp_path: Path) -> None:
    events = sum_of(
        tmp_path,
        dovecot("10:00:01", f"auth: passwd-file(ann,{IP},<s1>): unknown user"),
        dovecot("10:00:11", f"auth: passwd-file(cora,{IP},<s1>): Password mismatch"),
        dovecot("10:00:21", f"auth: passwd-file(bob,{IP},<s1>): unknown user"),
    )

    assert told(events, *WHAT, "protocol", "user", "tls") == [
        ("auth", "failure", "unknown_user", "line", 1, "imap", "ann", "yes"),
        ("auth", "failure", "bad_credentials", "line", 1, "imap", "cora", "yes"),
        ("auth", "failure", "unknown_user", "context", 1, "imap", "bob", "yes"),
    ]
    assert events["also"].to_list() == [None, None, [f"{tmp_path}/mail.log:3"]]


def test_a_sum_that_ends_in_a_strange_mechanism_is_not_all_of_it(tmp_path: Path) -> None:
    events = read(
        tmp_path,
        dovecot("10:00:01", f"auth(ann,{IP},sasl:plain)<s1>: passwd-file: unknown user"),
        dovecot(
            "10:00:03",
            "submission-login: Login aborted: Logged out (tried to use unsupported auth mechanism, 2 attempts in 1 secs) "
            f"(invalid_mech): user=<ann>, method=SCRAM-SHA-256, rip={IP}, lip=192.0.2.25, TLS, session=<s1>",
        ),
    )

    assert told(events, *WHAT, "user") == [
        ("auth", "failure", "unknown_user", "line", 1, "ann"),
        ("auth", "refused", "mechanism_unsupported", "line", 1, None),
    ]


def test_a_strange_mechanism_between_a_wrong_name_and_a_login_is_an_attempt(tmp_path: Path) -> None:
    there = f"rip={IP}, lip=192.0.2.25, TLS, session=<s1>"
    events = read(
        tmp_path,
        dovecot("10:00:01", f"auth: passwd-file(ann,{IP},<s1>): unknown user"),
        dovecot(
            "10:00:02",
            f"submission-login: Authenticate NTLM failed: Unsupported authentication mechanism.: user=<ann>, method=NTLM, {there}",
        ),
        dovecot("10:00:09", f"submission-login: Login: user=<bob>, method=LOGIN, {there}"),
    )

    assert told(events, "outcome", "cause", "user", "mechanism") == [
        ("failure", "unknown_user", "ann", None),
        ("refused", "mechanism_unsupported", None, "NTLM"),
        ("success", "success", "bob", "LOGIN"),
    ]


def test_a_refusal_before_a_login_of_the_same_session_is_of_its_protocol(tmp_path: Path) -> None:
    events = read(
        tmp_path,
        dovecot("10:00:01", f"auth(ann,{IP},sasl:plain)<s1>: passwd-file: Password mismatch"),
        dovecot(
            "10:00:04",
            f"imap-login: Logged in: user=<ann>, method=PLAIN, rip={IP}, lip=192.0.2.25, mpid=36, TLS, session=<s1>",
        ),
    )

    assert told(events, "outcome", "protocol", "tls") == [("failure", "imap", "yes"), ("success", "imap", "yes")]


def test_the_sum_of_another_session_does_not_swallow_attempts(tmp_path: Path) -> None:
    events = read(
        tmp_path,
        dovecot("10:00:01", f"auth: passwd-file(bob,{IP},<s2>): unknown user"),
        dovecot(
            "10:00:30",
            f"imap-login: Disconnected (auth failed, 1 attempts in 25 secs): user=<bob>, method=PLAIN, rip={IP}, lip=192.0.2.25, TLS, session=<s1>",
        ),
    )

    assert told(events, "count", "cause", "basis") == [(1, "unknown_user", "line"), (1, "bad_credentials", "assumed")]


def test_a_session_token_that_comes_back_ties_lines_to_the_login_after_them(tmp_path: Path) -> None:
    def refused(clock: str, why: str) -> str:
        return dovecot(clock, f"auth: passwd-file(bob,{IP},<s1>): {why}")

    def ended(clock: str) -> str:
        return dovecot(
            clock,
            f"imap-login: Disconnected (auth failed, 1 attempts in 2 secs): user=<bob>, method=PLAIN, rip={IP}, lip=192.0.2.25, TLS, session=<s1>",
        )

    events = read(
        tmp_path,
        refused("10:00:01", "unknown user"),
        ended("10:00:03"),
        refused("12:00:01", "Password mismatch"),
        ended("12:00:03"),
        ended("14:00:03"),
    )

    assert told(events, "cause", "basis") == [
        ("unknown_user", "context"),
        ("bad_credentials", "context"),
        ("bad_credentials", "assumed"),
    ]
    assert events["also"].to_list() == [[f"{tmp_path}/mail.log:1"], [f"{tmp_path}/mail.log:3"], None]


@pytest.mark.parametrize("clock", ["10:00:03", "10:00:04"])
def test_a_pam_line_counts_only_where_nothing_else_tells_of_the_attempt(tmp_path: Path, clock: str) -> None:
    def pam(user: str) -> str:
        return line(
            clock,
            f"pam_unix(dovecot:auth): authentication failure; logname= uid=0 euid=0 tty=dovecot ruser={user} rhost={IP} ",
            "auth",
        )

    beside_postfix = read(tmp_path, pam("alice"), *failing("10:00:05"))
    assert told(beside_postfix, "format") == ["postfix"]

    beside_dovecot = read(
        tmp_path,
        pam("alice"),
        dovecot(
            clock, f"auth: pam(alice,{IP}): pam_authenticate() failed: Authentication failure (Password mismatch?)"
        ),
    )
    assert told(beside_dovecot, "format") == ["dovecot"]

    alone = read(tmp_path, pam("alice"))
    assert told(alone, *WHAT, "user", "client_ip", "format") == [
        ("auth", "failure", "bad_credentials", "assumed", 1, "alice", IP, "pam")
    ]


def test_auth_debug_names_a_login_without_mail(tmp_path: Path) -> None:
    events = read(
        tmp_path,
        postfix("10:00:00", f"connect from {PEER}"),
        dovecot(
            "10:00:01",
            "auth: Debug: conn unix:auth (pid=10,uid=100) [2]: client passdb out: OK#0112#011user=alice@example.com",
        ),
        dovecot(
            "10:00:01",
            "auth: Debug: conn unix:auth (pid=77,uid=100) [3]: client passdb out: OK#0112#011user=bob@example.com",
        ),
        postfix("10:00:04", f"disconnect from {PEER} ehlo=1 auth=1 quit=1 commands=3"),
    )

    assert told(events, *WHAT, "user", "also") == [
        ("auth", "success", "success", "counter", 1, "alice@example.com", [f"{tmp_path}/mail.log:2"])
    ]


# --- lost answers: penalty, dead backend, unknown


def test_a_lost_answer_alone_stays_unknown(tmp_path: Path) -> None:
    events = read(tmp_path, *good("09:59:00"), *failing("10:00:30", LOST), *good("10:01:00"))

    assert told(events.filter(client_ip=IP), *WHAT) == [("auth", "deferred", "unknown", "assumed", 1)]


@pytest.mark.parametrize(
    ("failures", "success", "cause"),
    [
        (["10:00:10", "10:00:20"], "10:01:00", "throttled_auth"),
        (["10:00:10"], "10:01:00", "unknown"),  # one failure is not enough
        (["09:59:30", "09:59:40"], "10:01:00", "unknown"),  # too long before
        (["09:59:10", "09:59:50"], "10:01:00", "throttled_auth"),  # none more than 30 s before the next AUTH command
        (["09:59:09", "09:59:50"], "10:01:00", "unknown"),
        (["09:59:10", "09:59:49"], "10:01:00", "unknown"),
        (["10:00:10", "10:00:20"], None, "unknown"),  # nobody succeeds: the backend may be dead
        (["10:00:10", "10:00:20"], "10:05:30", "throttled_auth"),  # five minutes are near
        (["10:00:10", "10:00:20"], "10:05:31", "unknown"),
    ],
)
def test_a_lost_answer_after_failures_is_a_penalty_while_others_succeed(
    tmp_path: Path, failures: list[str], success: str | None, cause: str
) -> None:
    lines = [text for clock in failures for text in failing(clock)]
    lines += failing("10:00:30", LOST)
    lines += good(success) if success else []
    events = read(tmp_path, *lines)

    lost = events.filter(pl.col("detail").str.starts_with("Connection lost"))
    outcome, basis = ("throttled", "context") if cause == "throttled_auth" else ("deferred", "assumed")
    assert told(lost, "outcome", "cause", "basis") == [(outcome, cause, basis)]


@pytest.mark.parametrize(("clock", "cause"), [("10:00:30", "throttled_auth"), ("10:00:31", "unknown")])
def test_lost_answers_prolong_a_penalty_until_no_password_was_judged_for_70_seconds(
    tmp_path: Path, clock: str, cause: str
) -> None:
    """Dovecot adds to a penalty only for those it refused; without, it sinks below what Postfix waits for."""
    lines = [text for at in ("09:59:10", "09:59:20") for text in failing(at)]
    lines += [text for at in ("09:59:55", clock) for text in failing(at, LOST)]
    events = read(tmp_path, *lines, *good("10:01:00"))

    lost = events.filter(pl.col("detail").str.starts_with("Connection lost"))
    assert told(lost, "cause") == ["throttled_auth", cause]


def test_failures_of_another_address_are_no_reason_for_a_penalty(tmp_path: Path) -> None:
    other = [
        text.replace(IP, "203.0.113.10").replace("smtpd[10]", "smtpd[11]")
        for c in ("10:00:10", "10:00:20")
        for text in failing(c)
    ]
    events = read(tmp_path, *other, *failing("10:00:30", LOST), *good("10:01:00"))

    assert told(events.filter(client_ip=IP), "cause") == ["unknown"]


@pytest.mark.parametrize(
    ("clock", "host", "cause"),
    [
        ("10:00:29", "mx1", "backend_unavailable"),
        ("09:58:30", "mx1", "backend_unavailable"),
        ("09:58:29", "mx1", "unknown"),  # more than two minutes
        ("10:00:29", "mx2", "unknown"),  # another host's backend
    ],
)
def test_a_lost_answer_near_an_error_of_the_backend_is_the_backends(
    tmp_path: Path, clock: str, host: str, cause: str
) -> None:
    error = dovecot(clock, "auth: Fatal: master: service(auth): child 123 killed with signal 9", host=host)
    broken = line(
        clock,
        "warning: SASL: Connect to Dovecot auth socket 'private/auth' failed: Connection refused",
        "postfix/smtpd[30]",
        host=host,
    )
    del error
    events = read(tmp_path, broken, *failing("10:00:30", LOST))

    lost = events.filter(pl.col("detail").str.starts_with("Connection lost"))
    assert told(lost, "outcome", "cause", "basis") == [
        ("deferred", cause, "context" if cause == "backend_unavailable" else "assumed")
    ]


def test_dovecots_own_error_about_the_user_explains_a_lost_answer(tmp_path: Path) -> None:
    events = read(
        tmp_path,
        *failing("10:00:30", LOST),
        dovecot("10:00:36", f"auth: Error: sql(alice,{IP}): Password query failed: Lost connection to MySQL server"),
    )

    assert told(events, "outcome", "cause", "basis", "format", "user") == [
        ("deferred", "backend_unavailable", "context", "postfix", "alice")
    ]


def test_a_lost_answer_takes_no_verdict_from_dovecots_refusal(tmp_path: Path) -> None:
    """The password was wrong, but the client was told to try later."""
    events = read(
        tmp_path, *failing("10:00:30", LOST), dovecot("10:00:36", f"auth: passwd-file(alice,{IP}): Password mismatch")
    )

    assert told(events, "outcome", "cause", "user", "also") == [
        ("deferred", "unknown", "alice", [f"{tmp_path}/mail.log:4"])
    ]


# --- the same lines twice


def test_identical_lines_of_one_file_are_all_kept(tmp_path: Path) -> None:
    assert told(read(tmp_path, *[postfix("10:00:05", FAILED)] * 4), "line_no") == [1, 2, 3, 4]


def test_identical_lines_of_two_logs_of_a_host_count_as_often_as_in_the_fuller_one(tmp_path: Path) -> None:
    alice, bob = FAILED, FAILED.replace("alice", "bob")
    full = write(
        tmp_path / "mail.log",
        postfix("10:00:00", f"connect from {PEER}"),
        *[postfix("10:00:05", alice)] * 3,
        postfix("10:00:07", bob),
        postfix("10:00:09", f"disconnect from {PEER} ehlo=1 auth=0/4 commands=1/5"),
    )
    part = write(tmp_path / "mail.err", *[postfix("10:00:05", alice)] * 2, postfix("10:00:07", bob))

    for paths in ([full, part], [part, full]):
        events = reading.read(paths)
        assert told(events, "user", "source") == [("alice", str(full))] * 3 + [("bob", str(full))]


def test_equal_lines_of_two_hosts_are_two_attempts(tmp_path: Path) -> None:
    a = write(tmp_path / "a.log", postfix("10:00:05", FAILED), postfix("10:00:07", FAILED))
    b = write(
        tmp_path / "b.log",
        *(t.replace("mx1", "mx2") for t in (postfix("10:00:05", FAILED), postfix("10:00:07", FAILED))),
    )

    assert sorted(told(reading.read([a, b]), "host")) == ["mx1", "mx1", "mx2", "mx2"]


def test_a_file_under_two_names_is_read_once(tmp_path: Path) -> None:
    lines = [postfix("10:00:05", FAILED), postfix("10:00:07", FAILED)]
    a, b = write(tmp_path / "a.log", *lines), write(tmp_path / "b.log", *lines)

    events, coverage, _ = reading.read([a, b], full=True)

    assert clocks(events) == ["10:00:05", "10:00:07"]
    assert coverage.filter(pl.col("note").is_not_null()).select("source", "note").rows() == [
        (str(b), f"same content as {a}: counted once")
    ]


# --- lines that do not name their host


def test_host_names_what_a_log_leaves_open(tmp_path: Path) -> None:
    path = write(tmp_path / "dovecot.log", f"Nov 03 10:00:03 auth: Info: passwd-file(alice,{IP}): Password mismatch")

    assert told(reading.read(path, year=2026), "host", "user", "cause") == [(None, "alice", "bad_credentials")]
    assert told(reading.read(path, year=2026, host="mx7"), "host") == ["mx7"]


def test_dovecots_own_log_without_a_host_still_meets_postfix(tmp_path: Path) -> None:
    own = write(tmp_path / "dovecot.log", f"Nov 03 10:00:03 auth: Info: passwd-file(alice,{IP}): unknown user")
    mail = write(tmp_path / "mail.log", *failing("10:00:05"))

    events = reading.read([own, mail], year=2026)

    assert told(events, "cause", "basis", "also") == [("unknown_user", "context", [f"{own}:1"])]


def test_a_front_may_tell_of_every_login_that_the_server_behind_it_wrote_down(tmp_path: Path) -> None:
    behind = dovecot(
        "10:00:05", "imap-login: Logged in: user=<ann>, method=PLAIN, rip=10.0.0.25, lip=10.0.0.30, session=<s1>"
    )
    front = line(
        "10:00:05",
        'Auth: 203.0.113.25:39343->192.0.2.25:11993 client-secure=ssl authorisation_id=NONE authentication_id="ann" '
        'server="10.0.0.30:10143" protocol=IMAP4S server-secure=plaintext status="ok"',
        "perdition.imap4s[286]",
        host="mx1",
    )
    log = write(tmp_path / "mail.log", behind, front)

    events = reading.read(log, year=2026)

    assert told(events, "outcome", "user", "client_ip", "also") == [("success", "ann", "203.0.113.25", [f"{log}:1"])]
