"""The sentences of a report: headline, summary, captions, what the logs cannot show, method."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING

import matplotlib as mpl
import polars as pl

import smtplogs
from smtplogs._frames import plain
from smtplogs._report import words
from smtplogs._spans import round_bin
from smtplogs._spans import words as bin_words

if TYPE_CHECKING:
    from datetime import datetime

    from smtplogs._report.figures import Figures, Reading
    from smtplogs._report.stories import Harm, Story

DOUBTS = {
    "zone_assumed": "Stamps without a time zone: {}. Unless a zone was given they are read as UTC, so that the times shown "
    "are those of the log's own clock.",
    "year_inferred": "Stamps without a year: {}. It was inferred.",
    "ambiguous": "Stamps in an hour that the clock showed twice: {}.",
    "none": "Without any time: {}. They are counted, but not drawn.",
}
"""What each doubt about the time means, with room for the number of events."""


NOBODY = ("logins", "other addresses")
"""Subjects that add nothing to the kind of a finding in a headline."""


def title(ranked: pl.DataFrame, known: Figures, tz: str) -> str:
    """Return the headline: the weightiest finding, else the period."""
    if ranked.height:
        top = ranked.row(0, named=True)
        day = f", {words.moment(top['start'], tz)[:10]}" if top["start"] else ""
        subject = (top["subject"] or "not named").replace(f"({top['cause']})", f"({plain(top['cause'])})")
        of_whom = "" if subject.startswith(NOBODY) else f": {subject}"
        return f"{words.kind(top['kind'])}{of_whom}{day}"
    return f"SMTP logins, {words.period(known.first, known.last, tz)}" if known.first else "SMTP logins"


def subtitle(known: Figures, read: Reading, tz: str) -> str:
    """Return the line under the headline: period, files, zone."""
    timeless = "no clock in the logs" if known.n_attempts else "no attempts in the logs"
    parts = [f"{words.period(known.first, known.last, tz)}" if known.first else timeless]
    if read.n_files:
        parts.append(
            f"{words.many(read.n_files, 'log file')}" + (f" ({', '.join(read.formats)})" if read.formats else "")
        )
    parts.append(f"all times in {tz}")
    return " · ".join(parts)


def summary(told: list[Story], known: Figures, tz: str) -> list[str]:
    """Return two sentences: what was found first of all, and how much was tried and refused."""
    if not known.n_attempts:
        return [told[0].title if told else "The logs hold no attempt to log in over SMTP."]
    hit = (
        f"; {known.n_accounts_hit:,} of {words.many(known.n_accounts, 'account')} that logged in met at least one refusal"
        if known.n_accounts_hit
        else ""
    )
    when = f"From {words.moment(known.first, tz)[:16]} to {words.moment(known.last, tz)[:16]} ({tz})"
    second = (
        f"{when if known.first else 'Without a clock'} the logs hold "
        f"{words.many(known.n_attempts, 'attempt')} to log in, of which {known.n_not_accepted:,} "
        f"({words.share(known.n_not_accepted, known.n_attempts)}) {'was' if known.n_not_accepted == 1 else 'were'} not accepted{hit}."
    )
    return [told[0].title if told else "Nothing in these logs meets the thresholds of the detectors.", second]


def calm(known: Figures) -> str:
    """Return what is said where the findings would stand if there were some."""
    if not known.n_attempts:
        return "There are no attempts to log in, so there is nothing to find."
    return (
        "No finding. That means that nothing in these logs meets the thresholds of the detectors; "
        "what the logs cannot show is listed below."
    )


def limits(known: Figures, read: Reading, cost: Harm) -> list[str]:
    """Return what the reader should know that the logs, or these logs, cannot tell."""
    refused = f"of {known.n_not_accepted:,}"
    limits = [
        "Passwords are never logged: whether a refused one was right is concluded from what came before and after."
    ]
    if cost.n_lockouts:
        limits.append(
            "A lock that nobody with the right password ran into leaves no line, so there may have been more."
        )
    if known.n_assumed:
        limits.append(
            f"Refusals that came without a reason: {known.n_assumed:,} {refused}; they are counted as rejected "
            "credentials, which is what a bare refusal usually means."
        )
    if known.n_unexplained:
        limits.append(f"Refusals without a known cause: {known.n_unexplained:,} {refused}.")
    if known.n_without_name:
        limits.append(f"Refusals that name no account, and so count for none: {known.n_without_name:,} {refused}.")
    limits += [said.format(words.many(known.doubts[q], "event")) for q, said in DOUBTS.items() if q in known.doubts]
    limits += [
        words.sentence(f"Not in the log of {whose}: {text}" if whose else text) for whose, text in read.cannot_show
    ]
    if read.not_understood:
        limits.append(f"Lines that may be about logins and were not understood: {read.not_understood:,}.")
    if read.errors:
        limits.append(f"Files that could not be read whole: {len(read.errors):,}.")
    return limits


def read_sentence(read: Reading) -> str:
    """Return how many lines were read and what became of them."""
    return (
        f"{words.many(read.n_files, 'file')} with {words.many(read.lines, 'line')} ({words.size(read.bytes)}): "
        f"{read.kept:,} may be about logins; of those, {read.records:,} became events, {read.context:,} gave context, "
        f"{read.dismissed:,} {'is' if read.dismissed == 1 else 'are'} about something else, "
        f"and {read.not_understood:,} {'was' if read.not_understood == 1 else 'were'} not understood."
    )


def captions(known: Figures, tz: str, *, strip: bool) -> dict[str, str]:
    """Return what stands under each chart."""
    width = f" per {bin_words(round_bin(known.first, known.last))}" if known.first and known.last else ""
    strip_said = (
        "; the strip under the axis shows where the logs hold lines, so a hole in it means no log, not no attempts"
        if strip
        else ""
    )
    return {
        "timeline": f"Attempts to log in{width}, stacked by outcome, in {tz}. Numbered bars are the findings below{strip_said}.",
        "lockouts": "Solid: known from the logs. Hatched: may have begun, or lasted, as long. Below each name: what triggered it.",
        "causes": "Attempts that were not accepted, per cause, with their share.",
        "clients": "Account and address, with all attempts. The figures are the attempts not accepted, and the running "
        "share of all such attempts.",
    }


def method(ranked: pl.DataFrame, not_assessable: pl.DataFrame, *, given: bool) -> list[str]:
    """Return how the events and findings were made."""
    detectors = pl.concat([ranked["detector"], not_assessable["detector"]]).drop_nulls().unique().sort().to_list()
    ran = f" Detectors with something to say: {', '.join(detectors)}." if detectors else ""
    return [
        "Log lines became events, one row for each attempt to log in; several lines about one attempt count once.",
        ("The findings were given by the caller." if given else "The findings are those of smtplogs.findings with its default parameters.")
        + ran,
        "Findings are ranked by severity and number of attempts.",
        "An attempt counts as not accepted unless the log proves a login; context lines and other protocols are not counted.",
    ]  # fmt: skip


def reproduce(title: str | None, tz: str, *, given: bool) -> str:
    """Return the call that gives this report."""
    own = ", findings=findings" if given else ""
    return f"smtplogs.report(events, path, coverage=coverage, traffic=traffic{own}, title={title!r}, tz={tz!r})"


def versions(written_at: datetime | None, tz: str) -> str:
    """Return the versions that wrote the report, and its date if one was given."""
    made = f", written {words.moment(written_at, tz, offset=True)}" if written_at else ""
    return (
        f"smtplogs {smtplogs.__version__}, Polars {pl.__version__}, matplotlib {mpl.__version__}, "
        f"Python {platform.python_version()}{made}. The same events and parameters give the same report."
    )
