"""ASSP (Anti-Spam SMTP Proxy): replies to AUTH of the server behind it, blocked addresses, TLS that failed.

Source: samples of fail2ban's tests. The proxy stands between: a 535 is the word of the server behind it.
"""

from __future__ import annotations

from smtplogs.logformats._format import Excerpt, Field, Pattern, Sample, Table
from smtplogs.logformats._postfix_parts import always

_MARKS = r"^(?:[A-Za-z0-9]+-[0-9]+-[0-9]+ )?(?:\[[A-Za-z0-9_-]+\] )*"
_IP = r"(?P<client_ip>[0-9A-Fa-f.:]+)"

_auth = always(stage="auth", side="server")
_session = always(stage="session", side="server", outcome="throttled", cause="too_many_errors")
_tls = always(stage="tls", side="server")

_PATTERNS = (
    Pattern(
        "blocked",
        literal=" too much AUTH errors (",
        regex=rf"{_MARKS}Blocking {_IP} - (?P<detail>too much AUTH errors \((?P<rate_value>[0-9]+)\));?$",
        sets=_session(),
        written_by="ASSP 2, assp.pl: the number is that of the errors so far",
        samples=(
            Sample(
                "Blocking 203.0.113.97 - too much AUTH errors (8);",
                _session(basis="line", client_ip="203.0.113.97", rate_value=8.0, detail="too much AUTH errors (8)"),
            ),
        ),
    ),
    Pattern(
        "auth_error",
        literal="[SMTP Error] 53",
        regex=rf"{_MARKS}{_IP} (?:<[^>]*> )?(?:to: [^ ]+ )?\[SMTP Error\] (?P<reply_code>53[0458]) "
        r"(?:(?P<enhanced_code>[245]\.[0-9]{1,3}\.[0-9]{1,3}) )?(?P<detail>.*?)$",
        sets=_auth(),
        written_by="ASSP 2, assp.pl: what the server behind it replied",
        samples=(
            Sample(
                "[Worker_2] [TLS-out] 203.0.113.97 [SMTP Error] 535 5.7.8 Error: authentication failed: authentication failure",
                _auth(
                    outcome="failure", cause="bad_credentials", basis="line", client_ip="203.0.113.97", reply_code=535,
                    enhanced_code="5.7.8", detail="Error: authentication failed: authentication failure",
                ),
            ),
            Sample(
                "[Worker_1] [TLS-out] 203.0.113.97 [SMTP Error] 535 5.7.8 Error: authentication failed: Invalid authentication mechanism",
                _auth(
                    outcome="refused", cause="mechanism_unsupported", basis="line", client_ip="203.0.113.97", reply_code=535,
                    enhanced_code="5.7.8", detail="Error: authentication failed: Invalid authentication mechanism",
                ),
            ),
        ),
        not_these=("[Worker_1] 203.0.113.97 [SMTP Error] 550 5.1.1 No such user",),
    ),
    Pattern(
        "plain_text_on_tls_port",
        literal="SSL negotiation with client failed: ",
        regex=rf"{_MARKS}{_IP} SSL negotiation with client failed: "
        r"(?P<detail>.*(?:unknown protocol|wrong version number|http request).*?);?$",
        sets=_tls(outcome="aborted", cause="wrong_host_or_port"),
        written_by="ASSP 2, assp.pl: its SSL listener, where TLS must come first",
        samples=(
            Sample(
                "[SSL-out] 203.0.113.68 SSL negotiation with client failed: SSL accept attempt failed with unknown error"
                "error:140760FC:SSL routines:SSL23_GET_CLIENT_HELLO:unknown protocol;",
                _tls(
                    outcome="aborted", cause="wrong_host_or_port", basis="line", client_ip="203.0.113.68",
                    detail="SSL accept attempt failed with unknown errorerror:140760FC:SSL routines:SSL23_GET_CLIENT_HELLO:unknown protocol",
                ),
            ),
        ),
    ),
    Pattern(
        "tls_failed",
        literal="SSL negotiation with client failed: ",
        regex=rf"{_MARKS}{_IP} SSL negotiation with client failed: (?P<detail>.*?);?$",
        sets=_tls(),
        written_by="ASSP 2, assp.pl",
        samples=(
            Sample(
                "[SSL-out] 203.0.113.68 SSL negotiation with client failed: SSL accept attempt failed because of handshake problems"
                "error:1408A0C1:SSL routines:SSL3_GET_CLIENT_HELLO:no shared cipher;",
                _tls(
                    outcome="aborted", cause="tls_too_old", basis="line", client_ip="203.0.113.68",
                    detail="SSL accept attempt failed because of handshake problemserror:1408A0C1:SSL routines:SSL3_GET_CLIENT_HELLO:no shared cipher",
                ),
            ),
        ),
    ),
    Pattern(
        "other",
        regex=r"^.*$",
        role="dismiss",
        written_by="ASSP: verdicts on mails, its own course; only it writes such stamps",
        samples=(Sample("[Worker_1] 203.0.113.97 [SMTP Error] 550 5.1.1 No such user"),),
    ),
)  # fmt: skip

ASSP = Table(
    "assp",
    "ASSP log",
    layout="regex",
    before=r"^(?P<stamp>[A-Z][a-z]{2}-[0-9]{2}-[0-9]{2} [0-9:]{8}) ",
    fields={"stamp": Field(("@stamp",))},
    forms=("%b-%d-%y %H:%M:%S",),
    patterns=_PATTERNS,
    written_by="ASSP 1.9 and 2, maillog.txt; local time",
    cannot_show=("logins that succeeded", "users", "mechanism, ports, the session"),
    samples=(
        Excerpt(
            f"Apr-27-26 02:25:09 {_PATTERNS[0].samples[0].message}\nApr-27-26 02:25:10 {_PATTERNS[1].samples[0].message}",
            (dict(_PATTERNS[0].samples[0].expect), dict(_PATTERNS[1].samples[0].expect)),
        ),
    ),
)  # fmt: skip
