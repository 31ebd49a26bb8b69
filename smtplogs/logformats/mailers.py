"""What mailing libraries print when they are told to: PHPMailer (WordPress, Magento and most of PHP), JavaMail (Jira, Jenkins, Spring)."""

from __future__ import annotations

from typing import Any

from smtplogs.logformats._format import Dialogue, Excerpt, Turn, Verdict

_CONNECT: dict[str, Any] = {"stage": "connect", "outcome": "deferred", "cause": "service_unavailable"}
_TLS: dict[str, Any] = {"stage": "tls", "outcome": "aborted", "cause": "tls_handshake_failed"}
_REFUSED: dict[str, Any] = {
    "stage": "auth", "outcome": "failure", "cause": "bad_credentials", "basis": "assumed", "side": "client",
    "reply_code": 535, "enhanced_code": "5.7.8", "detail": "Authentication failed",
}  # fmt: skip

_PHP = r"^(?:(?P<stamp>[0-9-]{10} [0-9:]{8})[ \t]+)?"
_TO = r" ?-(?:>|&gt;) ?"
_END = r"(?:<br ?/?>)?$"

_SAID_AGAIN: tuple[tuple[str, str, Verdict], ...] = (
    ("auth", "(?:AUTH|Username|Password|User & Password|Authentication)", "attempt"),
    ("mail", "MAIL(?: FROM)?", "session"),
    ("rcpt", "RCPT(?: TO)?", "session"),
    ("tls", "STARTTLS", "session"),
)
"""What PHPMailer says of a refusal, which at level 2 and more it prints a second time."""

PHPMAILER = Dialogue(
    "phpmailer",
    "PHPMailer debug output",
    looks=rf"^(?:[0-9-]{{10}} [0-9:]{{8}}[ \t]+)?(?:(?:SERVER{_TO}CLIENT|CLIENT{_TO}(?:SERVER|SMTP)|SMTP{_TO}(?:FROM SERVER|ERROR)): ?|SMTP ERROR: |Connection: open)",
    least=0,
    side="client",
    blocks=True,
    written_by="PHPMailer 5.1 to 7 (class SMTP, do_debug 2 and more; echo, html, error_log); also WordPress and its SMTP plugins",
    turns=(
        Turn(
            "opening",
            rf"{_PHP}Connection: opening to (?:[a-z]+://)?(?P<relay_host>[^ :]+):(?P<server_port>[0-9]+),.*$",
            begins=True,
        ),
        Turn("server", rf"{_PHP}(?:SERVER{_TO}CLIENT|SMTP{_TO}FROM SERVER): ?(?P<text>.*?){_END}", speaker="server"),
        Turn("client", rf"{_PHP}CLIENT{_TO}(?:SERVER|SMTP): ?(?P<text>.*?){_END}", speaker="client"),
        Turn("more", rf"^[ \t]*(?P<text>[2-5][0-9]{{2}}[ -].*?){_END}", speaker="server"),
        Turn(
            "tls_failed",
            rf"{_PHP}(?P<detail>(?:Connection failed\. Error #[0-9]+: )?stream_socket_(?:enable_crypto|client)\(\): (?:SSL|Peer certificate|Failed to enable crypto).*?){_END}",
            verdict="session",
            sets=_TLS,
        ),
        Turn(
            "unreachable",
            rf"{_PHP}(?P<detail>SMTP ERROR: Failed to connect to server.*?){_END}",
            verdict="line",
            sets=_CONNECT,
        ),
        Turn(
            "not_connected",  # where it reached the server, it was TLS that failed
            rf"{_PHP}(?P<detail>SMTP Error: Could not connect to SMTP host\.){_END}",
            verdict="session",
            sets=_TLS,
        ),
        Turn("closed", rf"{_PHP}Connection: closed{_END}", ends=True),
        # of debug level 1 and of an error log these lines are all there is
        *(
            Turn(
                f"refused_{stage}",
                rf"{_PHP}(?:SMTP ERROR: {words} command failed|SMTP{_TO}ERROR: {words} not accepted from server): (?P<detail>(?P<reply_code>[45][0-9]{{2}})(?:[ -].*?)?){_END}",
                verdict=verdict,
                sets={"stage": stage},
            )
            for stage, words, verdict in _SAID_AGAIN
        ),
        Turn("note", rf"{_PHP}(?:SMTP[ \t]|Connection|SMTP NOTICE|SMTP INBOUND|SMTP{_TO}).*$", speaker="noise"),
        Turn("goes_on", r"^(?: {12,}\t.*|error:[0-9A-F]{8}:.*|,[0-9]{3},.*| SMTP code: .*)$", speaker="noise"),
        Turn("outcome", rf"{_PHP}(?:Message (?:could not be sent|has been sent)|Mailer Error: |The following From).*$", speaker="noise"),
    ),
    cannot_show=("the client's address", "the user: PHPMailer hides it", "the version of TLS"),
    samples=(
        Excerpt(
            "2026-11-20 09:00:01 Connection: opening to mail.example.com:587, timeout=300, options=array()\n"
            "2026-11-20 09:00:01 Connection: opened\n"
            "2026-11-20 09:00:01 SERVER -> CLIENT: 220 mail.example.com ESMTP\n"
            "2026-11-20 09:00:01 CLIENT -> SERVER: EHLO shop.example.net\n"
            "2026-11-20 09:00:01 SERVER -> CLIENT: 250-mail.example.com\n"
            "250-STARTTLS\n250-AUTH PLAIN LOGIN\n250 8BITMIME\n"
            "2026-11-20 09:00:01 CLIENT -> SERVER: AUTH LOGIN\n"
            "2026-11-20 09:00:01 SERVER -> CLIENT: 334 VXNlcm5hbWU6\n"
            "2026-11-20 09:00:01 CLIENT -> SERVER: [credentials hidden]\n"
            "2026-11-20 09:00:01 SERVER -> CLIENT: 334 UGFzc3dvcmQ6\n"
            "2026-11-20 09:00:01 CLIENT -> SERVER: [credentials hidden]\n"
            "2026-11-20 09:00:03 SERVER -> CLIENT: 535 5.7.8 Authentication failed\n"
            "2026-11-20 09:00:03 SMTP ERROR: Password command failed: 535 5.7.8 Authentication failed\n"
            "SMTP Error: Could not authenticate.\n"
            "2026-11-20 09:00:03 CLIENT -> SERVER: QUIT\n"
            "2026-11-20 09:00:03 SERVER -> CLIENT: 221 2.0.0 Bye\n"
            "2026-11-20 09:00:03 Connection: closed\n",
            (
                _REFUSED
                | {
                    "mechanism": "LOGIN", "auth_offered": ["PLAIN", "LOGIN"], "tls": "none",
                    "relay_host": "mail.example.com", "server_port": 587,
                },
            ),
        ),
        Excerpt(
            "2026-11-20 09:00:01 Connection: opening to mail.example.com:587, timeout=300, options=array()\n"
            "2026-11-20 09:05:01 SMTP ERROR: Failed to connect to server: Connection timed out (110)\n",
            (
                {
                    "stage": "connect", "outcome": "deferred", "cause": "service_unavailable", "basis": "line",
                    "side": "client", "relay_host": "mail.example.com", "server_port": 587,
                    "detail": "SMTP ERROR: Failed to connect to server: Connection timed out (110)",
                },
            ),
        ),
    ),
)  # fmt: skip

_JAVA = r"^DEBUG SMTPS?: "
_THROWN = r"(?:Exception in thread \"[^\"]*\" |Caused by: )?(?:[a-zA-Z_.]+\.)?"

JAVAMAIL = Dialogue(
    "javamail",
    "JavaMail (Jakarta Mail) debug output",
    looks=rf"{_JAVA}|^DEBUG: (?:setDebug: )?(?:JavaMail|Jakarta Mail|Jakarta Angus Mail|getProvider)",
    least=0,
    side="client",
    blocks=True,
    written_by="JavaMail 1.4 to 1.6, Jakarta Mail and Angus 1 to 2 (mail.debug=true); the AUTH exchange itself is not printed",
    turns=(
        Turn(
            "trying",
            rf'{_JAVA}trying to connect to host "(?P<relay_host>[^"]+)", port (?P<server_port>[0-9]+).*$',
            begins=True,
        ),
        Turn(
            "login",
            rf"{_JAVA}(?:protocolConnect login, host=.*, user=(?P<user>.+), password=[^ ]*|Attempt to authenticate)$",
            speaker="client",
            sets={"text": "AUTH"},
        ),
        Turn("mechanism", rf"{_JAVA}Using mechanism (?P<mechanism>[A-Z0-9-]+).*$"),
        Turn("auth", r"^AUTH(?: .*)?$", speaker="noise"),
        Turn(
            "lost", rf"{_JAVA}(?P<detail>EOF: \[EOF\])$", verdict="attempt",
            sets={"stage": "auth", "outcome": "aborted", "cause": "connection_lost", "basis": "line"},
        ),
        Turn(
            "accepted", rf"{_JAVA}AUTH [A-Z0-9-]+ succeeded$", verdict="attempt",
            sets={"stage": "auth", "outcome": "success", "cause": "success", "basis": "line"},
        ),
        Turn(
            "refused", rf"{_JAVA}(?P<detail>AUTH [A-Z0-9-]+ failed)$", verdict="attempt",
            sets={"stage": "auth", "outcome": "failure", "cause": "bad_credentials", "basis": "assumed"},
        ),
        Turn(
            "thrown",
            rf"^{_THROWN}AuthenticationFailedException: (?P<text>[345][0-9]{{2}}[ -].*)$",
            speaker="server",
        ),
        Turn(
            "no_mechanism",
            rf"^{_THROWN}AuthenticationFailedException: (?P<detail>No authentication mechanisms supported by both server and client)$",
            verdict="attempt",
            sets={"stage": "auth", "outcome": "refused", "cause": "mechanism_unsupported", "basis": "line"},
        ),
        Turn(
            "no_starttls",
            rf"^{_THROWN}MessagingException: (?P<detail>STARTTLS is required but host does not support STARTTLS)$",
            verdict="session",
            sets={"stage": "tls", "outcome": "refused", "cause": "tls_unavailable", "basis": "line"},
        ),
        Turn(
            "unreachable",
            rf"^{_THROWN}(?P<detail>(?:MailConnectException: Couldn't connect to host|MessagingException: Could not connect to SMTP host).*)$",
            verdict="session",
            sets=_CONNECT,
        ),
        Turn(
            "tls_failed",
            rf"^{_THROWN}(?P<detail>(?:SSLHandshakeException|SSLException|MessagingException: Could not convert socket to TLS).*)$",
            verdict="session",
            sets=_TLS,
        ),
        Turn("server", r"^(?P<text>[2-5][0-9]{2}(?:[ -].*)?)$", speaker="server"),
        Turn(
            "client",
            r"^(?P<text>(?:EHLO|HELO|MAIL FROM|RCPT TO|BDAT|STARTTLS|DATA|RSET|NOOP|QUIT)(?:[ :].*)?)$",
            speaker="client",
        ),
        Turn("other", r"^.*$", speaker="noise"),
    ),
    cannot_show=("when: there is no clock", "the client's address", "the version of TLS"),
    samples=(
        Excerpt(
            "DEBUG: setDebug: JavaMail version 1.6.2\n"
            'DEBUG SMTP: trying to connect to host "mail.example.com", port 587, isSSL false\n'
            "220 mail.example.com ESMTP\n"
            'DEBUG SMTP: connected to host "mail.example.com", port: 587\n'
            "EHLO app\n250-mail.example.com\n250 STARTTLS\n"
            'DEBUG SMTP: Found extension "STARTTLS", arg ""\n'
            "STARTTLS\n220 2.0.0 Ready\nEHLO app\n250-mail.example.com\n250 AUTH PLAIN LOGIN\n"
            "DEBUG SMTP: protocolConnect login, host=mail.example.com, user=ann@example.com, password=<non-null>\n"
            "DEBUG SMTP: Using mechanism LOGIN\n"
            "DEBUG SMTP: AUTH LOGIN command trace suppressed\n"
            "DEBUG SMTP: AUTH LOGIN failed\n"
            "javax.mail.AuthenticationFailedException: 535 5.7.8 Authentication failed\n"
            "\tat com.sun.mail.smtp.SMTPTransport$Authenticator.authenticate(SMTPTransport.java:965)\n",
            (
                _REFUSED
                | {
                    "user": "ann@example.com", "mechanism": "LOGIN", "auth_offered": ["PLAIN", "LOGIN"], "tls": "yes",
                    "relay_host": "mail.example.com", "server_port": 587,
                },
            ),
        ),
    ),
)  # fmt: skip

MAILERS = (PHPMAILER, JAVAMAIL)
