"""Every pattern against its own samples, exactly; against its look-alikes; against everybody else's samples."""

from __future__ import annotations

from functools import cache
from typing import Any

import polars as pl
import pytest

from smtplogs import accounting, framing, parsing, planning
from smtplogs.logformats import ALL, DIALOGUES, TABLES, Lines, Pattern, Sample, formats
from smtplogs.logformats._envelopes import ENVELOPES, SHOWN
from smtplogs.logformats._format import DEFAULTS, ENVELOPE_COLUMNS, Part
from smtplogs.redacting import pseudonym
from smtplogs.schema import RECORDS

STAMP = "2025-11-03T09:05:01.123456+01:00"
TRANSIENT = {"_stamp", "key", "_role", "side"}
TAGS = {
    "postfix": "postfix/submission/{}[42]", "dovecot": "dovecot", "pam": "auth", "exim": "exim[42]", "sendmail": "sm-mta[42]",
    "opensmtpd": "smtpd[42]", "fail2ban": "fail2ban.actions[42]", "crowdsec": "crowdsec[42]",
    "mailcow_netfilter": "netfilter[42]", "courier": "courieresmtpd[42]", "nginx": "nginx[42]", "mailu": "mailu[42]",
    "zimbra": "zimbra[42]", "cyrus": "cyrus/imap[42]", "saslauthd": "saslauthd[42]", "msmtp-log": "msmtp[42]", "mox": "mox[42]",
    "vpopmail": "vpopmail[42]", "plesk": "smtp_auth[42]", "spamdyke": "spamdyke[42]", "assp": "assp[42]", "oracle-ims": "oracle-ims[42]",
}  # fmt: skip


def tag_of(format_: Lines, pattern: Pattern, sample: Sample) -> str:
    """Return the syslog tag that a sample stands under."""
    if sample.program:
        return sample.program if "[" in sample.program else f"{sample.program}[42]"
    daemon = pattern.program.split("|")[0].replace("(?:", "").replace(")", "")
    return TAGS.get(format_.name, "{}[42]").format(daemon)


def line_of(format_: Lines, pattern: Pattern, sample: Sample, message: str | None = None) -> str:
    return f"{STAMP} mx1 {tag_of(format_, pattern, sample)}: {sample.message if message is None else message}"


def parse(lines: list[str], *, hot: bool) -> list[dict[str, Any]]:
    """Records of lines, in order; the plan of text that is no log has no hot envelope."""
    chosen = planning.plan(lines if hot else ["exim"], traffic=True)
    frame = pl.DataFrame({"line_no": range(1, len(lines) + 1), "line": lines}, schema=parsing.LINES)
    batch = parsing.records(frame, chosen, accounting.Tally())
    return sorted((row for part in batch.parts for row in part.to_dicts()), key=lambda row: row["line_no"])


def said(row: dict[str, Any]) -> dict[str, Any]:
    """What a record says beyond its envelope and the defaults."""
    skip = ENVELOPE_COLUMNS | TRANSIENT | {"redacted"}
    return {k: v for k, v in row.items() if v is not None and k in RECORDS and k not in skip and DEFAULTS.get(k) != v}


COUNTED = {p.name for f in ALL for p in f.patterns if p.traffic}
ALL_SAMPLES = [(f, p, s) for f in ALL for p in f.patterns for s in p.samples]
IDS = [f"{f.name}-{p.name}-{i}" for f in ALL for p in f.patterns for i, _ in enumerate(p.samples)]


@cache
def by_line(lines: tuple[str, ...], *, hot: bool) -> list[list[dict[str, Any]]]:
    """Return the records of each line, all lines parsed at once: a plan costs far more than a line."""
    answers: list[list[dict[str, Any]]] = [[] for _ in lines]
    for row in parse(list(lines), hot=hot):
        answers[row["line_no"] - 1].append(row)
    return answers


EVERY_SAMPLE = tuple(line_of(f, p, s) for f, p, s in ALL_SAMPLES)


@pytest.mark.parametrize("at", range(len(ALL_SAMPLES)), ids=IDS)
def test_a_sample_gives_exactly_what_it_says(at: int) -> None:
    _, pattern, sample = ALL_SAMPLES[at]
    answers = []
    for hot in (True, False):
        rows = by_line(EVERY_SAMPLE, hot=hot)[at]
        if pattern.role == "dismiss":
            assert [r["pattern"] for r in rows if r["pattern"] not in COUNTED] == []
            continue
        assert [r["pattern"] for r in rows] == [pattern.name]
        answers.append(rows[0])
    for row in answers:
        expected = {k: v for k, v in sample.expect.items() if k not in ENVELOPE_COLUMNS | {"side", "redacted"}}
        if str(row.get("user")).startswith("[redacted:user]"):
            name = expected["user"]
            expected |= {c: v.replace(name, pseudonym(name)) for c, v in expected.items() if c in {"user", "detail"}}
        assert said(row) == {k: v for k, v in expected.items() if v is not None}
        if "service" in sample.expect:
            assert row["service"] == sample.expect["service"]
        if "side" in sample.expect:
            assert row["side"] == sample.expect["side"]


@pytest.mark.parametrize("format_", ALL, ids=lambda f: f.name)
def test_a_sample_by_itself_gives_what_it_gives_among_all_others(format_: Lines) -> None:
    at = next(i for i, (f, p, _) in enumerate(ALL_SAMPLES) if f is format_ and p.role != "dismiss")
    for hot in (True, False):
        alone = parse([EVERY_SAMPLE[at]], hot=hot)
        assert [said(row) for row in alone] == [said(row) for row in by_line(EVERY_SAMPLE, hot=hot)[at]] != []


WITH_LOOK_ALIKES = [(f, p) for f in ALL for p in f.patterns if p.not_these]


@pytest.mark.parametrize(("format_", "pattern"), WITH_LOOK_ALIKES, ids=lambda x: x.name)
def test_look_alikes_stay_out(format_: Lines, pattern: Pattern) -> None:
    for message in pattern.not_these:
        rows = parse([line_of(format_, pattern, pattern.samples[0], message)], hot=True)
        assert pattern.name not in [r["pattern"] for r in rows]


SHARED_TAGS = {"dovecot", "pam"}


@cache
def taken_under_the_tag_of(other: Lines) -> list[tuple[str, str]]:
    """Return format and line of every sample that is an event when a program of another format writes it."""
    first = other.patterns[0]
    lines = tuple(line_of(other, first, first.samples[0], sample.message) for _, _, sample in ALL_SAMPLES)
    answers = zip(ALL_SAMPLES, by_line(lines, hot=True), strict=True)
    return [(f.name, row["raw"]) for (f, _, _), rows in answers for row in rows if row["_role"] == "event"]


@pytest.mark.parametrize("other", ALL, ids=lambda f: f.name)
def test_no_format_takes_the_samples_of_another(other: Lines) -> None:
    taken = taken_under_the_tag_of(other)
    assert [(name, raw) for name, raw in taken if name != other.name and {name, other.name} != SHARED_TAGS] == []


def test_every_literal_of_an_event_stands_in_its_samples() -> None:
    for _, pattern, sample in ALL_SAMPLES:
        if pattern.literals:
            assert any(text in sample.message for text in pattern.literals), pattern.name


def test_literals_survive_json_escaping() -> None:
    for format_ in ALL:
        for pattern in format_.patterns:
            for text in pattern.literals:
                assert not set(text) & set('"\\<>'), (pattern.name, text)


def test_the_prefilter_keeps_every_sample_of_ours() -> None:
    fine = planning.plan(["exim"], traffic=True).prefilter
    for format_, pattern, sample in ALL_SAMPLES:
        if pattern.role == "dismiss" or not pattern.literals:
            continue
        line = pl.Series([line_of(format_, pattern, sample)])
        assert line.str.contains(fine)[0], (pattern.name, line[0])
        if not pattern.traffic:
            assert line.str.contains("|".join(planning.COARSE))[0], (pattern.name, line[0])


@pytest.mark.parametrize("envelope", ENVELOPES, ids=lambda e: e.name)
def test_an_envelope_takes_its_sample_first(envelope: Any) -> None:
    line = pl.Series([envelope.sample])
    for other in ENVELOPES:
        groups = line.str.extract_groups(other.regex).struct.unnest().to_dicts()[0]
        if other is envelope:
            assert {k: v for k, v in groups.items() if v is not None} == envelope.expect
            break
        assert groups["stamp"] is None, f"{other.name} takes the sample of {envelope.name}"


@pytest.mark.parametrize("shown", SHOWN)
def test_an_envelope_of_a_line_without_head_takes_what_is_told_of_beside_it_alone(shown: str) -> None:
    envelope = SHOWN[shown]
    lines = pl.DataFrame({"line_no": [1], "line": [envelope.sample]})
    told = framing.unframed(lines.with_columns(shown=pl.lit(shown)), accounting.Tally())
    expected = {"line_no": 1, "line": envelope.sample, "program": envelope.program} | envelope.expect
    assert {k: v for k, v in told.to_dicts()[0].items() if v is not None or k == "program"} == expected
    tally = accounting.Tally()
    assert framing.unframed(lines.with_columns(shown=pl.lit(None, pl.String)), tally).is_empty()
    assert framing.unframed(lines, tally).is_empty()
    assert sum(tally.counts.values()) == 2


def test_hot_envelopes_agree_with_the_general_ones() -> None:
    iso = [line_of(f, p, s) for f, p, s in ALL_SAMPLES if p.parts]
    for lines in (iso, [line.replace(STAMP, "Nov  3 09:05:01") for line in iso]):
        fast, slow = parse(lines, hot=True), parse(lines, hot=False)
        assert [said(row) | {"key": row["key"], "raw": row.get("raw")} for row in fast] == [
            said(row) | {"key": row["key"], "raw": row.get("raw")} for row in slow
        ]


def test_patterns_without_sample_anchor_or_column_are_refused() -> None:
    good = {"program": "smtpd", "written_by": "test", "samples": (Sample("x"),)}
    for wrong, words in (
        ({"regex": "^x$", "samples": ()}, "no sample"),
        ({"regex": "x"}, "not anchored"),
        ({"regex": "^(?P<colour>x)$"}, "no column"),
        ({"regex": "^x$", "sets": {"outcome": "lost"}}, "no word"),
        ({"regex": "^x$", "parts": (Part("x", ""),)}, "stand for the regex"),
        ({"parts": (Part("x", "", optional=True), Part("y", ""))}, "only the last is optional"),
        ({"parts": (Part("x", ""), Part("", "y"))}, "only the first bare"),
        ({"parts": (Part("x", "(?P<user>a)(?P<helo>b)", own=True),), "harmless": True}, "one group"),
        ({"parts": (Part("x", "y"),)}, "hold none"),
    ):
        with pytest.raises(ValueError, match=words):
            Pattern("p", **(good | wrong))


def test_formats_lists_every_pattern() -> None:
    frame = formats()

    assert frame.height == sum(len(f.patterns) for f in ALL) + len(DIALOGUES) + len(TABLES)
    assert frame.select("format", "pattern").is_unique().all()


@pytest.mark.parametrize("two_lines", [True, False])
@pytest.mark.parametrize("usual", ["exim_file", "rfc3164", "dovecot_file"])
def test_to_try_the_usual_envelope_first_changes_nothing(usual: str, two_lines: bool) -> None:
    odd = ["no envelope at all", "", *(["2025-11-03 09:05:01 two\nlines"] if two_lines else [])]
    mine = next(e.sample for e in ENVELOPES if e.name == usual)
    texts = [e.sample for e in ENVELOPES] + odd + [mine] * framing.LOOKED_AT**2
    lines = pl.DataFrame({"line": texts}).with_row_index("line_no")
    assert next(framing._order(lines["line"]))[1].name == usual
    told = accounting.Tally()
    found = framing.unframed(lines, told).sort("line_no")
    assert sum(told.counts.values()) == lines.height - found.height == len(odd)
    alone = [framing.unframed(lines[i]) for i in range(len(ENVELOPES) + len(odd) + 1)]
    alone += [alone[-1]] * (lines.height - len(alone))
    assert found.drop("line_no").equals(pl.concat(alone, how="diagonal_relaxed").select(found.columns).drop("line_no"))
