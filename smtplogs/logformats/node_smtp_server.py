"""smtp-server, with which servers are written in Node.js: what its default logger prints. Source: smtp-server, measured with 3.21.6.

The log of nodemailer, the client by the same author, looks alike; there a session is named without `#`.
"""

from __future__ import annotations

from smtplogs.logformats._format import Dialogue, Excerpt, Turn

_AT = r"^\[(?P<stamp>[0-9-]{10} [0-9:]{8})\] [A-Z]+ +\[#(?P<session>[0-9a-z]{8,})\] "

SMTP_SERVER = Dialogue(
    "smtp-server",
    "smtp-server (Node.js)",
    looks=r"^\[[0-9-]{10} [0-9:]{8}\] [A-Z]+ +\[#[0-9a-z]{8,}\] ",
    least=0.3,
    side="server",
    written_by="smtp-server 3 (logger: true); what clients answer to AUTH it hides itself",
    turns=(
        Turn("connect", rf"{_AT}Connection from (?:\[(?P<client_ip>[0-9A-Fa-f.:]+)\]|(?P<client_name>[^ ]+))$", begins=True),
        Turn("server", rf"{_AT}S: (?P<text>.*)$", speaker="server"),
        Turn("more", rf"{_AT}(?P<text>[2-5][0-9]{{2}}[ -].*)$", speaker="server"),
        Turn("client", rf"{_AT}C: (?P<text>.*)$", speaker="client"),
        Turn("accepted", rf"{_AT}(?P<user>.+) authenticated using (?P<mechanism>[A-Z0-9-]+)$"),
        Turn("failed", rf"{_AT}Authentication (?:error|failed) for (?P<user>.+) using (?P<mechanism>[A-Z0-9-]+)(?:\. .*)?$"),
        Turn("upgraded", rf"{_AT}Connection upgraded to TLS using (?P<cipher>[A-Z0-9_-]*).*$", sets={"tls": "yes"}),
        Turn("peer", rf'{_AT}[0-9a-z]+ received "close" event from (?P<client_ip>[0-9A-Fa-f.:]+)(?: after error)?$'),
        Turn("closed", rf"{_AT}Connection closed to .*$", ends=True),
        Turn("note", rf"{_AT}.*$"),
        Turn("other", r"^.*$", speaker="noise"),
    ),
    cannot_show=("the zone of its clock", "ports", "the version of TLS", "addresses, until a connection is closed"),
    samples=(
        Excerpt(
            "[2026-11-26 18:31:34] INFO  SMTP Server listening on [::]:587\n"
            "[2026-11-26 18:31:35] INFO  [#ddf4jvnsatpv91vk] Connection from pc1.example.net\n"
            "[2026-11-26 18:31:35] DEBUG [#ddf4jvnsatpv91vk] S: 220 mx1.example.com ESMTP\n"
            "[2026-11-26 18:31:35] DEBUG [#ddf4jvnsatpv91vk] C: EHLO [127.0.0.1]\n"
            "[2026-11-26 18:31:35] DEBUG [#ddf4jvnsatpv91vk] S: 250-mx1.example.com Nice to meet you, pc1.example.net\n"
            "[2026-11-26 18:31:35] DEBUG [#ddf4jvnsatpv91vk] 250-PIPELINING\n"
            "[2026-11-26 18:31:35] DEBUG [#ddf4jvnsatpv91vk] 250 AUTH PLAIN LOGIN\n"
            "[2026-11-26 18:31:35] DEBUG [#ddf4jvnsatpv91vk] C: AUTH LOGIN\n"
            "[2026-11-26 18:31:35] DEBUG [#ddf4jvnsatpv91vk] S: 334 VXNlcm5hbWU6\n"
            "[2026-11-26 18:31:35] DEBUG [#ddf4jvnsatpv91vk] C: /* secured */\n"
            "[2026-11-26 18:31:35] DEBUG [#ddf4jvnsatpv91vk] S: 334 UGFzc3dvcmQ6\n"
            "[2026-11-26 18:31:35] DEBUG [#ddf4jvnsatpv91vk] C: /* secured */\n"
            "[2026-11-26 18:31:36] INFO  [#ddf4jvnsatpv91vk] Authentication error for ann@example.com using LOGIN. Invalid username or password\n"
            "[2026-11-26 18:31:36] DEBUG [#ddf4jvnsatpv91vk] S: 535 Invalid username or password\n"
            "[2026-11-26 18:31:36] INFO  [#ddf4jvnsatpv91vk] ddf4jvnsatpv91vk received \"close\" event from 203.0.113.9\n"
            "[2026-11-26 18:31:36] INFO  [#ddf4jvnsatpv91vk] Connection closed to pc1.example.net\n",
            (
                {
                    "stage": "auth", "outcome": "failure", "cause": "bad_credentials", "basis": "line", "side": "server",
                    "client_ip": "203.0.113.9", "client_name": "pc1.example.net", "helo": "[127.0.0.1]", "user": "ann@example.com",
                    "mechanism": "LOGIN", "auth_offered": ["PLAIN", "LOGIN"], "reply_code": 535,
                    "detail": "Invalid username or password",
                },
            ),
        ),
    ),
)  # fmt: skip
