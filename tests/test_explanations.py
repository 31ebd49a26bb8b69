"""The answer of `explain` on a terminal: what it says once, what it hides, what it adds."""

from __future__ import annotations

import io

from rich.console import Console

import smtplogs as sl
from smtplogs.cli.explanations import explained


def shown(*texts: str) -> str:
    """Return what a terminal shows of the explanations."""
    out = io.StringIO()
    for text in texts:
        Console(file=out, width=200, markup=False).print(*explained(sl.explain(text)))
    return out.getvalue()


def test_a_text_is_shown_once_without_what_moves_the_cursor() -> None:
    said = shown(
        "Mar  2 09:00:00 mx postfix/smtpd[7]: warning: unknown[192.0.2.9]: SASL LOGIN authentication failed: \x1b]0;x"
    )

    assert said.count("SASL LOGIN authentication failed") == 1
    assert "\x1b" not in said
    assert "\\x1b]0;x" in said


def test_the_likeliest_meaning_stands_in_full_and_the_others_in_a_line_each() -> None:
    said = shown("535 5.7.8 Error: authentication failed")

    assert said.count("what it means") == 1
    assert said.index("what it means") < said.index("The same words are said for other causes too.")
    assert "smtplogs lockouts FILES" in said


def test_who_pastes_what_cannot_be_explained_is_told_what_can_be() -> None:
    assert "whole lines of a mail log" in shown("hello")
    assert "whole lines of a mail log" not in shown("535 5.7.8 Error: authentication failed")
