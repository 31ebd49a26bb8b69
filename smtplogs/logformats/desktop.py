"""What mail programs of the desktop and Exim on the terminal show of a session: Thunderbird, Outlook, Claws, Evolution, Blat.

From the sources (Thunderbird's SmtpClient and nsSmtpProtocol, Claws Mail's session.c, camel-smtp-transport.c, Blat's
gensock.cpp, Exim's smtp_out.c) and from what people show in forums; not recorded by us.
"""

from __future__ import annotations

from smtplogs.logformats._format import Dialogue, Excerpt, Turn
from smtplogs.logformats.libraries import CONNECT, SAID, TLS, refused

_BLOB = "AGFubkBleGFtcGxlLmNvbQBzM2NyZXQ="
_NO_CLOCK = ("when: there is no clock", "the client's address")

_BIRD = r"^(?:[0-9:.]+ )?mailnews\.smtp: "
_PLACE = r"(?: +Smtp[A-Za-z]+\.(?:jsm|sys\.mjs|js)(?::[0-9]+)*)?$"
_NSPR = r"^(?:(?P<stamp>[0-9-]{10} [0-9:]{8}\.[0-9]+ UTC) - )?(?:\[[^\]]*\]|[0-9-]+\[[0-9a-fx]+\]):? (?:[A-Z]/SMTP )?"

THUNDERBIRD = Dialogue(
    "thunderbird",
    "Thunderbird's log of SMTP",
    looks=r"^(?:(?:[0-9:.]+ )?mailnews\.smtp: (?:[SC]: |Connecting to smtp)|.*\]:? (?:[A-Z]/SMTP )?SMTP (?:Response|Send|Connecting to): )",
    least=0,
    side="client",
    blocks=True,
    written_by="Thunderbird 91 and later (mailnews.smtp.loglevel, in the console), before that MOZ_LOG=SMTP:5; it hides passwords",
    turns=(
        Turn(
            "connecting",
            rf"{_BIRD}Connecting to smtps?://\[?(?P<relay_host>[^\]/ ]+?)\]?:(?P<server_port>[0-9]+){_PLACE}",
            begins=True,
        ),
        Turn("server", rf"{_BIRD}S: (?P<text>.*?){_PLACE}", speaker="server"),
        # of these mechanisms the whole command is hidden
        Turn(
            "command", rf"{_BIRD}Current (?P<text>auth) method: (?P<mechanism>PLAIN|XOAUTH2|OAUTHBEARER){_PLACE}", speaker="client"
        ),
        Turn("hidden", rf"{_BIRD}C: Logging suppressed .*$", speaker="noise"),
        Turn("client", rf"{_BIRD}C: (?P<text>.*?){_PLACE}", speaker="client"),
        Turn(
            "tls_failed", rf"{_BIRD}(?P<detail>(?:.* )?(?:SecurityError|security error|SSL_ERROR_|SEC_ERROR_).*?){_PLACE}",
            verdict="session", sets=TLS,
        ),
        Turn("unreachable", rf"{_BIRD}(?P<detail>.*NetworkError.*?){_PLACE}", verdict="session", sets=CONNECT),
        Turn("other", r"^(?:[0-9:.]+ )?mailnews\.smtp: .*$", speaker="noise"),
        Turn(
            "connecting_old", rf"{_NSPR}SMTP Connecting to: (?P<relay_host>[^ ]+)(?: on port:(?P<server_port>[0-9]+))?\.?$", begins=True
        ),
        Turn("server_old", rf"{_NSPR}SMTP Response: (?P<text>.*)$", speaker="server"),
        Turn("command_old", rf"{_NSPR}(?P<mechanism>PLAIN) (?P<text>auth)$", speaker="client"),
        Turn("client_old", rf"{_NSPR}SMTP Send: (?P<text>.*)$", speaker="client"),
        Turn("other_old", r"^.*$", speaker="noise"),
    ),
    cannot_show=("the client's address", "the version of TLS", "users and passwords", "when: the console has no date"),
    samples=(
        Excerpt(
            "mailnews.smtp: Connecting to smtp://relay.example.org:587 SmtpClient.jsm:138:19\n"
            "mailnews.smtp: S: 220 relay.example.org ESMTP SmtpClient.jsm:412:17\n"
            "mailnews.smtp: C: EHLO [192.0.2.7] SmtpClient.jsm:566:19\n"
            "mailnews.smtp: S: 250-relay.example.org SmtpClient.jsm:412:17\n"
            "mailnews.smtp: S: 250 AUTH PLAIN LOGIN SmtpClient.jsm:412:17\n"
            "mailnews.smtp: Possible auth methods: PLAIN,LOGIN SmtpClient.jsm:907:17\n"
            "mailnews.smtp: Current auth method: PLAIN SmtpClient.jsm:693:17\n"
            "mailnews.smtp: C: Logging suppressed (it probably contained auth information) SmtpClient.jsm:562:19\n"
            f"mailnews.smtp: S: 535 5.7.8 {SAID} SmtpClient.jsm:412:17\n"
            f"mailnews.smtp: Command failed: 535 5.7.8 {SAID}; currentAction=_actionAUTHComplete SmtpClient.jsm:580:17\n",
            refused(user=None, mechanism="PLAIN", tls="none", relay_host="relay.example.org", server_port=587),
        ),
        Excerpt(
            "2026-11-20 10:00:01.123000 UTC - [(null) 1234: Main Thread]: I/SMTP SMTP Connecting to: relay.example.org on port:587\n"
            "2026-11-20 10:00:01.223000 UTC - [(null) 1234: Main Thread]: I/SMTP SMTP Response: 220 relay.example.org ESMTP\n"
            "2026-11-20 10:00:01.323000 UTC - [(null) 1234: Main Thread]: I/SMTP SMTP Send: EHLO [192.0.2.7]\n"
            "2026-11-20 10:00:01.423000 UTC - [(null) 1234: Main Thread]: I/SMTP SMTP Response: 250-relay.example.org\n"
            "2026-11-20 10:00:01.423000 UTC - [(null) 1234: Main Thread]: I/SMTP SMTP Response: 250 AUTH PLAIN LOGIN\n"
            "2026-11-20 10:00:01.523000 UTC - [(null) 1234: Main Thread]: D/SMTP trying auth method 0x1000\n"
            "2026-11-20 10:00:01.623000 UTC - [(null) 1234: Main Thread]: D/SMTP PLAIN auth\n"
            "2026-11-20 10:00:01.623000 UTC - [(null) 1234: Main Thread]: D/SMTP Logging suppressed for this command (it probably contained authentication information)\n"
            f"2026-11-20 10:00:01.723000 UTC - [(null) 1234: Main Thread]: I/SMTP SMTP Response: 535 5.7.8 {SAID}\n"
            "2026-11-20 10:00:01.723000 UTC - [(null) 1234: Main Thread]: E/SMTP SMTP Login response, code 535\n",
            refused(user=None, mechanism="PLAIN", tls="none", relay_host="relay.example.org", server_port=587),
        ),
    ),
)  # fmt: skip

_LOOK = r"^(?P<stamp>[0-9]{4}\.[0-9]{2}\.[0-9]{2} [0-9:]{8}) SMTP \((?P<relay_host>[^()]+)\): "

OUTLOOK = Dialogue(
    "outlook",
    "Outlook's mail log (opmlog.log)",
    looks=r"^[0-9]{4}\.[0-9]{2}\.[0-9]{2} [0-9:]{8} SMTP \([^()]+\): (?:<rx> |\[tx\] |Begin execution)",
    least=0,
    side="client",
    blocks=True,
    written_by="Outlook 2007 to 2019 (EnableLogging), %TEMP%\\Outlook Logging\\opmlog.log; it hides user and password",
    turns=(
        Turn("begin", rf"{_LOOK}Begin execution$", begins=True),
        Turn("port", rf"{_LOOK}Port: (?P<server_port>[0-9]+), .*$"),
        Turn("server", rf"{_LOOK}<rx> (?P<text>.*)$", speaker="server"),
        Turn("client", rf"{_LOOK}\[tx\] (?P<text>.*)$", speaker="client"),
        Turn("end", rf"{_LOOK}End execution$", ends=True),
        Turn("other", r"^.*$", speaker="noise"),
    ),
    cannot_show=("the client's address", "the user", "the version of TLS", "the zone of the clock"),
    samples=(
        Excerpt(
            "2026.11.20 10:00:01 SMTP (relay.example.org): Begin execution\n"
            "2026.11.20 10:00:01 SMTP (relay.example.org): Port: 587, Secure: no, SPA: no\n"
            "2026.11.20 10:00:01 SMTP (relay.example.org): <rx> 220 relay.example.org ESMTP\n"
            "2026.11.20 10:00:01 SMTP (relay.example.org): [tx] EHLO PC7\n"
            "2026.11.20 10:00:01 SMTP (relay.example.org): <rx> 250-relay.example.org\n"
            "2026.11.20 10:00:01 SMTP (relay.example.org): <rx> 250 AUTH PLAIN LOGIN\n"
            "2026.11.20 10:00:01 SMTP (relay.example.org): [tx] AUTH LOGIN\n"
            "2026.11.20 10:00:01 SMTP (relay.example.org): <rx> 334 VXNlcm5hbWU6\n"
            "2026.11.20 10:00:01 SMTP (relay.example.org): [tx] *****\n"
            "2026.11.20 10:00:01 SMTP (relay.example.org): <rx> 334 UGFzc3dvcmQ6\n"
            "2026.11.20 10:00:01 SMTP (relay.example.org): [tx] *****\n"
            f"2026.11.20 10:00:01 SMTP (relay.example.org): <rx> 535 5.7.8 {SAID}\n"
            "2026.11.20 10:00:01 SMTP (relay.example.org): End execution\n",
            refused(user=None, mechanism="LOGIN", tls="none", relay_host="relay.example.org", server_port=587),
        ),
    ),
)  # fmt: skip

CLAWS = Dialogue(
    "claws",
    "Claws Mail's and Sylpheed's network log",
    looks=r"^\*? ?\[[0-9:]{8}\] E?SMTP[<>] ",
    least=0,
    side="client",
    blocks=True,
    written_by="Claws Mail 3 and 4, Sylpheed 3 (network log); they hide passwords",
    turns=(
        Turn("connecting", r"^\*? ?\[[0-9:]{8}\] Connecting to SMTP server: (?P<relay_host>[^ :]+)(?::(?P<server_port>[0-9]+))? ?\.\.\.$", begins=True),
        Turn("server", r"^\[[0-9:]{8}\] E?SMTP< (?P<text>.*)$", speaker="server"),
        Turn("client", r"^\[[0-9:]{8}\] E?SMTP> (?P<text>.*)$", speaker="client"),
        Turn("other", r"^.*$", speaker="noise"),
    ),
    cannot_show=("the day", "the client's address", "the version of TLS"),
    samples=(
        Excerpt(
            "* [10:00:01] Connecting to SMTP server: relay.example.org:587...\n"
            "[10:00:01] SMTP< 220 relay.example.org ESMTP\n[10:00:01] ESMTP> EHLO pc\n[10:00:01] ESMTP< 250-relay.example.org\n"
            f"[10:00:01] ESMTP< 250 AUTH PLAIN LOGIN\n[10:00:01] ESMTP> AUTH PLAIN ********\n[10:00:01] ESMTP< 535 5.7.8 {SAID}\n"
            "** error occurred on authentication\n",
            refused(user=None, mechanism="PLAIN", tls="none", relay_host="relay.example.org", server_port=587),
        ),
    ),
)  # fmt: skip

EVOLUTION = Dialogue(
    "evolution",
    "Evolution's debug output (CAMEL_DEBUG=smtp)",
    looks=r"^(?:\[SMTP\] )?(?:sending *: (?:EHLO|HELO|AUTH|STARTTLS|MAIL|QUIT)|received: [2-5][0-9]{2}[ -])",
    least=0,
    side="client",
    blocks=True,
    written_by="Evolution Data Server (camel-smtp-transport.c); the password is printed in base64",
    turns=(
        Turn("server", r"^(?:\[SMTP\] )?received: (?P<text>.*)$", speaker="server"),
        Turn("client", r"^(?:\[SMTP\] )?sending *: (?P<text>.*)$", speaker="client"),
        Turn("other", r"^.*$", speaker="noise"),
    ),
    cannot_show=(*_NO_CLOCK, "the relay's name and port", "the version of TLS"),
    samples=(
        Excerpt(
            "received: 220 relay.example.org ESMTP\nsending : EHLO [192.0.2.7]\nreceived: 250-relay.example.org\n"
            f"received: 250 AUTH PLAIN LOGIN\nsending : AUTH PLAIN {_BLOB}\nreceived: 535 5.7.8 {SAID}\n",
            refused(mechanism="PLAIN"),
        ),
    ),
)  # fmt: skip

BLAT = Dialogue(
    "blat",
    "Blat's debug output",
    looks=r"^(?:<<<getline<<< |>>>putline>>> )",
    least=0,
    side="client",
    blocks=True,
    written_by="Blat 2.6 to 3.2 (-debug); the password is printed in base64",
    turns=(
        Turn("server", r"^<<<getline<<< (?P<text>.*)$", speaker="server"),
        Turn("client", r"^>>>putline>>> (?P<text>.*)$", speaker="client"),
        Turn("other", r"^.*$", speaker="noise"),
    ),
    cannot_show=(*_NO_CLOCK, "the relay's name and port"),
    samples=(
        Excerpt(
            "<<<getline<<< 220 relay.example.org ESMTP\n>>>putline>>> EHLO PC7\n<<<getline<<< 250-relay.example.org\n"
            "<<<getline<<< 250 AUTH PLAIN LOGIN\n>>>putline>>> AUTH LOGIN\n<<<getline<<< 334 VXNlcm5hbWU6\n"
            ">>>putline>>> YW5uQGV4YW1wbGUuY29t\n<<<getline<<< 334 UGFzc3dvcmQ6\n>>>putline>>> czNjcmV0\n"
            f"<<<getline<<< 535 5.7.8 {SAID}\n",
            refused(mechanism="LOGIN"),
        ),
    ),
)  # fmt: skip

EXIM_V = Dialogue(
    "exim-v",
    "Exim's output on the terminal (-v, -d)",
    looks=r"^ *(?:[0-9]+ )?(?:[0-9:.]+ )? *SMTP(?:<<|>>) ",
    least=0,
    side="client",
    blocks=True,
    written_by="Exim 4 (-v, -d: smtp_out.c); it hides passwords; its own log lines are printed again behind `LOG: MAIN`",
    turns=(
        Turn(
            "connecting",
            r"^ *(?:[0-9]+ )?Connecting to [^ ]* ?\[(?P<server_ip>[0-9A-Fa-f.:]+)\]:(?P<server_port>[0-9]+).*$",
            begins=True,
        ),
        Turn("server", r"^ *(?:[0-9]+ )?(?:[0-9:.]+ )? *SMTP<< (?P<text>.*)$", speaker="server"),
        Turn("more", r"^ *(?:[0-9]+ )? {8,}(?P<text>[2-5][0-9]{2}[ -].*)$", speaker="server"),
        Turn("client", r"^ *(?:[0-9]+ )?(?:[0-9:.]+ )? *SMTP>> (?P<text>.*)$", speaker="client"),
        Turn("closed", r"^ *(?:[0-9]+ )?(?:[0-9:.]+ )? *SMTP\(close\)>>$", ends=True),
        Turn("other", r"^.*$", speaker="noise"),
    ),
    cannot_show=(*_NO_CLOCK, "the version of TLS"),
    samples=(
        Excerpt(
            "Connecting to relay.example.org [192.0.2.25]:587 ... connected\n  SMTP<< 220 relay.example.org ESMTP\n  SMTP>> EHLO pc\n"
            "  SMTP<< 250-relay.example.org\n         250 AUTH PLAIN LOGIN\n  SMTP>> AUTH PLAIN ********************************\n"
            f"  SMTP<< 535 5.7.8 {SAID}\nLOG: MAIN\n  plain authenticator failed H=relay.example.org [192.0.2.25] 535 5.7.8 {SAID}\n"
            "  SMTP>> QUIT\n  SMTP(close)>>\n",
            refused(user=None, mechanism="PLAIN", tls="none", server_ip="192.0.2.25", server_port=587),
        ),
    ),
)  # fmt: skip

SPELLED = Dialogue(
    "spelled",
    "a session with the words Client: and Server:",
    looks=r"^(?i)(?:server: [2-5][0-9]{2}[ -]|client: (?:EHLO|HELO|AUTH|MAIL|RCPT|STARTTLS|QUIT)\b)",
    least=0,
    side="client",
    blocks=True,
    written_by="people and documentation (RFC 4954 and its kin)",
    turns=(
        Turn("server", r"^(?i:server): (?P<text>.*)$", speaker="server"),
        Turn("more", r"^ *(?P<text>[2-5][0-9]{2}[ -].*)$", speaker="server"),
        Turn("client", r"^(?i:client): (?P<text>.*)$", speaker="client"),
        Turn("other", r"^.*$", speaker="noise"),
    ),
    cannot_show=(*_NO_CLOCK, "the relay's name and port", "the version of TLS"),
    samples=(
        Excerpt(
            "Server: 220 relay.example.org ESMTP\nClient: EHLO pc\nServer: 250-relay.example.org\nServer: 250 AUTH PLAIN LOGIN\n"
            f"Client: AUTH PLAIN {_BLOB}\nServer: 535 5.7.8 {SAID}\n",
            refused(mechanism="PLAIN"),
        ),
    ),
)  # fmt: skip

DESKTOP = (THUNDERBIRD, OUTLOOK, CLAWS, EVOLUTION, BLAT, EXIM_V, SPELLED)
