"""What further libraries print of a session when they are told to: PEAR Net_SMTP and Roundcube, Perl's Net::SMTP, Ruby's Net::SMTP.

Recorded with Net_SMTP 1.10 and 1.12, Roundcube 1.6, libnet 3.14 and 3.15, net-smtp 0.3 and 0.5 against servers that refuse
in many ways (`docs/live.md`).
"""

from __future__ import annotations

from typing import Any

from smtplogs.logformats._format import Dialogue, Excerpt, Turn

CONNECT: dict[str, Any] = {"stage": "connect", "outcome": "deferred", "cause": "service_unavailable", "basis": "line"}
TLS: dict[str, Any] = {"stage": "tls", "outcome": "aborted", "cause": "tls_handshake_failed", "basis": "line"}
NO_STARTTLS: dict[str, Any] = {"stage": "tls", "outcome": "refused", "cause": "tls_unavailable", "basis": "line"}
NO_AUTH: dict[str, Any] = {"stage": "auth", "outcome": "refused", "cause": "auth_not_offered", "basis": "line"}
NO_MECHANISM: dict[str, Any] = NO_AUTH | {"cause": "mechanism_unsupported"}
"""What a program says that did not come to a reply."""

SAID = "Error: authentication failed: (reason unavailable)"


def refused(**columns: Any) -> tuple[dict[str, Any], ...]:
    """Return the one event that the samples of this room and of `mailprograms` give: a refused login at 192.0.2.25."""
    common = {
        "stage": "auth", "outcome": "failure", "cause": "bad_credentials", "basis": "assumed", "side": "client",
        "user": "ann@example.com", "auth_offered": ["PLAIN", "LOGIN"], "reply_code": 535, "enhanced_code": "5.7.8",
        "detail": SAID,
    }  # fmt: skip
    return ({k: v for k, v in (common | columns).items() if v is not None},)


_BLOB = "AGFubkBleGFtcGxlLmNvbQBzM2NyZXQ="
_NO_CLOCK = ("when: there is no clock", "the client's address")

NET_SMTP = Dialogue(
    "net_smtp",
    "PEAR Net_SMTP debug output",
    looks=r"^DEBUG: (?:Send|Recv): ",
    least=0,
    side="client",
    blocks=True,
    written_by="PEAR Net_SMTP 1.6 to 1.12 (setDebug): Horde, older PHP applications; the password is printed in base64",
    turns=(
        Turn("client", r"^DEBUG: Send: (?P<text>.*)$", speaker="client"),
        Turn("server", r"^DEBUG: Recv: (?P<text>.*)$", speaker="server"),
        Turn("tls_failed", r"^(?P<detail>.*STARTTLS failed.*)$", verdict="session", sets=TLS),
        Turn("unreachable", r"^(?P<detail>.*Failed to connect socket: .*)$", verdict="session", sets=CONNECT),
        Turn("no_auth", r"^(?P<detail>.*SMTP server does not support authentication.*)$", verdict="line", sets=NO_AUTH),
        Turn(
            "no_mechanism", r"^(?P<detail>.*(?:No supported authentication methods|is not a supported authentication method).*)$",
            verdict="line", sets=NO_MECHANISM,
        ),
        Turn("other", r"^.*$", speaker="noise"),
    ),
    cannot_show=(*_NO_CLOCK, "the relay's name and port", "the version of TLS"),
    samples=(
        Excerpt(
            "DEBUG: Recv: 220 relay.example.org ESMTP\nDEBUG: Send: EHLO shop.example.net\n\nDEBUG: Recv: 250-relay.example.org\n"
            "DEBUG: Recv: 250-AUTH PLAIN LOGIN\nDEBUG: Recv: 250 8BITMIME\nDEBUG: Send: AUTH LOGIN\n\n"
            "DEBUG: Recv: 334 VXNlcm5hbWU6\nDEBUG: Send: YW5uQGV4YW1wbGUuY29t\n\nDEBUG: Recv: 334 UGFzc3dvcmQ6\n"
            f"DEBUG: Send: czNjcmV0\n\nDEBUG: Recv: 535 5.7.8 {SAID}\n\nauthentication failure: Invalid response code received from server\n"
            "DEBUG: Send: QUIT\n\nDEBUG: Recv: 221 bye\n",
            refused(mechanism="LOGIN"),
        ),
    ),
)  # fmt: skip

_CUBE = r"^\[(?P<stamp>[0-9]{2}-[A-Z][a-z]{2}-[0-9]{4} [0-9:]{8} [+-][0-9]{4})\]: (?:<(?P<session>[^>]+)> )?"

ROUNDCUBE = Dialogue(
    "roundcube",
    "Roundcube's SMTP log",
    looks=r"^\[[0-9]{2}-[A-Z][a-z]{2}-[0-9]{4} [0-9:]{8} [+-][0-9]{4}\]: (?:<[^>]+> )?(?:Send|Recv|Connecting to)[: ]",
    least=0.3,
    side="client",
    written_by="Roundcube 1.4 to 1.6, logs/smtp.log (smtp_debug): rcube_smtp.php; it hides the password itself",
    turns=(
        Turn(
            "connecting",
            rf"{_CUBE}Connecting to (?:[a-z]+://)?(?P<relay_host>[^ :/]+):(?P<server_port>[0-9]+)\.\.\.$",
        ),
        Turn("hidden", rf"{_CUBE}Send: \*{{6}} \[[0-9]+\]$"),
        Turn("quit", rf"{_CUBE}Send: (?P<text>QUIT)$", speaker="client", ends=True),
        Turn("client", rf"{_CUBE}Send: (?P<text>.*)$", speaker="client"),
        Turn("server", rf"{_CUBE}Recv: (?P<text>.*)$", speaker="server"),
        Turn("other", r"^.*$", speaker="noise"),
    ),
    cannot_show=(
        "the address of the browser", "the version of TLS", "why a connection failed: that is in logs/errors.log",
        "where one mail of a browser's session ends and the next begins",
    ),
    samples=(
        Excerpt(
            "[26-Nov-2026 08:44:47 +0000]: <4hq2mp1s> Connecting to relay.example.org:587...\n"
            "[26-Nov-2026 08:44:47 +0000]: <4hq2mp1s> Recv: 220 relay.example.org ESMTP\n"
            "[26-Nov-2026 08:44:47 +0000]: <4hq2mp1s> Send: EHLO webmail.example.net\n"
            "[26-Nov-2026 08:44:47 +0000]: <4hq2mp1s> Recv: 250-relay.example.org\n"
            "[26-Nov-2026 08:44:47 +0000]: <4hq2mp1s> Recv: 250-AUTH PLAIN LOGIN\n"
            "[26-Nov-2026 08:44:47 +0000]: <4hq2mp1s> Recv: 250 8BITMIME\n"
            "[26-Nov-2026 08:44:47 +0000]: <4hq2mp1s> Send: AUTH LOGIN\n"
            "[26-Nov-2026 08:44:47 +0000]: <4hq2mp1s> Recv: 334 VXNlcm5hbWU6\n"
            "[26-Nov-2026 08:44:47 +0000]: <4hq2mp1s> Send: YW5uQGV4YW1wbGUuY29t\n"
            "[26-Nov-2026 08:44:47 +0000]: <4hq2mp1s> Recv: 334 UGFzc3dvcmQ6\n"
            "[26-Nov-2026 08:44:47 +0000]: <4hq2mp1s> Send: ****** [16]\n"
            f"[26-Nov-2026 08:44:48 +0000]: <4hq2mp1s> Recv: 535 5.7.8 {SAID}\n"
            "[26-Nov-2026 08:44:48 +0000]: <4hq2mp1s> Send: QUIT\n"
            "[26-Nov-2026 08:44:48 +0000]: <4hq2mp1s> Recv: 221 bye\n",
            refused(mechanism="LOGIN", relay_host="relay.example.org", server_port=587, tls="none"),
        ),
    ),
)  # fmt: skip

_GLOB = r"^Net::SMTP(?:::_SSL)?=GLOB\(0x[0-9a-f]+\)"

PERL = Dialogue(
    "perl-net-smtp",
    "Perl Net::SMTP debug output",
    looks=rf"{_GLOB}(?:>>>|<<<) ",
    least=0,
    side="client",
    blocks=True,
    written_by="libnet 3 Net/Cmd.pm (Debug => 1): also git send-email --smtp-debug=1; the password is printed in base64",
    turns=(
        Turn("decoded", rf"{_GLOB}(?:>>>|<<<) \(decoded\) .*$", speaker="noise"),
        Turn("client", rf"{_GLOB}>>> (?P<text>.*)$", speaker="client"),
        Turn("server", rf"{_GLOB}<<< (?P<text>[2-5][0-9]{{2}}(?:[ -].*)?)$", speaker="server"),
        Turn("lost", r"^(?:Net::SMTP: )?(?:Net::Cmd::.*unexpected EOF on command channel|.*\[Net::SMTP\] Connection closed).*$", ends=True),
        Turn("tls_failed", r"^(?P<detail>.*SSL (?:connect attempt failed|wants).*)$", verdict="session", sets=TLS),
        Turn("unreachable", r"^(?P<detail>cannot connect: .*|.*Net::SMTP: connect: .*)$", verdict="session", sets=CONNECT),
        Turn("other", r"^.*$", speaker="noise"),
    ),
    cannot_show=(*_NO_CLOCK, "the relay's name and port", "the version of TLS"),
    samples=(
        Excerpt(
            "Net::SMTP>>> Net::SMTP(3.15)\nNet::SMTP=GLOB(0x55f1dfa50430)<<< 220 relay.example.org ESMTP\n"
            "Net::SMTP=GLOB(0x55f1dfa50430)>>> EHLO app\nNet::SMTP=GLOB(0x55f1dfa50430)<<< 250-relay.example.org\n"
            "Net::SMTP=GLOB(0x55f1dfa50430)<<< 250 STARTTLS\nNet::SMTP=GLOB(0x55f1dfa50430)>>> STARTTLS\n"
            "Net::SMTP=GLOB(0x55f1dfa50430)<<< 220 2.0.0 Ready to start TLS\nNet::SMTP::_SSL=GLOB(0x55f1dfa50430)>>> EHLO app\n"
            "Net::SMTP::_SSL=GLOB(0x55f1dfa50430)<<< 250-relay.example.org\nNet::SMTP::_SSL=GLOB(0x55f1dfa50430)<<< 250 AUTH PLAIN LOGIN\n"
            f"Net::SMTP::_SSL=GLOB(0x55f1dfa50430)>>> AUTH PLAIN {_BLOB}\n"
            f"Net::SMTP::_SSL=GLOB(0x55f1dfa50430)<<< 535 5.7.8 {SAID}\n"
            "Net::SMTP::_SSL=GLOB(0x55f1dfa50430)>>> QUIT\nNet::SMTP::_SSL=GLOB(0x55f1dfa50430)<<< 221 bye\n",
            refused(mechanism="PLAIN", tls="yes"),
        ),
    ),
)  # fmt: skip

RUBY = Dialogue(
    "ruby-net-smtp",
    "Ruby Net::SMTP debug output",
    looks=r'^(?:(?:->|<-) "|Connection opened: |TLS connection started)',
    least=0,
    side="client",
    blocks=True,
    written_by="Ruby net-smtp 0.1 to 0.5 (set_debug_output): mail, Rails; `<-` is the client; the password is printed in base64",
    turns=(
        Turn("opened", r"^Connection opened: (?P<relay_host>[^ :]+):(?P<server_port>[0-9]+)$", begins=True),
        Turn("client", r'^<- "(?P<text>.*?)(?:\\r)?(?:\\n)?"$', speaker="client"),
        Turn("server", r'^-> "(?P<text>.*?)(?:\\r)?(?:\\n)?"$', speaker="server"),
        Turn("lost", r"^.*end of file reached \(EOFError\)$", ends=True),
        Turn("tls_failed", r"^.*: (?P<detail>SSL_connect .*) \(OpenSSL::SSL::SSLError\)$", verdict="line", sets=TLS),
        Turn(
            "no_starttls", r"^.*: (?P<detail>STARTTLS is not supported on this server) \(Net::SMTPUnsupportedCommand\)$",
            verdict="line", sets=NO_STARTTLS,
        ),
        Turn("unreachable", r"^.*: (?P<detail>.*) \((?:Errno::E[A-Z]+|Net::OpenTimeout|SocketError)\)$", verdict="line", sets=CONNECT),
        Turn("other", r"^.*$", speaker="noise"),
    ),
    cannot_show=(*_NO_CLOCK, "the version of TLS"),
    samples=(
        Excerpt(
            'Connection opened: relay.example.org:587\n-> "220 relay.example.org ESMTP\\r\\n"\n<- "EHLO app\\r\\n"\n'
            '-> "250-relay.example.org\\r\\n"\n-> "250-STARTTLS\\r\\n"\n-> "250 8BITMIME\\r\\n"\n<- "STARTTLS\\r\\n"\n'
            '-> "220 2.0.0 Ready to start TLS\\r\\n"\nTLS connection started\n<- "EHLO app\\r\\n"\n-> "250-relay.example.org\\r\\n"\n'
            f'-> "250-AUTH PLAIN LOGIN\\r\\n"\n-> "250 8BITMIME\\r\\n"\n<- "AUTH PLAIN {_BLOB}\\r\\n"\n'
            f'-> "535 5.7.8 {SAID}\\r\\n"\n'
            "/usr/lib/ruby/gems/3.1.0/gems/net-smtp-0.3.1/lib/net/smtp.rb:1071:in `check_auth_response': 535 5.7.8 "
            f"{SAID} (Net::SMTPAuthenticationError)\n",
            refused(mechanism="PLAIN", tls="yes", relay_host="relay.example.org", server_port=587),
        ),
    ),
)  # fmt: skip

LIBRARIES = (NET_SMTP, ROUNDCUBE, PERL, RUBY)
