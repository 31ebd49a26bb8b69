"""What mailing programs write of a session: mutt and neomutt -d, s-nail -vv, sendEmail, sSMTP -v, esmtp -X.

Recorded with mutt 2.2, neomutt 2022 and 2025, s-nail 14.9, sendEmail 1.56, sSMTP 2.64 (`docs/live.md`).
"""

from __future__ import annotations

from smtplogs.logformats._format import Dialogue, Excerpt, Turn
from smtplogs.logformats.libraries import CONNECT, NO_MECHANISM, SAID, TLS, refused

_BLOB = "AGFubkBleGFtcGxlLmNvbQBzM2NyZXQ="
_MUTT = r"^\[(?P<stamp>[0-9-]{10} [0-9:]{8})\](?:<[A-Z0-9]>)? (?:[a-z_]+\(\) )?"

MUTT = Dialogue(
    "mutt",
    "mutt and neomutt debug file",
    looks=r"^\[[0-9-]{10} [0-9:]{8}\](?:<[0-9]> [a-z_]+\(\))? (?:[0-9]+[<>] |Connected to [^ ]+:[0-9]+ on fd=|Connection failed\. errno: )",
    least=0,
    side="client",
    blocks=True,
    written_by="mutt 2.2 (-d 2, ~/.muttdebug0), neomutt 2022 to 2025 (-d 2 -l FILE); the password is printed in base64",
    turns=(
        Turn(
            "unreachable", rf"{_MUTT}(?P<detail>Connected to (?P<relay_host>[^ ]+):(?P<server_port>[0-9]+) on fd=-1)$",
            verdict="line", sets=CONNECT, begins=True,
        ),
        Turn(
            "connected",
            rf"{_MUTT}Connected to (?P<relay_host>[^ ]+):(?P<server_port>[0-9]+) on fd=[0-9]+$",
            begins=True,
        ),
        Turn("client", rf"{_MUTT}[0-9]+> (?P<text>.*)$", speaker="client"),
        Turn("server", rf"{_MUTT}[0-9]+< (?P<text>.*)$", speaker="server"),
        Turn("no_mechanism", rf"{_MUTT}(?P<detail>No authenticators available|.*Error: no mechanisms? .*)$", verdict="line", sets=NO_MECHANISM),
        Turn("tls_failed", rf"{_MUTT}(?P<detail>(?:.*unable to prompt for certificate|SSL failed: |tls_socket_open|tls_negotiate|gnutls_handshake:).*)$", verdict="session", sets=TLS),
        Turn("lost", rf"{_MUTT}(?:mutt_socket_close: )?Attempt to close closed connection\.?$", ends=True),
        Turn("other", r"^.*$", speaker="noise"),
    ),
    cannot_show=("the client's address", "the version of TLS", "the zone of the clock"),
    samples=(
        Excerpt(
            "[2026-11-26 08:23:13] Mutt/2.2.12 (2023-09-09) debugging at level 2\n"
            "[2026-11-26 08:23:13] Connected to relay.example.org:587 on fd=4\n[2026-11-26 08:23:13] 4< 220 relay.example.org ESMTP\n"
            "[2026-11-26 08:23:13] 4> EHLO pc\n[2026-11-26 08:23:13] 4< 250-relay.example.org\n"
            "[2026-11-26 08:23:13] 4< 250 AUTH PLAIN LOGIN\n[2026-11-26 08:23:13] smtp_auth_gsasl: using mech PLAIN\n"
            f"[2026-11-26 08:23:13] 4> AUTH PLAIN {_BLOB}\n[2026-11-26 08:23:13] 4< 535 5.7.8 {SAID}\n"
            "[2026-11-26 08:23:13] smtp_auth_gsasl: PLAIN failed\n",
            refused(mechanism="PLAIN", tls="none", relay_host="relay.example.org", server_port=587),
        ),
        Excerpt(
            "[2026-11-26 08:23:18]<2> mutt_socket_open() Connected to relay.example.org:587 on fd=4\n"
            "[2026-11-26 08:23:18]<2> mutt_socket_readln_d() 4< 220 relay.example.org ESMTP\n"
            "[2026-11-26 08:23:18]<2> mutt_socket_write_d() 4> EHLO pc\n"
            "[2026-11-26 08:23:18]<2> mutt_socket_readln_d() 4< 250-relay.example.org\n"
            "[2026-11-26 08:23:18]<2> mutt_socket_readln_d() 4< 250 AUTH PLAIN LOGIN\n"
            "[2026-11-26 08:23:18]<2> smtp_auth_gsasl() using mech PLAIN\n"
            f"[2026-11-26 08:23:18]<2> mutt_socket_write_d() 4> AUTH PLAIN {_BLOB}\n"
            f"[2026-11-26 08:23:18]<2> mutt_socket_buffer_readln_d() 4< 535 5.7.8 {SAID}\n",
            refused(mechanism="PLAIN", tls="none", relay_host="relay.example.org", server_port=587),
        ),
    ),
)  # fmt: skip

S_NAIL = Dialogue(
    "s-nail",
    "s-nail -vv transcript",
    looks=r"^(?:s-nail|mailx|Mail): (?:>>> |Connecting to )",
    least=0,
    side="client",
    blocks=True,
    written_by="s-nail 14.9 (-vv, -d); it prints the password in clear",
    turns=(
        Turn("host", r"^[A-Za-z-]+: (?:Resolving|Looking up) host (?P<relay_host>[^ :]+):(?P<server_port>[0-9]+) .*$", begins=True),
        Turn("connecting", r"^[A-Za-z-]+: Connecting to (?P<server_ip>[0-9A-Fa-f.:]+):[0-9]+ \.\.\. connected\.$"),
        Turn(
            "unreachable", r"^[A-Za-z-]+: (?P<detail>Connecting to (?P<server_ip>[0-9A-Fa-f.:]+):[0-9]+ \.\.\.).*$",
            verdict="line", sets=CONNECT,
        ),
        Turn("server", r"^[A-Za-z-]+: >>> SERVER: (?P<text>.*)$", speaker="server"),
        Turn("client", r"^[A-Za-z-]+: >>> (?P<text>.*)$", speaker="client"),
        Turn("lost", r"^[A-Za-z-]+: Unexpected EOF on SMTP connection$", ends=True),
        Turn("tls_failed", r"^[A-Za-z-]+: could not initiate TLS connection: (?P<detail>.*)$", verdict="line", sets=TLS),
        Turn("sent", r"^[A-Za-z-]+: \.\.\. message not sent.*$", ends=True),
        Turn("other", r"^.*$", speaker="noise"),
    ),
    cannot_show=("when: there is no clock", "the client's address", "the version of TLS"),
    samples=(
        Excerpt(
            "s-nail: Resolving host relay.example.org:587 ... done\ns-nail: Connecting to 192.0.2.25:587 ... connected.\n"
            "s-nail: >>> SERVER: 220 relay.example.org ESMTP\ns-nail: >>> EHLO pc\ns-nail: >>> SERVER: 250-relay.example.org\n"
            "s-nail: >>> SERVER: 250 AUTH PLAIN LOGIN\ns-nail: >>> AUTH PLAIN\ns-nail: >>> SERVER: 334 \n"
            f"s-nail: >>> {_BLOB}\ns-nail: >>> SERVER: 535 5.7.8 {SAID}\ns-nail: SMTP server: 535 5.7.8 {SAID}\n"
            "s-nail: ... message not sent\n",
            refused(mechanism="PLAIN", tls="none", relay_host="relay.example.org", server_ip="192.0.2.25", server_port=587),
        ),
    ),
)  # fmt: skip

_SENDEMAIL = r"^(?P<stamp>[A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{8}) (?P<host>[^ ]+) sendEmail\[(?P<session>[0-9]+)\]: "

SENDEMAIL = Dialogue(
    "sendemail",
    "sendEmail's log",
    looks=r"^[A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{8} [^ ]+ sendEmail\[[0-9]+\]: (?:DEBUG|INFO|SUCCESS|ERROR|WARNING|HINT) => ",
    least=0.3,
    side="client",
    line_break=", ",
    written_by="sendEmail 1.56 with -vv; without -v only its errors; the password is written in base64",
    turns=(
        Turn("connecting", rf"{_SENDEMAIL}DEBUG => Connecting to (?P<relay_host>[^ :]+):(?P<server_port>[0-9]+)$", begins=True),
        Turn("client", rf"{_SENDEMAIL}INFO => Sending: \t(?P<text>.*)$", speaker="client"),
        Turn("server", rf"{_SENDEMAIL}(?:SUCCESS|WARNING|ERROR) => Received: \t(?P<text>.*)$", speaker="server"),
        Turn(
            "code", rf"{_SENDEMAIL}DEBUG => evalSMTPresponse\(\) - Found SMTP error code: (?P<text>[45][0-9]{{2}})$", speaker="server",
        ),
        Turn(
            "no_mechanism",
            rf"{_SENDEMAIL}WARNING => (?P<detail>SMTP-AUTH: No mutually supported authentication methods available)$",
            verdict="line", sets=NO_MECHANISM,
        ),
        Turn("tls_failed", rf"{_SENDEMAIL}ERROR => (?P<detail>TLS setup failed: .*)$", verdict="line", sets=TLS, ends=True),
        Turn(
            "unreachable",
            rf"{_SENDEMAIL}ERROR => (?P<detail>Connection attempt to (?P<relay_host>[^ :]+):(?P<server_port>[0-9]+) failed: .*)$",
            verdict="line", sets=CONNECT, ends=True,
        ),
        Turn(
            "failed",
            rf"{_SENDEMAIL}ERROR => (?P<detail>ERROR => SMTP-AUTH: Authentication to (?P<relay_host>[^ :]+):(?P<server_port>[0-9]+) failed\.)$",
            verdict="session", ends=True,
            sets={"stage": "auth", "outcome": "failure", "cause": "bad_credentials", "basis": "assumed"},
        ),
        Turn("other", r"^.*$", speaker="noise"),
    ),
    cannot_show=("the year", "the client's address", "the version of TLS", "replies of the server to a login, with its words"),
    samples=(
        Excerpt(
            "Nov 26 08:27:20 web1 sendEmail[158]: DEBUG => Connecting to relay.example.org:587\n"
            "Nov 26 08:27:20 web1 sendEmail[158]: SUCCESS => Received: \t220 relay.example.org ESMTP\n"
            "Nov 26 08:27:20 web1 sendEmail[158]: INFO => Sending: \tEHLO web1\n"
            "Nov 26 08:27:20 web1 sendEmail[158]: SUCCESS => Received: \t250-relay.example.org, 250 AUTH PLAIN LOGIN\n"
            "Nov 26 08:27:20 web1 sendEmail[158]: DEBUG => SMTP-AUTH: Using LOGIN authentication method\n"
            "Nov 26 08:27:20 web1 sendEmail[158]: INFO => Sending: \tAUTH LOGIN\n"
            "Nov 26 08:27:20 web1 sendEmail[158]: SUCCESS => Received: \t334 VXNlcm5hbWU6\n"
            "Nov 26 08:27:20 web1 sendEmail[158]: INFO => Sending: \tYW5uQGV4YW1wbGUuY29t\n"
            "Nov 26 08:27:20 web1 sendEmail[158]: SUCCESS => Received: \t334 UGFzc3dvcmQ6\n"
            "Nov 26 08:27:20 web1 sendEmail[158]: INFO => Sending: \tczNjcmV0\n"
            "Nov 26 08:27:20 web1 sendEmail[158]: DEBUG => evalSMTPresponse() - Found SMTP error code: 535\n"
            "Nov 26 08:27:20 web1 sendEmail[158]: DEBUG => SMTP-AUTH: LOGIN authenticaion failed.\n"
            "Nov 26 08:27:20 web1 sendEmail[158]: ERROR => ERROR => SMTP-AUTH: Authentication to relay.example.org:587 failed.\n",
            refused(
                mechanism="LOGIN", tls="none", relay_host="relay.example.org", server_port=587, enhanced_code=None, detail="535",
                host="web1",
            ),
        ),
    ),
)  # fmt: skip

SSMTP_V = Dialogue(
    "ssmtp-v",
    "sSMTP -v transcript",
    looks=r"^\[(?:->|<-)\] ",
    least=0,
    side="client",
    blocks=True,
    written_by="sSMTP 2.64 (-v): ssmtp.c; the password itself is not printed, of a reply in several lines the last alone",
    turns=(
        Turn("client", r"^\[->\] (?P<text>.*)$", speaker="client"),
        Turn("server", r"^\[<-\] (?P<text>[2-5][0-9]{2}.*)$", speaker="server"),
        Turn("nothing", r"^\[<-\] *$", ends=True),
        Turn("unreachable", r"^ssmtp: (?P<detail>Cannot open .*)$", verdict="session", sets=CONNECT, ends=True),
        Turn("closed", r"^ssmtp: .*$", ends=True),
        Turn("other", r"^.*$", speaker="noise"),
    ),
    cannot_show=("when: there is no clock", "the client's address", "the relay", "the version of TLS", "what the server offers"),
    samples=(
        Excerpt(
            "[<-] 220 relay.example.org ESMTP\n[->] EHLO app\n[<-] 250 AUTH PLAIN LOGIN\n[->] AUTH LOGIN\n[<-] 334 VXNlcm5hbWU6\n"
            f"[->] YW5uQGV4YW1wbGUuY29t\n[<-] 334 UGFzc3dvcmQ6\n[<-] 535 5.7.8 {SAID}\nssmtp: Authorization failed (535 5.7.8 {SAID})\n",
            refused(mechanism="LOGIN"),
        ),
    ),
)  # fmt: skip

ESMTP = Dialogue(
    "esmtp",
    "esmtp trace (C: and S:)",
    looks=r"^(?:S: [2-5][0-9]{2}[ -]|C: (?:EHLO|HELO|AUTH|MAIL|RCPT|STARTTLS|QUIT))",
    least=0,
    side="client",
    blocks=True,
    written_by="esmtp 1.2 with libESMTP 1.0 and 1.1 (-X FILE); the password is written in base64",
    turns=(
        Turn("server", r"^S: (?P<text>.*)$", speaker="server"),
        Turn("more", r"^(?P<text>[2-5][0-9]{2}[ -].*)$", speaker="server"),
        Turn("client", r"^C: (?P<text>.*)$", speaker="client"),
        Turn("other", r"^.*$", speaker="noise"),
    ),
    cannot_show=("when: there is no clock", "the client's address", "the relay", "what becomes of TLS"),
    samples=(
        Excerpt(
            f"S: 220 relay.example.org ESMTP\nC: EHLO web1\nS: 250-relay.example.org\n250-AUTH PLAIN LOGIN\n250 8BITMIME\nC: AUTH PLAIN {_BLOB}\n"
            f"S: 535 5.7.8 {SAID}\nC: QUIT\nS: 221 bye\n",
            refused(mechanism="PLAIN"),
        ),
    ),
)  # fmt: skip

MAIL_PROGRAMS = (MUTT, S_NAIL, SENDEMAIL, SSMTP_V, ESMTP)
