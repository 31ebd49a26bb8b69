"""Rows of one's own: from a file and from installed packages; who wins; what is refused, and in which words."""

from __future__ import annotations

import time
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING

import polars as pl
import pytest

import smtplogs as sl
from smtplogs import errors, replies
from smtplogs.replies import loading, matching

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GOOD = """
source = "our helpdesk"

[[row]]
id = "our-holiday"
text = "mailbox is on holiday"
cause = "account_disabled"
explain = "The portal has put the mailbox on holiday."
fix = "End the holiday in the portal."
beware = "A new password does not end it."
examples = ["535 5.7.8 Your mailbox is on holiday"]
not_these = ["535 5.7.8 Your mailbox is full"]
"""


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A file with a good row."""
    path = tmp_path / "mine.toml"
    path.write_text(GOOD, "utf-8")
    return path


@pytest.fixture(autouse=True)
def _forgets() -> Iterator[None]:
    """Rows are kept for the whole process: each test reads them anew."""
    yield
    for kept in (loading._rows, matching._filed, matching._literals):
        kept.cache_clear()
    replies.judging._facts.cache_clear()
    replies.classifying._row_verdicts.cache_clear()


def installed(monkeypatch: pytest.MonkeyPatch, *points: EntryPoint) -> None:
    """Pretend that packages with these entry points are installed."""
    monkeypatch.setattr(loading, "entry_points", lambda group: [p for p in points if p.group == group])
    for kept in (loading._rows, matching._filed, matching._literals):
        kept.cache_clear()
    replies.judging._facts.cache_clear()
    replies.classifying._row_verdicts.cache_clear()


def point(name: str, value: str) -> EntryPoint:
    return EntryPoint(name=name, value=value, group=loading.GROUP)


def test_a_row_of_ones_own_explains_and_classifies(mine: Path) -> None:
    text = "535 5.7.8 Your mailbox is on holiday"

    assert sl.explain(text).row(0, named=True)["cause"] == "bad_credentials"
    told = sl.explain(text, catalogue=mine).row(0, named=True)
    assert (told["cause"], told["row"], told["fix"]) == (
        "account_disabled",
        "our-holiday",
        "End the holiday in the portal.",
    )
    assert "A new password does not end it." in told["beware"]
    table = replies.classify_replies(pl.DataFrame({"text": [text, "535 x"]}), catalogue=mine)
    assert table["row"].to_list() == ["our-holiday", "code-535"]


def test_a_row_of_ones_own_reaches_the_events_of_a_log(mine: Path, tmp_path: Path) -> None:
    log = tmp_path / "mail.log"
    log.write_text(
        "2026-03-02T09:00:00+00:00 mx postfix/smtpd[7]: warning: unknown[192.0.2.9]: SASL LOGIN authentication failed: "
        "Your mailbox is on holiday, sasl_username=ann@example.com\n"
        "2026-03-02T09:00:00+00:00 mx postfix/smtpd[7]: disconnect from unknown[192.0.2.9] ehlo=1 auth=0/1 commands=1/2\n"
    )

    assert "account_disabled" in sl.read(log, catalogue=mine)["cause"].to_list()
    assert "account_disabled" not in sl.read(log)["cause"].to_list()
    assert "account_disabled" in sl.read(log, catalogue=str(mine))["cause"].to_list()


def test_a_row_of_ones_own_wins_over_more_evidence(tmp_path: Path) -> None:
    path = tmp_path / "weak.toml"
    path.write_text(
        '[[row]]\nid="weak"\ncode=535\nstage="auth"\ncause="oauth_required"\nexplain="All 535 are so here."\nexamples=["535 x"]\n'
    )
    table = replies.explain("535 5.7.8 Error: authentication failed: account disabled", catalogue=path)

    assert table["row"].first() == "weak"
    assert table["why_not"][1] == "a row of your own comes before ours"
    assert replies.rows(loading.custom_file(path))[-1].source == str(path)


def test_a_row_with_an_id_of_ours_takes_its_place(tmp_path: Path) -> None:
    path = tmp_path / "other.toml"
    path.write_text(
        '[[row]]\nid="code-535"\ncode=535\ncause="account_locked"\nexplain="Here it is a lock."\nexamples=["535 nope"]\n'
    )
    known = replies.rows(loading.custom_file(path))

    assert [row.cause for row in known if row.id == "code-535"] == ["account_locked"]
    assert len(known) == len(replies.rows())


def test_a_changed_file_is_read_anew(mine: Path) -> None:
    text = "535 5.7.8 Your mailbox is on holiday"
    assert replies.explain(text, catalogue=mine)["cause"].first() == "account_disabled"
    mine.write_text(GOOD.replace("account_disabled", "account_restricted"), "utf-8")
    assert replies.explain(text, catalogue=mine)["cause"].first() == "account_restricted"


def test_an_installed_package_adds_rows_below_the_callers_and_above_ours(
    mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = tmp_path / "theirs.toml"
    theirs.write_text(
        '[[row]]\nid="their-holiday"\ntext="holiday"\ncause="access_policy_denied"\nexplain="Theirs."\n'
        'examples=["535 on holiday"]\n'
    )
    (tmp_path / "their_package.py").write_text(
        f"from pathlib import Path\nPLACE = Path({str(theirs)!r})\ndef place():\n    return str(PLACE)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    for value in ("their_package:PLACE", "their_package:place"):
        installed(monkeypatch, point("theirs", value))
        text = "535 5.7.8 Your mailbox is on holiday"
        assert replies.explain(text)["row"].first() == "their-holiday"
        assert replies.explain(text)["why_not"][1] == "a row of an installed package comes before ours"
        assert replies.explain(text, catalogue=mine)["row"].to_list()[:2] == ["our-holiday", "their-holiday"]


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (
            "no_such_package_at_all:x",
            "entry point 'theirs' (no_such_package_at_all:x) cannot be loaded: ModuleNotFoundError",
        ),
        ("math:nothing", "cannot be loaded: AttributeError"),
        ("math:pi", "gives float, not the path of a TOML file"),
        ("os:sep", "is no TOML file that can be read"),
    ],
)
def test_a_package_that_cannot_be_used_is_named(value: str, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, point("theirs", value))

    with pytest.raises(errors.BadCatalogue) as caught:
        replies.rows()
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "has no [[row]] table"),
        ("row = 3", "has no [[row]] table"),
        ("row = [3]", "has no [[row]] table"),
        ("[[row]", "is no TOML file that can be read"),
        ("[[row]]\nid = 'x'\ncolour = 'red'", "catalogue row 'x': unknown field 'colour'"),
        ("[[row]]\nid = 'x'\npatern = 'red'", "unknown field 'patern' (did you mean 'pattern'?)"),
        ("[[row]]\nlayer = 2", "catalogue row 'number 1': unknown field 'layer'"),
        ("[[row]]\nid = 'x'\ntext = 'y'", "catalogue row 'x': no cause, explain, examples"),
        ("[[row]]\nid = 'x'\ncode = '535'", "catalogue row 'x': no cause"),
        (GOOD.replace('text = "mailbox is on holiday"', "text = 3"), "text must be str or a list of them, not 3"),
        (
            GOOD.replace('cause = "account_disabled"', 'cause = ["account_disabled"]'),
            "cause must be str, not ['account_disabled']",
        ),
        (GOOD + "code = [true]", "code must be int or a list of them, not [True]"),
        (GOOD + "temporary = 1", "temporary must be bool, not 1"),
        (GOOD.replace("account_disabled", "bad_luck"), "catalogue row 'our-holiday': unknown cause 'bad_luck'"),
        (GOOD + 'instead = ["bad_luck"]', "unknown cause in instead"),
        (GOOD + GOOD.replace('source = "our helpdesk"', ""), "row 'our-holiday' stands twice, first in"),
        (GOOD + "\n[more]\nx = 1", "'more' is neither `source` nor a [[row]] table"),
    ],
)
def test_a_file_that_cannot_be_used_says_where_and_why(text: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text, "utf-8")

    with pytest.raises(errors.BadCatalogue) as caught:
        sl.explain("535", catalogue=path)
    assert str(path) in str(caught.value)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value).partition("is no TOML")[0]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("is on holiday\"]", "is at work\"]"), "its example '535 5.7.8 Your mailbox is at work' is taken by row 'rfc-credentials-invalid'"),
        (("mailbox is full\"]", "mailbox is on holiday now\"]"), "it takes '535 5.7.8 Your mailbox is on holiday now', which it should not"),
        (("text = \"mailbox is on holiday\"", "pattern = '(holiday'"), "regex '(holiday'"),
    ],
)  # fmt: skip
def test_examples_are_tried_before_a_log_is_read(change: tuple[str, str], told: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(GOOD.replace(*change), "utf-8")
    log = tmp_path / "mail.log"
    log.write_text("x\n")

    for call in (lambda: sl.read(log, catalogue=path), lambda: sl.explain("535", catalogue=path)):
        with pytest.raises(errors.BadCatalogue) as caught:
            call()
        assert told in str(caught.value)


def test_a_missing_file_and_bad_bytes_are_said(tmp_path: Path) -> None:
    with pytest.raises(errors.BadCatalogue, match=r"cannot read the catalogue '.*none.toml': No such file"):
        sl.explain("535", catalogue=tmp_path / "none.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(errors.BadCatalogue, match="is no TOML file that can be read"):
        sl.explain("535", catalogue=tmp_path / "bytes.toml")


def test_the_rows_are_read_in_a_moment() -> None:
    """A single run; far above what it takes, so that a busy machine does not fail it."""
    loading._rows.cache_clear()
    began = time.process_time()
    assert len(loading.rows()) > 270
    assert time.process_time() - began < 0.5
