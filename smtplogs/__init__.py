"""smtplogs: find out why SMTP logins fail.

>>> import smtplogs as sl
>>> events = sl.read("/var/log/mail.log*")
>>> sl.lockouts(events)
>>> sl.report(events, "postmortem.html")
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

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
from smtplogs.logformats import formats
from smtplogs.packaged import sample, samples, unpack
from smtplogs.reading import coverage, read
from smtplogs.replies import causes
from smtplogs.rollups import sessions, summary
from smtplogs.schema import columns

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
    from smtplogs.probing import compare_probe, probe
    from smtplogs.reporting import report
    from smtplogs.sharing import share
    from smtplogs.verifying import verify
    from smtplogs.watching import watch

__version__ = "0.1.0"

__all__ = [
    "attacks",
    "causes",
    "check_format",
    "client_hints",
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
    "stale_credentials",
    "summary",
    "throttling",
    "to_ecs",
    "unpack",
    "verify",
    "watch",
]

_ON_FIRST_USE = {
    "compare_probe": "smtplogs.probing",
    "parse": "smtplogs.archiving",
    "plot_causes": "smtplogs.charts",
    "plot_clients": "smtplogs.charts",
    "plot_exposure": "smtplogs.charts",
    "plot_heatmap": "smtplogs.charts",
    "plot_impact": "smtplogs.charts",
    "plot_intervals": "smtplogs.charts",
    "plot_lockouts": "smtplogs.charts",
    "plot_phases": "smtplogs.charts",
    "plot_rise": "smtplogs.charts",
    "plot_rotation": "smtplogs.charts",
    "plot_spray": "smtplogs.charts",
    "plot_throttling": "smtplogs.charts",
    "plot_timeline": "smtplogs.charts",
    "probe": "smtplogs.probing",
    "report": "smtplogs.reporting",
    "share": "smtplogs.sharing",
    "verify": "smtplogs.verifying",
    "watch": "smtplogs.watching",
}
"""What needs matplotlib, which takes a second to load, or is for batch and live work: only when it is asked for."""


def __getattr__(name: str) -> Any:
    if name in _ON_FIRST_USE:
        value = getattr(import_module(_ON_FIRST_USE[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'smtplogs' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
