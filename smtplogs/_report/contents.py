"""The contents of a report, as the templates show them: figures and tables, each cell in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from smtplogs import replies
from smtplogs._frames import plain
from smtplogs._report import prose, words
from smtplogs._report.figures import Figures, figures, reading
from smtplogs._report.stories import SHOWN, Harm, Moment, harm, moments, stories
from smtplogs._spans import duration
from smtplogs._visible import shorten
from smtplogs.charts import cause_counts, client_counts

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


MOST_FILES = 40
MOST_CAUSES = 15
MOST_CLIENTS = 15
MOST_EXAMPLES = 20
MOST_CHARACTERS = 44


class Figure(NamedTuple):
    """A number with its name and its definition."""

    label: str
    value: str
    note: str = ""


def contents(
    events: pl.DataFrame,
    ranked: pl.DataFrame,
    not_assessable: pl.DataFrame,
    lines: Mapping[str, str],
    *,
    coverage: pl.DataFrame | None,
    inputs: pl.DataFrame | None,
    title: str | None,
    tz: str,
    given: bool,
    strip: bool,
    written_at: datetime | None,
) -> dict[str, Any]:
    """Return what the templates need, but for the pictures.

    Parameters
    ----------
    events
        Events, narrowed to what a report needs.
    ranked, not_assessable
        Findings as ``found`` returns them.
    lines
        Redacted log line of each place that the findings name.
    coverage
        Coverage table, if there is one.
    inputs
        What the manifest of a dataset says of each log, if it is one.
    title, tz, written_at
        As for ``report``; the zone is resolved.
    given
        Whether the caller brought the findings, or they were made here with default parameters.
    strip
        Whether the timeline has a strip of log lines below it.
    """
    known, read, cost = figures(events), reading(coverage), harm(ranked)
    table = replies.causes().with_columns(pl.col("cause").cast(pl.String))
    meanings = dict(table.select("cause", "meaning").iter_rows())
    told = stories(ranked, lines, meanings, tz)
    clients = client_counts(events, limit=None)
    return {
        "title": title or prose.title(ranked, known, tz),
        "subtitle": prose.subtitle(known, read, tz),
        "summary": prose.summary(told, known, tz),
        "key": _key(known, ranked, tz),
        "impact": _impact(known, cost),
        "stories": told[:SHOWN],
        "rest": told[SHOWN:],
        "calm": prose.calm(known),
        "not_assessable": [
            words.localised(words.sentence(t), tz)
            for t in not_assessable["title"].drop_nulls().unique(maintain_order=True)
        ],
        "causes": _causes(events, table),
        "clients": _clients(clients.head(MOST_CLIENTS), tz),
        "more_clients": max(clients.height - MOST_CLIENTS, 0),
        "moments": [_moment(m, tz) for m in moments(ranked, known.first, known.last)],
        "limits": prose.limits(known, read, cost),
        "files": [_file(row, tz) for row in read.files.head(MOST_FILES).iter_rows(named=True)],
        "more_files": max(read.files.height - MOST_FILES, 0),
        "custody": [] if inputs is None else [_custody(row, tz) for row in inputs.iter_rows(named=True)],
        "read_sentence": prose.read_sentence(read),
        "year_evidence": read.year_evidence,
        "zone_evidence": read.zone_evidence,
        "examples": [(source, text) for source, text in read.examples[:MOST_EXAMPLES]],
        "captions": prose.captions(known, tz, strip=strip),
        "method": prose.method(ranked, not_assessable, given=given),
        "outcomes": words.OUTCOMES,
        "reproduce": prose.reproduce(title, tz, given=given),
        "versions": prose.versions(written_at, tz),
        "tz": tz,
        "many": words.many,
    }


def _key(known: Figures, ranked: pl.DataFrame, tz: str) -> list[Figure]:
    """Return the figures at the head of the report."""
    seen = ranked["severity"].cast(pl.String).fill_null("info").to_list()
    by_weight = ", ".join(f"{seen.count(w):,} {w}" for w in ("serious", "warning", "info") if w in seen)
    span = duration((known.last - known.first).total_seconds()) if known.first and known.last else words.BLANK
    key = [
        Figure("Findings", words.number(ranked.height), by_weight),
        Figure("Attempts", words.number(known.n_attempts), f"within {span}" if known.first else ""),
        Figure("Accepted", words.number(known.n_accepted), words.share(known.n_accepted, known.n_attempts)),
        Figure("Not accepted", words.number(known.n_not_accepted), words.share(known.n_not_accepted, known.n_attempts)),
        Figure("Accounts affected", words.number(known.n_accounts_hit), f"of {known.n_accounts:,} that logged in"),
    ]
    if known.n_relay_attempts:
        key.append(
            Figure(
                "At relays",
                words.number(known.n_relay_attempts),
                f"of the attempts; {known.n_relay_not_accepted:,} not accepted",
            )
        )
    return key


def _impact(known: Figures, cost: Harm) -> list[Figure]:
    """Return the figures of what it cost, each with what it counts."""
    impact = [
        Figure("Attempts not accepted", words.number(known.n_not_accepted), "attempts to log in over SMTP that did not end with a login, for any reason"),
        Figure("Accounts affected", words.number(known.n_accounts_hit), "names that logged in within the period and met at least one attempt that was not accepted"),
        Figure("Names never accepted", words.number(known.n_names_never_accepted), "names that were tried and never logged in: mistyped names, and what attackers guess"),
        Figure("Addresses never accepted", words.number(known.n_clients_never_accepted), "client addresses that tried and never logged in"),
    ]  # fmt: skip
    if cost.n_lockouts:
        least, most = duration(cost.least_s), duration(cost.most_s)
        span = least if least == most else f"{least} to {most}"
        open_end = f"; {cost.n_open:,} not seen to end, counted to the last refusal" if cost.n_open else ""
        impact += [
            Figure("Accounts locked out", words.number(cost.n_accounts_locked), f"accounts in {words.many(cost.n_lockouts, 'lockout')} seen in the logs"),
            Figure("Time locked out", span, f"summed over the lockouts: the time that is certain, to the most that fits the logs{open_end}"),
            Figure("Good clients refused", words.number(cost.n_right_refused), "attempts of clients that had logged in before, refused during a lockout"),
        ]  # fmt: skip
    if known.n_mails:
        impact.append(
            Figure("Mails accepted", words.number(known.n_mails), "mails that clients with a login handed in")
        )
    if known.n_relay_attempts:
        impact.append(Figure("Logins at relays refused", words.number(known.n_relay_not_accepted), f"of {words.many(known.n_relay_attempts, 'attempt')} of our server to log in at an upstream relay"))  # fmt: skip
    return impact


def _causes(events: pl.DataFrame, table: pl.DataFrame) -> list[dict[str, str]]:
    """Return the commonest causes with their meaning, as the page shows them."""
    counted = cause_counts(events).group_by("cause", maintain_order=True).agg(pl.col("n").sum())
    joined = counted.join(table, on="cause", how="left", maintain_order="left").head(MOST_CAUSES)
    return [
        {
            "name": plain(row["cause"]),
            "n": words.number(row["n"]),
            "meaning": row["meaning"] or "",
            "first_check": row["first_check"] or "",
        }
        for row in joined.iter_rows(named=True)
    ]


def _clients(clients: pl.DataFrame, tz: str) -> list[dict[str, str]]:
    """Return the clients that failed most, as the page shows them."""
    return [
        {
            "user": shorten(row["user"] or "(no user logged)", MOST_CHARACTERS),
            "address": shorten(row["client_ip"] or row["relay_host"] or "(no address)", MOST_CHARACTERS),
            "failed": words.number(row["n_not_accepted"]),
            "running": words.share(row["running_share"], 1),
            "accepted": words.number(row["n_success"]),
            "first": words.moment(row["first"], tz)[:16],
            "last": words.moment(row["last"], tz)[:16],
        }
        for row in clients.iter_rows(named=True)
    ]


def _moment(moment: Moment, tz: str) -> dict[str, Any]:
    when = words.moment(moment.when, tz, offset=True)
    return {"when": when, "what": moment.what, "number": moment.number, "about": moment.about}


def _custody(row: dict[str, Any], tz: str) -> dict[str, Any]:
    """Return an input of the chain of custody, as the page shows it."""
    return {
        "source": row["source"],
        "size": words.size(row["stored_bytes"]),
        "sha256": row["stored_sha256"] or "not taken",
        "read_at": words.moment(row["read_at"], tz),
    }


def _file(row: dict[str, Any], tz: str) -> dict[str, Any]:
    """Return a row of the coverage table, as the page shows it."""
    understood = [row[c] for c in ("records", "context", "dismissed") if row[c] is not None]
    return {
        "source": row["source"] + (f" ({row['program']})" if row["program"] else ""),
        "format": row["format"] or words.BLANK,
        "size": words.size(row["bytes"]),
        "lines": words.number(row["lines"]),
        "kept": words.number(row["kept"]),
        "understood": words.number(sum(understood)) if understood else words.BLANK,
        "not_understood": words.number(row["not_understood"]),
        "first": words.moment(row["first_time"], tz),
        "last": words.moment(row["last_time"], tz),
        "note": row["note"],
        "error": row["error"],
    }
