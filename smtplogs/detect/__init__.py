"""Detectors: events in, findings with evidence out; one a file, registered in ``everything.DETECTORS``."""

from smtplogs.detect._evidence import evidence
from smtplogs.detect.everything import DETECTORS, findings
from smtplogs.detect.exposing import exposure
from smtplogs.detect.forgotten import stale_credentials
from smtplogs.detect.hinting import client_hints
from smtplogs.detect.locking import lockouts
from smtplogs.detect.misconfiguring import misconfigured_clients
from smtplogs.detect.relaying import relay_refusals

__all__ = [
    "DETECTORS",
    "client_hints",
    "evidence",
    "exposure",
    "findings",
    "lockouts",
    "misconfigured_clients",
    "relay_refusals",
    "stale_credentials",
]
