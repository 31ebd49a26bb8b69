"""OpenSMTPD's server: logins, refused commands, and the lines that say who is in a session.

One process serves all sessions: the session id ties the lines, not the pid. Since 6.5 the result of a login has no
address: it stands on the `connected` line of the session. A refused login is two lines. Names are vis(3)-encoded. Sources: usr.sbin/smtpd/smtp_session.c.
"""

from __future__ import annotations

from smtplogs.logformats._format import Pattern, Sample
from smtplogs.logformats._postfix_parts import always

PROGRAM = "smtpd"
SID = r"(?P<session>[0-9a-f]{16})"
_AT = r"(?: address=\[?(?P<client_ip>[0-9A-Fa-f:.]+|local)\]? host=(?P<client_name>[^ ]+))?"
_SESSION = "smtpd/smtp_session.c"

auth = always(stage="auth", side="server")
accepted = always(stage="auth", side="server", outcome="success", cause="success", basis="line")
wrong = always(stage="auth", side="server", outcome="failure", cause="bad_credentials", basis="assumed")
context = always(side="server", outcome="info")
_id = {"session": "1e336778c1baec60"}

_COMMAND = r"(?P<reply_code>[0-9]{3}) (?:(?P<enhanced_code>[245]\.[0-9]\.[0-9]+):? )?(?P<detail>.*)"

LOGINS = (
    Pattern(
        "auth_success",
        program=PROGRAM,
        literal="authentication user=",
        regex=rf"^{SID} smtp (?:event=)?authentication user=(?P<user>[^ ]*){_AT} result=ok$",
        sets=accepted(),
        written_by=f"{_SESSION}, 6.0 and later; address up to 6.4",
        samples=(
            Sample(
                "1e336778c1baec60 smtp authentication user=alice@example.com result=ok",
                accepted(**_id, user="alice@example.com"),
            ),
        ),
    ),
    Pattern(
        "auth_refused",
        program=PROGRAM,
        literal="authentication user=",
        regex=rf"^{SID} smtp (?:event=)?authentication user=(?P<user>[^ ]*){_AT} result=(?P<vendor_code>permfail|tempfail)$",
        sets=auth(),
        written_by=f"{_SESSION}, 6.0 and later; a wrong password and an unknown name look alike",
        samples=(
            Sample(
                r"1e336778c1baec60 smtp authentication user=with\040space result=permfail",
                wrong(**_id, user="with space", vendor_code="permfail"),
            ),
            Sample(
                "1e336778c1baec60 smtp event=authentication user=bob address=[2001:db8::7] host=pc.example.net result=tempfail",
                auth(
                    **_id,
                    user="bob",
                    client_ip="2001:db8::7",
                    client_name="pc.example.net",
                    vendor_code="tempfail",
                    outcome="deferred",
                    cause="backend_unavailable",
                    basis="line",
                ),
            ),
        ),
    ),
    Pattern(
        "auth_command",
        program=PROGRAM,
        literal="failed-command",
        regex=rf'^{SID} smtp (?:event=)?failed-command{_AT} command="(?i:AUTH)(?: (?:(?P<mechanism>[0-9A-Za-z_-]+)(?: .*)?|[0-9A-Za-z+/=]+))? *" '
        rf'result="{_COMMAND}"$',
        sets=auth(),
        written_by=f"{_SESSION}, 6.0 and later; 535 and 421 repeat the result of the login",
        samples=(
            Sample(
                '1e336778c1baec60 smtp failed-command command="AUTH LOGIN" result="503 5.5.1 Invalid command: Command not '
                'supported"',
                auth(
                    **_id,
                    mechanism="LOGIN",
                    reply_code=503,
                    enhanced_code="5.5.1",
                    detail="Invalid command: Command not supported",
                    outcome="refused",
                    cause="auth_not_offered",
                    basis="line",
                ),
            ),
            Sample(
                '1e336778c1baec60 smtp failed-command command="AUTH CRAM-MD5" result="504 5.7.4 Security features not supported: '
                'AUTH method "CRAM-MD5" not supported"',
                auth(
                    **_id,
                    mechanism="CRAM-MD5",
                    reply_code=504,
                    enhanced_code="5.7.4",
                    detail='Security features not supported: AUTH method "CRAM-MD5" not supported',
                    outcome="refused",
                    cause="mechanism_unsupported",
                    basis="line",
                ),
            ),
        ),
    ),
    Pattern(
        "login_wanted",
        program=PROGRAM,
        literal="Must issue a",
        regex=rf'^{SID} smtp (?:event=)?failed-command{_AT} command="(?i:MAIL FROM).*" result="'
        r'(?P<reply_code>530) (?:(?P<enhanced_code>5\.[0-9]\.[0-9]+):? )?(?P<detail>.*Must issue .*)"$',
        sets={"stage": "mail", "side": "server"},
        written_by=f"{_SESSION}, 6.0 and later",
        samples=(
            Sample(
                '1e336778c1baec60 smtp failed-command command="MAIL FROM:<a@example.com>" result="530 5.5.1 Invalid command: '
                'Must issue an AUTH command first"',
                {
                    "stage": "mail",
                    "side": "server",
                    **_id,
                    "reply_code": 530,
                    "enhanced_code": "5.5.1",
                    "detail": "Invalid command: Must issue an AUTH command first",
                    "outcome": "refused",
                    "cause": "auth_required",
                    "basis": "line",
                },
            ),
        ),
    ),
)

_OLD = (
    ("success", "Accepted authentication", "authentication successful", accepted()),
    ("refused", "Authentication failed", "authentication failure", wrong()),
    (
        "deferred",
        "Authentication temporarily failed",
        "authentication temporary failure",
        auth(outcome="deferred", cause="backend_unavailable", basis="line"),
    ),
)

OLD = (
    *(
        Pattern(
            f"auth_{name}_{version}",
            program=PROGRAM,
            literal=f"smtp-in: {words}" if version == "53" else f": {words}",
            regex=regex,
            sets=sets,
            written_by=f"{_SESSION}, {versions}",
            samples=(Sample(sample, sets | _id | {"user": "alice@example.com"}),),
        )
        for name, words53, words57, sets in _OLD
        for version, versions, words, regex, sample in (
            (
                "53",
                "5.3 to 5.4 and 5.9",
                words53,
                rf"^smtp-in: {words53} for user (?P<user>[^ ]*) on session {SID}$",
                f"smtp-in: {words53} for user alice@example.com on session 1e336778c1baec60",
            ),
            (
                "57",
                "5.7",
                words57,
                rf"^smtp-in: session {SID}: {words57} for user (?P<user>[^ ]*) ?$",
                f"smtp-in: session 1e336778c1baec60: {words57} for user alice@example.com ",
            ),
        )
    ),
    Pattern(
        "auth_command_53",
        program=PROGRAM,
        literal="smtp-in: Failed command on session ",
        regex=rf'^smtp-in: Failed command on session {SID}: "(?i:AUTH)(?: (?P<mechanism>[0-9A-Za-z_-]+))?[^"]*" => {_COMMAND}$',
        sets=auth(),
        written_by=f"{_SESSION}, 5.3 to 5.9",
        samples=(
            Sample(
                'smtp-in: Failed command on session 1e336778c1baec60: "AUTH LOGIN (password)" => 535 Authentication failed',
                wrong(**_id, mechanism="LOGIN", reply_code=535, detail="Authentication failed"),
            ),
        ),
    ),
)

SESSION = (
    Pattern(
        "connected",
        program=PROGRAM,
        literal=(" smtp connected ", " smtp event=connected "),
        regex=rf"^{SID} smtp (?:event=)?connected address=\[?(?P<client_ip>[0-9A-Fa-f:.]+|local)\]? host=(?P<client_name>[^ ]+)$",
        sets=context(),
        role="context",
        written_by=f"{_SESSION}, 6.0 and later",
        samples=(
            Sample(
                "1e336778c1baec60 smtp connected address=203.0.113.9 host=<unknown>",
                context(**_id, client_ip="203.0.113.9"),
            ),
        ),
    ),
    *(
        Pattern(
            f"connected_{version}",
            program=PROGRAM,
            literal=literal,
            regex=regex,
            sets=context(),
            role="context",
            written_by=f"{_SESSION}, {versions}",
            samples=(Sample(sample, context(**_id, client_ip="203.0.113.9", client_name="pc.example.net")),),
        )
        for version, versions, literal, regex, sample in (
            (
                "53",
                "5.3 to 5.4 and 5.9",
                "smtp-in: New session ",
                rf"^smtp-in: New session {SID} from host (?P<client_name>[^ ]+) \[(?P<client_ip>[^\] ]+)\]$",
                "smtp-in: New session 1e336778c1baec60 from host pc.example.net [203.0.113.9]",
            ),
            (
                "57",
                "5.7",
                ": connection from host ",
                rf"^smtp-in: session {SID}: connection from host (?P<client_name>[^ ]+) \[(?P<client_ip>[^\] ]+)\] established$",
                "smtp-in: session 1e336778c1baec60: connection from host pc.example.net [203.0.113.9] established",
            ),
        )
    ),
    Pattern(
        "tls",
        program=PROGRAM,
        literal=" smtp tls ciphers=",
        regex=rf"^{SID} smtp tls (?:ciphers=)?(?P<tls>[^: ]+):(?P<cipher>[^: ]+)(?::[0-9]+)?$",
        sets=context(),
        role="context",
        written_by=f"{_SESSION}, 6.6 and later",
        samples=(
            Sample(
                "1e336778c1baec60 smtp tls ciphers=TLSv1.3:TLS_AES_256_GCM_SHA384:256",
                context(**_id, tls="TLSv1.3", cipher="TLS_AES_256_GCM_SHA384"),
            ),
        ),
    ),
    Pattern(
        "tls_failed",
        program=PROGRAM,
        literal=("io-error: handshake failed: ", "io-error: error:"),
        regex=rf'^{SID} smtp disconnected reason="io-error: (?P<detail>handshake failed: .*|error:[0-9A-F]+:SSL routines:[^:]*:'
        r"(?:wrong version number|unknown protocol|unsupported protocol|version too low|inappropriate fallback|http request"
        r"|no shared cipher|no suitable (?:signature algorithm|key share)|EVP lib|[a-z0-9]+ alert [a-z ]+))\"$",
        sets=always(stage="tls", side="server")(),
        written_by=f"{_SESSION}, 6.0 and later; `handshake failed` since 7.0. Before that any error of the library, "
        "of which those that only a handshake knows are taken: an unexpected end is a client that hung up",
        samples=(
            Sample(
                '1e336778c1baec60 smtp disconnected reason="io-error: handshake failed: error:0A000102:SSL routines::unsupported '
                'protocol"',
                always(stage="tls", side="server")(
                    **_id,
                    detail="handshake failed: error:0A000102:SSL routines::unsupported protocol",
                    outcome="aborted",
                    cause="tls_too_old",
                    basis="line",
                ),
            ),
            Sample(
                '1e336778c1baec60 smtp disconnected reason="io-error: error:0A00010B:SSL routines::wrong version number"',
                always(stage="tls", side="server")(
                    **_id,
                    detail="error:0A00010B:SSL routines::wrong version number",
                    outcome="aborted",
                    cause="tls_handshake_failed",
                    basis="line",
                ),
            ),
        ),
        not_these=(
            '1e336778c1baec60 smtp disconnected reason="io-error: read failed: error:0A000126:SSL routines::unexpected eof '
            'while reading"',
            '1e336778c1baec60 smtp disconnected reason="io-error: error:0A000126:SSL routines::unexpected eof while reading"',
        ),
    ),
    Pattern(
        "starttls",
        program=PROGRAM,
        literal=("starttls ", "event=starttls "),
        regex=rf'^{SID} smtp (?:event=)?starttls{_AT} ciphers="version=(?P<tls>[^,]*), cipher=(?P<cipher>[^,]*), bits=.*"$',
        sets=context(),
        role="context",
        written_by=f"{_SESSION}, 6.0 to 6.5",
        samples=(
            Sample(
                '1e336778c1baec60 smtp event=starttls address=203.0.113.9 host=pc.example.net ciphers="version=TLSv1.2, '
                'cipher=ECDHE-RSA-AES256-GCM-SHA384, bits=256"',
                context(
                    **_id,
                    client_ip="203.0.113.9",
                    client_name="pc.example.net",
                    tls="TLSv1.2",
                    cipher="ECDHE-RSA-AES256-GCM-SHA384",
                ),
            ),
        ),
    ),
    Pattern(
        "message",
        program=PROGRAM,
        literal=(" smtp message ", " smtp event=message "),
        regex=rf"^{SID} smtp (?:event=)?message{_AT} msgid=(?P<queue_id>[0-9a-f]+)(?: from=<(?P<sender>[^>]*)>)?(?: to=.*?)? size=[0-9]+ "
        r"(?:ndest|nrcpt)=(?P<n_recipients>[0-9]+) proto=[A-Z]+$",
        sets=context(stage="mail"),
        role="context",
        keeps_raw=True,
        written_by=f"{_SESSION}, 6.0 and later; whether the client had logged in stands on other lines of the session",
        samples=(
            Sample(
                "1e336778c1baec60 smtp message msgid=6fcadb1e size=322 nrcpt=1 proto=ESMTP",
                context(**_id, stage="mail", queue_id="6fcadb1e", n_recipients=1),
            ),
        ),
    ),
)
