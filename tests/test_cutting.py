"""Cutting: distinct pieces are read once, and what the pieces say is what the whole regex would have said."""

from __future__ import annotations

import re
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smtplogs import parsing, planning
from smtplogs._coded import coded
from smtplogs.cutting import take
from smtplogs.heads import cut_off
from smtplogs.logformats import ALL, Lines, Pattern
from smtplogs.logformats._format import Part
from smtplogs.matching import writes

CUT = [(f, p) for f in ALL for p in f.patterns if p.parts]
TAGS = {"postfix": "postfix/smtpd[7]", "dovecot": "dovecot"}
ENVELOPES = {"exim": "exim"}
"""Formats that have a hot envelope of their own."""


def lines_of(messages: list[str], tag: str | None) -> pl.DataFrame:
    head = f"Nov  3 10:00:00 mx1 {tag}: " if tag else "2026-11-03 10:00:00 "
    text = [f"{head}{message}" for message in messages]
    return pl.DataFrame({"line_no": range(1, len(text) + 1), "line": text}, schema_overrides={"line_no": pl.UInt64})


def cut_by(format_: Lines, pattern: Pattern, messages: list[str]) -> dict[int, dict[str, Any]]:
    """Return what the pattern took, by line."""
    lines = lines_of(messages, TAGS.get(format_.name))
    cut = cut_off(lines, ENVELOPES.get(format_.name, "rfc3164"))
    done = take(cut, [(format_, pattern)], writes)
    assert sum(f.height for f in (cut.rest, *done.context, *done.events, *done.rest)) == len(messages)
    return {row["line_no"]: row for f in (*done.context, *done.events) for row in f.to_dicts()}


@settings(deadline=None)
@given(st.lists(st.none() | st.text(max_size=4)))
def test_words_are_numbered_and_spread_again(texts: list[str | None]) -> None:
    column = pl.Series(texts, dtype=pl.String)
    found = coded(column)

    assert found.words.n_unique() == found.words.len()
    assert found.spread(found.words).to_list() == texts


def mangled(pattern: Pattern) -> st.SearchStrategy[str]:
    """Samples of a pattern, whole, cut, spliced, or with its own fixed texts where they do not belong."""
    samples = st.sampled_from([s.message for s in pattern.samples])
    fixed = [p.after for p in pattern.parts if p.after]
    noise = st.text(max_size=6) | st.sampled_from([*fixed, "]", "[", ":", " ", ",", "(", "<", ">", "x"])
    place = st.integers(0, 200)
    inserted = st.tuples(samples, place, noise).map(lambda t: t[0][: t[1]] + t[2] + t[0][t[1] :])
    dropped = st.tuples(samples, place, st.integers(1, 12)).map(lambda t: t[0][: t[1]] + t[0][t[1] + t[2] :])
    spliced = st.tuples(samples, samples, place).map(lambda t: t[0][: t[2]] + t[1][t[2] :])
    return samples | inserted | dropped | spliced


@pytest.mark.parametrize(("format_", "pattern"), CUT, ids=lambda x: x.name)
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_line_that_is_cut_fits_the_whole_regex_with_the_same_groups(
    format_: Lines, pattern: Pattern, data: st.DataObject
) -> None:
    messages = data.draw(st.lists(mangled(pattern), min_size=1, max_size=20))
    messages = [m for m in messages if "\n" not in m and "\r" not in m] or ["x"]
    taken = cut_by(format_, pattern, messages)
    whole = pl.Series(messages).str.extract_groups(f"^(?P<_hit>){pattern.regex[1:]}").struct.unnest()
    for number, row in taken.items():
        groups = whole.row(number - 1, named=True)
        assert groups["_hit"] is not None
        for name in ("user", "detail", "queue_id", "stats", "cipher", "session"):
            if groups.get(name) not in (None, "", "?", "(unavailable)", "NOQUEUE") and name in row:
                assert row[name] in (groups[name], None)
                assert row[name] == groups[name] or name == "user"  # a name may be stale


@pytest.mark.parametrize("traffic", [False, True])
@pytest.mark.parametrize("envelope", ["rfc3164", "exim"])
def test_no_pattern_hands_back_the_samples_of_another(envelope: str, traffic: bool) -> None:
    own = [(f, p) for f, p in CUT if ENVELOPES.get(f.name, "rfc3164") == envelope]
    every = [(f, p) for f, p in own if traffic or not p.traffic]
    samples = [(f, p, s.message) for f, p in every for s in p.samples]
    tags = {"delivery_sent_plain": "postfix/smtp[7]", "statistics": "postfix/anvil[7]"}
    lines = pl.concat([lines_of([message], tags.get(p.name, TAGS.get(f.name))) for f, p, message in samples])
    lines = lines.with_columns(line_no=pl.int_range(1, pl.len() + 1).cast(pl.UInt64))
    done = take(cut_off(lines, envelope), every, writes)
    taken = {n: name for f in (*done.context, *done.events) for n, name in f.select("line_no", "pattern").rows()}

    assert taken == {n: p.name for n, (_, p, _) in enumerate(samples, 1)}


@settings(deadline=None)
@given(st.text(st.characters(codec="ascii", exclude_characters="\n"), min_size=1))
def test_fixed_texts_of_parts_stand_for_themselves_in_the_regex(text: str) -> None:
    assert re.fullmatch(Part(text, "").whole, text)
    assert pl.Series([text]).str.contains(f"^{Part(text, '').whole}$")[0]


def test_a_key_or_stamp_of_another_form_is_handed_back() -> None:
    lines = lines_of(["connect from unknown[192.0.2.1]"], "postfix/smtpd[7]")
    odd = pl.DataFrame(
        {
            "line_no": [2, 3, 4, 5],
            "line": [
                "2026-11-03T10:00:00Z mx1 postfix/smtpd[7]: connect from unknown[192.0.2.1]",
                "Nov  3 10:00:00 mx1 postfix/smtpd[x]: connect from unknown[192.0.2.1]",
                "Nov  3 10:00:00 mx1 postfix/smtpd[7] connect from unknown[192.0.2.1]",
                "Nov  3 10:00:00 mx1 postfix/smtpd[7]: [ID 197553 mail.info] connect from unknown[192.0.2.1]",
            ],
        },
        schema_overrides={"line_no": pl.UInt64},
    )
    found = cut_off(pl.concat([lines, odd]), "rfc3164")

    assert found.lines["line_no"].to_list() == [1]
    assert found.rest["line_no"].to_list() == [2, 3, 4, 5]
    assert found.who.row(found.lines["_who"][0], named=True) == {
        "key": "mx1 postfix/smtpd[7]",
        "host": "mx1",
        "program": "postfix/smtpd",
        "pid": "7",
        "service": None,
    }


def test_another_program_does_not_write_our_lines() -> None:
    format_, pattern = next((f, p) for f, p in CUT if p.name == "connect")
    lines = lines_of(["connect from unknown[192.0.2.1]"], "postfix/qmgr[7]")
    done = take(cut_off(lines, "rfc3164"), [(format_, pattern)], writes)

    assert not done.context
    assert done.rest[0]["line_no"].to_list() == [1]


@pytest.mark.parametrize(
    ("envelope", "stamp"),
    [
        ("exim", "2026-11-23 19:03:27"), ("exim_ms", "2026-11-23 19:03:27.440"), ("exim_zone", "2026-11-23 19:03:27 +0100"),
        ("exim_ms_zone", "2026-11-23 19:03:27.440 -0530"),
    ],
)  # fmt: skip
def test_a_log_of_one_program_has_stamps_alone_and_its_other_forms_are_handed_back(envelope: str, stamp: str) -> None:
    failed = "login authenticator failed for (pc-7) [203.0.113.9]: 535 Incorrect authentication data"
    lines = [f"{stamp} {failed}", f"{stamp} [42] {failed}", f"{stamp} ", f"{stamp[:-1]} {failed}", failed, stamp]
    chosen = planning.plan([lines[0]])
    frame = pl.DataFrame({"line_no": range(1, 7), "line": lines}, schema_overrides={"line_no": pl.UInt64})
    cut = cut_off(frame, envelope, "mx1")

    assert chosen.envelope == envelope
    assert cut.stamps["stamp"][0] == stamp
    assert cut.lines.select("line_no", "message").rows() == [(1, failed)]
    assert cut.rest["line_no"].to_list() == [2, 3, 4, 5, 6]
    assert cut.who.to_dicts() == [{"key": "mx1 exim", "host": "mx1", "program": "exim", "pid": None, "service": None}]


def test_lines_under_a_stamp_alone_that_no_frequent_pattern_takes_have_every_envelope_before_them() -> None:
    exim = "2026-11-23 19:03:27 login authenticator failed for (pc-7) [203.0.113.9]: 535 Incorrect authentication data"
    postfix = (
        "2026-11-23 19:03:28 mx1 postfix/smtpd[7]: warning: unknown[203.0.113.9]: SASL LOGIN authentication failed: x"
    )
    chosen = planning.plan([exim, exim, postfix])
    frame = pl.DataFrame({"line_no": [1, 2], "line": [exim, postfix]}, schema=parsing.LINES)
    batch, _ = parsing.parse(frame.lazy(), chosen)

    assert chosen.envelope == "exim"
    rows = pl.concat(batch.parts, how="diagonal_relaxed").sort("line_no")
    assert rows.select("format", "host", "pid", "key").rows() == [
        ("exim", None, None, " exim"),
        ("postfix", "mx1", 7, "mx1 postfix/smtpd[7]"),
    ]
