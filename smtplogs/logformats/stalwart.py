"""Stalwart: its tracer as text lines and as JSON events (webhooks, JSON tracer), and the text of releases before 0.10.

Source: crates/trc (event names, levels, serializers/text.rs, json.rs), crates/smtp/src/inbound/auth.rs. The text writes
`TIME LEVEL Title (event.name) key = value, key = value`; texts stand in quotes, and quotes inside of them are not
escaped. Where a connection comes from is written before the name that the client gave, so that the first `remoteIp`
counts and a name cannot pretend another.
"""

from __future__ import annotations

from smtplogs.logformats._format import Excerpt, Field, Shape, Table

_EVENT = r"[a-z0-9]+(?:-[a-z0-9]+)*\.[a-z0-9]+(?:-[a-z0-9]+)*"
_SYSLOG = r"(?:<[0-9]{1,3}>)?(?:[A-Z][a-z]{2} +[0-9]{1,2} [0-9:]{8}|[0-9-]{10}T[0-9:.]+[^ ]*) [^ ]+ stalwart[^ :]*: "
_STAMP = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}(?:\.[0-9]+)?Z"
_ADDRESS = r"([0-9A-Fa-f.:]+)"

_REFUSED = {
    "auth.failed": {"stage": "auth", "cause": "bad_credentials", "basis": "assumed"},
    "auth.token-expired": {"stage": "auth", "cause": "token_invalid"},
    "auth.credential-expired": {"stage": "auth", "cause": "password_expired"},
    "auth.error": {"stage": "auth", "outcome": "deferred", "cause": "unknown"},
    "auth.too-many-attempts": {"stage": "session", "outcome": "throttled", "cause": "too_many_errors"},
    "security.authentication-ban": {"stage": "session", "outcome": "throttled", "cause": "too_many_errors"},
    "security.ip-blocked": {
        "stage": "connect", "outcome": "refused", "cause": "access_policy_denied", "basis": "assumed",
    },
    "smtp.auth-not-allowed": {"stage": "auth", "outcome": "refused", "cause": "unknown"},
    "smtp.auth-mechanism-not-supported": {"stage": "auth", "cause": "mechanism_unsupported"},
    "smtp.rate-limit-exceeded": {"stage": "mail", "outcome": "throttled", "cause": "throttled_sending"},
    "smtp.concurrency-limit-exceeded": {"stage": "mail", "outcome": "throttled", "cause": "throttled_sending"},
}  # fmt: skip
"""Event -> what it says. `security.ip-blocked` does not tell who put the address on the list."""

_PORTS = {
    "25": "smtp", "465": "smtp", "587": "smtp", "2525": "smtp", "143": "imap", "993": "imap", "110": "pop3",
    "995": "pop3", "4190": "sieve", "80": "http", "443": "http", "8080": "http",
    "smtp": "smtp", "submission": "smtp", "imap": "imap", "pop3": "pop3", "sieve": "sieve", "http": "http", "jmap": "http",
}  # fmt: skip
"""Port, or what the name of a listener holds -> protocol. Events of logins are the same for all protocols."""

_WHICH = r"(?i)(smtp|submission|imap|pop3|sieve|http|jmap)|^([0-9]+)$"

_CANNOT = (
    "refused logins, unless it logs at level DEBUG: `auth.failed` is written at no lower one",
    "the mechanism, TLS and reply codes",
    "which session a login belongs to",
)


def _shapes(event: str) -> tuple[Shape, ...]:
    """Return the kinds of events, told by the name that stands in that path."""
    refused = (Shape(name, keep={event: (name,)}, sets=sets) for name, sets in _REFUSED.items())
    success = Shape("auth.success", keep={event: ("auth.success",)}, sets={"stage": "auth", "outcome": "success"})
    return (success, *refused)


def _pair(key: str, value: str) -> Field:
    return Field(("pairs",), rf"(?:^|, ){key} = {value}(?:, [a-zA-Z0-9]+ = |$)")


_OLD = (
    Shape("old_refused", keep={"result": ("failed",)}, sets={"stage": "auth", "outcome": "failure", "cause": "bad_credentials", "basis": "assumed"}),
    Shape("old_accepted", keep={"result": ("success",)}, sets={"stage": "auth", "outcome": "success"}),
)  # fmt: skip

STALWART = Table(
    "stalwart",
    "Stalwart's log (text)",
    layout="regex",
    before=rf"^(?:{_SYSLOG})?(?P<stamp>{_STAMP}) ",
    patterns=(
        rf"^(?P<level>TRACE|DEBUG|INFO|WARN|ERROR) [^()]+ \((?P<event>{_EVENT})\)(?: (?P<pairs>.*))?$",
        r'^(?P<level>TRACE|DEBUG|INFO|WARN|ERROR) (?:.*[: ])?session\{instance="(?P<old_listener>[^"]*)" protocol=(?P<old_protocol>[A-Za-z0-9]+) '
        r'remote\.ip="?(?P<old_ip>[0-9A-Fa-f.:]+)"? remote\.port=(?P<old_port>[0-9]+)\}: [a-z0-9_:]+: '
        r'(?:context="auth" event="authenticate" result="(?P<result>[a-z]+)"|(?P<other>.*?))(?: .*)?$',
    ),
    fields={
        "stamp": Field(("@stamp",)),
        "service": Field(("pairs", "old_listener"), r'(?:^|, )listenerId = "([^"]*)"|^([A-Za-z0-9_.-]+)$'),
        "server_port": _pair("localPort", "([0-9]+)"),
        "client_ip": Field(("pairs", "old_ip"), rf"(?:^|, )remoteIp = {_ADDRESS}(?:, |$)|^{_ADDRESS}$"),
        "client_port": Field(("pairs", "old_port"), r"(?:^|, )remotePort = ([0-9]+)(?:, |$)|^([0-9]+)$"),
        "user": _pair("accountName", '"(.*?)"'),
        "detail": _pair("reason", '"(.*?)"'),
        "protocol": Field(
            ("pairs", "old_protocol"),
            r'(?i)(?:^|, )listenerId = "[^"]*?(smtp|submission|imap|pop3|sieve|http|jmap)|(?:^|, )localPort = ([0-9]+)|^(smtp|imap|pop3|sieve|http|jmap)$',
        ),
    },
    words={"protocol": _PORTS},
    shapes=(*_shapes("event"), *_OLD, Shape("other", keep={"level": ("~.",)}, role="dismiss")),
    written_by="Stalwart 0.10 and later, crates/trc/src/serializers/text.rs; releases before: Rust tracing",
    cannot_show=(*_CANNOT, "events that are written over several lines (multiline = true)"),
    samples=(
        Excerpt(
            "2026-08-21T10:00:00Z INFO Authentication successful (auth.success) listenerId = \"submissions\", localPort = 465, "
            'remoteIp = 203.0.113.9, remotePort = 40000, accountName = "a@example.org", accountId = 7',
            (
                {
                    "stage": "auth", "outcome": "success", "cause": "success", "basis": "line", "side": "server",
                    "user": "a@example.org", "client_ip": "203.0.113.9", "client_port": 40000, "server_port": 465,
                },
            ),
        ),
        Excerpt(
            '2026-08-21T10:00:05Z DEBUG Authentication failed (auth.failed) listenerId = "submission", localPort = 587, '
            'remoteIp = 203.0.113.9, remotePort = 40001, accountName = "a@example.org", accountId = 7, reason = "Authentication failed", remoteIp = 203.0.113.9',
            (
                {
                    "stage": "auth", "outcome": "failure", "cause": "bad_credentials", "basis": "assumed", "side": "server",
                    "user": "a@example.org", "client_ip": "203.0.113.9", "client_port": 40001, "server_port": 587, "detail": "Authentication failed",
                },
            ),
        ),
        Excerpt(
            '2026-08-21T10:00:06Z DEBUG Authentication failed (auth.failed) listenerId = "imaptls", localPort = 993, '
            'remoteIp = 2001:db8::9, remotePort = 40002, accountName = "x", remoteIp = 198.51.100.1, accountId = "y", accountId = 7',
            (
                {
                    "stage": "auth", "outcome": "failure", "cause": "bad_credentials", "basis": "assumed", "side": "server", "protocol": "imap",
                    "user": "x", "client_ip": "2001:db8::9", "client_port": 40002, "server_port": 993,
                },
            ),
        ),
        Excerpt(
            '2026-08-21T10:00:09Z WARN Too many authentication attempts (auth.too-many-attempts) listenerId = "submission", '
            "localPort = 587, remoteIp = 203.0.113.9, remotePort = 40001",
            (
                {
                    "stage": "session", "outcome": "throttled", "cause": "too_many_errors", "basis": "line", "side": "server",
                    "client_ip": "203.0.113.9", "client_port": 40001, "server_port": 587,
                },
            ),
        ),
        Excerpt('2026-08-21T10:00:10Z INFO SMTP EHLO command (smtp.ehlo) listenerId = "smtp", localPort = 25, remoteIp = 203.0.113.9, remotePort = 40003'),
        Excerpt(
            '2023-12-14T09:42:03.830292Z DEBUG session{instance="submissions" protocol=Smtp remote.ip="198.51.100.1" remote.port=48860}: '
            'smtp::inbound::auth: context="auth" event="authenticate" result="failed"',
            (
                {
                    "stage": "auth", "outcome": "failure", "cause": "bad_credentials", "basis": "assumed", "side": "server",
                    "client_ip": "198.51.100.1", "client_port": 48860,
                },
            ),
        ),
    ),
)  # fmt: skip

STALWART_JSON = Table(
    "stalwart-json",
    "Stalwart's events (JSON)",
    layout="json",
    needs=(
        "$.createdAt", "$.data",
        r"$.type=^(?:acme|ai|arc|auth|calendar|cluster|config|dane|delivery|dkim|dmarc|dns|dnsbl|eval|housekeeper|http|imap|iprev|"
        r"jmap|limit|mail-auth|managesieve|message-ingest|milter|mta-hook|mta-sts|network|ooo|outgoing-report|pop3|purge|"
        r"push-subscription|queue|resource|security|server|sieve|smtp|spam|spf|store|task-queue|telemetry|tls|tls-rpt|webdav)\.[a-z0-9-]+$",
    ),
    fields={
        "stamp": Field(("$.createdAt",)),
        "service": Field(("$.data.listenerId",)),
        "server_port": Field(("$.data.localPort",)),
        "client_ip": Field(("$.data.remoteIp",)),
        "client_port": Field(("$.data.remotePort",)),
        "user": Field(("$.data.accountName",)),
        "detail": Field(("$.data.reason",)),
        "protocol": Field(("$.data.listenerId", "$.data.localPort"), _WHICH),
    },
    words={"protocol": _PORTS},
    shapes=(*_shapes("$.type"), Shape("other", keep={"$.type": ("~.",)}, role="dismiss")),
    written_by="Stalwart 0.10 and later, crates/trc/src/serializers/json.rs: webhooks ({\"events\": [...]}) and JSON tracers",
    cannot_show=_CANNOT,
    samples=(
        Excerpt(
            '{"events":[{"id":"1","createdAt":"2026-08-21T10:00:05Z","type":"auth.failed","data":{"listenerId":"submission",'
            '"localPort":587,"remoteIp":"203.0.113.9","remotePort":40001,"accountName":"a@example.org","reason":"Authentication failed"}}]}',
            (
                {
                    "stage": "auth", "outcome": "failure", "cause": "bad_credentials", "basis": "assumed", "side": "server",
                    "user": "a@example.org", "client_ip": "203.0.113.9", "client_port": 40001, "server_port": 587, "detail": "Authentication failed",
                },
            ),
        ),
        Excerpt(
            '{"id":"2","createdAt":"2026-08-21T10:00:06Z","type":"auth.success","data":{"listenerId":"pop3tls","localPort":995,'
            '"remoteIp":"203.0.113.9","remotePort":40001,"accountName":"a@example.org"}}\n'
            '{"id":"3","createdAt":"2026-08-21T10:00:07Z","type":"smtp.ehlo","data":{"listenerId":"smtp"}}',
            (
                {
                    "stage": "auth", "outcome": "success", "cause": "success", "basis": "line", "side": "server", "protocol": "pop3",
                    "user": "a@example.org", "client_ip": "203.0.113.9", "client_port": 40001, "server_port": 995,
                },
            ),
        ),
    ),
)  # fmt: skip
