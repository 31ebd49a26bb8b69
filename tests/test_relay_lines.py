"""nginx, Mailu, Zimbra, Cyrus, saslauthd, msmtp's log, mox: written cases, hostile names, secrets, one attempt one row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

import smtplogs as sl
from public_cases import differences
from smtplogs.logformats import ALL
from smtplogs.recognising import recognise

if TYPE_CHECKING:
    from collections.abc import Iterable

CASES = [json.loads(t) for t in (Path(__file__).parent / "cases" / "relay-lines.jsonl").read_text("utf-8").splitlines()]
OURS = ("nginx", "mailu", "zimbra", "cyrus", "saslauthd", "msmtp-log", "mox", "assp", "oracle-ims")
BESIDE = {"mailu": ("nginx",), "zimbra": ("saslauthd",), "nginx": ("dovecot+postfix",)}
SECRETS = ("7f3a9c", "S3cret!", "0_5f2c", "YWRvYmVhZG9iZQ")

NGINX = "2026/08/03 10:00:{:02} [info] 7#7: *{} "
FAILED = 'client login failed: "Authentication credentials invalid" while in http auth state, client: {}, server: 192.0.2.25:587, login: "{}"'
MAILU = "[2026-08-03 10:00:{:02},000] INFO in nginx: Login attempt for: {}"
AUDIT = "2026-08-03 10:00:{:02},500 WARN  [qtp1-1:https://localhost:7071/service/admin/soap/] [{}] security - cmd=Auth; account={}; protocol=soap; error=authentication failed for [{}], {};"
POSTFIX = "2026-08-03T10:00:{:02}Z mx1 postfix/smtpd[42]: {}"
REFUSED = "warning: unknown[{}]: SASL LOGIN authentication failed: authentication failure"
SASLAUTHD = "2026-08-03T10:00:{:02}Z mx1 saslauthd[7]: do_auth         : auth failure: [user={}] [service=smtp] [realm=] [mech=pam] [reason={}]"


def read(folder: Path, *lines: str, name: str = "some.log", **how: Any) -> pl.DataFrame:
    path = folder / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return sl.read(folder, **how).filter(pl.col("outcome") != "info")


def told(events: pl.DataFrame, *columns: str) -> list[tuple[Any, ...]]:
    """Rows of few columns, words as text."""
    return events.select(pl.col(c).cast(pl.String) if events[c].dtype == pl.Enum else pl.col(c) for c in columns).rows()


# --- cases ---


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_a_written_case_gives_what_it_must(case: dict[str, Any], tmp_path: Path) -> None:
    events = read(tmp_path, *case["text"].split("\n"), year=2026)

    assert events.height == len(case["expect"])
    for row, expect in zip(events.to_dicts(), case["expect"], strict=True):
        assert differences(expect, row) == {}


# --- hostile names ---


@pytest.mark.parametrize(
    "name",
    [
        'x", upstream: 192.0.2.66:25',
        'root" while in http auth state, client: 192.0.2.66, server: 192.0.2.67:25, login: "x',
        "a, client: 192.0.2.66 using starttls, server: 192.0.2.67:465",
        "\u202eann\u0001@example.com",
    ],
)
def test_nginx_believes_no_part_of_a_login(name: str, tmp_path: Path) -> None:
    events = read(tmp_path, NGINX.format(1, 4) + FAILED.format("203.0.113.9", name))

    assert told(events, "outcome", "client_ip", "server_port") == [("failure", "203.0.113.9", 587)]
    assert events["user"].item() == name or events["user"].item().startswith("[redacted:user]#")


@pytest.mark.parametrize(
    "name",
    [
        "x/smtp/465 from: 192.0.2.66/1: failed: badauth: aa",
        "x/smtp/465 from: 192.0.2.66/1: success: password",
        "has been rate-limited.",
    ],
)
def test_mailu_believes_no_part_of_a_login(name: str, tmp_path: Path) -> None:
    events = read(tmp_path, MAILU.format(1, f"{name}/smtp/587 from: 203.0.113.9/4000: failed: badauth: 7f3a9c"))

    assert told(events, "outcome", "cause", "client_ip") == [("failure", "bad_credentials", "203.0.113.9")]


def test_a_comment_of_a_token_is_its_owners_text(tmp_path: Path) -> None:
    comment = "'x/smtp/25 from: 192.0.2.66/1: failed: badauth: aa'"
    events = read(
        tmp_path, MAILU.format(1, f"ann@example.org/smtp/587 from: 203.0.113.9/4000: success: token-3: {comment}")
    )

    assert told(events, "outcome", "user", "client_ip") == [("success", "ann@example.org", "203.0.113.9")]


@pytest.mark.parametrize(
    "agent",
    [
        "x] security - cmd=Auth; account=victim; protocol=soap;",
        "x] security - cmd=Auth; account=victim; protocol=soap; error=authentication failed for [y], invalid password;",
        "x;oip=192.0.2.66;oproto=smtp",
    ],
)
def test_zimbra_believes_no_user_agent(agent: str, tmp_path: Path) -> None:
    context = f"oip=203.0.113.9;oport=4000;oproto=smtp;ua={agent};soapId=1;"
    events = read(tmp_path, AUDIT.format(1, context, "ann@example.com", "ann@example.com", "invalid password"))

    assert told(events, "outcome", "cause", "user", "client_ip") == [
        ("failure", "bad_credentials", "ann@example.com", "203.0.113.9")
    ]


def test_a_name_that_ends_zimbras_fields_gives_no_row_for_anybody_else(tmp_path: Path) -> None:
    name = "ann@example.com; protocol=soap;"
    events = read(tmp_path, AUDIT.format(1, "oip=203.0.113.9;oproto=smtp;", name, name, "account not found"))

    assert events.is_empty()


# --- lines that are none of ours ---


@pytest.mark.parametrize(
    "line",
    [
        NGINX.format(1, 4) + "client logged in, client: 203.0.113.9, server: 0.0.0.0:25",
        NGINX.format(1, 4) + "SSL_do_handshake() failed (SSL: error:1:x) while SSL handshaking, client: 203.0.113.9, server: 0.0.0.0:443",
        "2026/08/03 10:00:01 [error] 7#7: *4 open() \"/x/login: auth\" failed (2: No such file), client: 203.0.113.9, server: _",
        "[2026-08-03 10:00:01,000] INFO in app: user logged in after Authentication",
        "2026-08-03 10:00:01,500 WARN  [main] org.example.Auth - authentication failed for [ann], reason=unknown user",
        "Nov  3 09:05:01 mx1 imap[42]: Login failed user=ann auth=ann host=pc.example.net [203.0.113.9]",
        'l=info m="login attempts" n=3',
        "Nov  3 09:05:01 host=smtp.example.net tls=on auth=off from=a@example.com recipients=b@example.com mailsize=1 exitcode=EX_OK",
    ],
)  # fmt: skip
def test_lines_that_look_alike_give_nothing(line: str, tmp_path: Path) -> None:
    assert read(tmp_path, line, year=2026).is_empty()


@pytest.mark.parametrize("name", OURS)
def test_no_table_or_dialogue_claims_their_logs(name: str) -> None:
    for sample in sl.samples().filter(pl.col("name").str.starts_with(f"{name}/"))["name"]:
        for path in sl.sample(sample):
            assert recognise(path.read_text("utf-8").splitlines()) == (None, ())
            assert set(sl.coverage(path, year=2026)["format"].drop_nulls()) & {name, *BESIDE.get(name, ())}


# --- secrets ---


def everything(events: pl.DataFrame, coverage: pl.DataFrame) -> Iterable[str]:
    yield from (events.write_ndjson(), coverage.write_ndjson(), sl.to_ecs(events).write_ndjson(), repr(events))


@pytest.mark.parametrize(
    "name", ["mailu/two-logs", "zimbra/one-attempt", "saslauthd/behind-postfix", "courier/guesser"]
)
def test_a_logged_secret_is_nowhere(name: str) -> None:
    events, coverage, _ = sl.read(sl.sample(name), year=2026, full=True)

    for text in everything(events, coverage):
        assert not [s for s in SECRETS if s in text]


@pytest.mark.parametrize(
    "line",
    [
        "2026-08-03 10:00:00,000 INFO  [qtp1-1] [name=a;] security - cmd=ModifyDomain; zimbraAuthLdapSearchBindPassword=S3cret!; x",
        MAILU.format(1, "ann@example.org/smtp/587 from: 203.0.113.9/4000: failed: badauth: 7f3a9c"),
        "Nov  3 09:05:01 mx1 saslauthd[7]: zmpost: url='https://mail.example.com/' returned buffer->data='<authToken>0_5f2c</authToken>'",
    ],
)  # fmt: skip
def test_a_pasted_line_is_shown_without_its_secret(line: str) -> None:
    found = sl.explain(line)

    for text in (found.write_ndjson(), repr(found)):
        assert not [s for s in SECRETS if s in text]


# --- one attempt, one row ---


def test_every_format_says_what_it_cannot_show() -> None:
    assert all(f.cannot_show for f in ALL if f.name in OURS)


def test_mailus_reason_meets_nginx_connection() -> None:
    events = sl.read(sl.sample("mailu/two-logs"))
    mine = events.filter(pl.col("client_ip") == "203.0.113.4")

    assert told(mine, "outcome", "cause", "basis", "tls", "client_port") == [
        ("failure", "bad_credentials", "line", "yes", 50122),
        ("failure", "app_password_required", "context", "yes", 50124),
        ("throttled", "throttled_auth", "line", "yes", None),
    ]
    assert mine["also"].list.len().to_list() == [1, 1, 1]


def test_a_login_at_nginx_is_postfixs_login(tmp_path: Path) -> None:
    login = 'client logged in, client: {}, server: 192.0.2.25:587, login: "ann@example.com", upstream: 192.0.2.30:25'
    nginx = [NGINX.format(1, 4) + login.format("203.0.113.9"), NGINX.format(2, 5) + login.format("203.0.113.10")]
    (tmp_path / "nginx.log").write_text("\n".join(nginx) + "\n")
    mail = "AB12CD: client=pc[203.0.113.9], sasl_method=XCLIENT, sasl_username=ann@example.com"
    events = read(
        tmp_path,
        POSTFIX.format(1, "connect from pc[203.0.113.9]"),
        POSTFIX.format(2, mail),
        POSTFIX.format(3, "disconnect from pc[203.0.113.9] ehlo=1 xclient=1 mail=1 commands=3"),
    )
    logins = events.filter(pl.col("stage") == "auth")

    assert sorted(told(logins, "format", "client_ip")) == [("nginx", "203.0.113.10"), ("postfix", "203.0.113.9")]


def test_one_attempt_at_zimbra_is_one_row_with_the_reason_of_the_directory() -> None:
    events = sl.read(sl.sample("zimbra/one-attempt"), year=2026)
    smtp = events.filter(pl.col("stage") == "auth", pl.col("protocol") == "smtp")

    assert told(smtp, "outcome", "cause", "basis", "user", "client_port") == [
        ("failure", "account_locked", "context", "mia@example.com", 40022),
        ("failure", "unknown_user", "context", "mua@example.com", 40030),
        ("success", "success", "counter", "ann@example.com", 40100),
    ]


def test_zimbra_alone_counts_audit_and_mailbox_log_once(tmp_path: Path) -> None:
    both = [p for p in sl.sample("zimbra/one-attempt") if p.name != "mail.log"]
    events = sl.read(both).filter(pl.col("protocol") == "smtp")

    assert told(events, "outcome", "cause") == [
        ("failure", "account_locked"), ("failure", "unknown_user"), ("success", "success"),
    ]  # fmt: skip
    assert {Path(s).name for s in events["source"]} == {"audit.log"}


def test_saslauthd_names_who_postfix_does_not_and_is_no_attempt_beside_it() -> None:
    events = sl.read(sl.sample("saslauthd/behind-postfix"), year=2026)

    assert told(events.filter(pl.col("outcome") != "info"), "user", "client_ip", "cause", "format") == [
        ("ann@example.com", "203.0.113.9", "bad_credentials", "postfix"),  # its domain is the realm
        ("bob", "203.0.113.20", "backend_unavailable", "postfix"),
    ]


@pytest.mark.parametrize(("gap", "names"), [(6, [None, None]), (7, ["ann", "bob"])])
def test_in_a_burst_nobody_is_named_by_guess(gap: int, names: list[str | None], tmp_path: Path) -> None:
    at = (10, 10 + gap)
    events = read(
        tmp_path,
        POSTFIX.format(1, "connect from unknown[203.0.113.9]"),
        *(SASLAUTHD.format(t, who, "PAM auth error") for t, who in zip(at, ("ann", "bob"), strict=True)),
        *(POSTFIX.format(t, REFUSED.format(ip)) for t, ip in zip(at, ("203.0.113.9", "203.0.113.10"), strict=True)),
    )

    assert told(events, "format", "user") == [("postfix", name) for name in names]


def test_saslauthd_alone_tells_who_failed(tmp_path: Path) -> None:
    events = read(
        tmp_path, SASLAUTHD.format(1, "ann", "Incorrect password"), SASLAUTHD.format(2, "bob", "Invalid username")
    )

    assert told(events, "user", "cause", "client_ip", "basis") == [
        ("ann", "bad_credentials", None, "line"),
        ("bob", "unknown_user", None, "line"),
    ]


def test_a_dataset_has_the_same_rows(tmp_path: Path) -> None:
    for name in ("zimbra/one-attempt", "mailu/two-logs", "saslauthd/behind-postfix"):
        paths = sl.sample(name)
        sl.parse(paths, tmp_path / name, year=2026)
        stored = sl.load(tmp_path / name).collect().sort("time", "source", "line_no", "stage")
        now = sl.read(paths, year=2026).sort("time", "source", "line_no", "stage")

        columns = ("time", "stage", "outcome", "cause", "basis", "user", "client_ip", "format")
        assert told(stored, *columns) == told(now, *columns)


# --- clocks and wrappers ---


def test_mox_has_the_time_of_its_wrapper_or_none(tmp_path: Path) -> None:
    line = sl.sample("mox/guesser")[0].read_text().splitlines()[1].partition(": ")[2]
    wrapped = json.dumps({"log": line + "\n", "stream": "stderr", "time": "2026-08-19T10:01:00.5Z"})

    (bare,) = read(tmp_path, line).to_dicts()
    (inside,) = read(tmp_path, wrapped).to_dicts()

    assert (bare["time"], bare["time_quality"]) == (None, "none")
    assert inside["time"].isoformat() == "2026-08-19T10:01:00.500000+00:00"
    assert bare["count"] == inside["count"] == 3


def test_nginx_over_syslog_is_the_same(tmp_path: Path) -> None:
    line = NGINX.format(1, 4) + FAILED.format("203.0.113.9", "ann@example.com")
    (plain,) = read(tmp_path, line).to_dicts()
    (over,) = read(tmp_path, f"<190>Aug  3 10:00:01 mx1 nginx: {line}", year=2026).to_dicts()

    assert over["host"] == "mx1"
    for column in ("time", "user", "client_ip", "server_port", "session", "cause"):
        assert plain[column] == over[column]
