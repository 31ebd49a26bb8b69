"""Detectors: events in, findings with evidence out; one a file, registered in ``everything.DETECTORS``."""

from smtplogs.detect._evidence import evidence
from smtplogs.detect.attacking import attacks
from smtplogs.detect.everything import DETECTORS, findings
from smtplogs.detect.exposing import exposure
from smtplogs.detect.forgotten import stale_credentials
from smtplogs.detect.hinting import client_hints
from smtplogs.detect.locking import lockouts
from smtplogs.detect.misconfiguring import misconfigured_clients
from smtplogs.detect.outages import incidents
from smtplogs.detect.relaying import relay_refusals
from smtplogs.detect.takeovers import compromises
from smtplogs.detect.throttles import throttling

__all__ = [
    "DETECTORS",
    "attacks",
    "client_hints",
    "compromises",
    "evidence",
    "exposure",
    "findings",
    "incidents",
    "lockouts",
    "misconfigured_clients",
    "relay_refusals",
    "stale_credentials",
    "throttling",
]
