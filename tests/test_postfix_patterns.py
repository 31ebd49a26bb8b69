"""Postfix lines of many versions, and lines that somebody wrote to mislead: which pattern takes them, and what it takes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from smtplogs.logformats.postfix import POSTFIX

if TYPE_CHECKING:
    from smtplogs.logformats._format import Pattern

PEER = "unknown[203.0.113.9]"
TAIL = "from=<bob@example.com> to=<eve@example.org> proto=ESMTP"
DELIVERY = "4BA3A326901: to=<eve@example.org>, relay=smtp.example.net[198.51.100.25]:587, delay=0.1, dsn=4.7.0, status=deferred ({})"


def takers(message: str, daemon: str | None) -> list[tuple[Pattern, dict[str, Any]]]:
    """Return the patterns that fit a message, in their order, with what their groups hold."""
    found = []
    for p in POSTFIX.patterns:
        if daemon is not None and not re.fullmatch(p.program, daemon):
            continue
        if p.literals and not any(text in message for text in p.literals):
            continue
        regex = f"^(?P<_hit>){p.regex.removeprefix('^')}"
        row = pl.Series([message]).str.extract_groups(regex).struct.unnest().to_dicts()[0]
        if row.pop("_hit") is not None:
            found.append((p, {k: v for k, v in row.items() if v is not None}))
    return found


def take(message: str, daemon: str | None = "smtpd") -> tuple[str | None, dict[str, Any]]:
    """Return the name of the pattern that takes a message, and its groups."""
    first = next(iter(takers(message, daemon)), None)
    return (first[0].name, first[1]) if first else (None, {})


# --- logins ---


@pytest.mark.parametrize(
    ("rest", "detail", "user"),
    [
        ("", None, None),
        (":", None, None),
        (": ", "", None),
        (": authentication failure", "authentication failure", None),
        (": UGFzc3dvcmQ6", "UGFzc3dvcmQ6", None),
        (": , sasl_username=ann", "", "ann"),
        (": (reason unavailable), sasl_username=(unavailable)", "(reason unavailable)", "(unavailable)"),
        (": (reason unavailable), sasl_username=", "(reason unavailable)", ""),
        (": Invalid authentication mechanism: 'NTLM'", "Invalid authentication mechanism: 'NTLM'", None),
        (': x, sasl_username=Żółw, "q" =]:\\', "x", 'Żółw, "q" =]:\\'),
    ],
)
def test_a_failed_login_in_the_forms_of_all_versions(rest: str, detail: str | None, user: str | None) -> None:
    """2.0 without a reason; 2.3 with one; the last challenge as reason until 3.8.4; a name since 3.5.22 and 3.9."""
    name, groups = take(f"warning: {PEER}: SASL LOGIN authentication failed{rest}")

    assert name == "sasl_failure"
    assert (groups.get("detail"), groups.get("user")) == (detail, user)


@pytest.mark.parametrize("reason", ["blocked", "blocked, ask the help desk", "a, b, c"])
def test_the_name_begins_after_the_first_sasl_username(reason: str) -> None:
    _, groups = take(
        f"warning: {PEER}: SASL PLAIN authentication failed: {reason}, sasl_username=x, sasl_username=root"
    )

    assert groups["detail"] == reason
    assert groups["user"] == "x, sasl_username=root"


def test_a_mechanism_that_looks_like_the_end_of_a_peer_stays_a_mechanism() -> None:
    mechanism = "PLAIN]:_authentication_failed:_x[192.0.2.1]:"
    _, groups = take(f"warning: {PEER}: SASL {mechanism} authentication failed: no, sasl_username=a")

    assert (groups["client_ip"], groups["mechanism"], groups["user"]) == ("203.0.113.9", mechanism, "a")


@pytest.mark.parametrize(
    ("peer", "name", "address", "port"),
    [
        ("unknown[unknown]", "unknown", "unknown", None),
        ("HOSTNAME[203.0.113.9]:55729", "HOSTNAME", "203.0.113.9", "55729"),
        ("localhost[::1]:49452", "localhost", "::1", "49452"),
        ("pc_7.example.net[2001:db8::7]", "pc_7.example.net", "2001:db8::7", None),
    ],
)
@pytest.mark.parametrize(
    "line",
    [
        "disconnect from {} ehlo=1 auth=0/1 commands=1/2",
        "warning: {}: SASL PLAIN authentication failed: generic failure",
        "warning: {}: SASL PLAIN authentication aborted",
        "4AA091855DA0: client={}, sasl_method=PLAIN, sasl_username=ann",
        "timeout after AUTH from {}",
        "warning: AUTH command rate limit exceeded: 3 from {} for service smtp",
        "SSL_accept error from {}: -1",
    ],
)
def test_every_peer_in_every_place(line: str, peer: str, name: str, address: str, port: str | None) -> None:
    _, groups = take(line.format(peer))

    assert (groups["client_name"], groups["client_ip"], groups.get("client_port")) == (name, address, port)


@pytest.mark.parametrize(
    "peer",
    ["unknown[unknown]", "HOSTNAME[203.0.113.9]:55729", "localhost[::1]:49452", "pc_7.example.net[2001:db8::7]"],
)
def test_the_frame_of_a_session_is_seen_whoever_the_peer_is(peer: str) -> None:
    assert take(f"connect from {peer}")[0] == "connect"
    for line in (
        f"Trusted TLS connection established from {peer}: TLSv1.2 with cipher X (128/128 bits)",
        f"Untrusted TLS connection established from {peer} to mail.example.com: TLSv1.2 with cipher X (128/128 bits)",
    ):
        assert take(line) == ("tls_established", {"tls": "TLSv1.2", "cipher": "X"})


@pytest.mark.parametrize(
    "line",
    [
        f"warning: {PEER}: SASL LOGIN authentication fai",
        f"warning: {PEER}: SASL LOGIN",
        "warning: unknown[203.0.113.9",
        "disconnect from unknown[203.0.113.9",
        f"x warning: {PEER}: SASL LOGIN authentication failed: authentication failure",
        f"warning: a b{PEER}: SASL LOGIN authentication failed: authentication failure",
    ],
)
def test_cut_or_shifted_lines_are_not_guessed_at(line: str) -> None:
    assert take(line) == (None, {})


def test_disconnect_comes_before_connect_whose_literal_it_holds() -> None:
    names = [p.name for p in POSTFIX.patterns]

    assert names.index("disconnect") < names.index("connect")


@pytest.mark.parametrize(
    ("rest", "stats"),
    [
        ("", None),
        (" 137", None),
        (" ehlo=1 auth=0/1 commands=1/2", "ehlo=1 auth=0/1 commands=1/2"),
        (" ehlo=1 auth=0/1 commands=1/2 137", "ehlo=1 auth=0/1 commands=1/2 137"),
        (" commands=0/0 notes=bare_lf", "commands=0/0 notes=bare_lf"),
    ],
)
def test_disconnect_with_and_without_counters(rest: str, stats: str | None) -> None:
    """None up to 2.11; counters since 3.0; notes since 3.9; byte counts of collectors at any time."""
    name, groups = take(f"disconnect from {PEER}{rest}")

    assert (name, groups.get("stats")) == ("disconnect", stats)


@pytest.mark.parametrize("prefix", ["", "NOQUEUE: ", "4YzX1h2k3Jz1: "])
@pytest.mark.parametrize(
    ("why", "name"),
    [("lost connection", "abnormal_end"), ("timeout", "abnormal_end"), ("too many errors", "too_many_errors")],
)
@pytest.mark.parametrize(
    ("step", "word"), [("AUTH", "AUTH"), ("DATA (7774 bytes)", "DATA"), ("END-OF-MESSAGE", "END-OF-MESSAGE")]
)
def test_abnormal_ends_with_and_without_the_prefix_of_3_10(
    prefix: str, why: str, name: str, step: str, word: str
) -> None:
    taken, groups = take(f"{prefix}{why} after {step} from {PEER}")

    assert (taken, groups["step"]) == (name, word)


@pytest.mark.parametrize(
    ("tail", "user"),
    [
        ("sasl_username=ann", "ann"),
        ("sasl_username=Doe, Ann", "Doe, Ann"),
        ("sasl_username=ann, sasl_sender=<ann@example.com>", "ann"),
        ("sasl_username=ann, orig_client=mx.example.org[192.0.2.7]:25", "ann"),
        ("sasl_username=ann, orig_queue_id=ABC123, orig_client=mx.example.org[192.0.2.7]", "ann"),
        ("sasl_username=ann, sasl_sender=a, orig_queue_id=ABC123, orig_client=mx.example.org[2001:db8::7]", "ann"),
    ],
)
def test_the_login_of_a_message_ends_where_its_optional_tails_begin(tail: str, user: str) -> None:
    name, groups = take(f"4AA091855DA0: client={PEER}, sasl_method=PLAIN, {tail}")

    assert (name.removesuffix("_odd"), groups["user"], groups["client_ip"]) == ("client_sasl", user, "203.0.113.9")


# --- rejects ---


@pytest.mark.parametrize(
    ("tail", "helo", "user"),
    [
        ("helo=<pc-7>", "pc-7", None),
        ("helo=<pc-7> sasl_method=PLAIN sasl_username=ann", "pc-7", "ann"),
        ("helo=<pc-7> sasl_method=PLAIN sasl_username=a b>c sasl_sender=x", "pc-7", "a b>c"),
        ("helo=<x> sasl_method=PLAIN sasl_username=ceo>", "x> sasl_method=PLAIN sasl_username=ceo", None),
        ("helo=<x> sasl_username=ceo> sasl_method=PLAIN sasl_username=ann", "x> sasl_username=ceo", "ann"),
        ("helo=<pc-7> sasl_method=PLAIN sasl_username=ann>", "pc-7> sasl_method=PLAIN sasl_username=ann", None),
    ],
)
def test_a_login_in_helo_is_not_believed(tail: str, helo: str, user: str | None) -> None:
    """The login stands after the last `helo=<...>` (3.10); a true one that ends in `>` is given up."""
    name, groups = take(
        f"NOQUEUE: reject: RCPT from {PEER}: 554 5.7.1 <eve@example.org>: Relay access denied; {TAIL} {tail}"
    )

    assert (name, groups["helo"], groups.get("user")) == ("reject_relay", helo, user)


@pytest.mark.parametrize(
    "sender",
    [
        "",
        "bob@example.com",
        '"x> to=<y"@example.com',
        '"> proto=ESMTP helo=<z> sasl_method=PLAIN sasl_username=ceo"@example.com',
        r'"\"> to=<"@example.com',
    ],
)
def test_a_quoted_sender_is_one_address(sender: str) -> None:
    name, groups = take(
        f"NOQUEUE: reject: RCPT from {PEER}: 554 5.7.1 <eve@example.org>: Relay access denied; from=<{sender}> "
        "to=<eve@example.org> proto=ESMTP helo=<pc-7>"
    )

    assert (name, groups["sender"], groups["helo"], groups.get("user")) == ("reject_relay", sender, "pc-7", None)


@pytest.mark.parametrize("tail", [" helo=<x> sasl_username=<ceo>", " helo=<x> sasl_method=PLAIN sasl_username=ceo"])
@pytest.mark.parametrize(
    ("action", "daemon", "code"),
    [("milter-reject", "smtpd", "451 "), ("proxy-reject", "smtpd", "451 "), ("milter-reject", "cleanup", "")],
)
def test_milter_lines_name_no_user_because_helo_can_forge_it(action: str, daemon: str, code: str, tail: str) -> None:
    message = f"NOQUEUE: {action}: END-OF-MESSAGE from {PEER}: {code}4.7.1 Rate limit exceeded; {TAIL}{tail}"
    name, groups = take(message, daemon)

    assert name in ("milter_limit", "milter_limit_at_end")
    assert (groups["detail"], groups["helo"], groups.get("user")) == ("Rate limit exceeded", "x", None)


@pytest.mark.parametrize(
    "message",
    [
        f"NOQUEUE: reject: RCPT from {PEER}: 550 5.1.1 <rate-limit@example.org>: Recipient address rejected: User unknown; {TAIL} helo=<h>",
        f"NOQUEUE: reject: RCPT from {PEER}: 550 5.1.1 <eve@example.org>: Recipient address rejected: User unknown; {TAIL} helo=<x> rate limit <y>",
        f'NOQUEUE: reject: RCPT from {PEER}: 550 5.1.1 <"x>: Relay access denied; from=<"@example.org>: User unknown; {TAIL} helo=<h>',
        f"NOQUEUE: reject: RCPT from {PEER}: 552 5.2.2 <eve@example.org>: Recipient address rejected: Quota exceeded; {TAIL} helo=<h>",
        f"NOQUEUE: reject: RCPT from {PEER}: 450 4.2.0 <eve@example.org>: Recipient address rejected: Greylisted; {TAIL} helo=<too many errors>",
        f"NOQUEUE: reject: EHLO from {PEER}: 504 5.5.2 <User>: Helo command rejected: need fully-qualified hostname; proto=SMTP helo=<User>",
        f"NOQUEUE: reject: RCPT from {PEER}: 554 5.7.1 <pc>: Helo command rejected: Access denied; {TAIL} helo=<pc>",
        f"NOQUEUE: reject: RCPT from {PEER}: 452 4.5.3 Error: too many recipients; {TAIL} helo=<h>",
        f"NOQUEUE: reject: MAIL from {PEER}: 452 Insufficient system storage",
    ],
)
def test_ordinary_rejects_are_dismissed_whatever_their_addresses_say(message: str) -> None:
    assert take(message)[0] == "reject_other"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (
            "450 4.7.1 <eve@example.org>: Recipient address rejected: Policy Rejection- Rate limit of 5 per hour; slow down",
            "reject_limit",
        ),
        ("421 4.7.0 mail.example.com Error: too many connections from 203.0.113.9", "reject_limit"),
        ("451 4.3.5 Server configuration problem", "reject_server_trouble"),
        ("421 4.3.0 mail.example.com Server local data error", "reject_server_trouble"),
        ("554 5.7.1 <eve@example.org>: Recipient address rejected: Access denied", "reject_access"),
        ("554 <eve@example.org>: Relay access denied", "reject_relay"),
    ],
)
def test_the_text_of_a_reject_ends_at_the_context_keys(text: str, name: str) -> None:
    taken, groups = take(f"NOQUEUE: reject: RCPT from {PEER}: {text}; {TAIL} helo=<pc-7>")

    assert (taken, groups["sender"], groups["helo"]) == (name, "bob@example.com", "pc-7")
    assert text.endswith(groups["detail"])


# --- limits ---


@pytest.mark.parametrize(
    ("ident", "service", "address"),
    [
        ("smtp:203.0.113.9", "smtp", "203.0.113.9"),
        ("smtp:unknown", "smtp", "unknown"),
        ("smtpd:2001:db8:0:1::3", "smtpd", "2001:db8:0:1::3"),
        ("2500:::1", "2500", "::1"),
        ("127.0.0.1:2525:127.0.0.1", "127.0.0.1:2525", "127.0.0.1"),
        ("127.0.0.1:2525:::1", "127.0.0.1:2525", "::1"),
        ("[::1]:2525:::1", "[::1]:2525", "::1"),
        ("localhost:10025:203.0.113.9", "localhost:10025", "203.0.113.9"),
    ],
)
def test_service_and_address_of_anvil_statistics(ident: str, service: str, address: str) -> None:
    """Both may hold colons: the address is what is valid as one."""
    _, groups = take(f"statistics: max connection rate 4/60s for ({ident}) at Nov  3 09:05:01", "anvil")

    assert (groups["limit_service"], groups["client_ip"], groups["rate_window_s"]) == (service, address, "60")


@pytest.mark.parametrize("window", ["/5m", "/2h", "/7d", ""])
def test_a_window_that_is_not_in_seconds_is_left_out(window: str) -> None:
    name, groups = take(f"statistics: max auth rate 4{window} for (smtp:unknown) at Nov  3 09:05:01", "anvil")

    assert name == "statistics"
    assert "rate_window_s" not in groups


def test_statistics_are_never_throttling() -> None:
    assert next(p for p in POSTFIX.patterns if p.name == "statistics").role == "context"


# --- the client side ---


@pytest.mark.parametrize(
    "line",
    [
        "4BA3A326901: to=<eve@example.org>, relay=smtp.example.net[198.51.100.25], delay=4, status=deferred ({})",
        "4BA3A326901: to=<eve@example.org>, orig_to=<root>, relay=smtp.example.net[198.51.100.25]:587, conn_use=3, delay=0.1, "
        "delays=0/0/0.1/0, dsn=4.7.8, status=deferred ({})",
        "4BA3A326901: to=<eve@example.org>, relay=smtp.example.net[2001:db8::25]:587, delay=0.1, delays=0/0/0.1/0, "
        "tls=dane/!requiretls:nostarttls, dsn=5.7.8, status=bounced ({})",
        '4BA3A326901: to=<"x>, relay=y[192.0.2.1]:25, delay=1, status=sent ("@example.org>, '
        "relay=smtp.example.net[198.51.100.25]:587, delay=1, dsn=4.7.8, status=deferred ({})",
        "4BA3A326901: {}",
    ],
)
@pytest.mark.parametrize("before", ["", "Authentication failed: "])
def test_a_refused_login_at_a_relay_in_the_forms_of_all_versions(line: str, before: str) -> None:
    """Without delays and dsn up to 2.2, with tls= since 3.11; soft bounce changes status and dsn, not the reply."""
    reason = (
        f"{before}SASL authentication failed; server smtp.example.net[198.51.100.25] said: 535 5.7.8 Error: no (really)"
    )
    name, groups = take(line.format(reason), "smtp")

    assert name == ("relay_login_next" if line == "4BA3A326901: {}" else "relay_login")
    assert groups["relay_host"] == "smtp.example.net"
    assert (groups["reply_code"], groups["enhanced_code"], groups["detail"]) == ("535", "5.7.8", "Error: no (really)")


@pytest.mark.parametrize(
    ("reason", "name"),
    [
        ("SASL [CACHED] authentication failed; server smtp.example.net said: 535 5.7.8 no", "relay_login_cached"),
        (
            "delivery temporarily suspended: SASL authentication failed; server smtp.example.net[198.51.100.25] said: 535 no",
            "delivery_suspended",
        ),
        ("lost connection with smtp.example.net[198.51.100.25] while performing the EHLO handshake", "relay_lost"),
        (
            "conversation with smtp.example.net[198.51.100.25] timed out while performing the EHLO handshake",
            "relay_lost",
        ),
    ],
)
def test_what_is_no_new_attempt_is_context(reason: str, name: str) -> None:
    pattern, _ = takers(DELIVERY.format(reason), "smtp")[0]

    assert (pattern.name, pattern.role) == (name, "context")


@pytest.mark.parametrize(
    "reason",
    [
        "host mx.example.org[198.51.100.25] said: 550 5.1.1 <throttled@example.org>: User unknown (in reply to RCPT TO command)",
        "host mx.example.org[198.51.100.25] said: 552 5.2.2 Mailbox quota exceeded (in reply to end of DATA command)",
        "host mx.example.org[198.51.100.25] said: 452 4.5.3 Error: too many recipients (in reply to RCPT TO command)",
        "host mx.example.org[198.51.100.25] said: 550 5.7.26 This mail is unauthenticated, SPF or DKIM is missing (in reply to end of DATA command)",
        "host mx.example.org[198.51.100.25] said: 450 4.2.0 Greylisted (in reply to RCPT TO command)",
        "connect to mx.example.org[198.51.100.25]:25: Connection refused",
        "lost connection with mx.example.org[198.51.100.25] while receiving the initial server greeting",
    ],
)
def test_ordinary_bounces_make_no_event(reason: str) -> None:
    assert {p.role for p, _ in takers(DELIVERY.format(reason), "smtp")} <= {"context", "dismiss"}
    assert {p.role for p, _ in takers(f"4BA3A326901: {reason}", "smtp")} == {"dismiss"}


def test_a_multi_line_reply_keeps_its_first_code() -> None:
    reply = "421-4.7.0 [192.0.2.25      15] unusual rate of 421-4.7.0 unsolicited mail. 421 4.7.0 Please wait"
    name, groups = take(
        DELIVERY.format(f"host mx.example.org[198.51.100.25] said: {reply} (in reply to end of DATA command)"), "smtp"
    )

    assert (name, groups["reply_code"], groups["enhanced_code"], groups["step"]) == (
        "relay_said",
        "421",
        "4.7.0",
        "DATA",
    )


def test_a_failure_at_a_relay_is_never_taken_for_one_of_our_clients() -> None:
    message = DELIVERY.format("SASL authentication failed; server smtp.example.net[198.51.100.25] said: 535 5.7.8 no")

    assert [p.sets.get("side") for p, _ in takers(message, None) if p.role == "event"] == ["client"]


# --- tags, and the whole set ---


@pytest.mark.parametrize(
    ("tag", "service", "daemon"),
    [
        ("postfix/smtpd", None, "smtpd"),
        ("postfix-in/smtpd", None, "smtpd"),
        ("postfix-192.0.2.25/smtp", None, "smtp"),
        ("postfix/submission-limited/smtpd", "submission-limited", "smtpd"),
        ("postfix-smo/submission/smtpd", "submission", "smtpd"),
        ("postfix/a/b/smtpd", "a/b", "smtpd"),
        ("postfix/postfix-script", None, "postfix-script"),
        ("mail/submission/smtpd", "submission", "smtpd"),
        ("postfix", None, None),
        ("postfix/unheard-of", None, None),
    ],
)
def test_service_and_daemon_are_read_from_the_tag(tag: str, service: str | None, daemon: str | None) -> None:
    match = re.fullmatch(POSTFIX.tag, tag)

    assert match
    assert match.groupdict() == {"service": service, "daemon": daemon}


@pytest.mark.parametrize("tag", ["dovecot", "auth", "smtpd", "sm-mta", "exim", "sshd", "dovecot/auth", "pam_unix"])
def test_tags_of_others_are_left_alone(tag: str) -> None:
    assert re.fullmatch(POSTFIX.tag, tag) is None


@pytest.mark.parametrize("pattern", [p for p in POSTFIX.patterns if p.role == "event"], ids=lambda p: p.name)
def test_where_the_tag_is_lost_the_words_are_enough(pattern: Pattern) -> None:
    """In the RFC 5424 form of rsyslog every daemon is `postfix`."""
    for sample in pattern.samples:
        assert take(sample.message, None)[0] == pattern.name


@pytest.mark.parametrize("pattern", POSTFIX.patterns, ids=lambda p: p.name)
def test_regexes_use_ascii_classes_only(pattern: Pattern) -> None:
    assert not re.search(r"\\[dDwWsSbB]", pattern.regex)


@pytest.mark.parametrize(
    "filler", ["a", " ", '"', "\\", "<", ">", "; from=<", ", sasl_username=", "?", "ą", "Rate limit "]
)
def test_endless_text_does_no_harm(filler: str) -> None:
    text = filler * (20_000 // len(filler))
    for message, daemon in (
        (f"warning: {PEER}: SASL PLAIN authentication failed: {text}", "smtpd"),
        (f"NOQUEUE: reject: RCPT from {PEER}: 450 4.7.1 <{text}>: Relay access denied; {TAIL} helo=<{text}", "smtpd"),
        (f"4AA091855DA0: client={PEER}, sasl_method=PLAIN, sasl_username={text}", "smtpd"),
        (f"4BA3A326901: to=<{text}>, relay=none, delay=1, status=deferred (host x said: {text})", "smtp"),
    ):
        assert all(isinstance(groups, dict) for _, groups in takers(message, daemon))


@pytest.mark.parametrize(
    ("message", "daemon"),
    [
        (
            f"4104E3D: reject: header Subject: lost connection after AUTH from {PEER}; from=<a@example.com>: no",
            "cleanup",
        ),
        (
            f"4104E3D: warning: body SASL authentication failed; server x[192.0.2.1] said: 535 from {PEER}; from=<>",
            "cleanup",
        ),
        ("C97BC326A18: from=<authentication failed@example.com>, size=181, nrcpt=1 (queue active)", "qmgr"),
        (f"> {PEER}: 535 5.7.8 Error: authentication failed: (reason unavailable)", "smtpd"),
        ("xsasl_dovecot_handle_reply: auth reply: FAIL?1?user=alice", "smtpd"),
        ("PREGREET 14 after 0.04 from [203.0.113.9]:55868: AUTH LOGIN authentication failed", "postscreen"),
        ("warning: /usr/lib/postfix/sbin/smtpd: bad command startup -- throttling", "master"),
    ],
)
def test_words_of_ours_in_lines_that_are_none_of_ours(message: str, daemon: str) -> None:
    found = takers(message, daemon)

    assert found
    assert found[0][0].role == "dismiss"


@pytest.mark.parametrize(
    "message",
    [
        f"improper command pipelining after AUTH from {PEER}: c2VjcmV0\\r\\n",
        f"improper command pipelining after EHLO from {PEER}:4711: AUTH PLAIN c2VjcmV0",
        f"warning: non-SMTP command from {PEER}: c2VjcmV0",
        "warning: haproxy read: short protocol header: AUTH PLAIN c2VjcmV0",
    ],
)
def test_what_a_client_sent_out_of_turn_is_not_taken(message: str) -> None:
    """It may be a password, and the text of a context line is not looked through for secrets."""
    name, groups = take(message)

    assert name in ("pipelining", "non_smtp", "proxy_header")
    assert "c2VjcmV0" not in str(groups)
