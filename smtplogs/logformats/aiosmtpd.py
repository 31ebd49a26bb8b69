"""aiosmtpd: what its logger `mail.log` writes, under whatever Python's logging puts before it. Source: aiosmtpd/smtp.py, 1.4; measured with 1.4.6.

At DEBUG both sides stand there (passwords hidden, names as well); at INFO the commands alone.
"""

from __future__ import annotations

from smtplogs.logformats._envelopes import STAMP
from smtplogs.logformats._format import Dialogue, Excerpt, Turn

_BEFORE = rf"^(?:{STAMP.removeprefix('^')}[ :,-]*)?[^('\"]*"
_PEER = r"\('(?P<client_ip>[0-9A-Fa-f:.%a-z]+)', (?P<client_port>[0-9]+)(?:, [0-9]+, [0-9]+)?\)"
_HEAD = rf"{_BEFORE}{_PEER} "
_SAID = r"b['\"](?P<text>.*)['\"]$"

AIOSMTPD = Dialogue(
    "aiosmtpd",
    "aiosmtpd",
    looks=rf"{_BEFORE}\('[0-9A-Fa-f:.%a-z]+', [0-9]+(?:, [0-9]+, [0-9]+)?\) "
    r"(?:>> b['\"]|<< (?:challenge: )?b['\"]|handling connection|EOF received|connection lost|Connection lost during )",
    least=0.3,
    side="server",
    key=("client_ip", "client_port"),
    written_by="aiosmtpd smtp.py, 1.4.6 (DEBUG)",
    turns=(
        Turn("peer", rf"{_BEFORE}Peer: {_PEER}$"),
        Turn("connect", rf"{_HEAD}handling connection$", begins=True),
        Turn("challenge", rf"{_HEAD}<< challenge: b.*$", speaker="noise"),
        Turn("server", rf"{_HEAD}<< {_SAID}", speaker="server"),
        Turn("client", rf"{_HEAD}>> {_SAID}", speaker="client"),
        Turn("lost", rf"{_HEAD}(?:connection lost|connection timeout)$", ends=True),
        Turn("note", rf"{_HEAD}.*$"),
        Turn("other", r"^.*$", speaker="noise"),
    ),
    samples=(
        Excerpt(
            "2026-11-26 12:43:41,704 INFO mail.log: ('203.0.113.9', 52529) handling connection\n"
            "2026-11-26 12:43:41,704 DEBUG mail.log: ('203.0.113.9', 52529) << b'220 mx1 Python SMTP 1.4.6'\n"
            "2026-11-26 12:43:41,705 INFO mail.log: ('203.0.113.9', 52529) >> b'EHLO pc-7'\n"
            "2026-11-26 12:43:41,705 DEBUG mail.log: ('203.0.113.9', 52529) << b'250-AUTH LOGIN PLAIN'\n"
            "2026-11-26 12:43:41,705 DEBUG mail.log: ('203.0.113.9', 52529) << b'250 HELP'\n"
            "2026-11-26 12:43:43,233 INFO mail.log: ('203.0.113.9', 52529) >> b'AUTH PLAIN ********'\n"
            "2026-11-26 12:43:43,233 DEBUG mail.log: ('203.0.113.9', 52529) << b'535 5.7.8 Authentication credentials invalid'\n"
            "2026-11-26 12:43:43,264 INFO mail.log: ('203.0.113.9', 52529) connection lost\n",
            (
                {
                    "stage": "auth", "outcome": "failure", "cause": "bad_credentials", "basis": "line", "side": "server",
                    "client_ip": "203.0.113.9", "client_port": 52529, "helo": "pc-7", "mechanism": "PLAIN", "reply_code": 535,
                    "enhanced_code": "5.7.8", "detail": "Authentication credentials invalid",
                    "auth_offered": ["LOGIN", "PLAIN"],
                },
            ),
        ),
    ),
    cannot_show=("names of those who log in", "replies, and with them what became of a login, unless it logs at level DEBUG"),
)  # fmt: skip
