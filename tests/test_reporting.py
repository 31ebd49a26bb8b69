"""The postmortem and the triage summary: true numbers, nothing active, nothing loaded."""

from __future__ import annotations

import base64
import hashlib
import io
import re
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import polars as pl
import pytest
from markdown_it import MarkdownIt
from rich.console import Console

from small_events import findings, table
from smtplogs import detect, reporting
from smtplogs._durable import whole
from smtplogs._report.words import localised
from smtplogs.charts import cause_counts, client_counts
from smtplogs.reporting import report, triage_text
from smtplogs.schema import COVERAGE, EVENTS, FINDINGS, TRAFFIC, as_table, empty

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
MIN = timedelta(minutes=1)

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{7*7}}{% raw %}",
    "javascript:alert(1)",
    "[click](javascript:alert(1))",
    "![x](http://evil.example/x.png)",
    "<http://evil.example>",
    "http://evil.example www.evil.example",
    "`code` *bold* | cell | $x$",
    "--><script>alert(1)</script>",
    "]]></svg><script>",
    "```\n# heading\n",
    "\x1b[31m\x1b]8;;http://evil.example\x07",
    "ann\u202emoc.elpmaxe",
    "# not a heading",
    "1. not a list",
    "</details></style>",
)


def event(minutes: float, outcome: str, **more: Any) -> dict[str, Any]:
    row = {"time": T0 + minutes * MIN, "time_quality": "exact", "stage": "auth", "outcome": outcome, "count": 1}
    row |= {"cause": "success" if outcome == "success" else "bad_credentials", "basis": "line", "protocol": "smtp"}
    row |= {"side": "server", "user": "ann@example.com", "client_ip": "192.0.2.10", "source": "mail.log"}
    row |= {"line_no": int(minutes * 10) + 1, "raw": f"line {int(minutes * 10) + 1}: {outcome}"}
    return row | more


def finding(number: int, **more: Any) -> dict[str, Any]:
    row = {"finding_id": f"id{number}", "detector": "lockouts", "kind": "lockout", "status": "found"}
    row |= {"severity": "serious", "subject_kind": "user", "subject": "ann@example.com", "user": "ann@example.com"}
    row |= {"client_ip": "203.0.113.9", "start": T0 + number * MIN, "end": T0 + (number + 30) * MIN, "n_events": 12}
    row |= {"title": f"Finding number {number}", "cause": "account_locked", "advice": "Unlock the account."}
    row |= {"confidence": "high", "because": ["two addresses"], "refuted_by": "A change of the password."}
    return row | {"part_of": None, "evidence": ["mail.log:11", "mail.log:21"]} | more


def covered(**more: Any) -> pl.DataFrame:
    row = {"source": "mail.log", "format": "postfix", "bytes": 4_820_000, "lines": 40_000, "kept": 900, "records": 700}
    row |= {"context": 150, "dismissed": 40, "not_understood": 10, "examples": ["77: what is this"], "bad_stamps": 0}
    row |= {"first_time": T0, "last_time": T0 + 60 * MIN, "year_evidence": "the file's date", "zone_evidence": "none"}
    row |= {"cannot_show": ["AUTH refused by protocol state is not logged"], "program": None, "error": None}
    program = row | {"program": "postfix/smtpd", "bytes": None}
    return as_table(pl.DataFrame([row | more, program], infer_schema_length=None), COVERAGE)


EVENTS_OF_AN_HOUR = table(
    event(0, "success"),
    event(1, "failure", count=12),
    event(2, "failure", client_ip="203.0.113.9", basis="assumed"),
    event(3, "refused", cause="tls_required", user=None),
    event(4, "failure", user="guess", client_ip="203.0.113.9"),
    event(5, "success", user="bob@example.com"),
    event(6, "failure", side="client", relay_host="smtp.example.net", client_ip=None),
    event(7, "info"),
)


@pytest.fixture(autouse=True)
def _charts_only_where_looked_at(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes most of the time of a report, and most tests read its text only."""
    if "charts" not in request.fixturenames:
        monkeypatch.setattr(reporting, "pictures", lambda *_, **__: {})


@pytest.fixture
def charts() -> None:
    """Charts are drawn in this test."""


@contextmanager
def full_disk(path: Path) -> Iterator[BinaryIO]:
    """`_durable.whole` on a disk that fills while the file is written."""
    with whole(path) as file:
        file.write(b"half of")
        raise OSError(28, "No space left on device")
    yield file


class Page(HTMLParser):
    """Tags, attributes and text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep a tag."""
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Keep a text."""
        self.words.append(data)

    @property
    def text(self) -> str:
        """All text, blanks collapsed."""
        return re.sub(r"\s+", " ", " ".join(self.words))


def html(tmp_path: Path, events: Any = EVENTS_OF_AN_HOUR, **more: Any) -> str:
    more.setdefault("findings", findings(finding(1)))
    return report(events, tmp_path / "report.html", **more).read_text("utf-8")


def markdown(tmp_path: Path, events: Any = EVENTS_OF_AN_HOUR, **more: Any) -> str:
    more.setdefault("findings", findings(finding(1)))
    return report(events, tmp_path / "report.md", **more).read_text("utf-8")


def terminal(renderable: Any, width: int = 80) -> str:
    out = io.StringIO()
    Console(file=out, width=width, force_terminal=False).print(renderable)
    return out.getvalue()


# ---- numbers


def test_the_numbers_in_the_text_are_those_of_the_frames(tmp_path: Path) -> None:
    text = Page(html(tmp_path)).text

    assert "the logs hold 18 attempts to log in, of which 16 (89 %) were not accepted" in text
    assert "1 of 2 accounts that logged in met at least one refusal." in text
    assert "Attempts 18" in text
    assert "Accepted 2" in text
    assert "At relays 1 of the attempts; 1 not accepted" in text
    assert "Names never accepted 1 " in text
    assert "Addresses never accepted 1 " in text
    for n in cause_counts(EVENTS_OF_AN_HOUR)["n"]:
        assert str(n) in text
    for n in client_counts(EVENTS_OF_AN_HOUR)["n_not_accepted"]:
        assert str(n) in text


def test_the_title_names_the_weightiest_finding_and_the_summary_begins_with_it(tmp_path: Path) -> None:
    rows = findings(finding(1, severity="warning"), finding(2, severity="serious", subject="bob@example.com"))

    page = html(tmp_path, findings=rows)

    assert "<title>Lockout: bob@example.com, 2026-03-02</title>" in page
    assert '<p class="lead">Finding number 2. From 2026-03-02 09:00' in page


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"kind": "outage", "subject": "logins"}, "Outage, 2026-03-02"),
        ({"kind": "spray", "subject": "other addresses (spray)"}, "Spray, 2026-03-02"),
        (
            {"kind": "lockout", "subject": "mx at relay_1 (bad_credentials)", "cause": "bad_credentials"},
            "Lockout: mx at relay_1 (bad credentials), 2026-03-02",
        ),
    ],
)
def test_a_title_says_only_what_names_something(more: dict[str, Any], said: str, tmp_path: Path) -> None:
    assert f"<title>{said}</title>" in html(tmp_path, findings=findings(finding(1, **more)))


@pytest.mark.usefixtures("charts")
def test_attempts_without_a_clock_are_no_line_of_time(tmp_path: Path) -> None:
    text = html(tmp_path, table(event(0, "failure", time=None)), findings=findings().head(0))

    assert "Attempts to log in over time" not in text
    assert "within" not in Page(text).text.partition("Impact")[0]
    assert "Number of attempts not accepted, per cause." in text


def test_what_happened_in_one_second_lasted_no_time_worth_a_word(tmp_path: Path) -> None:
    assert "Lasted" not in Page(html(tmp_path, findings=findings(finding(1, end=T0 + MIN)))).text


def test_a_title_of_the_caller_is_taken(tmp_path: Path) -> None:
    assert "<h1>A &amp; B</h1>" in html(tmp_path, title="A & B")


def test_lockouts_add_up_to_certain_and_longest_time(tmp_path: Path) -> None:
    own = {"onset_after": T0, "onset_before": T0 + 5 * MIN, "end_after": T0 + 20 * MIN, "end_before": T0 + 30 * MIN}
    own |= {
        "n_trusted_refused": 4,
        "recovered_at": T0 + 30 * MIN,
        "trigger": "203.0.113.9",
        "trigger_kind": "attacker_induced",
    }
    plain = {"n_trusted_refused": 3} | dict.fromkeys(set(own) - {"n_trusted_refused"})

    text = Page(
        html(tmp_path, findings=findings(finding(1, **own), finding(2, **plain, subject="bob@example.com")))
    ).text

    assert "Accounts locked out 2" in text
    assert "Time locked out 45 min to 1 h" in text
    assert "Good clients refused 7" in text
    assert "Triggered by 203.0.113.9 (an address that attacks)" in text
    assert "Lasted 15 min to 30 min" in text


def test_a_finding_shows_cause_advice_confidence_refutation_and_its_lines(tmp_path: Path) -> None:
    page = Page(html(tmp_path))

    assert "What to do Unlock the account." in page.text
    assert "Confidence high, because two addresses" in page.text
    assert "Cause account locked: The account is locked" in page.text
    assert "Refuted by A change of the password." in page.text
    assert "mail.log:11 line 11: failure" in page.text
    assert "mail.log:21 line 21: failure" in page.text


def test_a_line_that_the_events_do_not_hold_is_named_as_such(tmp_path: Path) -> None:
    text = Page(html(tmp_path, findings=findings(finding(1, evidence=["other.log:9", "mail.log:11"])))).text

    assert "other.log:9 (this line is not in the event table)" in text
    assert "mail.log:11 line 11: failure" in text


def test_a_line_of_a_member_of_an_archive_is_found(tmp_path: Path) -> None:
    events = table(event(1, "failure", source="a.tar!b:c.log", raw="in the archive"))

    assert "in the archive" in html(tmp_path, events, findings=findings(finding(1, evidence=["a.tar!b:c.log:11"])))


def test_endless_lines_are_cut_in_the_middle(tmp_path: Path) -> None:
    events = table(event(1, "failure", raw="a" * 200_000 + "END"))

    page = html(tmp_path, events)

    assert "(198,803 characters left out)" in page
    assert "aEND" in page
    assert len(page) < 400_000


def test_times_are_shown_in_the_zone_asked_for_and_it_is_named(tmp_path: Path) -> None:
    text = Page(html(tmp_path, tz="Europe/Warsaw")).text

    assert "all times in Europe/Warsaw" in text
    assert "2026-03-02 10:01:00+01:00" in text
    assert "2026-03-02 10:01 to 10:31" in text


def test_what_was_read_is_counted_once_per_file(tmp_path: Path) -> None:
    text = Page(html(tmp_path, coverage=covered(error="ends early at line 4"))).text

    assert (
        "1 file with 40,000 lines (4.8 MB): 900 may be about logins; of those, 700 became events, 150 gave context, "
        in text
    )
    assert "40 are about something else, and 10 were not understood." in text
    assert "AUTH refused by protocol state is not logged." in text
    assert "error ends early at line 4" in text
    assert "77: what is this" in text


def test_what_a_log_never_tells_names_the_software(tmp_path: Path) -> None:
    delay, port = "the penalty delay that it lays on addresses with failures", "the port of the server"
    both = covered(format="dovecot+postfix", cannot_show=[delay, port])

    text = Page(html(tmp_path, coverage=both)).text

    assert f"Not in the log of dovecot: {delay}." in text
    assert f"Not in the log of dovecot: {port}." in text


def test_a_report_replaces_the_old_one_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "postmortem.html"
    path.write_text("the one before")
    monkeypatch.setattr(reporting, "whole", full_disk)

    with pytest.raises(OSError, match="No space left"):
        report(EVENTS_OF_AN_HOUR, path)

    assert path.read_text() == "the one before"
    assert [p.name for p in tmp_path.iterdir()] == ["postmortem.html"]


def test_a_folder_that_does_not_exist_is_named_by_the_report_that_was_asked_for(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as raised:
        report(EVENTS_OF_AN_HOUR, tmp_path / "none" / "postmortem.html")

    assert raised.value.filename == str(tmp_path / "none" / "postmortem.html")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"kind": "scanner", "subject": "strangers"}, ["Scanners first seen", "Scanners last seen"]),
        (
            {"kind": "outage", "subject": "logins", "details": '{"recovered_at": "2026-03-02 10:00:00 UTC"}'},
            ["Outage first seen", "Outage last seen", "First login after outage"],
        ),
    ],
)
def test_key_moments_read_as_words_for_every_kind(more: dict[str, Any], said: list[str], tmp_path: Path) -> None:
    page = html(tmp_path, findings=findings(finding(0, **more)))

    assert re.findall(r"(?:Scanners|Outage) (?:first|last) seen|First login after outage", Page(page).text) == said


def test_doubt_is_told(tmp_path: Path) -> None:
    events = table(
        event(0, "failure", basis="assumed", time_quality="zone_assumed"),
        event(1, "failure", cause="unknown", user=None),
    )

    text = Page(html(tmp_path, events)).text

    assert "Refusals that came without a reason: 1 of 2;" in text
    assert "Refusals without a known cause: 1 of 2." in text
    assert "Refusals that name no account, and so count for none: 1 of 2." in text
    assert "Stamps without a time zone: 1 event." in text


def test_findings_that_could_not_be_assessed_stand_apart(tmp_path: Path) -> None:
    rows = findings(finding(1), finding(2, status="not_assessable", title="Recovery needs the traffic table"))

    text = Page(html(tmp_path, findings=rows)).text

    assert "Findings 1 1 serious" in text
    assert "Not assessable with these logs Recovery needs the traffic table." in text


def test_a_part_of_a_story_points_to_it(tmp_path: Path) -> None:
    page = html(tmp_path, findings=findings(finding(1), finding(2, severity="info", part_of="id1")))

    assert 'part of finding <a class="no" href="#f1">1</a>' in page


def test_a_part_of_a_story_is_folded_and_the_story_itself_is_not(tmp_path: Path) -> None:
    page = html(tmp_path, findings=findings(finding(1), finding(2, severity="info", part_of="id1")))

    assert page.count('<details class="part">') == 1
    assert page.index('<details class="part">') > page.index('id="f2"')


@pytest.mark.parametrize("write", [html, markdown])
def test_a_login_that_was_accepted_has_no_cause_to_tell(tmp_path: Path, write: Any) -> None:
    """A takeover is told by logins that went well."""
    assert "The server accepted the login" not in write(tmp_path, findings=findings(finding(1, cause="success")))


def test_no_findings_are_told_calmly(tmp_path: Path) -> None:
    text = Page(html(tmp_path, findings=empty(FINDINGS))).text

    assert "Nothing in these logs meets the thresholds of the detectors." in text
    assert "No finding." in text
    assert "SMTP logins, 2026-03-02 09:00 to 09:05" in text or "SMTP logins, 2026-03-02 09:00 to 09:06" in text


@pytest.mark.usefixtures("charts")
@pytest.mark.parametrize("name", ["report.html", "report.md"])
def test_no_events_make_a_whole_report(tmp_path: Path, name: str) -> None:
    path = report(
        empty(EVENTS), tmp_path / name, findings=empty(FINDINGS), coverage=empty(COVERAGE), traffic=empty(TRAFFIC)
    )

    assert "The logs hold no attempt to log in over SMTP." in path.read_text("utf-8")


@pytest.mark.usefixtures("charts")
def test_five_hundred_findings_are_told_twenty_and_listed(tmp_path: Path) -> None:
    rows = findings(*(finding(i, n_events=1000 - i) for i in range(500)))

    page = html(tmp_path, findings=rows)

    assert page.count("<article") == 20
    assert "480 more findings, by weight" in page
    assert "Finding number 499." in page
    assert page.count("<details>") >= 1
    assert len(page) < 1_000_000


def test_findings_default_to_those_of_the_detectors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}

    def detectors(events: Any, **tables: Any) -> pl.DataFrame:
        seen.update(tables, events=events)
        return findings(finding(7))

    monkeypatch.setattr(detect, "findings", detectors, raising=False)
    coverage = covered()

    text = report(EVENTS_OF_AN_HOUR, tmp_path / "r.html", coverage=coverage).read_text("utf-8")

    assert "Finding number 7." in text
    assert seen["events"] is EVENTS_OF_AN_HOUR
    assert seen["coverage"] is coverage
    assert "smtplogs.findings with its default parameters" in text


def test_pandas_and_lazy_frames_give_the_same_report(tmp_path: Path) -> None:
    whole = html(tmp_path, coverage=covered())

    assert html(tmp_path, EVENTS_OF_AN_HOUR.lazy(), coverage=covered()) == whole
    pandas = {"coverage": covered().to_pandas(), "findings": findings(finding(1)).to_pandas()}
    assert html(tmp_path, EVENTS_OF_AN_HOUR.to_pandas(), **pandas) == whole


@pytest.mark.usefixtures("charts")
def test_the_same_events_give_the_same_bytes_and_the_clock_only_if_given(tmp_path: Path) -> None:
    first = html(tmp_path)

    assert html(tmp_path) == first
    assert "written 2026-04-01 08:00:00+00:00" in html(tmp_path, written_at=datetime(2026, 4, 1, 8, tzinfo=UTC))


@pytest.mark.parametrize("name", ["report", "report.pdf", "report.html.gz"])
def test_an_ending_that_says_no_kind_is_refused_with_the_remedy(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=r"\.html or \.md"):
        report(EVENTS_OF_AN_HOUR, tmp_path / name, findings=empty(FINDINGS))


def test_the_path_of_the_file_comes_back(tmp_path: Path) -> None:
    assert report(EVENTS_OF_AN_HOUR, str(tmp_path / "r.HTM"), findings=empty(FINDINGS)) == tmp_path / "r.HTM"


# ---- a page that stands alone and is passive


def hostile_tables() -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Every text that a report shows, hostile."""
    rows = [
        event(i, "failure", user=text, client_ip=text, raw=text, cause="bad_credentials")
        for i, text in enumerate(HOSTILE)
    ]
    told = [
        finding(
            i,
            subject=text,
            title=f"{text} was refused",
            advice=text,
            because=[text, text],
            refuted_by=text,
            policy=text,
        )
        | {
            "client_ip": text,
            "trigger": text,
            "trigger_kind": text,
            "detector": text,
            "evidence": [f"mail.log:{i * 10 + 1}"],
        }
        for i, text in enumerate(HOSTILE)
    ]
    bad = HOSTILE[0] + HOSTILE[1]
    coverage = covered(
        source=bad, format=bad, examples=[bad], year_evidence=bad, zone_evidence=bad, error=bad, cannot_show=[bad]
    )
    return table(*rows), findings(*told), coverage


ACTIVE = {"script", "iframe", "object", "embed", "form", "input", "link", "base", "svg", "video", "audio", "button"}


@pytest.mark.usefixtures("charts")
def test_the_page_loads_nothing_and_runs_nothing(tmp_path: Path) -> None:
    events, told, coverage = hostile_tables()

    page = Page(html(tmp_path, events, findings=told, coverage=coverage, title=HOSTILE[1]))

    assert not {tag for tag, _ in page.tags} & ACTIVE
    for tag, attributes in page.tags:
        assert not [a for a in attributes if a.startswith("on") or a == "style"]
        for name in ("src", "href", "srcset", "action", "background"):
            target = attributes.get(name)
            assert target is None or target.startswith(("data:image/svg+xml;base64,", "#f")), (tag, name, target)


def test_a_policy_allows_pictures_inside_the_page_and_its_own_style_only(tmp_path: Path) -> None:
    page = html(tmp_path)

    (policy,) = (a["content"] for tag, a in Page(page).tags if a.get("http-equiv") == "Content-Security-Policy")
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert (
        policy == f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    assert "url(" not in style[1]
    assert "@import" not in style[1]


def test_hostile_text_is_shown_as_text(tmp_path: Path) -> None:
    events, told, coverage = hostile_tables()

    text = Page(html(tmp_path, events, findings=told, coverage=coverage)).text

    for shown in (*HOSTILE[:7], "\\x1b[31m\\x1b]8;;http://evil.example\\x07", "ann\\u202emoc.elpmaxe"):
        assert shown in text
    assert "49" not in re.findall(r"49 was refused", text)


@pytest.mark.usefixtures("charts")
def test_pictures_are_whole_and_hold_no_script(tmp_path: Path) -> None:
    events, told, coverage = hostile_tables()

    page = Page(html(tmp_path, events, findings=told, coverage=coverage))

    pictures = [a["src"] or "" for tag, a in page.tags if tag == "img"]
    assert len(pictures) == 4
    for uri in pictures:
        svg = base64.b64decode(uri.partition(",")[2]).decode()
        root = ET.fromstring(svg)
        assert root.tag.endswith("svg")
        assert not [e for e in root.iter() if str(e.tag).endswith(("script", "image", "foreignObject", "}a"))]
        assert "<dc:date>" not in svg


@pytest.mark.usefixtures("charts")
def test_a_short_finding_is_drawn_close_up_with_its_account_only(tmp_path: Path) -> None:
    events = pl.concat([EVENTS_OF_AN_HOUR, table(event(60 * 24, "success", user="bob@example.com"))])

    page = html(tmp_path, events)

    assert page.count("Finding 1 close up: attempts of ann@example.com in the time around it.") == 2
    assert "close up" not in html(tmp_path, EVENTS_OF_AN_HOUR)
    assert "close up" not in html(tmp_path, events, findings=empty(FINDINGS))


@pytest.mark.usefixtures("charts")
def test_every_picture_says_what_it_shows(tmp_path: Path) -> None:
    assert all(a.get("alt") for tag, a in Page(html(tmp_path)).tags if tag == "img")


def test_markdown_made_of_hostile_text_has_no_links_images_or_html(tmp_path: Path) -> None:
    events, told, coverage = hostile_tables()

    text = markdown(tmp_path, events, findings=told, coverage=coverage, title=HOSTILE[4])
    tokens = MarkdownIt("commonmark", {"linkify": False}).enable("table").parse(text)

    kinds = {t.type for token in tokens for t in (token, *(token.children or []))}
    assert not kinds & {"link_open", "image", "html_block", "html_inline", "em_open", "strong_open", "code_inline"}
    headings = [tokens[i + 1].content for i, t in enumerate(tokens) if t.type == "heading_open"]
    assert not [h for h in headings if h.startswith("not a heading")]
    assert sum(t.type == "fence" for t in tokens) == len(HOSTILE) + 1
    assert not re.search(r"(?<!\\)https?://(?![^\n`]*$)", re.sub(r"(?ms)^(`{3,})text$.*?^\1$", "", text))
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_cells_of_markdown_tables_stay_in_their_columns(tmp_path: Path) -> None:
    events, told, coverage = hostile_tables()

    tokens = (
        MarkdownIt("commonmark").enable("table").parse(markdown(tmp_path, events, findings=told, coverage=coverage))
    )

    cells: list[int] = []
    for token in tokens:
        if token.type == "table_open":
            cells = []
        elif token.type == "tr_open":
            cells.append(0)
        elif token.type in ("td_open", "th_open"):
            cells[-1] += 1
        elif token.type == "table_close":
            assert len(set(cells)) == 1
    assert cells


def test_markdown_says_the_same_as_the_page(tmp_path: Path) -> None:
    because = ["two addresses", "It was seen", "IMAP too"]

    text = markdown(tmp_path, coverage=covered(), findings=findings(finding(1, because=because)))

    assert text.startswith("# Lockout: ann@example.com, 2026-03-02\n")
    assert "the logs hold 18 attempts to log in, of which 16 (89 %) were not accepted" in text
    assert "- What to do: Unlock the account.\n" in text
    assert "- Confidence: high, because two addresses; it was seen; IMAP too\n" in text
    assert "```text\nmail.log:11  line 11: failure\nmail.log:21  line 21: failure\n```" in text
    assert "| bad credentials | 15 |" in text


# ---- the terminal


def test_triage_tells_coverage_first_then_findings_then_what_next() -> None:
    text = terminal(triage_text(EVENTS_OF_AN_HOUR, covered(), findings(finding(1))))
    lines = [line.rstrip() for line in text.splitlines()]

    assert lines[0] == "Read        1 file, 4.8 MB, 40,000 lines; 900 may be about logins"
    assert "            10 lines that may be about logins were not understood" in lines
    assert "AUTH        18 attempts: 2 success, 15 failure, 1 refused" in lines
    assert "At relays   1 attempt of our server, 1 not accepted" in lines
    story = lines[lines.index("") + 1 :]
    assert [line.split()[0] for line in story if line] == [
        "1",
        "who",
        "from",
        "when",
        "why",
        "do",
        "sure",
        "line",
        "Next:",
    ]
    assert "SERIOUS Finding number 1." in story[0]
    assert lines[-1] == "Next: smtplogs report mail.log -o postmortem.html"


@pytest.mark.parametrize(
    ("cause", "told"), [("account_locked", True), ("success", False), ("unknown", False), (None, False)]
)
def test_triage_tells_why_only_where_a_cause_says_why(cause: str | None, told: bool) -> None:
    text = terminal(triage_text(EVENTS_OF_AN_HOUR, covered(), findings(finding(1, cause=cause))))

    assert told == any(line.startswith("why ") for line in text.splitlines())


def test_one_line_was_not_understood_and_two_were_not() -> None:
    for n, words in ((1, "1 line that may be about logins was not"), (2, "2 lines that may be about logins were not")):
        assert words in terminal(triage_text(EVENTS_OF_AN_HOUR, covered(not_understood=n), findings()))


def test_triage_tells_ten_findings_and_counts_the_rest() -> None:
    rows = findings(*(finding(i) for i in range(12)))

    text = terminal(triage_text(EVENTS_OF_AN_HOUR, covered(), rows))

    assert text.count("SERIOUS") == 10
    assert "like  2 more findings of this kind: ann@example.com\n" in text


def test_triage_makes_room_for_findings_of_other_kinds() -> None:
    locks = [finding(i, subject=f"user{i}@example.com") for i in range(1, 9)]
    sprays = [finding(i, detector="attacks", kind="spray", severity="warning") for i in range(9, 11)]
    rows = findings(*locks, *sprays, finding(11, detector="exposure", kind="weak_mechanism", severity="info"))

    text = terminal(triage_text(EVENTS_OF_AN_HOUR, covered(), rows, limit=5))

    shown = [line.split(".")[0].split() for line in text.splitlines() if "Finding number" in line]
    assert [(number, severity) for number, severity, *_ in shown] == [
        ("1", "SERIOUS"),
        ("2", "SERIOUS"),
        ("3", "SERIOUS"),
        ("9", "WARNING"),
        ("10", "WARNING"),
    ]
    named = "like  5 more findings of this kind: user4@example.com, user5@example.com, user6@example.com and 2 more"
    assert " ".join(named.split()) in " ".join(text.split())
    assert "1 more finding not shown here." in text


def test_triage_names_what_is_part_of_a_story_under_its_weightiest_finding() -> None:
    parts = [finding(i, part_of="id1") for i in range(2, 6)]
    deeper = finding(6, part_of="id5")
    rows = findings(finding(1), *parts, deeper, finding(7))

    lines = [line.rstrip() for line in terminal(triage_text(EVENTS_OF_AN_HOUR, covered(), rows, limit=2)).splitlines()]

    assert [line.split()[:2] for line in lines if "SERIOUS" in line] == [["1", "SERIOUS"], ["7", "SERIOUS"]]
    first = lines.index("with  2: Finding number 2.")
    assert lines[first + 1 : first + 4] == [
        "      3: Finding number 3.",
        "      4: Finding number 4.",
        "      and 2 more findings of this story",
    ]


def test_findings_that_are_part_of_each_other_are_all_told() -> None:
    text = terminal(
        triage_text(EVENTS_OF_AN_HOUR, covered(), findings(finding(1, part_of="id2"), finding(2, part_of="id1")))
    )

    assert "Finding number 1." in text
    assert "Finding number 2." in text


def test_triage_without_findings_and_coverage_says_so() -> None:
    text = terminal(triage_text(empty(EVENTS), None, empty(FINDINGS)))

    assert "No finding" in text
    assert "no coverage table" in text
    assert "no attempts to log in" in text
    assert "smtplogs report LOGS -o postmortem.html" in text


@pytest.mark.parametrize("width", [40, 80, 200])
def test_triage_fits_the_width_and_log_text_moves_nothing(width: int) -> None:
    events, told, coverage = hostile_tables()

    text = terminal(triage_text(events, coverage, told, limit=100), width)

    assert all(len(line) <= width for line in text.splitlines())
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "smtplogs report LOGS" in text
    folded = re.sub(r"\s+", "", text)
    assert "[click](javascript:alert(1))wasrefused" in folded


def test_triage_shows_times_in_the_zone_asked_for() -> None:
    text = terminal(triage_text(EVENTS_OF_AN_HOUR, covered(), findings(finding(1)), tz="Europe/Warsaw"))

    assert "2026-03-02 10:01 to 10:31 (Europe/Warsaw)" in text


def words_of(text: str) -> str:
    return " ".join(text.split())


def test_a_grave_finding_quotes_its_last_line_that_is_a_refusal() -> None:
    events = table(event(1, "failure"), event(2, "failure"), event(3, "success"))
    told = findings(finding(1, evidence=["mail.log:11", "mail.log:21", "mail.log:31"]))

    text = words_of(terminal(triage_text(events, covered(), told)))

    assert "line mail.log:21 line 21: failure" in text
    assert "mail.log:31" not in text


def test_what_is_only_good_to_know_is_told_in_short_beside_what_is_grave() -> None:
    info = finding(2, severity="info", title="Somebody mistyped", because=["five tries"])

    beside = words_of(terminal(triage_text(EVENTS_OF_AN_HOUR, covered(), findings(finding(1), info))))
    alone = words_of(terminal(triage_text(EVENTS_OF_AN_HOUR, covered(), findings(info))))

    assert "INFO Somebody mistyped. do Unlock the account." in beside
    assert "five tries" not in beside
    assert "sure high: five tries" in alone


def test_a_finding_about_the_whole_server_names_nobody() -> None:
    told = findings(finding(1, subject_kind="server", subject="logins", user=None, client_ip=None))

    assert "who" not in terminal(triage_text(EVENTS_OF_AN_HOUR, covered(), told)).split()


def test_refusals_that_no_finding_tells_are_explained_with_a_line_of_each_cause() -> None:
    events = table(
        event(0, "failure", basis="assumed", count=2),
        event(1, "failure", basis="assumed"),
        event(2, "refused", stage="rcpt", cause="auth_required", user=None),
        event(3, "refused", cause="unknown", user=None, client_ip=None),
        event(4, "success"),
    )

    text = words_of(terminal(triage_text(events, covered(lines=5), findings())))

    assert "No finding: nothing here meets the thresholds of the detectors." in text
    assert "REFUSED 3 times, 2026-03-02 09:00 to 09:01 (UTC) who ann@example.com at 192.0.2.10" in text
    assert "why bad credentials (assumed: the log gives no reason): Name and secret do not fit together" in text
    assert "line mail.log:11 line 11: failure" in text
    assert "REFUSED 1 time, 2026-03-02 09:02 (UTC) who 192.0.2.10 why auth required:" in text
    assert "why not known: no line of the log says why do `smtplogs explain '<the line below>'`" in text
    assert text.endswith("Next: smtplogs explain - < mail.log")


def test_the_commonest_causes_are_told_and_the_others_counted() -> None:
    causes = ("bad_credentials", "unknown_user", "tls_required", "auth_required", "relay_denied")
    events = table(*(event(i, "failure", cause=c, count=9 - i) for i, c in enumerate(causes)))

    text = words_of(terminal(triage_text(events, covered(), findings())))

    assert text.count("REFUSED") == 3
    assert "11 more refusals of other causes" in text


def test_logins_alone_are_no_refusals() -> None:
    text = terminal(triage_text(table(event(0, "success")), covered(), findings()))

    assert "REFUSED" not in text
    assert "smtplogs report mail.log" in text


def test_a_secret_in_a_transcript_does_not_hide_why_the_login_failed() -> None:
    secret = finding(1, detector="exposure", kind="secret_in_log", severity="warning")

    text = terminal(triage_text(table(event(0, "failure")), covered(), findings(secret)))

    assert "REFUSED 1 time" in text
    assert "Finding number 1." in text


@pytest.mark.parametrize(
    ("numbers", "windowed", "said"),
    [
        ({"lines": 0, "kept": 0, "records": 0, "context": 0, "dismissed": 0, "not_understood": 0}, False, "are empty."),
        ({"kept": 0, "records": 0, "context": 0, "dismissed": 0}, False, "They stand in /var/log/mail.log"),
        ({"records": 0, "context": 0, "dismissed": 0}, False, "no line was understood"),
        ({}, True, "between the moments that were asked for."),
        ({}, False, "no attempt to log in is in these logs."),
    ],
)
def test_where_there_was_nothing_to_judge_the_reason_is_told(numbers: Any, windowed: bool, said: str) -> None:
    text = words_of(terminal(triage_text(empty(EVENTS), covered(**numbers), findings(), windowed=windowed)))

    assert "there was nothing to judge: " in text
    assert said in text


@pytest.mark.parametrize(
    ("more", "following"),
    [
        ({"not_understood": 10}, "Next: smtplogs coverage mail.log"),
        ({"not_understood": 0}, None),
        ({"source": "-"}, None),
    ],
)
def test_the_next_command_is_one_that_can_be_of_use(more: Any, following: str | None) -> None:
    lines = terminal(triage_text(empty(EVENTS), covered(**more), findings())).splitlines()

    assert [line.rstrip() for line in lines if line.startswith("Next")] == ([following] if following else [])


def test_questions_that_the_logs_cannot_answer_are_named() -> None:
    open_ = [finding(i, status="not_assessable", title=f"Whether {i} cannot be told") for i in range(4)]

    text = words_of(terminal(triage_text(EVENTS_OF_AN_HOUR, covered(), findings(*open_))))

    assert "Not known: Whether 0 cannot be told Not known: Whether 1 cannot be told" in text
    assert "2 more questions could not be assessed with these logs." in text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("since 2026-03-02 23:50 UTC.", "since 2026-03-03 00:50."),
        ("from 2026-03-02 09:14 to 09:29 UTC", "from 2026-03-02 10:14 to 10:29"),
        ("from 2026-03-02 22:30 to 23:30 UTC", "from 2026-03-02 23:30 to 2026-03-03 00:30"),
        ("from 2026-03-28 09:14:01 to 2026-03-29 09:29:02 UTC", "from 2026-03-28 10:14:01 to 2026-03-29 11:29:02"),
        ("user 2026-13-40 99:99 UTC", "user 2026-13-40 99:99 UTC"),
        ("2026-03-02 09:14 to the end", "2026-03-02 09:14 to the end"),
        ("12026-03-02 09:14 UTC", "12026-03-02 09:14 UTC"),
        ("9999-12-31 23:59 UTC", "9999-12-31 23:59 UTC"),
    ],
)
def test_times_in_sentences_are_told_in_the_zone_of_the_page(text: str, shown: str) -> None:
    assert localised(text, "UTC") == text
    assert localised(text, "Europe/Warsaw") == shown


def test_a_page_in_local_time_holds_no_sentence_in_utc(tmp_path: Path) -> None:
    said = "It was refused from 2026-03-02 09:01 to 09:31 UTC"
    told = findings(finding(1, title=said, because=[said], advice=said, refuted_by=said))

    page = html(tmp_path, findings=told, tz="Europe/Warsaw")
    text = terminal(triage_text(EVENTS_OF_AN_HOUR, covered(), told, tz="Europe/Warsaw"))

    assert said not in page
    assert page.count("from 2026-03-02 10:01 to 10:31") >= 4
    assert "09:01" not in text
    assert "when" not in text.split()


@pytest.mark.parametrize(("cause", "told"), [("account_locked", True), ("success", False), ("unknown", False)])
def test_a_page_tells_a_cause_only_where_there_is_one(tmp_path: Path, cause: str, told: bool) -> None:
    told_of = findings(finding(1, cause=cause))

    assert ("<dt>Cause</dt>" in html(tmp_path, findings=told_of)) == told
    assert ("- Cause: " in markdown(tmp_path, findings=told_of)) == told


def test_a_long_line_is_quoted_in_part() -> None:
    events = table(event(1, "failure", raw="x" * 50_000))

    text = terminal(triage_text(events, covered(), findings(finding(1))))

    assert "characters left out" in text
    assert text.count("x") < 600
