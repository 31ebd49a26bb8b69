"""Log text made safe to look at."""

from __future__ import annotations

import pytest
from rich.text import Text

from smtplogs._visible import markup, shorten, visible


@pytest.mark.parametrize(
    ("hidden", "shown"),
    [
        ("plain text, [brackets] & <signs>", "plain text, [brackets] & <signs>"),
        ("é 漢字 Ω", "é 漢字 Ω"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\r\n\tb\0", "a\\r\\n\\tb\\x00"),
        ("\x9b31m", "\\x9b31m"),
        ("ann\u202emoc.elpmaxe", "ann\\u202emoc.elpmaxe"),
        ("a\u200bb\ufeffc\u00add", "a\\u200bb\\ufeffc\\xadd"),
        ("a\u00a0b\u2028c", "a\\xa0b\\u2028c"),
        ("\udcff", "\\udcff"),
        ("\U000e0041", "\\U000e0041"),
        (None, ""),
        (587, "587"),
    ],
)
def test_what_hides_or_moves_text_is_shown_as_an_escape(hidden: object, shown: str) -> None:
    assert visible(hidden) == shown


def test_a_long_line_keeps_both_ends_and_says_what_is_missing() -> None:
    text = visible("a" * 900 + "z" * 100, limit=100)

    assert text == "a" * 75 + " … (900 characters left out) … " + "z" * 25


def test_a_line_of_exactly_the_limit_is_kept() -> None:
    assert visible("a" * 100, limit=100) == "a" * 100


@pytest.mark.parametrize(
    ("name", "width", "short"),
    [
        ("ann@example.com", 15, "ann@example.com"),
        ("a-long-service-account@example.com", 20, "a-long-…@example.com"),
        ("2001:db8:1234:5678:9abc:def0:1234:5678", 25, "2001:db8:1234:…:1234:5678"),
        ("2001:db8:1234:5678:9abc:def0:1234:5678", 39, "2001:db8:1234:5678:9abc:def0:1234:5678"),
        ("abcdefghijklmnopqrstuvwxyz", 10, "abcdef…xyz"),
        ("x@" + "d" * 60, 20, "x@ddddddddddd…dddddd"),
        ("\x1b]0;" + "t" * 40, 12, "\\x1b]0;t…ttt"),
    ],
)
def test_names_are_shortened_in_the_middle_where_least_is_lost(name: str, width: int, short: str) -> None:
    assert shorten(name, width) == short
    assert len(short) <= width


@pytest.mark.parametrize(
    "text", ["[red]x[/red]", "\\[b]", "\\\\[b]", "[", "a[1]", "[[b]]", "[/]", "[link=x]y", "[@click=quit]z"]
)
def test_nothing_in_log_text_is_a_tag_of_rich(text: str) -> None:
    assert Text.from_markup(markup(text)).plain == text


def test_a_backslash_at_the_end_does_not_eat_the_next_tag() -> None:
    assert Text.from_markup(markup("DOMAIN\\") + "[bold]x[/bold]").plain == "DOMAIN\\x"
