"""IceWarp (Merak): what its SMTP server and a client said, under the address, the thread and the time of day.

The date stands in the name of the file, and in the server's greeting.
"""

from __future__ import annotations

from smtplogs.logformats._format import Dialogue, Excerpt, Turn

_CLOCK = r"[0-9:]{8}"
_DATED = r"[A-Z][a-z]{2}, (?P<stamp>[0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} [+-][0-9]{4})"
_WHO = r"^(?P<client_ip>[0-9A-Fa-f.:]+) +\[(?P<session>[0-9A-Fa-f]{4,8})\] "
_AT = rf"{_WHO}(?:{_CLOCK}|{_DATED}) "
_ANY = rf"^(?:[0-9A-Fa-f.:]+|SYSTEM) +\[[0-9A-Fa-f]{{4,8}}\] (?:[A-Z][a-z]{{2}}, [0-9A-Za-z ]{{11}} )?{_CLOCK} "
_SAID = "535 5.7.8 Authentication credentials invalid"
_LINE = "203.0.113.9     [14F4] 10:00:0"

ICEWARP = Dialogue(
    "icewarp",
    "IceWarp SMTP log",
    looks=rf"{_ANY}(?:[+-][0-9]{{4}} )?(?:Connected|Disconnected|>>> |<<< |\*\*\* |SSL)",
    side="server",
    key=("client_ip",),
    written_by="IceWarp 10 to 14, Merak Mail Server before (SMTP log at level Debug)",
    turns=(
        Turn("connected", rf"{_AT}Connected(?:, local IP=(?P<local>[0-9A-Fa-f.:]+))?.*$", begins=True),
        Turn(
            "greeting", rf"{_WHO}{_CLOCK} >>> (?P<text>220[ -].*; {_DATED})$", speaker="server",
        ),
        Turn("cut", rf"{_AT}>>> 250-.*$"),  # of the answer to EHLO only this line is written: what is offered cannot be read
        Turn("server", rf"{_AT}>>> (?P<text>.*?)(?: \([0-9]+ Bytes\))?$", speaker="server"),
        Turn("client", rf"{_AT}<<< (?P<text>.*?)(?: \([0-9]+ Bytes\))?$", speaker="client"),
        Turn("ended", rf"{_AT}Disconnected.*$", ends=True),
        Turn("other", rf"{_ANY}.*$", speaker="noise"),
    ),
    cannot_show=("when, but for the last connection before", "the client's port", "the rest of a reply of several lines"),
    samples=(
        Excerpt(
            f"{_LINE}1 Connected, local IP=192.0.2.25:25\n"
            f"{_LINE}1 >>> 220 mail.example.com ESMTP IceWarp 13; Thu, 26 Nov 2026 10:00:01 +0100\n"
            f"{_LINE}1 <<< EHLO pc\n"
            f"{_LINE}1 >>> 250-mail.example.com Hello pc [203.0.113.9], pleased to meet you. (62 Bytes)\n"
            f"{_LINE}2 <<< AUTH LOGIN\n"
            f"{_LINE}2 >>> 334 VXNlcm5hbWU6\n"
            f"{_LINE}2 <<< YW5uQGV4YW1wbGUuY29t\n"
            f"{_LINE}2 >>> 334 UGFzc3dvcmQ6\n"
            f"{_LINE}3 <<< czNjcmV0\n"
            f"{_LINE}3 >>> {_SAID}\n"
            f"{_LINE}4 Disconnected\n",
            (
                {
                    "stage": "auth", "outcome": "failure", "cause": "bad_credentials", "basis": "line", "side": "server",
                    "client_ip": "203.0.113.9", "server_ip": "192.0.2.25", "server_port": 25, "helo": "pc", "tls": "none",
                    "user": "ann@example.com", "mechanism": "LOGIN", "reply_code": 535, "enhanced_code": "5.7.8",
                    "detail": "Authentication credentials invalid",
                },
            ),
        ),
    ),
)  # fmt: skip
