"""Zimbra: logins in audit.log and mailbox.log. SMTP AUTH goes from Postfix by saslauthd to its SOAP service.

Sources: Zimbra ZimbraLog.java, Auth.java, SoapEngine.java (8.0 to 10.1). The client of an SMTP login is `oip=`, where
`oproto=smtp` stands; `ip=` is then Postfix's host. `ua=` is the client's own text, so nothing behind it is believed
that is not followed by the end of the line.
"""

from __future__ import annotations

from typing import Any

from smtplogs.logformats._format import Lines, Pattern, Sample
from smtplogs.logformats._postfix_parts import always

_TAG = "zimbra"
_IP = (
    r"\[(?:name=[^;\]]*;)?(?:aname=[^;\]]*;)?(?:mid=[0-9]+;)?(?:(?:ip=[^;\]]*;)?oip=|ip=)"
    r"(?P<client_ip>[0-9A-Fa-f:.]+)(?:,[^;\]]*)?;(?:port=[0-9]+;)?(?:oport=(?P<client_port>[0-9]+);)?"
)
"""The context of a line; of a list in `oip=` (proxies) the first is the client."""

_SMTP = rf"^(?:INFO|WARN) +\[.*?\] {_IP}oproto=smtp;.*?\] "
_ELSE = rf"^(?:INFO|WARN) +\[.*?\] {_IP}.*?\] "
_WHO = r"security - cmd=Auth; account=(?P<user>[^;]*); "
_WHY = r" error=authentication failed for \[[^\]]*\], (?P<detail>[^;]*?(?:, data (?P<vendor_code>[0-9a-f]{3}),[^;]*?)?) ?;$"
_WEB, _STORE = r"protocol=[a-z_]+;", r"protocol=(?P<protocol>imap|pop3);"
_BY = "Zimbra: ZimbraLog.security of Auth.java, written to audit.log"

_auth = always(stage="auth", side="server")
_done = _auth(outcome="success", cause="success", basis="line")
_HEAD = "[qtp1-9:https://localhost:7071/service/admin/soap/] [name=ann@example.com;oip=203.0.113.9;oport=40022;oproto=smtp;] "
_WEB_HEAD = "[qtp1-9:https://localhost:8080/service/soap/] [name=ann@example.com;oip=203.0.113.9;ua=zclient/9.0.0;soapId=4e5e;] "
_client = {"client_ip": "203.0.113.9", "client_port": 40022, "user": "ann@example.com"}
_web = {"client_ip": "203.0.113.9", "user": "ann@example.com", "protocol": "http"}
_bad = {"outcome": "failure", "cause": "bad_credentials", "basis": "line"}


def _audit(
    name: str, regex: str, sets: dict[str, Any], message: str, expect: dict[str, Any], *not_these: str
) -> Pattern:
    """Return a pattern of the audit log."""
    return Pattern(
        name,
        program=_TAG,
        literal=" cmd=Auth; account=",
        regex=regex,
        sets=sets,
        written_by=_BY,
        samples=(Sample(message, sets | expect, program=_TAG),),
        not_these=not_these,
    )


ZIMBRA = Lines(
    "zimbra",
    "Zimbra's audit and mailbox log",
    tag=_TAG,
    patterns=(
        _audit(
            "accepted",
            rf"{_SMTP}{_WHO}{_WEB}$",
            _done,
            f"INFO  {_HEAD}security - cmd=Auth; account=ann@example.com; protocol=soap;",
            _client,
            f"INFO  {_HEAD}security - cmd=DelegateAuth; account=ann@example.com; protocol=soap;",
            f"INFO  {_HEAD}security - cmd=AdminAuth; account=ann@example.com;",
        ),
        _audit(
            "refused",
            rf"{_SMTP}{_WHO}{_WEB}{_WHY}",
            _auth(),
            f"WARN  {_HEAD}security - cmd=Auth; account=ann@example.com; protocol=soap; error=authentication failed for "
            "[ann@example.com], external LDAP auth failed, LDAP error:  - unable to ldap authenticate: 80090308: LdapErr: "
            "DSID-0C090532, comment: AcceptSecurityContext error, data 52e, v4f7c ;",
            _client
            | _bad
            | {
                "vendor_code": "52e",
                "detail": "external LDAP auth failed, LDAP error:  - unable to ldap authenticate: 80090308: LdapErr: "
                "DSID-0C090532, comment: AcceptSecurityContext error, data 52e, v4f7c",
            },
        ),
        _audit(
            "accepted_store",
            rf"{_ELSE}{_WHO}{_STORE}$",
            _done,
            "INFO  [Pop3SSLServer-12505] [ip=203.0.113.9;] security - cmd=Auth; account=ann@example.com; protocol=pop3;",
            {"client_ip": "203.0.113.9", "user": "ann@example.com", "protocol": "pop3"},
        ),
        _audit(
            "refused_store",
            rf"{_ELSE}{_WHO}{_STORE}{_WHY}",
            _auth(),
            "WARN  [ImapServer-3] [ip=192.0.2.10;oip=203.0.113.9;via=192.0.2.10(nginx/1.20);] security - cmd=Auth; "
            "account=ann@example.com; protocol=imap; error=authentication failed for [ann@example.com], account not found;",
            {"client_ip": "203.0.113.9", "user": "ann@example.com", "protocol": "imap"}
            | {"outcome": "failure", "cause": "unknown_user", "basis": "line", "detail": "account not found"},
        ),
        _audit(
            "accepted_web",
            rf"{_ELSE}{_WHO}{_WEB}$",
            _done | {"protocol": "http"},
            f"INFO  {_WEB_HEAD}security - cmd=Auth; account=ann@example.com; protocol=soap;",
            _web,
        ),
        _audit(
            "refused_web",
            rf"{_ELSE}{_WHO}{_WEB}{_WHY}",
            _auth(protocol="http"),
            f"WARN  {_WEB_HEAD}security - cmd=Auth; account=ann@example.com; protocol=soap; error=authentication failed "
            "for [ann], invalid password;",
            _web | _bad | {"detail": "invalid password"},
        ),
        Pattern(
            "refused_mailbox",
            program=_TAG,
            literal="authentication failed for [",
            regex=rf"{_SMTP}SoapEngine - handler exception: authentication failed for \[(?P<user>.*)\], "
            r"(?P<detail>[^;\]]*?(?:, data (?P<vendor_code>[0-9a-f]{3}),[^;\]]*)?) *$",
            sets=_auth(),
            written_by="Zimbra SoapEngine.java, written to mailbox.log at INFO: the audit log has the same attempt",
            samples=(
                Sample(
                    f"INFO  {_HEAD}SoapEngine - handler exception: authentication failed for [ann@example.com], account not found",
                    _auth() | _client | _bad | {"cause": "unknown_user", "detail": "account not found"},
                    program=_TAG,
                ),
            ),
        ),
        Pattern(
            "other",
            program=_TAG,
            regex=r"^[A-Z]+ +\[.*?\] \[(?:[a-zA-Z]+=[^;\]]*;)*[^\]]*\] [A-Za-z0-9_.$]+ - .*$",
            role="dismiss",
            written_by="Zimbra: everything else, in its own layout `LEVEL [thread] [key=value;] logger - text`",
            samples=(
                Sample(
                    "INFO  [qtp1-1:https://localhost:7071/service/admin/soap/ModifyDomainRequest] [name=admin@example.com;] "
                    "security - cmd=ModifyDomain; name=example.com; zimbraAuthLdapSearchBindPassword=S3cret!; zimbraAuthMech=ad;",
                    program=_TAG,
                ),
            ),
        ),
    ),
    cannot_show=(
        "mechanisms, TLS, ports and reply codes: those are on Postfix's lines of the same attempt",
        "AUTH that Postfix refuses itself, before asking",
        "which proxy in front told the client's address, where `oip=` is a list",
    ),
)
