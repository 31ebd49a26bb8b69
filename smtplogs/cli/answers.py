"""Commands that answer: what is wrong, why, and the lines behind it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import polars as pl
from cyclopts import Parameter
from rich.text import Text

import smtplogs as sl
from smtplogs import tables
from smtplogs._report.asked import chosen, concerning
from smtplogs._report.triage import triage_text
from smtplogs._visible import visible
from smtplogs.cli.explanations import explained
from smtplogs.cli.helping import flowing
from smtplogs.cli.options import (
    ANSWERS,
    HOW,
    PIPE,
    TOLD,
    Catalogue,
    Check,
    Files,
    Format,
    How,
    Json,
    Output,
    Tz,
    Year,
    app,
    console,
    give,
    named,
    ready,
    tables_of,
    verdict,
)


@app.command(group=ANSWERS)
@flowing
def triage(
    files: Files,
    /,
    *,
    user: Annotated[str | None, Parameter(help="Only about this account: anna, or anna@example.com.")] = None,
    client: Annotated[str | None, Parameter(help="Only about this client: its address or a part of its name.")] = None,
    json: Json = False,
    how: How = HOW,
    check: Check = False,
) -> int:
    """Say in plain words what is wrong; needs no option, writes nothing.

    It says first what was read and understood and what had to be assumed, then shows at most ten findings, the most
    important first. With --user or --client it says where that account or device gets in and where it is refused, since
    when and why, shows the line that says so, and the findings about it.
    """
    given = tables_of(files, how)
    found = sl.findings(given.events, coverage=given.coverage, traffic=given.traffic)
    whom = [f"{kind} {name}" for kind, name in (("user", user), ("client", client)) if name is not None]
    about: dict[str, Any] = {}
    if whom:
        events = chosen(given.events, user=user, client=client)
        found = concerning(found, events)
        about = {"clients": sl.clients(events), "asked": " at ".join(whom)}
    if json:
        told = {"coverage": given.coverage, **({"clients": about["clients"]} if about else {}), "findings": found}
        parts = [f'"{name}": {"null" if t is None else tables.json_of(t)}' for name, t in told.items()]
        n_events = given.events.lazy().select(pl.len()).collect().item()
        print("{" + f'"events": {n_events}, ' + ", ".join(parts) + "}")
    else:
        windowed = bool(how.since or how.until)
        window: dict[str, Any] = {"windowed": windowed, "begun": how.since is not None}
        told_text = triage_text(given.events, given.coverage, found, **about, tz=how.tz, **window)
        console().print(told_text, crop=False)
    return verdict(found, check=check)


@app.command(group=ANSWERS)
def findings(
    files: Files, /, *, output: Output = None, json: Json = False, how: How = HOW, check: Check = False
) -> int:
    """Run every detector; write or show what they found."""
    ready(output, json=json)
    given = tables_of(files, how)
    found = sl.findings(given.events, coverage=given.coverage, traffic=given.traffic)
    give(found, output, *TOLD, json=json)
    return verdict(found, check=check)


@app.command(group=ANSWERS)
def evidence(files: Files, /, *, output: Output = None, json: Json = False, how: How = HOW) -> int:
    """Show the log lines behind the findings."""
    ready(output, json=json)
    given = tables_of(files, how)
    found = sl.findings(given.events, coverage=given.coverage, traffic=given.traffic)
    return give(sl.evidence(found, given.events), output, "finding_id", "source", "line_no", "raw", json=json)


@app.command(group=ANSWERS)
def coverage(
    files: Files,
    /,
    *,
    output: Output = None,
    json: Json = False,
    format: Format = "auto",  # noqa: A002
    tz: Tz = None,
    year: Year = None,
) -> int:
    """Show what was read and understood, by file and program."""
    ready(output, json=json)
    seen = sl.coverage(named(files), format=format, tz=tz, year=year)
    give(seen, output, *tables.COVERAGE_SHOWN, json=json)
    out = console()
    if out.is_terminal and not (output or json):
        for source, examples in seen.filter(pl.col("program").is_null()).select("source", "examples").iter_rows():
            for example in examples or []:
                out.print(Text(f"not understood: {visible(f'{source}:{example}', limit=500)}"))
    return 0


@app.command(group=ANSWERS)
def explain(
    text: Annotated[
        list[str] | None,
        Parameter(help="Log lines, a server's reply or a traceback; - or nothing reads standard input."),
    ] = None,
    /,
    *,
    stage: Annotated[str | None, Parameter(help="SMTP step of a reply: connect, tls, helo, auth, mail, rcpt, data, session.")] = None,
    side: Annotated[str | None, Parameter(help="Who speaks in a reason: server or client.")] = None,
    catalogue: Catalogue = None,
    json: Json = False,
) -> int:  # fmt: skip
    """Explain a log line, a reply or a traceback: meaning, how sure, what to do."""
    words = " ".join(text or [PIPE])  # a reply that was pasted without quotes comes as several words
    if _is_file(words):
        raise ValueError(
            f"{words} is a file: `smtplogs triage {words}` tells what is wrong in it, `smtplogs explain -` takes lines of it"
        )
    given = _piped() if words == PIPE else os.fsencode(words).decode("utf-8", "replace")
    table = sl.explain(given, stage=stage, side=side, catalogue=catalogue)
    if table.is_empty():
        raise ValueError("nothing to explain: the text is empty")
    if json:
        return give(table, None, json=True)
    out = console()
    for block in explained(table):
        out.print(block)
    return 0


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except (OSError, ValueError):  # longer than a name may be, or with a character that no name has
        return False


def _piped() -> str:
    """Return what stands on standard input, as far as `explain` looks at it."""
    if sys.stdin.isatty():
        print("paste log lines or a reply, then press Ctrl-D", file=sys.stderr)
    return sys.stdin.buffer.read().decode("utf-8", "replace")
