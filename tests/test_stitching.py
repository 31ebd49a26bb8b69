"""Sessions: what an AUTH row learns from the other lines of its session, and what only the counter knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest

from small_logs import FAILED, PEER, SMTPD, SUBMISSION, TLS, clocks, line, read, told

if TYPE_CHECKING:
    from pathlib import Path

WHAT = ("stage", "outcome", "cause", "basis", "count")
SESSION = "mx1/postfix/submission/smtpd/10@2026-11-03T10:00:00Z"


def submission(clock: str, message: str) -> str:
    return line(clock, message, SUBMISSION)


def test_a_failure_knows_tls_cipher_service_port_helo_and_session(tmp_path: Path) -> None:
    peer = f"{PEER}:40001"
    events = read(
        tmp_path,
        submission("10:00:00", f"connect from {peer}"),
        submission("10:00:01", TLS.replace(PEER, peer)),
        submission("10:00:02", FAILED.replace(PEER, peer)),
        submission(
            "10:00:03",
            f"NOQUEUE: reject: RCPT from {peer}: 554 5.7.1 <a@example.org>: Relay access denied; "
            "from=<b@example.com> to=<a@example.org> proto=ESMTP helo=<laptop.example.net>",
        ),
        submission(
            "10:00:04", f"disconnect from {peer} ehlo=2 starttls=1 auth=0/1 mail=1 rcpt=0/1 quit=1 commands=6/8"
        ),
    )

    columns = ("tls", "cipher", "service", "client_port", "client_ip", "client_name", "helo", "session", "host", "pid")
    assert told(events, *columns)[0] == (
        "TLSv1.3", "TLS_AES_256_GCM_SHA384", "submission", 40001, "203.0.113.9", "pc.example.net",
        "laptop.example.net", SESSION, "mx1", 10,
    )  # fmt: skip
    assert told(events, *WHAT) == [
        ("auth", "failure", "bad_credentials", "assumed", 1),
        ("rcpt", "refused", "relay_denied", "line", 1),
    ]
    assert told(events, "session", "tls", info=True) == [(SESSION, "TLSv1.3")] * 3


def test_starttls_in_the_counter_proves_encryption_without_a_version(tmp_path: Path) -> None:
    events = read(
        tmp_path,
        submission("10:00:00", f"connect from {PEER}"),
        submission("10:00:02", FAILED),
        submission("10:00:04", f"disconnect from {PEER} ehlo=2 starttls=1 auth=0/1 quit=1 commands=4/5"),
    )

    assert told(events, "tls") == ["yes"]


@pytest.mark.parametrize("counter", ["starttls=0/1 ", ""])
def test_plain_text_is_proven_only_where_the_program_does_starttls_elsewhere(tmp_path: Path, counter: str) -> None:
    alone = [
        submission("10:00:00", f"connect from {PEER}"),
        submission("10:00:02", FAILED),
        submission("10:00:04", f"disconnect from {PEER} ehlo=1 {counter}auth=0/1 quit=1 commands=2/3"),
    ]
    same_program = [
        line("10:01:00", "connect from unknown[203.0.113.10]", "postfix/submission/smtpd[11]"),
        line(
            "10:01:01",
            "disconnect from unknown[203.0.113.10] ehlo=2 starttls=1 quit=1 commands=4",
            "postfix/submission/smtpd[11]",
        ),
    ]
    other_program = [text.replace("submission/", "") for text in same_program]

    assert told(read(tmp_path, *alone), "tls") == [None]
    assert told(read(tmp_path, *alone, *same_program), "tls") == ["none"]
    assert told(read(tmp_path, *alone, *other_program), "tls") == [None]


def test_one_login_and_three_mails_are_one_success_and_three_mails(tmp_path: Path) -> None:
    mail = "client=" + PEER + ", sasl_method=plain, sasl_username=alice"
    events = read(
        tmp_path,
        submission("10:00:00", f"connect from {PEER}"),
        submission("10:00:01", f"4AA: {mail}"),
        submission("10:00:02", f"4BB: {mail}"),
        submission("10:00:03", f"4CC: {mail}"),
        submission("10:00:04", f"disconnect from {PEER} ehlo=1 auth=1 mail=3 rcpt=3 data=3 quit=1 commands=12"),
    )

    assert sorted(told(events, *WHAT, "user", "mechanism", "queue_id")) == [
        ("auth", "success", "success", "counter", 1, "alice", "PLAIN", None),
        ("mail", "success", "success", "line", 1, "alice", "PLAIN", "4AA"),
        ("mail", "success", "success", "line", 1, "alice", "PLAIN", "4BB"),
        ("mail", "success", "success", "line", 1, "alice", "PLAIN", "4CC"),
    ]
    login = events.filter(pl.col("stage") == "auth")
    assert clocks(login) == ["10:00:01"]
    assert login["also"].to_list() == [[f"{tmp_path}/mail.log:5"]]


def test_a_login_without_mail_is_known_by_number_only(tmp_path: Path) -> None:
    events = read(
        tmp_path,
        submission("10:00:00", f"connect from {PEER}"),
        submission("10:00:04", f"disconnect from {PEER} ehlo=1 auth=1 quit=1 commands=3"),
    )

    assert told(events, *WHAT, "user", "client_ip", "line_no") == [
        ("auth", "success", "success", "counter", 1, None, "203.0.113.9", 2)
    ]


def test_two_logins_in_one_connection_count_two(tmp_path: Path) -> None:
    events = read(
        tmp_path,
        submission("10:00:00", f"connect from {PEER}"),
        submission("10:00:04", f"disconnect from {PEER} ehlo=2 auth=2 quit=1 commands=5"),
    )

    assert told(events, *WHAT) == [("auth", "success", "success", "counter", 2)]


def test_before_the_counters_of_3_0_the_first_mail_of_a_session_proves_the_login(tmp_path: Path) -> None:
    mail = f"client={PEER}, sasl_method=LOGIN, sasl_username=alice"
    events = read(
        tmp_path,
        line("10:00:00", f"connect from {PEER}"),
        line("10:00:01", f"4AA: {mail}"),
        line("10:00:02", f"4BB: {mail}"),
        line("10:00:03", f"disconnect from {PEER}"),
        line("10:00:05", f"connect from {PEER}"),
        line("10:00:06", f"4CC: {mail}"),
        line("10:00:07", f"disconnect from {PEER}"),
    )

    logins = events.filter(stage="auth")
    assert told(logins, *WHAT) == [("auth", "success", "success", "context", 1)] * 2
    assert clocks(logins) == ["10:00:01", "10:00:06"]
    assert events.filter(stage="mail").height == 3


def test_the_name_on_a_reject_line_belongs_to_a_login_without_mail(tmp_path: Path) -> None:
    """Since 3.10 reject lines name the login."""
    events = read(
        tmp_path,
        submission("10:00:00", f"connect from {PEER}"),
        submission(
            "10:00:01",
            f"NOQUEUE: reject: RCPT from {PEER}: 553 5.7.1 <b@example.com>: Sender address rejected: not owned by "
            "user alice; from=<b@example.com> to=<c@example.org> proto=ESMTP helo=<pc> sasl_method=PLAIN sasl_username=alice",
        ),
        submission("10:00:02", f"disconnect from {PEER} ehlo=1 auth=1 mail=1 rcpt=0/1 quit=1 commands=4/5"),
    )

    assert told(events, "stage", "cause", "user") == [
        ("rcpt", "sender_not_owned", "alice"),
        ("auth", "success", "alice"),
    ]


def test_a_proxy_changes_the_address_inside_a_session(tmp_path: Path) -> None:
    """XCLIENT: what a line says holds for that line; a login it asserts is no AUTH of the counter."""
    events = read(
        tmp_path,
        line("10:00:00", "connect from proxy.example.com[192.0.2.5]"),
        line("10:00:01", FAILED),
        line("10:00:02", f"4AA: client={PEER}, sasl_method=XCLIENT, sasl_username=alice"),
        line("10:00:03", f"disconnect from {PEER} ehlo=2 xclient=1 auth=0/1 mail=1 rcpt=1 data=1 quit=1 commands=7/8"),
    )

    assert sorted(told(events, *WHAT, "client_ip")) == [
        ("auth", "failure", "bad_credentials", "assumed", 1, "203.0.113.9"),
        ("auth", "success", "success", "context", 1, "203.0.113.9"),
        ("mail", "success", "success", "line", 1, "203.0.113.9"),
    ]


@pytest.mark.parametrize(
    ("tag", "counters", "cause", "count"),
    [
        (SUBMISSION, "ehlo=1 auth=0/2 quit=1 commands=2/4", "tls_required", 2),
        ("postfix/submission-limited/smtpd[10]", "ehlo=1 auth=0/1 quit=1 commands=2/3", "tls_required", 1),
        (SMTPD, "ehlo=1 auth=0/2 quit=1 commands=2/4", "unknown", 2),
        (SUBMISSION, "ehlo=2 starttls=1 auth=0/1 quit=1 commands=4/5", "unknown", 1),
        (SUBMISSION, "ehlo=2 starttls=1 auth=1/3 quit=1 commands=5/7", "bad_sequence", 2),
        (SUBMISSION, "auth=0/1 quit=1 commands=1/2", "bad_sequence", 1),
        (SUBMISSION, "helo=1 auth=0/1 quit=1 commands=2/3", "tls_required", 1),
        ("postfix/relay/smtpd[10]", "ehlo=1 auth=0/1 quit=1 commands=2/3", "unknown", 1),
    ],
)
def test_auth_refused_in_silence(tmp_path: Path, tag: str, counters: str, cause: str, count: int) -> None:
    events = read(
        tmp_path,
        line("10:00:00", f"connect from {PEER}", tag),
        line("10:00:04", f"disconnect from {PEER} {counters}", tag),
    )

    assert told(events.filter(outcome="refused"), *WHAT) == [("auth", "refused", cause, "counter", count)]
    assert events.filter(stage="session")["detail"].to_list() == [counters]


def test_implicit_tls_is_no_plain_text(tmp_path: Path) -> None:
    tag = "postfix/smtps/smtpd[10]"
    events = read(
        tmp_path,
        line("10:00:00", f"connect from {PEER}", tag),
        line("10:00:01", TLS, tag),
        line("10:00:04", f"disconnect from {PEER} ehlo=1 auth=0/1 quit=1 commands=2/3", tag),
    )

    assert told(events, *WHAT, "tls") == [("auth", "refused", "unknown", "counter", 1, "TLSv1.3")]


def test_a_client_gone_in_the_middle_of_auth_is_one_aborted_attempt_and_the_rest_was_refused(tmp_path: Path) -> None:
    events = read(
        tmp_path,
        submission("10:00:00", f"connect from {PEER}"),
        submission("10:00:03", f"lost connection after AUTH from {PEER}"),
        submission("10:00:03", f"disconnect from {PEER} ehlo=1 auth=0/3 commands=1/4"),
    )

    assert sorted(told(events, *WHAT)) == [
        ("auth", "aborted", "aborted", "counter", 1),
        ("auth", "refused", "tls_required", "counter", 2),
    ]


@pytest.mark.parametrize("prefix", ["", "NOQUEUE: "])
def test_a_connection_lost_after_a_judged_attempt_is_no_attempt(tmp_path: Path, prefix: str) -> None:
    events = read(
        tmp_path,
        submission("10:00:00", f"connect from {PEER}"),
        submission("10:00:02", FAILED),
        submission("10:00:03", f"{prefix}lost connection after AUTH from {PEER}"),
        submission("10:00:03", f"disconnect from {PEER} ehlo=1 auth=0/1 commands=1/2"),
    )

    assert told(events, *WHAT) == [("auth", "failure", "bad_credentials", "assumed", 1)]


def test_three_mechanisms_tried_by_smtplib_are_three_failures_of_one_session(tmp_path: Path) -> None:
    events = read(
        tmp_path,
        submission("10:00:00", f"connect from {PEER}"),
        submission("10:00:02", FAILED.replace("PLAIN", "CRAM-MD5")),
        submission("10:00:04", FAILED),
        submission("10:00:06", FAILED.replace("PLAIN", "LOGIN")),
        submission("10:00:06", f"disconnect from {PEER} ehlo=1 auth=0/3 quit=1 commands=2/5"),
    )

    assert told(events, "mechanism", "outcome") == [("CRAM-MD5", "failure"), ("PLAIN", "failure"), ("LOGIN", "failure")]
    assert events["session"].unique().to_list() == [SESSION]


def test_an_attempt_over_the_auth_rate_limit_is_counted_once(tmp_path: Path) -> None:
    limit = f"warning: AUTH command rate limit exceeded: 31 from {PEER} for service submission"
    start = [submission("10:00:00", f"connect from {PEER}"), submission("10:00:02", FAILED)]
    ends = f"disconnect from {PEER} ehlo=1 auth=0/{{}} quit=1 commands=2/5"

    events = read(tmp_path, *start, submission("10:00:03", limit), submission("10:00:04", ends.format(2)))

    assert told(events, "stage", "outcome", "cause", "rate_value") == [
        ("auth", "failure", "bad_credentials", None),
        ("auth", "throttled", "throttled_auth", 31.0),
    ]
    more = read(tmp_path, *start, submission("10:00:03", limit), submission("10:00:04", ends.format(3)))
    assert told(more.filter(outcome="refused"), "count") == [1]


def test_an_aborted_attempt_is_in_the_counter(tmp_path: Path) -> None:
    events = read(
        tmp_path,
        submission("10:00:00", f"connect from {PEER}"),
        submission("10:00:02", f"warning: {PEER}: SASL LOGIN authentication aborted"),
        submission("10:00:04", f"disconnect from {PEER} ehlo=1 auth=0/1 quit=1 commands=2/3"),
    )

    assert told(events, *WHAT) == [("auth", "aborted", "aborted", "line", 1)]


def test_too_many_errors_end_a_session(tmp_path: Path) -> None:
    events = read(
        tmp_path,
        line("10:00:00", f"connect from {PEER}"),
        line("10:00:03", f"NOQUEUE: too many errors after RCPT from {PEER}"),
        line("10:00:03", f"disconnect from {PEER} ehlo=1 mail=1 rcpt=0/20 commands=2/22"),
    )

    assert told(events, *WHAT) == [("session", "throttled", "too_many_errors", "line", 1)]
    assert told(events.filter(outcome="info"), "stage", info=True) == ["session"]


def test_a_pid_that_serves_client_after_client_has_a_session_for_each(tmp_path: Path) -> None:
    events = read(
        tmp_path,
        submission("10:00:00", f"connect from {PEER}"),
        submission("10:00:01", TLS),
        submission("10:00:02", FAILED),
        submission("10:00:03", f"disconnect from {PEER} ehlo=2 starttls=1 auth=0/1 commands=4/5"),
        submission("10:05:00", "connect from unknown[203.0.113.77]"),
        submission("10:05:02", FAILED.replace(PEER, "unknown[203.0.113.77]")),
        submission("10:05:03", "disconnect from unknown[203.0.113.77] ehlo=1 auth=0/1 commands=1/2"),
    )

    assert told(events, "client_ip", "tls", "session") == [
        ("203.0.113.9", "TLSv1.3", SESSION),
        ("203.0.113.77", "none", SESSION.replace("10:00:00", "10:05:00")),
    ]


def test_sessions_of_one_process_in_one_second_are_numbered(tmp_path: Path) -> None:
    once = [
        submission("10:00:00", f"connect from {PEER}"),
        submission("10:00:00", FAILED),
        submission("10:00:00", f"disconnect from {PEER} ehlo=1 auth=0/1 commands=1/2"),
    ]

    events = read(tmp_path, *once * 3)

    assert told(events, "session") == [SESSION, f"{SESSION}-2", f"{SESSION}-3"]


def test_interleaved_processes_keep_their_lines_apart(tmp_path: Path) -> None:
    a, b = SUBMISSION, "postfix/submission/smtpd[11]"
    other = "unknown[203.0.113.77]"
    events = read(
        tmp_path,
        line("10:00:00", f"connect from {PEER}", a),
        line("10:00:00", f"connect from {other}", b),
        line("10:00:01", TLS, a),
        line("10:00:02", FAILED.replace(PEER, other), b),
        line("10:00:02", FAILED, a),
        line("10:00:03", f"disconnect from {other} ehlo=1 auth=0/1 commands=1/2", b),
        line("10:00:04", f"disconnect from {PEER} ehlo=2 starttls=1 auth=0/1 commands=4/5", a),
    )

    assert told(events, "client_ip", "tls", "pid") == [("203.0.113.77", "none", 11), ("203.0.113.9", "TLSv1.3", 10)]


def test_the_same_pid_on_two_hosts_is_two_processes(tmp_path: Path) -> None:
    lines = [
        submission("10:00:00", f"connect from {PEER}"),
        submission("10:00:02", FAILED),
        submission("10:00:03", f"disconnect from {PEER} ehlo=1 auth=0/1 commands=1/2"),
    ]
    other = [text.replace(" mx1 ", " mx2 ") for text in lines]
    mixed = [text for pair in zip(lines, other, strict=True) for text in pair]

    events = read(tmp_path, *mixed)

    assert sorted(told(events, "host", "session")) == [("mx1", SESSION), ("mx2", SESSION.replace("mx1", "mx2"))]
    assert events.filter(outcome="refused").is_empty()


def test_a_session_without_disconnect_keeps_its_failures_and_has_no_counter(tmp_path: Path) -> None:
    """A crash: the next connect of the process ends the session before."""
    events = read(
        tmp_path,
        submission("10:00:00", f"connect from {PEER}"),
        submission("10:00:02", FAILED),
        submission("10:01:00", f"connect from {PEER}"),
        submission("10:01:02", FAILED),
    )

    assert told(events, *WHAT, "session") == [
        ("auth", "failure", "bad_credentials", "assumed", 1, SESSION),
        ("auth", "failure", "bad_credentials", "assumed", 1, SESSION.replace("10:00:00", "10:01:00")),
    ]


def test_a_log_of_sasl_lines_only_gives_every_failure(tmp_path: Path) -> None:
    """`grep SASL mail.log`: sessions have no connect, which their name tells."""
    events = read(
        tmp_path,
        submission("10:00:02", FAILED),
        submission("10:00:05", FAILED),
        line("10:00:07", FAILED, "postfix/smtpd[12]"),
    )

    assert told(events, *WHAT) == [("auth", "failure", "bad_credentials", "assumed", 1)] * 3
    assert events["session"].unique(maintain_order=True).drop_nulls().str.contains("@~").all()


def test_a_headless_end_counts_no_silent_refusals(tmp_path: Path) -> None:
    """The lines of its failures may stand in a log that was not given."""
    events = read(tmp_path, submission("10:00:04", f"disconnect from {PEER} ehlo=1 auth=0/2 quit=1 commands=2/4"))

    assert told(events, *WHAT) == []
    assert told(events, "stage", "detail", info=True) == [("session", "ehlo=1 auth=0/2 quit=1 commands=2/4")]


def test_lines_without_a_pid_still_make_sessions(tmp_path: Path) -> None:
    tag = "postfix/submission/smtpd"
    events = read(
        tmp_path,
        line("10:00:00", f"connect from {PEER}", tag),
        line("10:00:02", FAILED, tag),
        line("10:00:03", f"disconnect from {PEER} ehlo=1 auth=0/1 commands=1/2", tag),
    )

    assert told(events, "service", "pid", "session", "client_ip") == [
        ("submission", None, "mx1/postfix/submission/smtpd/@2026-11-03T10:00:00Z", "203.0.113.9")
    ]


def test_rsyslogs_rfc5424_form_knows_no_service_but_ties_sessions_by_pid(tmp_path: Path) -> None:
    def rfc5424(clock: str, message: str) -> str:
        return f"<22>1 2026-11-03T{clock}Z mx1 postfix 10 - - {message}"

    events = read(
        tmp_path,
        rfc5424("10:00:00", f"connect from {PEER}"),
        rfc5424("10:00:01", TLS),
        rfc5424("10:00:02", FAILED),
        rfc5424("10:00:03", f"disconnect from {PEER} ehlo=2 starttls=1 auth=0/2 commands=4/6"),
    )

    assert told(events, "outcome", "cause", "service", "program", "pid", "tls") == [
        ("failure", "bad_credentials", None, "postfix", 10, "TLSv1.3"),
        ("refused", "unknown", None, "postfix", 10, "TLSv1.3"),
    ]


@pytest.mark.parametrize(
    ("library", "cause"),
    [
        ("error:1408F10B:SSL routines:ssl3_get_record:wrong version number:../ssl/record/ssl3_record.c:331:", "wrong_host_or_port"),
        ("error:0A00009C:SSL routines::http request:../ssl/record/ssl3_record.c:345:", "wrong_host_or_port"),
        ("error:1417A0C1:SSL routines:tls_post_process_client_hello:no shared cipher:../ssl/statem/statem_srvr.c:2283:", "tls_too_old"),
        ("error:0A000418:SSL routines::tlsv1 alert unknown ca:../ssl/record/rec_layer_s3.c:1600:SSL alert number 48:", "tls_handshake_failed"),
    ],
)  # fmt: skip
def test_the_tls_library_says_why_a_handshake_failed(tmp_path: Path, library: str, cause: str) -> None:
    tag = "postfix/smtps/smtpd[10]"
    events = read(
        tmp_path,
        line("10:00:00", f"connect from {PEER}", tag),
        line("10:00:01", f"SSL_accept error from {PEER}: -1", tag),
        line("10:00:01", f"warning: TLS library problem: {library}", tag),
        line("10:00:01", f"lost connection after CONNECT from {PEER}", tag),
        line("10:00:01", f"disconnect from {PEER} commands=0/0", tag),
    )

    assert told(events, "stage", "outcome", "cause") == [("tls", "aborted", cause)]
    assert told(events, "detail") == [f"-1: {library}"]


def test_a_dead_backend_and_the_failure_after_it_are_one_attempt(tmp_path: Path) -> None:
    backend = "warning: SASL: Connect to Dovecot auth socket 'private/auth' failed: Connection refused"
    events = read(
        tmp_path,
        submission("10:00:00", f"connect from {PEER}"),
        submission("10:00:02", backend),
        submission("10:00:02", FAILED),
        submission("10:00:03", f"disconnect from {PEER} ehlo=1 auth=0/1 commands=1/2"),
    )

    assert told(events, *WHAT, "user", "line_no") == [
        ("auth", "deferred", "backend_unavailable", "context", 1, "alice", 3)
    ]
    assert events.filter(stage="auth")["also"].to_list() == [[f"{tmp_path}/mail.log:2"]]


def test_a_backend_line_without_a_failure_stays_an_event(tmp_path: Path) -> None:
    backend = "warning: SASL: Connect to Dovecot auth socket 'private/auth' failed: Connection refused"
    events = read(
        tmp_path,
        submission("10:00:00", f"connect from {PEER}"),
        submission("10:00:02", backend),
        submission("10:00:03", f"disconnect from {PEER} ehlo=1 commands=1"),
    )

    assert told(events, *WHAT) == [("auth", "deferred", "backend_unavailable", "line", 1)]


def test_a_fatal_sasl_error_ends_the_session(tmp_path: Path) -> None:
    events = read(
        tmp_path,
        submission("10:00:00", f"connect from {PEER}"),
        submission("10:00:00", "warning: SASL: Connect to private/auth failed: No such file or directory"),
        submission("10:00:00", "fatal: no SASL authentication mechanisms"),
        submission("10:00:30", "connect from unknown[203.0.113.77]"),
        submission("10:00:31", "disconnect from unknown[203.0.113.77] ehlo=1 auth=0/1 commands=1/2"),
    )

    assert told(events, *WHAT, "client_ip") == [
        ("auth", "deferred", "backend_unavailable", "context", 1, None),
        ("auth", "refused", "tls_required", "counter", 1, "203.0.113.77"),
    ]


def test_quiet_sessions_are_kept_on_submission_services_only(tmp_path: Path) -> None:
    quiet = [f"connect from {PEER}", f"disconnect from {PEER} ehlo=1 quit=1 commands=2"]

    assert read(tmp_path, *(line("10:00:00", text) for text in quiet)).is_empty()
    kept = read(tmp_path, *(submission("10:00:00", text) for text in quiet))
    assert told(kept, "stage", "outcome", "cause", info=True) == [("session", "info", None)]


def test_repeated_messages_count(tmp_path: Path) -> None:
    def old(clock: str, message: str) -> str:
        return f"Nov  3 {clock} mx1 {message}"

    events = read(
        tmp_path,
        old("10:00:00", f"{SUBMISSION}: connect from {PEER}"),
        old("10:00:02", f"{SUBMISSION}: {FAILED}"),
        old("10:00:03", f"{SUBMISSION}: message repeated 2 times: [ {FAILED}]"),
        old("10:00:04", f"{SUBMISSION}: disconnect from {PEER} ehlo=1 auth=0/3 commands=1/4"),
        year=2026,
    )

    assert told(events, "outcome", "count") == [("failure", 1), ("failure", 2)]
