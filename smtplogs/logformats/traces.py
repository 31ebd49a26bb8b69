"""What PHP's mailers and Delphi's Indy print of a session: Symfony Mailer, Swift Mailer before it, TIdLogFile.

Sources: Symfony's Mailer/Transport/Smtp/Stream/AbstractStream.php (getDebug), Swift Mailer's Plugins/Loggers, Indy's
IdLogBase.pas and IdLogFile.pas.
"""

from __future__ import annotations

from smtplogs.logformats._format import Dialogue, Excerpt, Turn
from smtplogs.logformats.libraries import CONNECT, SAID, TLS, refused

_AT = r"^\[(?P<stamp>[0-9-]{10}T[0-9:]{8}\.[0-9]{6}[+-][0-9]{2}:[0-9]{2})\] "
_BARE = r"^\[[0-9-]{10}T[0-9:]{8}\.[0-9]{6}[+-][0-9]{2}:[0-9]{2}\] "

SYMFONY = Dialogue(
    "symfony",
    "Symfony Mailer debug output",
    looks=rf"{_BARE}[<>] ",
    least=0,
    side="client",
    blocks=True,
    written_by="Symfony Mailer 6.3 to 7 (TransportException::getDebug); before, and as curl prints it, without stamps",
    turns=(
        Turn("greeting", rf"{_AT}< (?P<text>220[ -].*)$", speaker="server"),
        Turn("server", rf"{_AT}< (?P<text>.*)$", speaker="server"),
        Turn("client", rf"{_AT}> (?P<text>.*)$", speaker="client"),
        Turn("unreachable", r"^(?P<detail>Connection could not be established with host .*)$", verdict="session", sets=CONNECT),
        Turn("other", r"^.*$", speaker="noise"),
    ),
    cannot_show=("the client's address", "the relay's name and port", "the version of TLS"),
    samples=(
        Excerpt(
            "".join(
                f"[2026-11-26T10:00:0{second}.123456+01:00] {text}\n"
                for second, text in (
                    (0, "< 220 relay.example.org ESMTP"), (0, "> EHLO [127.0.0.1]"), (0, "< 250-relay.example.org"),
                    (0, "< 250-AUTH PLAIN LOGIN"), (0, "< 250 8BITMIME"), (1, "> AUTH LOGIN"), (1, "< 334 VXNlcm5hbWU6"),
                    (1, "> YW5uQGV4YW1wbGUuY29t"), (1, "< 334 UGFzc3dvcmQ6"), (1, "> czNjcmV0"), (3, f"< 535 5.7.8 {SAID}"),
                    (3, "> RSET"), (3, "< 250 2.0.0 Ok"),
                )
            ),
            refused(mechanism="LOGIN"),
        ),
    ),
)  # fmt: skip

SWIFT = Dialogue(
    "swift-mailer",
    "Swift Mailer's log of a session",
    looks=r"^(?:<< [2-5][0-9]{2}[ -]|>> (?:EHLO|HELO|AUTH|MAIL|RCPT|STARTTLS|QUIT|RSET)|[+!]{2} (?:Starting|Stopping|Expected response|Connection) )",
    least=0,
    side="client",
    blocks=True,
    written_by="Swift Mailer 4 to 6 (Plugins/Loggers/ArrayLogger, EchoLogger); the password is printed in base64",
    turns=(
        Turn("starting", r"^\+\+ Starting .*$", begins=True),
        Turn("server", r"^<< (?P<text>.*)$", speaker="server"),
        Turn("client", r"^>> (?P<text>.*)$", speaker="client"),
        Turn("more", r"^(?P<text>[2-5][0-9]{2}[ -].*)$", speaker="server"),
        Turn("tls_failed", r"^!! (?P<detail>Unable to connect with TLS encryption.*)$", verdict="session", sets=TLS),
        Turn("unreachable", r"^!! (?P<detail>Connection could not be established with host .*)$", verdict="session", sets=CONNECT),
        Turn("other", r"^.*$", speaker="noise"),
    ),
    cannot_show=("when: there is no clock", "the client's address", "the relay's name and port", "the version of TLS"),
    samples=(
        Excerpt(
            "++ Starting Swift_SmtpTransport\n<< 220 relay.example.org ESMTP\n\n>> EHLO web1\n\n<< 250-relay.example.org\n"
            "250-AUTH PLAIN LOGIN\n250 8BITMIME\n\n>> AUTH LOGIN\n\n<< 334 VXNlcm5hbWU6\n\n>> YW5uQGV4YW1wbGUuY29t\n\n"
            f"<< 334 UGFzc3dvcmQ6\n\n>> czNjcmV0\n\n<< 535 5.7.8 {SAID}\n\n"
            f'!! Expected response code 235 but got code "535", with message "535 5.7.8 {SAID}\n" (code: 535)\n>> RSET\n\n<< 250 2.0.0 Ok\n',
            refused(mechanism="LOGIN"),
        ),
    ),
)  # fmt: skip

_INDY = r"(?P<stamp>[0-9]{1,4}[./-][0-9]{1,2}[./-][0-9]{1,4} [0-9]{1,2}:[0-9]{2}:[0-9]{2}(?: [AP]M)?): "

INDY = Dialogue(
    "indy",
    "Indy's log of a session (Delphi)",
    looks=r"^(?:Recv|Sent) [0-9./-]{8,10} [0-9:]{7,8}(?: [AP]M)?: (?:[2-5][0-9]{2}[ -]|EHLO|HELO|AUTH|MAIL|RCPT|STARTTLS|QUIT)",
    least=0,
    side="client",
    blocks=True,
    line_break="<EOL>",
    written_by="Indy 9 and 10 (TIdLogFile); the date as the computer's locale writes it; the password is printed in base64",
    turns=(
        Turn("connected", r"^Stat (?:[^ ]+ [^ ]+(?: [AP]M)?: )?Connected\.$", begins=True),
        Turn("server", rf"^Recv {_INDY}(?P<text>.*?)(?:<EOL>)?$", speaker="server"),
        Turn("client", rf"^Sent {_INDY}(?P<text>.*?)(?:<EOL>)?$", speaker="client"),
        Turn("other", r"^.*$", speaker="noise"),
    ),
    cannot_show=("the client's address", "the relay's name and port", "the version of TLS", "the zone of its clock"),
    samples=(
        Excerpt(
            "Stat Connected.\nRecv 26.11.2026 10:00:00: 220 relay.example.org ESMTP<EOL>\nSent 26.11.2026 10:00:00: EHLO PC7<EOL>\n"
            "Recv 26.11.2026 10:00:00: 250-relay.example.org<EOL>250-AUTH PLAIN LOGIN<EOL>250 8BITMIME<EOL>\n"
            "Sent 26.11.2026 10:00:01: AUTH LOGIN<EOL>\nRecv 26.11.2026 10:00:01: 334 VXNlcm5hbWU6<EOL>\n"
            "Sent 26.11.2026 10:00:01: YW5uQGV4YW1wbGUuY29t<EOL>\nRecv 26.11.2026 10:00:01: 334 UGFzc3dvcmQ6<EOL>\n"
            f"Sent 26.11.2026 10:00:01: czNjcmV0<EOL>\nRecv 26.11.2026 10:00:03: 535 5.7.8 {SAID}<EOL>\n"
            "Sent 26.11.2026 10:00:03: QUIT<EOL>\nRecv 26.11.2026 10:00:03: 221 2.0.0 Bye<EOL>\nStat Disconnected.\n",
            refused(mechanism="LOGIN"),
        ),
    ),
)  # fmt: skip

TRACES = (SYMFONY, SWIFT, INDY)
