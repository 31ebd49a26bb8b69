"""vpopmail (qmail): logins of SMTP, POP3 and IMAP that vchkpw judged. Source: vpopmail 5.4, vchkpw.c; samples of wazuh.

With `--enable-logging=p` it writes the tried password in clear: that is cut wherever it stands.
"""

from __future__ import annotations

from smtplogs.logformats._format import Lines, Pattern, Sample
from smtplogs.logformats._postfix_parts import always

_HEAD = r"^vchkpw-(?P<service>[a-z0-9]+): "
_WHO = r"(?P<user>.*):(?P<client_ip>[0-9A-Fa-f.:]*)"
_MECHANISM = r"(?:\((?P<mechanism>[A-Z0-9-]+)\) )?"
_PASSWORD = r"(?: ?\(pass: '.*'\))? "

_auth = always(stage="auth", side="server")

VPOPMAIL = Lines(
    "vpopmail",
    "vpopmail's vchkpw",
    tag="vpopmail|vchkpw",
    patterns=(
        Pattern(
            "refused",
            program="vpopmail|vchkpw",
            literal="vchkpw-",
            regex=rf"{_HEAD}{_MECHANISM}(?P<detail>password fail|null password given|no password found){_PASSWORD}{_WHO}$",
            sets=_auth(outcome="failure", cause="bad_credentials"),
            written_by="vpopmail vchkpw.c",
            samples=(
                Sample(
                    "vchkpw-smtp: password fail (pass: 'test') ann@example.com:203.0.113.4",
                    _auth(
                        outcome="failure", cause="bad_credentials", basis="line", service="smtp", user="ann@example.com",
                        client_ip="203.0.113.4", detail="password fail",
                    ),
                    program="vpopmail",
                ),
                Sample(
                    "vchkpw-pop3: password fail ann@example.com:203.0.113.4",
                    _auth(
                        outcome="failure", cause="bad_credentials", basis="line", service="pop3", protocol="pop3",
                        user="ann@example.com", client_ip="203.0.113.4", detail="password fail",
                    ),
                    program="vpopmail",
                ),
                Sample(
                    "vchkpw-submission: password fail (pass: 'a') b:198.51.100.9') x:198.51.100.9:203.0.113.4",
                    _auth(
                        outcome="failure", cause="bad_credentials", basis="line", service="submission",
                        user="x:198.51.100.9", client_ip="203.0.113.4", detail="password fail",
                    ),
                    program="vpopmail",
                ),
            ),
        ),
        Pattern(
            "unknown_user",
            program="vpopmail|vchkpw",
            literal="vchkpw-",
            regex=rf"{_HEAD}{_MECHANISM}(?P<detail>vpopmail user not found|invalid user/domain characters) {_WHO}$",
            sets=_auth(outcome="failure", cause="unknown_user"),
            written_by="vpopmail vchkpw.c",
            samples=(
                Sample(
                    "vchkpw-smtp: vpopmail user not found nobody@example.com:203.0.113.4",
                    _auth(
                        outcome="failure", cause="unknown_user", basis="line", service="smtp", user="nobody@example.com",
                        client_ip="203.0.113.4", detail="vpopmail user not found",
                    ),
                    program="vpopmail",
                ),
            ),
        ),
        Pattern(
            "login",
            program="vpopmail|vchkpw",
            literal="vchkpw-",
            regex=rf"{_HEAD}{_MECHANISM}login success {_WHO}$",
            sets=_auth(outcome="success"),
            written_by="vpopmail vchkpw.c, with --enable-logging=y",
            samples=(
                Sample(
                    "vchkpw-smtp: (PLAIN) login success ann@example.com:203.0.113.4",
                    _auth(
                        outcome="success", cause="success", basis="line", service="smtp", user="ann@example.com",
                        mechanism="PLAIN", client_ip="203.0.113.4",
                    ),
                    program="vpopmail",
                ),
            ),
        ),
        Pattern(
            "other",
            program="vpopmail|vchkpw",
            regex=r"^.*$",
            role="dismiss",
            written_by="vpopmail: changes of accounts and domains",
            samples=(Sample("vadduser: ann@example.com", program="vpopmail"),),
        ),
    ),
    cannot_show=(
        "logins that succeeded, unless it was built with --enable-logging=y or v",
        "TLS, ports, HELO, the session",
        "AUTH refused before a password was judged",
    ),
)  # fmt: skip
