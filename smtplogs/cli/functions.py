"""Commands made of library functions: the same names, parameters and words."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import polars as pl
from cyclopts import Parameter

import smtplogs as sl
from smtplogs.cli.options import (
    EVENTS,
    HOW,
    LEARNING,
    SEEKING,
    TOLD,
    Check,
    Files,
    How,
    Json,
    Output,
    app,
    give,
    ready,
    tables_of,
    verdict,
)

DETECTORS: tuple[Callable[..., pl.DataFrame], ...] = (
    sl.lockouts,
    sl.misconfigured_clients,
    sl.stale_credentials,
    sl.relay_refusals,
    sl.exposure,
    sl.throttling,
    sl.attacks,
    sl.compromises,
    sl.incidents,
)
"""Detectors that become commands with their own parameters as options."""


def _table_command(function: Callable[[], pl.DataFrame], *shown: str) -> None:
    """Make a command of a function without arguments that answers with a frame."""

    def command(*, output: Output = None, json: Json = False) -> int:
        ready(output, json=json)
        return give(function(), output, *shown, json=json)

    command.__doc__ = (
        _documented(function)[0].partition("\n")[0].partition(":")[0].rstrip(".").replace("Return ", "Show ", 1) + "."
    )
    app.command(command, name=function.__name__, group=LEARNING)


def _events_command(function: Callable[..., pl.DataFrame], *shown: str) -> None:
    """Make a command of a frame function: how to read logs, then the function's own parameters."""
    judges = function in DETECTORS
    wanted = [name for name in TABLES if name in inspect.signature(function).parameters]

    def command(
        files: Files, /, *, output: Output = None, json: Json = False, how: How = HOW, check: Check = False, **given: Any
    ) -> int:  # fmt: skip
        ready(output, json=json)
        read_from = tables_of(files, how)
        tables_wanted = {name: getattr(read_from, name) for name in wanted}
        frame = function(read_from.events, **tables_wanted, **given)
        give(frame, output, *shown, json=json)
        return verdict(frame, check=check) if judges else 0

    about, told = _documented(function)
    own = [
        p.replace(annotation=Annotated[OPTION_TYPES[p.annotation], Parameter(help=told.get(p.name))])
        for p in inspect.signature(function).parameters.values()
        if p.kind is p.KEYWORD_ONLY and p.name not in TABLES
    ]
    common = [
        p.replace(annotation={"files": Files, "output": Output, "json": Json, "how": How, "check": Check}[name])
        for name, p in inspect.signature(command).parameters.items()
        if name != "given" and (judges or name != "check")
    ]
    signature = inspect.Signature([*common, *own])
    command.__signature__ = signature  # type: ignore[attr-defined]
    command.__annotations__ = {name: p.annotation for name, p in signature.parameters.items()}
    command.__doc__ = about
    app.command(command, name=function.__name__.replace("_", "-"), group=SEEKING if judges else EVENTS)


OPTION_TYPES: dict[str, Any] = {
    "int": int, "float": float, "str": str, "bool": bool, "str | None": str | None, "Sequence[str]": Sequence[str],
    "str | PathLike[str] | None": str | None,
}  # fmt: skip
"""What a parameter's annotation means on the command line."""

TABLES = ("coverage", "traffic")
"""Parameters that the command fills with what it read."""


def _documented(function: Callable[..., Any]) -> tuple[str, dict[str, str]]:
    """Return what a numpydoc text says first, in a line and a paragraph, and what it says about each parameter."""
    text = inspect.getdoc(function) or ""
    before = re.split(r"\n\n(?:Parameters|Returns)\n-", text)[0].split("\n\n")[:2]
    about = "\n\n".join(_plain(paragraph).replace("\n", " ") for paragraph in before)
    body = text.partition("\nParameters\n----------\n")[2].partition("\n\n")[0]
    told: dict[str, str] = {}
    names: list[str] = []
    for line in body.splitlines():
        if not line.startswith(" "):
            names = line.split(", ")
            continue
        for name in names:
            told[name] = f"{told.get(name, '')} {_plain(line.strip())}".strip()
    return about, told


def _plain(text: str) -> str:
    """Return a text without the marks of reStructuredText."""
    return re.sub(r"\*([\w ]+)\*", r"\1", text.replace("`", ""))


for _function, *_shown in (
    (sl.causes, "cause", "outcome", "meaning", "first_check", "fix"),
    (sl.columns, "table", "column", "meaning"),
    (sl.samples, "name", "about", "bytes"),
):
    _table_command(_function, *_shown)


_events_command(sl.summary, "stage", "outcome", "cause", "n", "n_users", "n_client_ips", "last")
_events_command(sl.sessions, "start", "client_ip", "tls", "users", "n_attempts", "n_failure", "causes", "result")
_events_command(sl.clients, "user", "client_ip", "last_success", "n_refused_since", "refused_since", "cause")
_events_command(sl.client_hints, "client_ip", "likely", "sort", "confidence", "seen", "users")
_events_command(sl.to_ecs, "@timestamp", "event.action", "event.outcome", "event.reason", "user.name", "source.ip")
_events_command(sl.geo, "time", "outcome", "user", "client_ip", "address_kind", "network", "country", "as_org")
for _function in DETECTORS:
    _events_command(_function, *TOLD)
