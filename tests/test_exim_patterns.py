"""Exim's lines under every envelope and log_selector; formats of one mixed file; words turned into everybody's."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

import smtplogs as sl
from smtplogs import joining, parsing, planning, translating
from smtplogs.logformats.exim import EXIM

if TYPE_CHECKING:
    from pathlib import Path

WORDS = "535 Incorrect authentication data (set_id=ann)"
STAMPS = {
    "2026-11-23 19:03:27 ": "2026-11-23T19:03:27",
    "2026-11-23 19:03:27.440 ": "2026-11-23T19:03:27.440",
    "2026-11-23 19:03:27 +0100 ": "2026-11-23T18:03:27",
    "2026-11-23 19:03:27.440 -0530 ": "2026-11-24T00:33:27.440",
}
PEERS = [
    (
        f"{h}{name}{helo}[203.0.113.9]{port}{here}{tfo}{ident}{ci}",
        bool(name),
        bool(helo),
        bool(port),
        bool(here),
        bool(ci),
    )
    for h, name, helo, port, here, tfo, ident, ci in itertools.product(
        ("", "H="),
        ("", "pc.example.net "),
        ("", "(pc-7) "),
        ("", ":40001"),
        ("", " I=[192.0.2.1]:587"),
        ("", " TFO*"),
        ("", " U=ident"),
        ("", " Ci=23265"),
    )
]


def rows(lines: list[str], *, hot: bool = True, traffic: bool = False) -> list[dict[str, Any]]:
    """Records of lines, in order."""
    chosen = planning.plan(lines if hot else ["x"], traffic=traffic)
    frame = pl.DataFrame({"line_no": range(1, len(lines) + 1), "line": lines}, schema=parsing.LINES)
    batch, told = parsing.parse(frame.lazy(), chosen)
    assert not [n for (_, _, role), n in told.counts.items() if role == "not_understood"]
    found = pl.concat(batch.parts, how="diagonal_relaxed")
    found = found.with_columns(batch.stamps[found["_stamp"]]).drop("_stamp")
    return found.sort("line_no").to_dicts() if found.height else []


def test_every_log_selector_gives_the_same_failure() -> None:
    lines = [f"2026-11-23 19:03:27 login authenticator failed for {peer[0]}: {WORDS}" for peer in PEERS]
    for hot in (True, False):
        found = rows(lines, hot=hot)
        assert len(found) == len(lines)
        for row, (_, name, helo, port, here, ci) in zip(found, PEERS, strict=True):
            assert (row["user"], row["client_ip"], row["authenticator"]) == ("ann", "203.0.113.9", "login")
            assert row["client_name"] == ("pc.example.net" if name else None)
            assert row["helo"] == ("pc-7" if helo else None)
            assert row["client_port"] == (40001 if port else None)
            assert (row["server_ip"], row["server_port"]) == (("192.0.2.1", 587) if here else (None, None))
            assert row["session"] == ("23265" if ci else None)


@pytest.mark.parametrize(
    ("envelope", "host", "pid"),
    [
        ("{}", None, None),
        ("{}[42] ", None, 42),
        ("Nov 23 19:03:27 mx1 exim[42]: {}", "mx1", 42),
        ("<22>Nov 23 19:03:27 mx1 exim4[42]: {}[42] ", "mx1", 42),
        ("2026-11-23T19:03:27 mx1 exim[42]: {}", "mx1", 42),
        ("mx1 exim[42]: {}", "mx1", 42),
        ("Nov 23 19:03:27 exim[42]: {}", None, 42),
    ],
)
@pytest.mark.parametrize("stamp", STAMPS)
def test_the_inner_stamp_counts_under_every_envelope(
    envelope: str, host: str | None, pid: int | None, stamp: str, tmp_path: Path
) -> None:
    path = tmp_path / "log"
    path.write_text(f"{envelope.format(stamp)}login authenticator failed for (pc-7) [203.0.113.9]: {WORDS}\n")
    event = sl.read(path).row(0, named=True)
    assert event["time"].strftime("%Y-%m-%dT%H:%M:%S.%f").startswith(STAMPS[stamp])
    assert event["time_quality"] == ("exact" if stamp.endswith("0 ") and stamp[-6] in "+-" else "zone_assumed")
    assert (event["host"], event["pid"]) == (host, pid)


@pytest.mark.parametrize("stamp", ["2026-11-23T20:03:27+01:00", "2026-11-23T19:03:27.123456Z"])
def test_an_outer_stamp_with_an_offset_counts_more_than_the_inner_one(stamp: str, tmp_path: Path) -> None:
    path = tmp_path / "log"
    text = f"login authenticator failed for (pc-7) [203.0.113.9]: {WORDS}"
    path.write_text(
        f"{stamp} mx1 exim[42]: 2026-11-23 20:03:27 {text}\n<22>1 {stamp} mx1 exim 42 - - 2026-11-23 20:03:27 {text}x\n"
    )
    found = sl.read(path)
    assert found["time_quality"].to_list() == ["exact", "exact"]
    assert {t.strftime("%H:%M:%S") for t in found["time"]} == {"19:03:27"}


@pytest.mark.parametrize("traffic", [False, True])
@pytest.mark.parametrize(
    "head", ["2026-11-23 19:03:27", "2026-11-23 19:03:27.123 +0100", "2026-11-23 19:03:27 +0100 [7]"]
)
def test_hot_patterns_and_the_general_way_agree_on_exims_own_log(head: str, traffic: bool) -> None:
    lines = [f"{head} {s.message}" for p in EXIM.patterns for s in p.samples if "\n" not in s.message]
    fast, slow = rows(lines, traffic=traffic), rows(lines, hot=False, traffic=traffic)

    def said(row: dict[str, Any]) -> dict[str, Any]:
        unsaid = {"count", "protocol"} if row["_role"] == "context" else set()  # which nobody asks of context
        return {name: value for name, value in row.items() if value is not None and name not in unsaid}

    assert list(map(said, fast)) == list(map(said, slow))
    assert [r["pattern"] for r in fast if r["pattern"] in {"auth_failed", "auth_failed_h", "mail_login"}]


MIXED = [
    "Nov 23 19:00:00 mx1 postfix/smtpd[1]: warning: unknown[203.0.113.1]: SASL LOGIN authentication failed: x, sasl_username=a",
    f"2026-11-23 19:00:01 login authenticator failed for (pc-7) [203.0.113.2]: {WORDS}",
    "Nov 23 19:00:02 mx1 sm-mta[2]: AUTH=server, relay=[203.0.113.3], authid=ann, mech=PLAIN, bits=0",
    "Nov 23 19:00:03 mx1 smtpd[3]: 1e33677ab3abecf4 smtp authentication user=ann result=ok",
    "Nov 23 19:00:04 mx1 dovecot: imap-login: Login: user=<ann>, method=PLAIN, rip=203.0.113.5, lip=192.0.2.1, mpid=7, TLS, session=<x>",
]


@pytest.mark.parametrize("order", [MIXED, MIXED[::-1], MIXED[1:] + MIXED[:1], MIXED[:1] * 300 + MIXED])
def test_every_format_of_a_mixed_file_is_read_whatever_comes_first(order: list[str], tmp_path: Path) -> None:
    path = tmp_path / "all.log"
    path.write_text("\n".join(order) + "\n")
    assert set(sl.read(path, year=2026)["format"]) == {"postfix", "exim", "sendmail", "opensmtpd", "dovecot"}


@pytest.mark.parametrize(
    ("name", "mechanism"),
    [
        ("dovecot_login", "LOGIN"),
        ("plain_server", "PLAIN"),
        ("cram_md5_server", "CRAM-MD5"),
        ("spa", "NTLM"),
        ("xoauth2_server", "XOAUTH2"),
        ("scram_sha_256", "SCRAM-SHA-256"),
        ("dovecot", None),
        ("auth1", None),
    ],
)
def test_a_mechanism_is_told_from_a_name_only_where_it_tells(name: str, mechanism: str | None) -> None:
    assert pl.select(translating.mechanism_of(pl.lit(name))).item() == mechanism


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("60", 60.0),
        ("30s", 30.0),
        ("1.5h", 5400.0),
        ("2d", 172_800.0),
        ("x", None),
        ("1y", 31_536_000.0),
        ("2d 7h 15m", 198_900.0),
        ("59m 50s", 3590.0),
        ("2d7h", None),
        ("2d  7h", None),
    ],
)
def test_periods_become_seconds(text: str, seconds: float | None) -> None:
    assert pl.select(translating.seconds(pl.lit(text))).item() == seconds


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (r"with\040space", "with space"),
        (r"tab\^Ix", "tab\tx"),
        (r"\^?del", "\x7fdel"),
        (r"\M-C\M-<n", "ün"),
        (r"back\\slash", "back\\slash"),
        (r"\303\274", "ü"),
        (r"\377\376", r"\377\376"),
        ("end\\", "end\\"),
        (r"\777", r"\777"),
        ("plain", "plain"),
    ],
)
def test_escapes_are_read_back_or_left_alone(text: str, read: str) -> None:
    assert translating.unescaped(text) == read


def pieces(*lines: str) -> list[str]:
    frame = pl.DataFrame({"line_no": range(1, len(lines) + 1), "line": lines}, schema=parsing.LINES)
    return joining.joined(frame)["line"].to_list()


def test_pieces_of_two_processes_are_joined_apart() -> None:
    head = "Nov 23 19:05:17 mx1 exim[{}]: [{}/3] {}"
    assert pieces(
        head.format(7, 1, "a"),
        head.format(8, 1, "x"),
        head.format(7, 2, "b"),
        head.format(8, 2, "y"),
        head.format(7, 3, "c"),
    ) == [
        "Nov 23 19:05:17 mx1 exim[7]: abc",
        "Nov 23 19:05:17 mx1 exim[8]: xy",
    ]


def test_a_piece_without_its_first_stays_and_a_line_break_becomes_a_blank() -> None:
    assert pieces(
        r"Nov 23 19:05:17 mx1 exim[7]: [2\2] b",
        r"Nov 23 19:05:18 mx1 exim[7]: [1\2] a",
        r"Nov 23 19:05:18 mx1 exim[7]: [2\2] b",
        "other",
    ) == [
        r"Nov 23 19:05:17 mx1 exim[7]: [2\2] b",
        "Nov 23 19:05:18 mx1 exim[7]: a b",
        "other",
    ]
