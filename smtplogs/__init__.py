"""smtplogs: find out why SMTP logins fail.

>>> import smtplogs as sl
>>> events = sl.read("/var/log/mail.log*")
>>> sl.lockouts(events)
>>> sl.report(events, "postmortem.html")
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from smtplogs import _allocating

if TYPE_CHECKING:
    from smtplogs.archiving import parse
    from smtplogs.charts import (
        plot_causes,
        plot_clients,
        plot_exposure,
        plot_heatmap,
        plot_impact,
        plot_intervals,
        plot_lockouts,
        plot_phases,
        plot_rise,
        plot_rotation,
        plot_spray,
        plot_throttling,
        plot_timeline,
    )
    from smtplogs.datasets import load
    from smtplogs.declaring import check_format
    from smtplogs.detect import (
        attacks,
        client_hints,
        compromises,
        evidence,
        exposure,
        findings,
        incidents,
        lockouts,
        misconfigured_clients,
        relay_refusals,
        stale_credentials,
        throttling,
    )
    from smtplogs.enriching import geo
    from smtplogs.explaining import explain
    from smtplogs.exporting import to_ecs
    from smtplogs.filling import notebook
    from smtplogs.logformats import formats
    from smtplogs.packaged import sample, samples, unpack
    from smtplogs.probing import compare_probe, probe
    from smtplogs.reading import coverage, read
    from smtplogs.replies import causes
    from smtplogs.reporting import report
    from smtplogs.rollups import sessions, summary
    from smtplogs.schema import columns
    from smtplogs.sharing import share
    from smtplogs.simulating import simulate
    from smtplogs.verifying import verify
    from smtplogs.watching import watch
    from smtplogs.whose import clients

__version__ = "0.1.0"

__all__ = [
    "attacks",
    "causes",
    "check_format",
    "client_hints",
    "clients",
    "columns",
    "compare_probe",
    "compromises",
    "coverage",
    "evidence",
    "explain",
    "exposure",
    "findings",
    "formats",
    "geo",
    "incidents",
    "load",
    "lockouts",
    "misconfigured_clients",
    "notebook",
    "parse",
    "plot_causes",
    "plot_clients",
    "plot_exposure",
    "plot_heatmap",
    "plot_impact",
    "plot_intervals",
    "plot_lockouts",
    "plot_phases",
    "plot_rise",
    "plot_rotation",
    "plot_spray",
    "plot_throttling",
    "plot_timeline",
    "probe",
    "read",
    "relay_refusals",
    "report",
    "sample",
    "samples",
    "sessions",
    "share",
    "simulate",
    "stale_credentials",
    "summary",
    "throttling",
    "to_ecs",
    "unpack",
    "verify",
    "watch",
]

_ROOMS = {
    "archiving": "parse",
    "charts": "plot_causes plot_clients plot_exposure plot_heatmap plot_impact plot_intervals plot_lockouts "
    "plot_phases plot_rise plot_rotation plot_spray plot_throttling plot_timeline",
    "datasets": "load",
    "declaring": "check_format",
    "detect": "attacks client_hints compromises evidence exposure findings incidents lockouts misconfigured_clients "
    "relay_refusals stale_credentials throttling",
    "enriching": "geo",
    "explaining": "explain",
    "exporting": "to_ecs",
    "filling": "notebook",
    "logformats": "formats",
    "packaged": "sample samples unpack",
    "probing": "compare_probe probe",
    "reading": "coverage read",
    "replies": "causes",
    "reporting": "report",
    "rollups": "sessions summary",
    "schema": "columns",
    "sharing": "share",
    "simulating": "simulate",
    "verifying": "verify",
    "watching": "watch",
    "whose": "clients",
}
"""Room -> its public names. A room is loaded when one of them is asked for: `import smtplogs` costs nothing."""

_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name in _ROOM_OF:
        _allocating.engine()
        value = getattr(import_module(f"smtplogs.{_ROOM_OF[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'smtplogs' has no attribute {name!r}", name=name, obj=sys.modules[__name__])


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
