"""Transcripts that people paste: swaks, curl -v, smtplib, openssl s_client, nodemailer, msmtp -d, telnet."""

from __future__ import annotations

from typing import Any

from smtplogs.logformats._format import Dialogue, Excerpt, Speaker, Turn, Verdict

_IP = r"[0-9A-Fa-f.:]+"
_NO_CLOCK = ("when: there is no clock", "the client's address")
_CONNECT: dict[str, Any] = {"stage": "connect"}
_TLS: dict[str, Any] = {"stage": "tls"}
_NO_STARTTLS: dict[str, Any] = {"stage": "tls", "outcome": "refused", "cause": "tls_unavailable", "basis": "line"}
_AUTH: dict[str, Any] = {"stage": "auth", "outcome": "refused", "basis": "line"}
_LINE: Verdict = "line"
_SPEAKERS: tuple[tuple[Speaker, str], ...] = (("client", "C"), ("server", "S"))

_EHLO = "250-mail.example.com\n250 AUTH PLAIN LOGIN"


def _expect(**columns: Any) -> tuple[dict[str, Any], ...]:
    """Return the one event that the samples of this room give: a refused PLAIN login."""
    common = {
        "stage": "auth", "outcome": "failure", "cause": "bad_credentials", "basis": "assumed", "side": "client",
        "user": "ann@example.com", "mechanism": "PLAIN", "auth_offered": ["PLAIN", "LOGIN"], "reply_code": 535,
        "enhanced_code": "5.7.8", "detail": "Authentication failed",
    }  # fmt: skip
    return ({k: v for k, v in (common | columns).items() if v is not None},)


_BLOB = "AGFubkBleGFtcGxlLmNvbQBzM2NyZXQ="

SWAKS = Dialogue(
    "swaks",
    "swaks transcript",
    looks=r"^(?: -> | ~> |<-  |<~  |<\*\* |<~\* |=== (?:Trying|Connected)|\*\*\* Error connecting )",
    least=0,
    side="client",
    blocks=True,
    written_by="swaks 20201014 and later",
    turns=(
        Turn(
            "trying",
            r"^=== Trying \[?(?:(?P<server_ip>[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9A-Fa-f]*:[0-9A-Fa-f:]+?)|(?P<relay_host>[^\]: ]+))\]?:(?P<server_port>[0-9]+)\.\.\.$",
            begins=True,
        ),
        Turn("tls", r"^=== TLS started with cipher (?P<tls>[^: ]+):(?P<cipher>[^: ]+).*$"),
        Turn(
            "tls_failed", r"^\*\*\* (?P<detail>TLS startup failed.*)$", verdict=_LINE,
            sets=_TLS | {"outcome": "aborted", "cause": "tls_handshake_failed"},
        ),
        Turn(
            "unreachable", r"^\*\*\* (?P<detail>Error connecting to .*)$", verdict=_LINE,
            sets=_CONNECT | {"outcome": "deferred", "cause": "service_unavailable"},
        ),
        Turn("closed", r"^(?:=== Connection closed.*|\*\*\* Remote host closed connection unexpectedly\..*)$", ends=True),
        Turn(
            "no_starttls", r"^\*\*\* (?P<detail>(?:Host did not advertise STARTTLS|STARTTLS not advertised).*)$", verdict=_LINE,
            sets=_NO_STARTTLS,
        ),
        Turn("note", r"^(?:===|\*\*\*) .*$"),
        Turn("client", r"^ [-~]> (?P<text>.*)$", speaker="client"),
        Turn("server", r"^<[-~*][-~* ]? ? ?(?P<text>.*)$", speaker="server"),
        Turn("data", r"^ [-~]>$", speaker="noise"),
    ),
    cannot_show=_NO_CLOCK,
    samples=(
        Excerpt(
            "=== Trying mail.example.com:587...\n=== Connected to mail.example.com.\n<-  220 mail.example.com ESMTP\n -> EHLO pc\n"
            "<-  250-mail.example.com\n<-  250 STARTTLS\n -> STARTTLS\n<-  220 Go ahead\n"
            "=== TLS started with cipher TLSv1.3:TLS_AES_256_GCM_SHA384:256\n ~> EHLO pc\n<~  250-mail.example.com\n"
            f"<~  250 AUTH PLAIN LOGIN\n ~> AUTH PLAIN {_BLOB}\n<~* 535 5.7.8 Authentication failed\n"
            "*** No authentication type succeeded\n ~> QUIT\n<~  221 Bye\n=== Connection closed with remote host.\n",
            _expect(relay_host="mail.example.com", server_port=587, tls="TLSv1.3", cipher="TLS_AES_256_GCM_SHA384"),
        ),
    ),
)  # fmt: skip

CURL = Dialogue(
    "curl",
    "curl -v transcript",
    looks=r"^(?:[<>] (?:[2-5][0-9]{2}[ -]|EHLO |HELO |AUTH |MAIL |STARTTLS|QUIT)|curl: \([0-9]+\) |\* +(?:Trying|Failed to connect to|Connected to) )",
    least=0,
    side="client",
    blocks=True,
    written_by="curl 7.88 to 8.x",
    turns=(
        Turn(
            "connected",
            rf"^\* (?:Connected to|Established connection to) (?P<relay_host>[^ ]+) \((?P<server_ip>{_IP})(?: port (?:[0-9]+))?\) (?:port (?P<server_port>[0-9]+))?.*$",
            begins=True,
        ),
        Turn("tls", r"^\* SSL connection using (?P<tls>TLSv[0-9.]+) / (?P<cipher>[^ ]+).*$"),
        Turn(
            "unreachable", r"^curl: \([67]\) (?P<detail>.*)$", verdict=_LINE,
            sets=_CONNECT | {"outcome": "deferred", "cause": "service_unavailable"},
        ),
        Turn(
            "tls_failed", r"^curl: \((?:35|60|77)\) (?P<detail>.*)$", verdict=_LINE,
            sets=_TLS | {"outcome": "aborted", "cause": "tls_handshake_failed"},
        ),
        Turn("no_starttls", r"^curl: \(64\) (?P<detail>.*)$", verdict=_LINE, sets=_NO_STARTTLS),
        Turn("closed", r"^(?:\* (?:Closing connection|Connection #).*|curl: \([0-9]+\).*)$", ends=True),
        Turn("client", r"^> (?P<text>.*)$", speaker="client"),
        Turn("server", r"^< (?P<text>.*)$", speaker="server"),
        Turn("note", r"^\* .*$"),
        Turn("bytes", r"^[{}] \[[0-9]+ bytes data\]$", speaker="noise"),
        Turn("progress", r"^ *(?:%|Dload|[0-9]+ +[0-9]+).*$", speaker="noise"),
    ),
    cannot_show=_NO_CLOCK,
    samples=(
        Excerpt(
            "* Connected to mail.example.com (192.0.2.25) port 587 (#0)\n< 220 mail.example.com ESMTP\n> EHLO pc\n"
            f"< 250-mail.example.com\n< 250 AUTH PLAIN LOGIN\n> AUTH PLAIN\n< 334 \n> {_BLOB}\n"
            "< 535 5.7.8 Authentication failed\n* Closing connection 0\ncurl: (67) Login denied\n",
            _expect(relay_host="mail.example.com", server_ip="192.0.2.25", server_port=587, tls="none"),
        ),
    ),
)  # fmt: skip

_SMTPLIB = r"(?:smtplib\.)?"

SMTPLIB = Dialogue(
    "smtplib",
    "Python smtplib debug output",
    looks=r"^(?:[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]+ )?(?:(?:send|reply|connect): |(?:ConnectionRefused|Timeout)Error: |ssl\.SSL[A-Za-z]*Error: )",
    least=0,
    side="client",
    blocks=True,
    written_by="CPython 3 Lib/smtplib.py, set_debuglevel(1) and (2)",
    turns=(
        Turn(
            "connect",
            r"^(?:[0-9:.]{8,15} )?connect: to \('(?P<relay_host>[^']*)', (?P<server_port>[0-9]+)\).*$",
            begins=True,
        ),
        Turn("client", r"^(?:[0-9:.]{8,15} )?send: b?['\"](?P<text>.*?)(?:\\r\\n)?['\"]$", speaker="client"),
        Turn("double", r"^(?:[0-9:.]{8,15} )?reply: retcode \(.*$", speaker="noise"),
        Turn("server", r"^(?:[0-9:.]{8,15} )?reply: b?['\"](?P<text>.*?)(?:\\r\\n|\\n)?['\"]$", speaker="server"),
        Turn("greeting", r"^(?:[0-9:.]{8,15} )?connect: .*$", speaker="noise"),
        Turn("data", r"^(?:[0-9:.]{8,15} )?data: .*$", speaker="noise"),
        Turn(
            "unreachable",
            r"^(?P<detail>(?:ConnectionRefusedError|TimeoutError|socket\.gaierror|OSError): .*)$",
            verdict=_LINE,
            sets=_CONNECT | {"outcome": "deferred", "cause": "service_unavailable"},
        ),
        Turn(
            "tls_failed", r"^(?P<detail>ssl\.SSL[A-Za-z]*Error: .*)$", verdict=_LINE,
            sets=_TLS | {"outcome": "aborted", "cause": "tls_handshake_failed"},
        ),
        Turn(
            "no_starttls", rf"^{_SMTPLIB}(?P<detail>SMTPNotSupportedError: STARTTLS extension not supported by server\.)$",
            verdict=_LINE, sets=_NO_STARTTLS,
        ),
        Turn(
            "no_auth", rf"^{_SMTPLIB}(?P<detail>SMTPNotSupportedError: SMTP AUTH extension not supported by server\.)$",
            verdict=_LINE, sets=_AUTH | {"cause": "auth_not_offered"},
        ),
        Turn(
            "no_mechanism", rf"^{_SMTPLIB}(?P<detail>SMTPException: No suitable authentication method found\.)$",
            verdict=_LINE, sets=_AUTH | {"cause": "mechanism_unsupported"},
        ),
        Turn("closed", rf"^{_SMTPLIB}SMTPServerDisconnected: .*$", ends=True),
        Turn("raised", rf"^{_SMTPLIB}SMTP[A-Za-z]+: .*$", speaker="noise"),
        Turn("trace", r"^(?:Traceback \(.*|  File \".*|    .*|During handling of the above exception.*)$", speaker="noise"),
    ),
    cannot_show=(*_NO_CLOCK, "the version of TLS"),
    samples=(
        Excerpt(
            "connect: to ('mail.example.com', 587) None\nreply: b'220 mail.example.com ESMTP\\r\\n'\n"
            "reply: retcode (220); Msg: b'mail.example.com ESMTP'\nconnect: b'mail.example.com ESMTP'\nsend: 'ehlo pc\\r\\n'\n"
            "reply: b'250-mail.example.com\\r\\n'\nreply: b'250 AUTH PLAIN LOGIN\\r\\n'\n"
            "reply: retcode (250); Msg: b'mail.example.com\\nAUTH PLAIN LOGIN'\n"
            f"send: 'AUTH PLAIN {_BLOB}\\r\\n'\nreply: b'535 5.7.8 Authentication failed\\r\\n'\n"
            "reply: retcode (535); Msg: b'5.7.8 Authentication failed'\n",
            _expect(relay_host="mail.example.com", server_port=587, tls="none"),
        ),
    ),
)  # fmt: skip

NODEMAILER = Dialogue(
    "nodemailer",
    "nodemailer debug output",
    looks=r"^\[[0-9-]{10} [0-9:]{8}\] (?:DEBUG|INFO |ERROR|TRACE|WARN ) (?:\[(?:[^#]|#[0-9]+\])|[^\[])",
    least=0,
    side="client",
    written_by="nodemailer 6 to 10 (logger: true, debug: true); it replaces the password itself",
    turns=(
        *(
            Turn(who, rf"^\[(?P<stamp>[0-9-]{{10}} [0-9:]{{8}})\] [A-Z]+ +\[(?P<session>[^\]]+)\] {letter}: (?P<text>.*)$", speaker=who)
            for who, letter in _SPEAKERS
        ),
        Turn(
            "connected",
            rf"^\[(?P<stamp>[0-9-]{{10}} [0-9:]{{8}})\] [A-Z]+ +\[(?P<session>[^\]]+)\] (?:Secure c|C)onnection established to \[?(?P<server_ip>{_IP}?)\]?:(?P<server_port>[0-9]+)$",
            begins=True,
        ),
        Turn(
            "upgraded",
            r"^\[(?P<stamp>[0-9-]{10} [0-9:]{8})\] [A-Z]+ +\[(?P<session>[^\]]+)\] Connection upgraded with STARTTLS$",
            sets={"tls": "yes"},
        ),
        Turn(
            "refused",
            r'^\[(?P<stamp>[0-9-]{10} [0-9:]{8})\] [A-Z]+ +\[(?P<session>[^\]]+)\] User "(?P<user>[^"]*)" failed to authenticate$',
        ),
        Turn(
            "unreachable",
            r"^\[(?P<stamp>[0-9-]{10} [0-9:]{8})\] ERROR +\[(?P<session>[^\]]+)\] (?P<detail>(?:connect|getaddrinfo|queryA) E[A-Z]+ .*|Connection timeout)$",
            verdict=_LINE, sets=_CONNECT | {"outcome": "deferred", "cause": "service_unavailable"},
        ),
        Turn(
            "tls_failed",
            r"^\[(?P<stamp>[0-9-]{10} [0-9:]{8})\] ERROR +\[(?P<session>[^\]]+)\] (?P<detail>(?:self[- ]signed certificate|unable to (?:verify|get)|certificate |Hostname/IP|Client network socket disconnected before secure TLS|Error initiating TLS|.*SSL routines).*)$",
            verdict=_LINE, sets=_TLS | {"outcome": "aborted", "cause": "tls_handshake_failed"},
        ),
        Turn("closing", r"^\[(?P<stamp>[0-9-]{10} [0-9:]{8})\] [A-Z]+ +\[(?P<session>[^\]]+)\] (?:Closing connection|Connection closed).*$", ends=True),
        Turn("note", r"^\[(?P<stamp>[0-9-]{10} [0-9:]{8})\] [A-Z]+ +\[(?P<session>[^\]]+)\] .*$"),
        Turn("other", r"^\[[0-9-]{10} [0-9:]{8}\] .*$", speaker="noise"),
        Turn("trace", r"^(?:Error: .*| +[^ ].*|[ \]})]+[,{]?|[2-5][0-9]{2}[ -].*)$", speaker="noise"),
    ),
    cannot_show=("the client's address", "the version of TLS"),
    samples=(
        Excerpt(
            "[2026-11-23 19:07:23] INFO  [IK4AJXt1ALY] Connection established to 192.0.2.25:587\n"
            "[2026-11-23 19:07:23] DEBUG [IK4AJXt1ALY] S: 220 mail.example.com ESMTP\n"
            "[2026-11-23 19:07:23] DEBUG [IK4AJXt1ALY] C: EHLO pc\n"
            "[2026-11-23 19:07:23] DEBUG [IK4AJXt1ALY] S: 250-mail.example.com\n"
            "[2026-11-23 19:07:23] DEBUG [IK4AJXt1ALY] S: 250 AUTH PLAIN LOGIN\n"
            "[2026-11-23 19:07:23] DEBUG [IK4AJXt1ALY] C: AUTH PLAIN AGFubkBleGFtcGxlLmNvbQAvKiBzZWNyZXQgKi8=\n"
            "[2026-11-23 19:07:24] DEBUG [IK4AJXt1ALY] S: 535 5.7.8 Authentication failed\n",
            _expect(server_ip="192.0.2.25", server_port=587, tls="none"),
        ),
    ),
)  # fmt: skip

MSMTP = Dialogue(
    "msmtp",
    "msmtp -d output",
    looks=r"^(?:-->|<--|msmtp:) ",
    least=0,
    side="client",
    blocks=True,
    early=True,
    written_by="msmtp 1.8 (--debug); `-->` is the client",
    turns=(
        Turn("client", r"^--> (?P<text>.*)$", speaker="client"),
        Turn("server", r"^<-- (?P<text>.*)$", speaker="server"),
        Turn("host", r"^host += (?P<relay_host>.+)$", begins=True),
        Turn("port", r"^port += (?P<server_port>[0-9]+)$"),
        Turn("tls", r"^ +\(?(?P<tls>TLS[0-9.]+)\)?[- ].*$"),
        Turn(
            "unreachable",
            r"^msmtp: (?P<detail>cannot connect to (?P<relay_host>[^ ,]+), port (?P<server_port>[0-9]+): .*|(?:cannot (?:connect|locate)|network).*)$",
            verdict=_LINE,
            sets=_CONNECT | {"outcome": "deferred", "cause": "service_unavailable"},
        ),
        Turn(
            "tls_failed", r"^msmtp: (?P<detail>TLS (?:handshake|certificate verification|negotiation).*)$", verdict=_LINE,
            sets=_TLS | {"outcome": "aborted", "cause": "tls_handshake_failed"},
        ),
        Turn("no_starttls", r"^msmtp: (?P<detail>the server does not support TLS via the STARTTLS command)$", verdict=_LINE, sets=_NO_STARTTLS),
        Turn(
            "no_mechanism",
            r"^msmtp: (?P<detail>cannot (?:use a secure|find a usable) authentication method|the server does not support authentication method .*)$",
            verdict=_LINE, sets=_AUTH | {"cause": "mechanism_unsupported"},
        ),
        Turn(
            "no_auth", r"^msmtp: (?P<detail>the server does not support authentication)$", verdict=_LINE,
            sets=_AUTH | {"cause": "auth_not_offered"},
        ),
        Turn("setting", r"^[a-z_]+(?: [a-z]+)? += .*$", speaker="noise"),
        Turn("note", r"^msmtp: .*$", ends=True),
        Turn("more", r"^(?:(?:ignoring|loaded) .* configuration file .*|using account .*|(?:falling back to|using) default account|reading recipients .*|TLS (?:session parameters|certificate information):|    .*)$", speaker="noise"),
    ),
    cannot_show=_NO_CLOCK,
    samples=(
        Excerpt(
            "host = mail.example.com\nport = 587\n<-- 220 mail.example.com ESMTP\n--> EHLO localhost\n<-- 250-mail.example.com\n"
            f"<-- 250 AUTH PLAIN LOGIN\n--> AUTH PLAIN {_BLOB}\n<-- 535 5.7.8 Authentication failed\n"
            "msmtp: authentication failed (method PLAIN)\nmsmtp: server message: 535 5.7.8 Authentication failed\n",
            _expect(relay_host="mail.example.com", server_port=587, tls="none"),
        ),
    ),
)  # fmt: skip

_BARE = (
    Turn("server", r"^(?P<text>[2-5][0-9]{2}(?:[ -].*)?)$", speaker="server"),
    Turn(
        "client",
        r"^(?P<text>(?i)(?:EHLO|HELO|LHLO|AUTH|MAIL FROM|RCPT TO|BDAT|VRFY|STARTTLS|DATA|RSET|NOOP|QUIT|HELP)(?:[ \t:].*)?)$",
        speaker="client",
    ),
    Turn("response", r"^(?P<text>[A-Za-z0-9+/]{2,}={0,2}|[*]|=)$", speaker="client"),
)

S_CLIENT = Dialogue(
    "s_client",
    "openssl s_client session",
    looks=r"^(?:CONNECTED\([0-9A-F]+\)|SSL-Session:|New, (?:TLSv|SSLv)[0-9.]+, Cipher is |Verify return code: |    Verify return code: |depth=[0-9]+ |[0-9A-F]+:error:[0-9A-F]+:|connect:errno=)",
    least=0,
    side="client",
    blocks=True,
    written_by="OpenSSL 1.1 to 3.x; piped input leaves no client lines, and the EHLO before STARTTLS is hidden",
    turns=(
        Turn("connected", r"^(?:Connecting to (?P<server_ip>[0-9A-Fa-f.:]+)|CONNECTED\([0-9A-F]+\))$", begins=True),
        Turn("errno", r"^connect:errno=[0-9]+$", speaker="noise"),
        Turn("tls", r"^New, (?P<tls>(?:TLSv|SSLv)[0-9.]+), Cipher is (?P<cipher>[^ ]+)$"),
        Turn(
            "unreachable", r"^(?:[0-9A-F]+:error:[0-9A-F]+:system library:(?:.*:)?)?(?P<detail>(?:BIO_connect|connect):.*)$", verdict=_LINE,
            sets=_CONNECT | {"outcome": "deferred", "cause": "service_unavailable"},
        ),
        Turn(
            "tls_failed", r"^[0-9A-F]+:error:[0-9A-F]+:(?P<detail>SSL routines:.*)$", verdict=_LINE,
            sets=_TLS | {"outcome": "aborted"},
        ),
        *_BARE,
        Turn("closed", r"^(?:closed|DONE|read:errno=[0-9]+)$", ends=True),
        Turn("other", r"^.*$", speaker="noise"),
    ),
    cannot_show=(*_NO_CLOCK, "AUTH and STARTTLS offered before TLS", "the client's side, where input was piped"),
    samples=(
        Excerpt(
            "CONNECTED(00000003)\ndepth=0 CN = mail.example.com\nverify return:1\n---\nNew, TLSv1.3, Cipher is TLS_AES_256_GCM_SHA384\n"
            "Verify return code: 0 (ok)\n---\n250 CHUNKING\nEHLO pc\n250-mail.example.com\n250 AUTH PLAIN LOGIN\n"
            f"AUTH PLAIN {_BLOB}\n535 5.7.8 Authentication failed\nQUIT\nDONE\n",
            _expect(tls="TLSv1.3", cipher="TLS_AES_256_GCM_SHA384"),
        ),
    ),
)  # fmt: skip

TELNET = Dialogue(
    "telnet",
    "telnet, nc or another bare session",
    looks=r"^(?:[2-5][0-9]{2}(?:[ -](?:[245]\.[0-9]{1,3}\.[0-9]{1,3}(?:[ ]|$)|[^0-9 \t]|[0-9]+[^0-9 \t])|[ -]?$)|Trying [0-9A-Fa-f.:]+\.\.\.$|Connected to [^ ]+\.$|telnet: "
    r"|(?:EHLO|HELO|MAIL FROM|STARTTLS|QUIT|ehlo|helo)(?:[ :]|$)|(?:AUTH|auth)(?: [^ ]|$))",
    least=0,
    last_resort=True,
    side="client",
    blocks=True,
    written_by="typed by hand: who spoke is told by the shape of the line",
    turns=(
        Turn("trying", rf"^Trying (?P<server_ip>{_IP}?)\.\.\.$", begins=True),
        Turn("connected", r"^Connected to (?P<relay_host>[^ ]+)\.$"),
        Turn(
            "unreachable",
            r"^telnet: (?P<detail>.*)$",
            verdict=_LINE,
            sets=_CONNECT | {"outcome": "deferred", "cause": "service_unavailable"},
        ),
        Turn("closed", r"^Connection (?:to [^ ]+ )?closed.*$", ends=True),
        Turn("escape", r"^Escape character is .*$", speaker="noise"),
        *_BARE,
    ),
    cannot_show=_NO_CLOCK,
    samples=(
        Excerpt(
            "Trying 192.0.2.25...\nConnected to mail.example.com.\nEscape character is '^]'.\n220 mail.example.com ESMTP\nEHLO pc\n"
            f"{_EHLO}\nAUTH PLAIN {_BLOB}\n535 5.7.8 Authentication failed\nQUIT\n221 Bye\nConnection closed by foreign host.\n",
            _expect(relay_host="mail.example.com", server_ip="192.0.2.25"),
        ),
    ),
)

TRANSCRIPTS = (SWAKS, CURL, SMTPLIB, NODEMAILER, MSMTP, S_CLIENT, TELNET)
