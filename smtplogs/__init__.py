"""smtplogs: find out why SMTP logins fail.

>>> import smtplogs as sl
>>> events = sl.read("/var/log/mail.log*")
>>> sl.lockouts(events)
>>> sl.report(events, "postmortem.html")
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from smtplogs.detect import attacks, compromises, evidence, findings, incidents, lockouts, throttling
from smtplogs.explaining import explain
from smtplogs.logformats import formats
from smtplogs.packaged import sample, samples, unpack
from smtplogs.reading import coverage, load, read
from smtplogs.replies import causes
from smtplogs.rollups import sessions, summary
from smtplogs.schema import columns

if TYPE_CHECKING:
    from smtplogs.charts import plot_causes, plot_clients, plot_lockouts, plot_timeline
    from smtplogs.reporting import report

__version__ = "0.1.0"

__all__ = [
    "attacks",
    "causes",
    "columns",
    "compromises",
    "coverage",
    "evidence",
    "explain",
    "findings",
    "formats",
    "incidents",
    "load",
    "lockouts",
    "plot_causes",
    "plot_clients",
    "plot_lockouts",
    "plot_timeline",
    "read",
    "report",
    "sample",
    "samples",
    "sessions",
    "summary",
    "throttling",
    "unpack",
]

_ON_FIRST_USE = {
    "plot_causes": "smtplogs.charts",
    "plot_clients": "smtplogs.charts",
    "plot_lockouts": "smtplogs.charts",
    "plot_timeline": "smtplogs.charts",
    "report": "smtplogs.reporting",
}
"""What needs matplotlib, which takes a second to load: only when it is asked for."""


def __getattr__(name: str) -> Any:
    if name in _ON_FIRST_USE:
        value = getattr(import_module(_ON_FIRST_USE[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'smtplogs' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
