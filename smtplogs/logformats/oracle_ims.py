"""Oracle Communications Messaging Server (iPlanet, Sun): connection records of its MTA in XML, `ac="U"`: a login.

Source: samples of fail2ban's tests. `di` holds the reply, `mi` the reason, `us` the name as given, `tr` both end points.
"""

from __future__ import annotations

from smtplogs.logformats._format import Excerpt, Field, Pattern, Sample, Table
from smtplogs.logformats._postfix_parts import always

_PARTS = (
    r'^pi="(?P<session>[^"]*)" sc="(?P<service>[^"]*)" dr="[^"]*" ac="U" '
    r'tr="TCP\|(?P<server_ip>[^|"]*)\|(?P<server_port>[0-9]*)\|(?P<client_ip>[^|"]*)\|(?P<client_port>[0-9]*)" '
    r'ap="(?P<tls>E?SMTP(?:/TLS)?)[^"]*" '
)
_REST = (
    r'(?: us="(?P<user>[^"]*)")? di="(?P<reply_code>[0-9]{3}) (?:(?P<enhanced_code>[245]\.[0-9]{1,3}\.[0-9]{1,3}) )?'
)

_auth = always(stage="auth", side="server")

_PATTERNS = (
    Pattern(
        "login",
        literal=' di="2',
        regex=rf'{_PARTS}mi="[^"]*"{_REST}(?:(?P<mechanism>[A-Z][A-Z0-9-]+) )?(?:[^"]*)"/>$',
        sets=_auth(outcome="success"),
        written_by="Messaging Server 6 to 8, mail.log_current with XML records and LOG_CONNECTION",
        samples=(
            Sample(
                'pi="72a9.3b4.3774" sc="tcp_submit" dr="+" ac="U" tr="TCP|192.0.2.223|465|203.0.113.179|60766" ap="SMTP/TLS-128-RC4" '
                'mi="Authentication successful - switched to channel tcp_submit" us="ann@example.org" di="235 2.7.0 LOGIN authentication successful."/>',
                _auth(
                    outcome="success", cause="success", basis="line", user="ann@example.org", mechanism="LOGIN", reply_code=235,
                    enhanced_code="2.7.0", server_ip="192.0.2.223", server_port=465, client_ip="203.0.113.179", client_port=60766,
                    tls="yes",
                ),
            ),
        ),
    ),
    Pattern(
        "login_refused",
        literal=(' di="4', ' di="5'),
        regex=rf'{_PARTS}mi="(?P<vendor_code>[^"]*)"{_REST}(?P<detail>[^"]*)"/>$',
        sets=_auth(),
        written_by="Messaging Server 6 to 8, mail.log_current with XML records and LOG_CONNECTION",
        samples=(
            Sample(
                'pi="72aa.17f0.25622" sc="tcp_local" dr="+" ac="U" tr="TCP|192.0.2.223|25|203.0.113.78|4299" ap="SMTP" '
                'mi="Bad password" us="nic@example.com" di="535 5.7.8 Bad username or password (Authentication failed)."/>',
                _auth(
                    outcome="failure", cause="bad_credentials", basis="line", user="nic@example.com", reply_code=535,
                    enhanced_code="5.7.8", vendor_code="Bad password", detail="Bad username or password (Authentication failed).",
                    server_ip="192.0.2.223", server_port=25, client_ip="203.0.113.78", client_port=4299, tls="none",
                ),
            ),
        ),
        not_these=('pi="72aa.17f0.1" sc="tcp_local" dr="+" ac="O" tr="TCP|192.0.2.223|25|203.0.113.78|4299" ap="SMTP"/>',),
    ),
    Pattern(
        "other",
        regex=r'^(?:[a-z]{2}="[^"]*" ?)+(?:/>|>.*)$',
        role="dismiss",
        written_by="Messaging Server: connections opened and closed, messages",
        samples=(Sample('pi="72aa.17f0.1" sc="tcp_local" dr="+" ac="O" tr="TCP|192.0.2.223|25|203.0.113.78|4299" ap="SMTP"/>'),),
    ),
)  # fmt: skip

ORACLE_IMS = Table(
    "oracle-ims",
    "Oracle Messaging Server connection log (XML)",
    layout="regex",
    before=r'^<[a-z]{2} ts="(?P<stamp>[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}(?:\.[0-9]+)?)" ',
    fields={"stamp": Field(("@stamp",))},
    words={"tls": {"SMTP": "none", "ESMTP": "none", "SMTP/TLS": "yes", "ESMTP/TLS": "yes"}},
    patterns=_PATTERNS,
    written_by="Sun/Oracle Messaging Server 6 to 8; local time",
    cannot_show=(
        "the mechanism of a refused login",
        "the version of TLS",
        "AUTH refused by the state of the session",
        "HELO",
    ),
    samples=(
        Excerpt(
            f'<co ts="2026-06-02T16:06:33.99" {_PATTERNS[1].samples[0].message}',
            (dict(_PATTERNS[1].samples[0].expect),),
        ),
    ),
)  # fmt: skip
