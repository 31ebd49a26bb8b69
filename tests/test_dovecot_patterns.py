"""Dovecot lines of many versions, and lines that somebody wrote to mislead: which pattern takes them, and what it takes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from smtplogs import reading
from smtplogs.logformats.dovecot import DOVECOT
from smtplogs.logformats.pam import PAM

if TYPE_CHECKING:
    from pathlib import Path

TRUE, FORGED = "203.0.113.9", "192.0.2.1"
FIELDS = "method=PLAIN, rip=203.0.113.9, lip=192.0.2.25"


def take(message: str) -> tuple[str | None, dict[str, Any]]:
    """Return the name of the pattern that takes a message, and what its groups hold."""
    for p in DOVECOT.patterns:
        if p.literals and not any(text in message for text in p.literals):
            continue
        regex = f"^(?P<_hit>){p.regex.removeprefix('^')}"
        row = pl.Series([message]).str.extract_groups(regex).struct.unnest().to_dicts()[0]
        if row.pop("_hit") is not None:
            # the plain form is a faster way to the same words
            return p.name.replace("_plain", ""), {k: v for k, v in row.items() if v is not None}
    return None, {}


# --- the same refusal in the words of all versions ---


@pytest.mark.parametrize(
    ("line", "session"),
    [
        ("auth(default): sql(ann,203.0.113.9): Password mismatch", None),
        ("Info: auth(default): sql(ann,203.0.113.9): Password mismatch", None),
        ("dovecot: auth(default): sql(ann,203.0.113.9): Password mismatch", None),
        ("auth-worker(default): sql(ann,203.0.113.9): Password mismatch", None),
        ("auth: sql(ann,203.0.113.9): Password mismatch", None),
        ("auth: Info: sql(ann,203.0.113.9): Password mismatch", None),
        ("auth: sql(ann,203.0.113.9,): Password mismatch", None),
        ("auth: sql(ann,203.0.113.9,master): Password mismatch", None),
        ("auth: sql(ann,203.0.113.9,<Yx7+W8/Io>): Password mismatch", "Yx7+W8/Io"),
        ("auth: sql(ann,203.0.113.9,master,<Yx7+W8/Io>): Password mismatch", "Yx7+W8/Io"),
        ("auth-worker: sql(ann,203.0.113.9): Password mismatch", None),
        ("auth-worker(304): sql(ann,203.0.113.9): Password mismatch", None),
        ("auth-worker(304): Info: sql(ann,203.0.113.9,<Yx7+W8/Io>): Password mismatch", "Yx7+W8/Io"),
        (
            "auth-worker(5): conn unix:auth-worker (pid=7,uid=97): auth-worker<55>: sql(ann,203.0.113.9): Password mismatch",
            None,
        ),
        (
            "auth-worker(5): Info: conn unix:auth-worker (uid=143): auth-worker<6>: sql(ann,203.0.113.9,<Yx>): Password mismatch",
            "Yx",
        ),
    ],
)
def test_until_23_a_refusal_names_user_address_and_session(line: str, session: str | None) -> None:
    want = {"passdb": "sql", "user": "ann", "client_ip": TRUE, "detail": "Password mismatch"}

    assert take(line) == ("auth_refused", want | ({"session": session} if session else {}))


@pytest.mark.parametrize(
    ("prefix", "more"),
    [
        ("auth(ann,203.0.113.9,sasl:login): ", {"mechanism": "login"}),
        ("auth(ann,203.0.113.9,sasl:login): Info: ", {"mechanism": "login"}),
        ("auth(ann,203.0.113.9,sasl:scram-sha-256,master): ", {"mechanism": "scram-sha-256"}),
        ("auth(ann,203.0.113.9,sasl:plain)<l51p7f/gM+1>: ", {"mechanism": "plain", "session": "l51p7f/gM+1"}),
        ("auth-worker(ann,203.0.113.9)<571>: request [12]: ", {}),
        ("auth-worker(ann,203.0.113.9)<571><l51p7f/gM+1>: request [12]: Info: ", {"session": "l51p7f/gM+1"}),
        ("auth(ann,203.0.113.9): ", {}),
    ],
)
def test_since_24_a_refusal_has_one_prefix(prefix: str, more: dict[str, str]) -> None:
    want = {"passdb": "sql", "user": "ann", "client_ip": TRUE, "detail": "unknown user"}

    assert take(f"{prefix}sql: unknown user") == ("auth_refused_24", want | more)


@pytest.mark.parametrize("database", ["cram-md5", "plain", "xoauth2", "scram-sha-1", "scram-sha-256-plus"])
def test_a_mechanism_in_place_of_the_database_is_told_as_both(database: str) -> None:
    _, said = take(f"auth: {database}(ann,203.0.113.9): Password mismatch")

    assert (said["passdb"], said["mechanism"]) == (database, database)


def test_a_database_with_a_name_of_its_own_is_no_mechanism() -> None:
    _, said = take("auth: plain_old.Users(ann,203.0.113.9): Password mismatch")

    assert said["passdb"] == "plain_old.Users"
    assert "mechanism" not in said


@pytest.mark.parametrize(
    "ip", ["203.0.113.9", "2001:db8::7", "::ffff:203.0.113.9", "::1", "fe80::1%eth0", "2001:DB8::A"]
)
def test_addresses_of_all_kinds(ip: str) -> None:
    assert take(f"auth: sql(ann,{ip}): unknown user")[1]["client_ip"] == ip
    assert take(f"auth(ann,{ip},sasl:plain): sql: unknown user")[1]["client_ip"] == ip


def test_a_lookup_without_address_has_none() -> None:
    assert take("auth: passwd-file(ann): unknown user")[1] == {
        "passdb": "passwd-file", "user": "ann", "detail": "unknown user",
    }  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "password mismatch",
        "Password mismatch (for LDAP bind)",
        "invalid credentials",
        "Login attempt with empty password",
        "pam_authenticate() failed: Authentication failure (password mismatch?)",
        "pam_authenticate() failed: User not known to the underlying authentication module: 2 Time(s)",
        "pam_acct_mgmt() failed: User account has expired",
        "User unknown",
        "allow_nets check failed: IP 203.0.113.9 not in allowed networks",
        "User found from deny passdb",
        "Authentication failure due to policy server refusal: Blocked for real",
        "Policy check action is drop connection",
        "Policy check action is tarpit 4 second(s)",
        "Password expired",
        "oauth2 failed: Token is not valid",
        "No password returned (and no nopassword)",
        "Requested CRAM-MD5 scheme, but we have only SHA512-CRYPT",
        "Empty username",
        "invalid input",
        "Attempted login with password having illegal chars",
        "Attempted master login with no master passdbs (trying to log in as user: bob)",
        "Request timed out waiting for client to continue authentication (150 secs)",
        "user not found from any userdbs",
    ],
)
def test_known_reasons_are_taken_whole_in_both_shapes(text: str) -> None:
    old, new = take(f"auth: sql(ann,203.0.113.9): {text}"), take(f"auth(ann,203.0.113.9,sasl:plain): sql: {text}")

    assert (old[0], old[1]["detail"]) == ("auth_refused", text)
    assert (new[0], new[1]["detail"]) == ("auth_refused_24", text)


@pytest.mark.parametrize("text", ["lookup service=dovecot", "cache hit: x", "something new in 2.5", ""])
def test_other_words_at_level_info_are_no_refusal(text: str) -> None:
    assert take(f"auth: sql(ann,203.0.113.9): {text}") == (None, {})
    assert take(f"auth(ann,203.0.113.9,sasl:plain): sql: {text}") == (None, {})


def test_a_master_user_at_work_was_not_refused() -> None:
    assert take("auth: sql(master,203.0.113.9,master): Master user logging in as ann")[0] == "auth_neutral"
    assert take("auth(master,203.0.113.9,sasl:plain,master): sql: Master user logging in as ann")[0] == "auth_neutral"


@pytest.mark.parametrize("database", ["passdb", "userdb"])
def test_where_another_database_is_asked_the_line_is_context(database: str) -> None:
    tail = f"unknown user (SHA1 of given password: 725e5e) - trying the next {database}"

    assert take(f"auth: sql(ann,203.0.113.9): {tail}")[0] == "auth_next"
    assert take(f"auth(ann,203.0.113.9,sasl:plain): sql: {tail}")[0] == "auth_next_24"


# --- errors ---


def test_an_error_about_somebody_names_him_in_every_version() -> None:
    want = {"level": "Error", "passdb": "sql", "user": "ann", "client_ip": TRUE, "detail": "Unknown scheme NOSUCH"}

    assert take("auth: Error: sql(ann,203.0.113.9): Unknown scheme NOSUCH") == ("auth_error", want)
    assert take("auth-worker(203): Error: sql(ann,203.0.113.9): Unknown scheme NOSUCH") == ("auth_error", want)
    assert take("auth-worker(ann,203.0.113.9)<571>: request [2]: Error: sql: Unknown scheme NOSUCH") == (
        "auth_error_24",
        want,
    )


@pytest.mark.parametrize(
    "line",
    [
        "auth: Error: auth client 1234 disconnected with 1 pending requests: EOF",
        "auth: Error: Auth penalty lookup failed: net_connect_unix(anvil-auth-penalty) failed: Connection refused",
        "auth: Fatal: sql: Can't connect to database",
        "auth-worker(12): Error: mysql(localhost): Connect failed to database (mail): Access denied",
        "auth: Error: auth workers: Auth request was queued for 31 seconds, 9 left in queue (see auth_worker_max_count)",
    ],
)
def test_an_error_about_nobody_is_told_without_a_peer(line: str) -> None:
    name, said = take(line)

    assert name == "auth_trouble"
    assert said.keys() == {"level", "detail"}


@pytest.mark.parametrize("who", ["", "auth workers: ", "auth-worker: "])
def test_a_queue_of_workers_is_told_as_a_warning_too(who: str) -> None:
    assert take(f"auth: Warning: {who}Auth request was queued for 9 seconds, 3 left in queue (x)") == (
        "auth_queue",
        {"level": "Warning", "detail": "Auth request was queued for 9 seconds, 3 left in queue (x)"},
    )


# --- names and passwords that look like the rest of a line ---

NAMES = (
    "john doe",
    "Doe, Ann",
    "grüße@exämple.test",
    "a)b(c",
    "ann,",
    "192.0.2.1",
    "a,192.0.2.1",
    "a,192.0.2.1,<x>",
    "a,192.0.2.1): Password mismatch",
    "a,192.0.2.1): Password query failed: ",
    "a,192.0.2.1,<x>): unknown user - trying the next passdb",
    "a,192.0.2.1,sasl:plain): sql: Password mismatch",
    "a,192.0.2.1,sasl:plain): Error: sql: Unknown scheme X",
    "a,192.0.2.1)<571>: request [1]: sql: unknown user",
    "default): sql(b,192.0.2.1): unknown user",
    "304): sql(b,192.0.2.1): unknown user",
    "x): Debug: ",
    "x): Error: ",
    "a, rhost=192.0.2.1",
    "u" * 61 + "...",
)
SECRETS = ("", " (SHA1 of given password: 725e5e)", " (given password: s3cret)", " (given password: a) b: (c)")


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("name", NAMES)
def test_a_name_changes_neither_the_address_nor_the_reason(name: str, secret: str) -> None:
    for line in (
        f"auth: sql({name},{TRUE}): unknown user{secret}",
        f"auth: sql({name},{TRUE},<Yx7+W8/Io>): unknown user{secret}",
        f"auth-worker(304): sql({name},{TRUE}): unknown user{secret}",
        f"auth({name},{TRUE},sasl:plain): sql: unknown user{secret}",
        f"auth-worker({name},{TRUE})<571><Yx7+W8/Io>: request [3]: sql: unknown user{secret}",
    ):
        pattern, said = take(line)

        assert pattern in {"auth_refused", "auth_refused_24"}
        assert (said["user"], said["client_ip"], said["detail"]) == (name, TRUE, f"unknown user{secret}")


@pytest.mark.parametrize("name", NAMES)
def test_a_name_does_not_move_an_error_to_another_address(name: str) -> None:
    for line in (
        f"auth: Error: sql({name},{TRUE}): Password query failed: no such table: users",
        f"auth({name},{TRUE},sasl:plain): Error: sql: Password query failed: no such table: users",
    ):
        assert FORGED not in take(line)[1].get("client_ip", "")


@pytest.mark.parametrize(
    "password",
    [
        "x,192.0.2.1): unknown user",
        "x,192.0.2.1): unknown user (y",
        "x,192.0.2.1): unknown user (SHA1 of given password: 00",
        "x,192.0.2.1): unknown user (given password: y",
        "x,192.0.2.1,<s>): unknown user (given password: y",
        "x,192.0.2.1,sasl:plain): sql: unknown user (given password: y",
        ")): - trying the next passdb",
    ],
)
def test_a_logged_password_never_moves_the_address(password: str) -> None:
    for line in (
        f"auth: sql(bob,{TRUE}): Password mismatch (given password: {password})",
        f"auth(bob,{TRUE},sasl:plain): sql: Password mismatch (given password: {password})",
    ):
        pattern, said = take(line)

        assert pattern is not None
        assert pattern.startswith(("auth_refused", "auth_doubtful"))
        assert said.get("client_ip", TRUE) == TRUE
        assert said.get("user", "bob") == "bob"
        assert said["detail"] == f"Password mismatch (given password: {password})"


def test_where_name_and_password_may_have_changed_places_nobody_is_blamed() -> None:
    name, password = "a,192.0.2.1): unknown user (given password: x", "y"
    pattern, said = take(f"auth: sql({name},{TRUE}): Password mismatch (given password: {password})")

    assert pattern == "auth_doubtful"
    assert said.keys() == {"passdb", "detail"}


@pytest.mark.parametrize("shape", ["auth: sql(bob,203.0.113.9): {}", "auth(bob,203.0.113.9,sasl:plain): sql: {}"])
def test_a_line_that_breaks_off_inside_a_password_gives_none_of_it(shape: str) -> None:
    _, said = take(shape.format("Password mismatch (given password: hunter2 is my"))

    assert said["detail"] == "Password mismatch"
    assert not any("hunter2" in text for text in said.values())


def test_a_line_that_breaks_off_before_the_reason_is_not_understood() -> None:
    for line in ("auth: sql(bob,203.0", "auth: sql(bob,203.0.113.9", "auth(bob,203.0.113.9,sasl:pl", "auth: sql(bob"):
        assert take(line) == (None, {})


def test_a_refused_name_is_told_raw_and_cannot_forge_an_address() -> None:
    for raw in (
        "john doe",
        "x,192.0.2.1): unknown user",
        "x,192.0.2.1): unknown user (SHA1 of given password: 00",
        ")",
    ):
        text = f"Username character disallowed by auth_username_chars: 0x20 (username: {raw})"

        for line in (f"auth: plain(?,{TRUE}): {text}", f"auth(?,{TRUE},sasl:plain): plain: {text}"):
            assert take(line)[0] in {"auth_bad_name", "auth_bad_name_24"}
            assert take(line)[1] == {
                "passdb": "plain", "mechanism": "plain", "client_ip": TRUE, "user": raw, "detail": text,
            }  # fmt: skip


def test_a_mail_cannot_pretend_to_be_a_refusal() -> None:
    """The mail_log plug-in prints subjects: they stand behind the name of a mail process."""
    for words in ("x,192.0.2.1): Password mismatch", "auth: sql(a,192.0.2.1): unknown user", "-login: Login: user=<a>"):
        assert take(f"imap(bob)<12><Yx7>: save: box=INBOX, uid=1, subject={words}")[0] == "mail_session"
        assert take(f"submission(bob)<12><Yx7>: Error: {words}")[0] == "mail_session"


def test_long_hostile_lines_are_read_to_their_end() -> None:
    assert (
        take("auth: sql(" + "a,192.0.2.1): unknown user, " * 2000 + f",{TRUE}): unknown user")[1]["client_ip"] == TRUE
    )
    assert take("imap-login: Disconnected" + ": a" * 20000 + "!") == (None, {})
    assert take("auth(" * 20000) == (None, {})


# --- login processes ---


def login(message: str) -> tuple[str | None, dict[str, Any]]:
    """Take a login line; the address and the listener, which all have, are checked here."""
    name, said = take(message)
    assert said.pop("client_ip") == TRUE
    assert said.pop("server_ip", "192.0.2.25") == "192.0.2.25"
    return name, said


@pytest.mark.parametrize("words", ["Login", "Logged in", "Info: Login", "Info: Logged in"])
def test_a_login_is_taken_by_the_fast_pattern(words: str) -> None:
    assert login(f"imap-login: {words}: user=<ann>, {FIELDS}, mpid=7, TLS, session=<a/b+>")[0] == "login_success"


def test_both_login_patterns_agree() -> None:
    line = f"imap-login: Login: user=<ann>, {FIELDS}, mpid=7, TLS, session=<a/b+>"
    odd = next(p for p in DOVECOT.patterns if p.name == "login_success_odd")
    said = pl.Series([line]).str.extract_groups(odd.regex).struct.unnest().to_dicts()[0]

    assert {k: v for k, v in said.items() if v is not None} == take(line)[1]


@pytest.mark.parametrize(
    ("line", "more"),
    [
        (f"Info: imap-login: Login: user=<ann>, {FIELDS} Authentication Failure:", {}),
        (f"pop3-login: Login: user=<ann>, {FIELDS},session=<a/b+>, secured", {"session": "a/b+", "tls": "secured"}),
        (f"imap-login: Login: user=<ann>, {FIELDS}, TLS: x, TLSv1.2 with cipher C (256/256 bits)", {"tls": "TLS", "cipher": "C"}),
        ("imap-login: Login: user=<ann>, method=PLAIN, rip=203.0.113.9, rport=40001, lip=192.0.2.25, lport=993, TSL",
         {"client_port": "40001", "server_port": "993", "tls": "TSL"}),
        (f"managesieve-login: Login: user=<ann>, {FIELDS}, mpid=9, new=<x>, TLS", {"service": "managesieve", "tls": "TLS"}),
    ],
)  # fmt: skip
def test_a_login_with_other_fields_is_read_the_general_way(line: str, more: dict[str, str]) -> None:
    name, said = login(line)

    assert name == "login_success_odd"
    said.pop("protocol", None)
    assert said == {"user": "ann", "mechanism": "PLAIN"} | more


@pytest.mark.parametrize(
    "name", ["a>", "<a>", "a, b", f"a>, method=PLAIN, rip={FORGED}", f"a>, rip={FORGED}, lip={FORGED}, TLS, session=<x"]
)
def test_a_name_with_fields_of_its_own_moves_no_login(name: str) -> None:
    for words in ("Login", "Logged in", "Disconnected (auth failed, 3 attempts in 9 secs)"):
        _, said = login(f"imap-login: {words}: user=<{name}>, {FIELDS}, TLS, session=<a/b+>")

        assert (said["user"], said["session"]) == (name, "a/b+")


@pytest.mark.parametrize(
    ("words", "attempts", "code"),
    [
        ("Aborted login (1 authentication attempts)", "1", None),
        ("Aborted login (auth failed, 2 attempts)", "2", None),
        ("Aborted login (auth failed, 12 attempts in 18 secs)", "12", None),
        ("Disconnected (user disabled)", None, None),
        ("Disconnected: Inactivity during authentication (disconnected while authenticating, waited 180 secs)", None, None),
        ("Disconnected: Aborted login by logging out (auth service reported temporary failure)", None, None),
        ("Disconnected: Disconnected: Too many bad commands (auth failed, 2 attempts in 0 secs)", "2", None),
        ("Disconnected: Connection closed: read(size=1003) failed: Connection reset by peer (auth failed, 1 attempts in 0 secs)", "1", None),
        ("Client has quit the connection (auth failed, 1 attempts in 2 secs)", "1", None),
        ("Remote closed connection (auth failed, 1 attempts in 2 secs)", "1", None),
        ("Disconnected: Maximum number of connections from user+IP exceeded (mail_max_userip_connections=10)", None, None),
        ("Login aborted: Logged out (auth failed, 2 attempts in 8 secs) (auth_failed)", "2", "auth_failed"),
        ("Login aborted: Connection closed (connection limit reached, 1/1 successful auths in 0 secs) (connection_limit)", None, "connection_limit"),
        ("Login aborted: x (proxy dest connection failed, 1 attempts in 0 secs) (proxy_dest_connect_failed)", "1", "proxy_dest_connect_failed"),
        ("Disconnected (client didn't send a cert)", None, None),
    ],
)  # fmt: skip
def test_a_sum_at_the_end_of_a_connection(words: str, attempts: str | None, code: str | None) -> None:
    name, said = login(f"submission-login: Info: {words}: user=<ann>, {FIELDS}, TLS, session=<a/b+>")

    assert name == "login_failed"
    assert (said["detail"], said.get("n_attempts"), said.get("vendor_code")) == (words, attempts, code)


def test_a_sum_of_old_versions_may_lack_the_name() -> None:
    line = "pop3-login: Aborted login (tried to use disabled plaintext auth): rip=203.0.113.9, lip=192.0.2.25"

    assert login(line) == (
        "login_failed",
        {"protocol": "pop3", "detail": "Aborted login (tried to use disabled plaintext auth)"},
    )


@pytest.mark.parametrize(
    "words",
    [
        "Disconnected (no auth attempts in 10 secs)",
        "Aborted login (no auth attempts)",
        "Disconnected (disconnected before auth was ready, waited 0 secs)",
        "Login aborted: Connection closed: read(size=653) failed: Connection reset by peer (no auth attempts in 1 secs) (no_auth_attempts)",
        "Login aborted: Connection closed (disconnected during TLS handshake) (tls_handshake_not_finished)",
    ],
)
def test_a_connection_without_a_try_is_context(words: str) -> None:
    name, said = login(f"imap-login: {words}: user=<>, rip=203.0.113.9, lip=192.0.2.25, TLS handshaking: x: y")

    assert name == "login_not_tried"
    assert said["detail"] == words
    assert said["tls"] == "TLS handshaking"


def test_a_connection_that_ends_without_words_is_context() -> None:
    assert login(f"imap-login: Disconnected: Inactivity: user=<ann>, {FIELDS}")[0] == "login_ended"
    assert login("pop3-login: Disconnected: rip=203.0.113.9, lip=192.0.2.25")[0] == "login_ended"


@pytest.mark.parametrize(
    "words",
    [
        "proxy(ann): started proxying to 192.0.2.143:143",
        "proxy(ann,192.0.2.143:143): Started proxying to <192.0.2.143> (<imap.example.com>) (0.004 secs)",
        "proxy(ann,192.0.2.143:143): Started proxying to remote host (0.004 secs)",
    ],
)
def test_a_proxy_that_goes_on_has_let_in(words: str) -> None:
    name, said = login(f"imap-login: {words}: user=<ann>, {FIELDS}, TLS, session=<a>")

    assert (name, said["user"]) == ("login_proxied", "ann")


def test_a_proxy_that_ends_is_none_of_ours() -> None:
    line = f"imap-login: proxy(ann,192.0.2.143:143): Disconnected by client (1s idle): user=<ann>, {FIELDS}"

    assert take(line)[0] == "login_other"


# --- auth_debug ---


@pytest.mark.parametrize("tab", ["\t", "#011"])
@pytest.mark.parametrize(
    "conn", ["", "conn unix:auth (pid=154,uid=100): ", "conn unix:login/login (pid=154,uid=100) [1]: "]
)
def test_a_request_and_its_answer_are_tied_by_process_and_number(conn: str, tab: str) -> None:
    asked = tab.join(["AUTH", "3", "PLAIN", "service=smtp", "nologin", "rip=203.0.113.9", "resp=AGFubgBzZWNyZXQ="])
    good, bad = (
        tab.join(["OK", "3", "user=Doe, Ann #1", "x"]),
        tab.join(["FAIL", "3", "user=ann", "temp", "code=temp_fail"]),
    )
    tie = {"request_id": "3"} | ({"peer_pid": "154"} if conn else {})

    assert take(f"auth: Debug: {conn}client in: {asked}") == ("debug_in", tie | {"mechanism": "PLAIN"})
    assert take(f"auth: Debug: {conn}client passdb out: {good}") == (
        "debug_out",
        tie | {"vendor_code": "OK", "user": "Doe, Ann #1"},
    )
    assert take(f"auth: Debug: {conn}client passdb out: {bad}") == (
        "debug_out_failed",
        tie | {"vendor_code": "temp_fail", "user": "ann"},
    )


def test_what_a_client_sent_is_in_no_group() -> None:
    for line in (
        "auth: Debug: client in: AUTH\t3\tPLAIN\tresp=AGFubgBzZWNyZXQ=",
        "auth: Debug: client in: AUTH\t3\tPLAIN\tresp=AGFubgBzZWNyZXQ= (previous base64 data may contain sensitive data)",
    ):
        name, said = take(line)

        assert name == "debug_in"
        assert not any("AGFubg" in text for text in said.values())


# --- PAM ---


@pytest.mark.parametrize(
    ("tail", "user", "ip"),
    [
        ("ruser=ann rhost=203.0.113.9", "ann", TRUE),
        ("ruser=ann rhost=2001:db8::7  user=ann", "ann", "2001:db8::7"),
        ("ruser=john doe rhost=203.0.113.9 ", "john doe", TRUE),
        ("ruser=a rhost=192.0.2.1 rhost=203.0.113.9 ", "a rhost=192.0.2.1", TRUE),
        ("ruser=a rhost=192.0.2.1  user=b rhost=203.0.113.9 ", "a rhost=192.0.2.1  user=b", TRUE),
        ("ruser=ann rhost=", "ann", ""),
    ],
)
@pytest.mark.parametrize("module", ["pam_unix(dovecot:auth): ", "pam_sss(imap:auth): ", "(pam_unix) ", ""])
def test_pam_names_the_peer_last(module: str, tail: str, user: str, ip: str) -> None:
    line = f"{module}authentication failure; logname= uid=0 euid=0 tty=dovecot {tail}"

    assert take(line) == ("pam_failure", {"detail": "authentication failure", "user": user, "client_ip": ip})


def test_pam_lines_say_that_they_are_pam_under_any_tag() -> None:
    shared = [p for p in DOVECOT.patterns if p.name.startswith("pam_") and p.role != "dismiss"]

    assert shared == [p for p in PAM.patterns if p.role != "dismiss"]
    assert {p.sets["format"] for p in shared} == {"pam"}


# --- tags, and the whole way ---


@pytest.mark.parametrize("tag", ["dovecot", "dovecot-auth", "dovecot-director", "auth", "auth-worker", "imap-login"])
def test_tags_of_dovecot_are_claimed(tag: str) -> None:
    assert re.fullmatch(DOVECOT.tag, tag)


@pytest.mark.parametrize("tag", ["postfix/smtpd", "sshd", "sudo", "authd", "imapd", "saslauthd"])
def test_tags_of_others_are_left_alone(tag: str) -> None:
    assert not re.fullmatch(DOVECOT.tag, tag)


def test_a_busy_imap_server_is_not_kept_line_by_line() -> None:
    words = {text for p in DOVECOT.patterns if p.role != "dismiss" for text in p.literals}
    line = "Nov  3 09:05:01 mx dovecot: imap(ann@example.com)<161><eW+BjfZgh99/AAAH>: Disconnected: Logged out in=8 out=516"

    assert not any(text in line for text in words)


def test_a_logged_password_reaches_no_table(tmp_path: Path) -> None:
    lines = [
        "auth: sql(bob,203.0.113.9): Password mismatch (given password: hunter2)",
        "auth: sql(bob,203.0.113.9): unknown user (given password: hunter2) - trying the next passdb",
        "auth(bob,203.0.113.9,sasl:plain): sql: Password mismatch (given password: x) hunter2 (y)",
        "auth: Debug: client in: AUTH\t1\tPLAIN\tresp=hunter2",
    ]
    path = tmp_path / "mail.log"
    path.write_text("".join(f"2025-11-03T09:05:0{n}Z mx dovecot: {line}\n" for n, line in enumerate(lines)))

    events, coverage, _ = reading.read(path, full=True)

    assert events.filter(pl.col("client_ip") == TRUE).height == 2
    assert "hunter2" not in str(events.to_dicts())
    assert "hunter2" not in str(coverage.to_dicts())
