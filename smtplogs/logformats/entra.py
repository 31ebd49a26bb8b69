"""Microsoft 365: Entra sign-in logs, as diagnostic JSON lines, Graph JSON, Log Analytics or portal CSV."""

from __future__ import annotations

from smtplogs.logformats._format import Excerpt, Field, Table

SMTP = ("Authenticated SMTP", "SMTP")
"""Words of `clientAppUsed` for SMTP AUTH; all other sign-ins are left alone."""

_BLOCKED = r"(?i)(malicious ip|malicious activity)"
_WORDS = {
    "outcome": {"0": "success"},
    "cause": {"malicious ip": "access_policy_denied", "malicious activity": "access_policy_denied"},
}
_CANNOT = (
    "the SMTP reply, the mechanism, TLS and ports",
    "logins that never reached the directory (SMTP AUTH switched off for the mailbox or the tenant)",
)
_WRONG = "Error validating credentials due to invalid username or password."


def _expect(**columns: object) -> tuple[dict[str, object], ...]:
    common = {
        "stage": "auth", "outcome": "failure", "cause": "bad_credentials", "basis": "line", "side": "server",
        "user": "scanner@example.com", "client_ip": "198.51.100.12", "vendor_code": "50126", "detail": _WRONG,
    }  # fmt: skip
    return (common | columns,)


ENTRA = Table(
    "entra",
    "Microsoft Entra sign-ins (JSON)",
    layout="json",
    needs=("$..userPrincipalName", "$..clientAppUsed", "$..errorCode"),
    keep={"$..clientAppUsed": SMTP},
    fields={
        "stamp": Field(("$.properties.createdDateTime", "$.createdDateTime", "$.time")),
        "user": Field(("$.properties.userPrincipalName", "$.userPrincipalName")),
        "client_ip": Field(("$.properties.ipAddress", "$.ipAddress", "$.callerIpAddress")),
        "vendor_code": Field(("$.properties.status.errorCode", "$.status.errorCode", "$.resultType")),
        "outcome": Field(("$.properties.status.errorCode", "$.status.errorCode", "$.resultType")),
        "detail": Field(("$.properties.status.failureReason", "$.status.failureReason", "$.resultDescription")),
        "cause": Field(
            ("$.properties.status.failureReason", "$.status.failureReason", "$.resultDescription"), _BLOCKED
        ),
        "session": Field(("$.properties.correlationId", "$.correlationId")),
    },
    words=_WORDS,
    sets={"side": "server"},
    zone="UTC",
    written_by="Entra ID: diagnostic settings (Event Hub, storage), Graph auditLogs/signIns; interactive and not",
    cannot_show=_CANNOT,
    samples=(
        Excerpt(
            '{"time":"2026-07-21T05:03:52.1605624Z","category":"NonInteractiveUserSignInLogs","resultType":"50126",'
            f'"resultDescription":"{_WRONG}","callerIpAddress":"198.51.100.12","properties":{{"createdDateTime":'
            '"2026-07-21T05:03:52.1605624Z","userPrincipalName":"scanner@example.com","ipAddress":"198.51.100.12",'
            f'"status":{{"errorCode":50126,"failureReason":"{_WRONG}"}},"clientAppUsed":"Authenticated SMTP"}}}}',
            _expect(),
        ),
        Excerpt(
            '{"value":[\n{"createdDateTime":"2026-07-21T05:03:52Z","userPrincipalName":"scanner@example.com",'
            '"clientAppUsed":"Authenticated SMTP","ipAddress":"198.51.100.12","correlationId":"c-1",\n'
            f'"status":{{"errorCode":50126,"failureReason":"{_WRONG}"}}}},\n'
            '{"createdDateTime":"2026-07-21T05:04:52Z","userPrincipalName":"ann@example.com",'
            '"clientAppUsed":"Browser","ipAddress":"198.51.100.13","status":{"errorCode":0}}\n]}',
            _expect(),
        ),
    ),
)  # fmt: skip

ENTRA_CSV = Table(
    "entra-csv",
    "Microsoft Entra sign-ins (portal or Log Analytics CSV)",
    layout="csv",
    needs=("Client app", "Sign-in error code", "Username"),
    keep={"Client app": SMTP},
    fields={
        "stamp": Field(("Date (UTC)", "Date")),
        "user": Field(("Username",)),
        "client_ip": Field(("IP address",)),
        "vendor_code": Field(("Sign-in error code",)),
        "outcome": Field(("Status", "Sign-in error code")),
        "detail": Field(("Failure reason",)),
        "cause": Field(("Failure reason",), _BLOCKED),
        "session": Field(("Correlation ID",)),
    },
    words=_WORDS | {"outcome": {"success": "success", "0": "success"}},
    sets={"side": "server"},
    zone="UTC",
    written_by="Entra admin centre, sign-in logs, Download CSV; the header names one column twice",
    cannot_show=_CANNOT,
    samples=(
        Excerpt(
            "Date (UTC),Correlation ID,User,Username,Incoming token type,IP address,Location,Status,Sign-in error code,"
            "Failure reason,Client app,Incoming token type\n"
            '2026-12-04T08:19:41Z,c-1,Scan,scanner@example.com,,198.51.100.12,"Melbourne, Victoria, AU",Failure,50126,'
            f"{_WRONG},Authenticated SMTP,",
            _expect(),
        ),
    ),
)
