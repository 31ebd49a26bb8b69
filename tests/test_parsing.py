"""Law 8: nothing is dropped silently; the fused way, the general way and the prefilter agree."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from small_logs import FAILED, PEER, SMTPD, SUBMISSION, line, read, told, write
from smtplogs import accounting, joining, matching, packaged, parsing, planning, reading, unwrapping
from smtplogs.logformats import ALL
from smtplogs.parsing import LINES
from smtplogs.settling import settle
from smtplogs.sources import find, open_source

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from smtplogs.logformats._format import Pattern

ROLES = ("records", "context", "dismissed", "not_understood")
SAMPLE_LOGS = sorted(
    path
    for name in packaged.samples()["name"]
    if name.partition("/")[0] in {f.name for f in ALL}
    for path in packaged.sample(name)
)
"""Logs of single lines; those that are one dialogue or table have their own test."""

FIRST = {p.parent.parent.name: p for p in sorted(SAMPLE_LOGS, key=lambda p: -p.stat().st_size)}.values()
"""The shortest log of each format, for the quick run."""

LONG = {
    p for p in SAMPLE_LOGS if p.parent.name in ("misconfigured", "exim4.96-lab", "postfix3.10-dovecot2.4", "takeover")
}
"""Those with the most kinds of lines."""

_PROGRAMS = {
    "postfix": "postfix/{}[7]", "dovecot": "dovecot", "pam": "auth", "exim": "exim[7]", "sendmail": "sm-mta[7]",
    "opensmtpd": "smtpd[7]",
}  # fmt: skip


def sample_lines() -> list[str]:
    """Return every sample of every pattern under its tag."""
    found = []
    for format_ in ALL:
        for p in format_.patterns:
            daemon = re.sub(r"[|(\\].*", "", p.program)
            for i, sample in enumerate(p.samples):
                tag = sample.program or _PROGRAMS.get(format_.name, "{}[7]").format(daemon)
                found.append(line(f"10:00:{i % 60:02}", sample.message, tag))
    return found


ALL_SAMPLES = sample_lines()


def parsed(
    lines: Sequence[str], *, traffic: bool = False, hot: bool = True
) -> tuple[parsing.Batch, accounting.Tally, int]:
    """Parse lines as one chunk; the third value says how many the prefilter keeps."""
    chosen = planning.plan(list(lines) if hot else ["exim"], traffic=traffic)
    frame = pl.DataFrame({"line_no": range(1, len(lines) + 1), "line": lines}, schema=LINES)
    batch, told_ = parsing.parse(frame.lazy(), chosen)
    return batch, told_, kept(lines, traffic=traffic).sum()


def kept(lines: Sequence[str], *, traffic: bool) -> pl.Series:
    """Tell which lines the prefilter keeps: without traffic they must pass the coarse one too."""
    words = [*planning.literals(traffic=traffic), unwrapping.REPEAT_LITERAL]
    coarse = list(planning.COARSE_TRAFFIC if traffic else planning.COARSE)
    text = pl.Series(lines, dtype=pl.String).str
    pieces = [re.search(joining.ANNOUNCED, t) is not None and "exim" in t for t in lines]
    return pl.Series(pieces, dtype=pl.Boolean) | (text.contains_any(words) & text.contains_any(coarse))


@pytest.mark.parametrize("p", [p for f in ALL for p in f.patterns if p.traffic], ids=lambda p: p.name)
def test_lines_that_are_counted_as_traffic_pass_the_coarse_words(p: Pattern) -> None:
    assert kept([sample.message for sample in p.samples], traffic=True).all()


def sums(tally: accounting.Tally) -> dict[str, int]:
    return {role: sum(n for (_, _, r), n in tally.counts.items() if r == role) for role in ROLES}


# --- law 8


@pytest.mark.parametrize(
    "path",
    [pytest.param(p, marks=() if p in {*FIRST, *LONG} else pytest.mark.slow) for p in SAMPLE_LOGS],
    ids=lambda p: f"{p.parent.name}-{p.name}",
)
def test_every_kept_line_of_a_sample_is_accounted_for(path: Path) -> None:
    """With traffic and without; what only traffic needs changes no event."""
    (source,), _ = find(path)
    with open_source(source) as held:
        data = b"".join(chunk.data for chunk in held)
    lines = data.decode().split("\n")
    events = []
    for full in (True, False):
        given, coverage = reading.read_files(*find(path), reading.Settings(traffic=full, year=2026))
        events.append(settle(given.taken_out("events"), given.taken_out("loose")))
        whole = coverage.row(0, named=True)
        n_kept = kept(lines, traffic=full).sum()
        assert whole["kept"] == n_kept
        assert sum(whole[role] for role in ROLES) == n_kept
        assert (whole["bytes"], whole["lines"]) == (len(data), data.count(b"\n"))
        assert whole["not_understood"] == 0
        assert coverage.height > 1
    assert_frame_equal(*events)


def mangled() -> st.SearchStrategy[str]:
    """Lines of ours, whole or cut, with noise at some place."""
    whole = st.sampled_from(ALL_SAMPLES)
    noise = st.text(st.characters(codec="utf-8", exclude_characters="\n\r"), max_size=8) | st.sampled_from(
        ["]: ", ", sasl_username=", "\x00", "[", ")", ": ", " rhost=192.0.2.1", "\ufffd", "connect from ", "<", "'"]
    )
    cut = st.tuples(whole, st.integers(0, 200)).map(lambda t: t[0][: t[1]])
    hit = st.tuples(whole, st.integers(20, 160), noise).map(lambda t: t[0][: t[1]] + t[2] + t[0][t[1] :])
    return whole | cut | hit | noise


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(mangled(), max_size=60), st.booleans(), st.booleans())
def test_any_mixture_of_lines_is_accounted_for(lines: list[str], traffic: bool, hot: bool) -> None:
    doubled = lines + lines[::-3]
    batch, tally, n_kept = parsed(doubled, traffic=traffic, hot=hot)

    counts = sums(tally)
    assert sum(counts.values()) == n_kept
    assert counts["records"] + counts["context"] == batch.height
    assert sum(len(e) for e in tally.examples.values()) <= 5 * max(1, len(tally.examples))


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(mangled(), min_size=1, max_size=40))
def test_any_mixture_of_lines_can_be_read_to_the_end(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str]
) -> None:
    path = tmp_path_factory.mktemp("mixture") / "mail.log"
    path.write_text("\n".join(lines), encoding="utf-8")

    events, coverage, _ = reading.read(path, full=True, year=2026)

    whole = coverage.row(0, named=True)
    assert sum(whole[role] for role in ROLES) == whole["kept"]
    assert whole["bytes"] == path.stat().st_size
    assert events["line_no"].is_in(list(range(1, whole["lines"] + 1))).all()


def test_every_sample_of_every_pattern_passes_both_prefilters() -> None:
    for traffic in (False, True):
        wanted = [
            p for f in ALL for p in f.patterns if p.role != "dismiss" and p.literals and (traffic or not p.traffic)
        ]
        for p in wanted:
            for sample in p.samples:
                assert any(w in sample.message for w in planning.literals(traffic=traffic)), (p.name, sample.message)
                if not p.traffic:
                    text = line("10:00:00", sample.message, sample.program or "x")
                    assert any(w in text for w in planning.COARSE), (p.name, sample.message)


# --- both ways agree


def test_the_fused_and_the_general_way_take_the_same_lines() -> None:
    fast, fast_tally, _ = parsed(ALL_SAMPLES, traffic=True)
    slow, slow_tally, _ = parsed(ALL_SAMPLES, traffic=True, hot=False)

    def patterns(batch: parsing.Batch) -> list[tuple[int, str]]:
        return sorted(row for frame in batch.parts for row in frame.select("line_no", "pattern").rows())

    assert patterns(fast) == patterns(slow)
    assert fast_tally.counts == slow_tally.counts


# --- plan, tally, repeats


def test_the_plan_takes_the_envelope_that_most_first_lines_have() -> None:
    iso, old = line("10:00:00", FAILED), f"Nov  3 10:00:00 mx1 {SMTPD}: {FAILED}"

    assert planning.plan([iso, old, iso]).envelope == "iso"
    assert planning.plan([old, iso, old]).envelope == "rfc3164"
    assert planning.plan(["{}", ""]).envelope is None
    assert planning.plan([]).envelope is None
    assert planning.plan([f"2026-11-03T10:00:00Z stdout F {old}"]).envelope is None


def test_a_file_that_changes_its_envelope_is_read_to_the_end(tmp_path: Path) -> None:
    events = read(tmp_path, f"Nov  3 09:00:00 mx1 {SMTPD}: {FAILED}", *[line("10:00:00", FAILED)] * 3, year=2026)

    assert told(events, "line_no") == [1, 2, 3, 4]


def test_lines_of_other_programs_are_dismissed(tmp_path: Path) -> None:
    text = line("10:00:00", "pam_unix(sshd:auth): authentication failure; rhost=203.0.113.9", "sshd[9]")
    _, coverage, _ = reading.read(
        write(tmp_path / "mail.log", text.replace("authentication failure", "authentication failed")), full=True
    )

    assert coverage.select("kept", *ROLES).row(0) == (1, 0, 0, 1, 0)


def test_lines_of_ours_that_nothing_takes_are_shown(tmp_path: Path) -> None:
    text = line("10:00:00", "warning: SASL: something authentication failed in a new way", SUBMISSION)
    _, coverage, _ = reading.read(write(tmp_path / "mail.log", text), full=True)

    assert coverage.select("kept", *ROLES).row(0) == (1, 0, 0, 0, 1)
    assert coverage["examples"][0].to_list() == [f"1: {text}"]
    assert coverage["program"].to_list() == [None, "postfix/submission/smtpd"]


def test_a_line_without_an_envelope_is_not_understood(tmp_path: Path) -> None:
    _, coverage, _ = reading.read(write(tmp_path / "mail.log", FAILED, line("10:00:00", FAILED)), full=True)

    assert coverage.select("kept", *ROLES).row(0) == (2, 1, 0, 0, 1)


def test_repeats_keep_their_own_text_as_raw(tmp_path: Path) -> None:
    repeat = f"Nov  3 10:00:05 mx1 {SMTPD}: message repeated 3 times: [ {FAILED}]"
    events = read(tmp_path, f"Nov  3 10:00:00 mx1 {SMTPD}: {FAILED}", repeat, year=2026)

    assert told(events, "count", "raw")[1] == (3, repeat)


def test_last_message_repeated_belongs_to_the_line_before(tmp_path: Path) -> None:
    again = "Nov  3 10:00:05 mx1 last message repeated 2 times"
    events = read(tmp_path, f"Nov  3 10:00:00 mx1 {SMTPD}: {FAILED}", again, year=2026)
    assert told(events, "count", "line_no") == [(1, 1), (2, 2)]

    other = read(
        tmp_path, f"Nov  3 10:00:00 mx1 {SMTPD}: {FAILED}", f"Nov  3 10:00:01 mx1 cron: of {PEER}", again, year=2026
    )
    assert told(other, "count", "line_no") == [(1, 1)]


def test_patterns_and_claims_by_tag() -> None:
    assert matching.claimed("postfix/submission/smtpd").name == "postfix"  # type: ignore[union-attr]
    assert matching.claimed("dovecot").name == "dovecot"  # type: ignore[union-attr]
    assert matching.claimed("sshd") is None
    assert matching.patterns_for("sshd") == []
    names = {p.name for _, p in matching.patterns_for("postfix/anvil")}
    assert "statistics" in names
    assert "sasl_failure" not in names


@pytest.mark.parametrize("said", ["SASL LOGIN authentication fai", "SASL CRAM-M", "SASL PLAIN"])
@pytest.mark.parametrize("hot", [True, False])
def test_a_line_about_a_login_that_is_cut_off_is_counted(said: str, hot: bool) -> None:
    line = f"Jun  1 10:00:02 mx1 postfix/smtpd[7]: warning: unknown[192.0.2.1]: {said}"
    lines = pl.DataFrame({"line_no": [1], "line": [line]}, schema=LINES).lazy()
    batch, told = parsing.parse(lines, planning.plan([line] if hot else ["exim"]))
    assert not batch.height
    assert {key[2]: n for key, n in told.counts.items()} == {"not_understood": 1}
