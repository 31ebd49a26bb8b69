"""Exim's server: logins that failed, and AUTH commands refused before a mechanism ran."""

from __future__ import annotations

from dataclasses import replace

from smtplogs.logformats._exim_parts import CORE, HEAD, IP, JUNK, LOCAL, PEER, PROGRAM, TLS, auth, context, failed
from smtplogs.logformats._format import Part, Pattern, Sample

_AUTHENTICATOR = r"(?P<authenticator>[0-9A-Za-z_]+)"
_WRONG = r"(?P<reply_code>535) (?P<detail>Incorrect authentication data)"
_NAMED = r"(?: \(set_id=(?P<user>.*)\))?(?:: (?P<n_attempts>[0-9]+) Time\(s\))?[ \t]*$"
_DEFERRED = r"(?P<reply_code>435) (?:Unable to authenticate at present|Internal error)(?: \(set_id=(?P<user>.*?)\))?: (?P<detail>.*)$"
_RUBBISH = (
    r"(?P<reply_code>501|553) (?P<detail>Invalid base64 data|Authentication cancelled|Initial data not expected)[ \t]*$"
)
_BY = "exim src/smtp_in.c smtp_log_... auth; main and reject log, no selector turns it off"
_SMTP_IN = "exim src/smtp_in.c"

_plain = {"authenticator": "dovecot_login", "mechanism": "LOGIN", "client_ip": "203.0.113.9", "helo": "pc-7"}
_HOT_PEER = (
    rf"(?:(?P<client_name>[^ ()\[\]=]+) )?(?:\((?P<helo>[^ ()]*)\) )?\[(?P<client_ip>{IP})\](?::(?P<client_port>[0-9]+))?"
    rf"(?: I=\[(?P<server_ip>{IP})\]:(?P<server_port>[0-9]+))?"
)
_HOT_PARTS = (
    Part("", _AUTHENTICATOR),
    Part(" authenticator failed for ", _HOT_PEER),
    Part(": 535 Incorrect authentication data", r"(?: \(set_id=(?P<user>[^ ()]*)\))?"),
)
_hot = {"reply_code": 535, "detail": "Incorrect authentication data"}

FAILED = (
    Pattern(
        "auth_failed_h",
        program=PROGRAM,
        literal="authenticator failed for H=",
        parts=(_HOT_PARTS[0], replace(_HOT_PARTS[1], after=" authenticator failed for H="), _HOT_PARTS[2]),
        sets=auth(**_hot),
        harmless=True,
        written_by=f"{_BY}; 4.99 and later",
        samples=(
            Sample(
                "dovecot_login authenticator failed for H=(pc-7) [203.0.113.9]:55330: 535 Incorrect authentication data "
                "(set_id=alice@example.com)",
                failed(**_plain, client_port=55330, user="alice@example.com"),
            ),
        ),
    ),
    Pattern(
        "auth_failed",
        program=PROGRAM,
        literal="authenticator failed for ",
        parts=_HOT_PARTS,
        sets=auth(**_hot),
        harmless=True,
        written_by=f"{_BY}; up to 4.98",
        samples=(
            Sample(
                "dovecot_login authenticator failed for (pc-7) [203.0.113.9]: 535 Incorrect authentication data "
                "(set_id=alice@example.com)",
                failed(**_plain, user="alice@example.com"),
            ),
            Sample(
                "plain_server authenticator failed for h7.example.net ([192.0.2.33]) [2001:db8::7]:51234 "
                "I=[2001:db8::1]:587: 535 Incorrect authentication data",
                failed(
                    authenticator="plain_server",
                    mechanism="PLAIN",
                    client_name="h7.example.net",
                    helo="[192.0.2.33]",
                    client_ip="2001:db8::7",
                    client_port=51234,
                    server_ip="2001:db8::1",
                    server_port=587,
                ),
            ),
        ),
    ),
    Pattern(
        "auth_failed_odd",
        program=PROGRAM,
        literal="authenticator failed for ",
        regex=rf"{HEAD}{_AUTHENTICATOR} authenticator failed for {PEER}: {_WRONG}{_NAMED}",
        sets=auth(),
        written_by=_BY,
        samples=(
            Sample(
                "login authenticator failed for H=(pc-7) [203.0.113.9]:40001 I=[192.0.2.1]:587 U=ann Ci=23265: "
                "535 Incorrect authentication data (set_id=a (b) c)",
                failed(
                    authenticator="login",
                    mechanism="LOGIN",
                    helo="pc-7",
                    client_ip="203.0.113.9",
                    client_port=40001,
                    server_ip="192.0.2.1",
                    server_port=587,
                    session="23265",
                    user="a (b) c",
                ),
            ),
            Sample(
                "login authenticator failed for (pc-7) [203.0.113.9]: 535 Incorrect authentication data "
                "(set_id=x): 535 Incorrect authentication data (set_id=victim)",
                failed(
                    authenticator="login",
                    mechanism="LOGIN",
                    helo="pc-7",
                    client_ip="203.0.113.9",
                    user="x): 535 Incorrect authentication data (set_id=victim",
                ),
            ),
        ),
        not_these=("T= login authenticator failed for (pc-7) [203.0.113.9]: 535 Incorrect authentication data",),
    ),
    Pattern(
        "auth_failed_cut",
        program=PROGRAM,
        literal="authenticator failed for ",
        regex=rf"{HEAD}{_AUTHENTICATOR} authenticator failed for {PEER}: {_WRONG} \(set_id=(?P<user>.*?)"
        r"(?:\*{4} log string overflowed log buffer \*{4}[ \t]*)?$",
        sets=auth(),
        written_by=f"{_BY}; a name that filled the 8 KiB buffer (4.97 and later), or a piece of a line over syslog",
        samples=(
            Sample(
                "plain_server authenticator failed for (pc-7) [203.0.113.9]: 535 Incorrect authentication data "
                "(set_id=bbbb**** log string overflowed log buffer ****",
                failed(
                    authenticator="plain_server", mechanism="PLAIN", helo="pc-7", client_ip="203.0.113.9", user="bbbb"
                ),
            ),
        ),
    ),
    Pattern(
        "auth_deferred",
        program=PROGRAM,
        literal="authenticator failed for ",
        regex=rf"{HEAD}{_AUTHENTICATOR} authenticator failed for (?:{PEER}|{LOCAL}): {_DEFERRED}",
        sets=auth(),
        written_by=f"{_BY}; a lookup or the backend did not answer, or the site deferred on purpose",
        samples=(
            Sample(
                "dovecot_plain authenticator failed for (pc-7) [203.0.113.9]: 435 Unable to authenticate at present "
                "(set_id=alice@example.com): authentication socket read error or premature eof",
                auth(
                    authenticator="dovecot_plain",
                    mechanism="PLAIN",
                    helo="pc-7",
                    client_ip="203.0.113.9",
                    user="alice@example.com",
                    reply_code=435,
                    detail="authentication socket read error or premature eof",
                    outcome="deferred",
                    cause="backend_unavailable",
                    basis="line",
                ),
            ),
        ),
    ),
    Pattern(
        "auth_malformed",
        program=PROGRAM,
        literal="authenticator failed for ",
        regex=rf"{HEAD}{_AUTHENTICATOR} authenticator failed for (?:{PEER}|{LOCAL}): {_RUBBISH}",
        sets=auth(),
        written_by=_BY,
        samples=(
            Sample(
                "login authenticator failed for H=(pc-7) [203.0.113.9]: 501 Invalid base64 data",
                auth(
                    authenticator="login",
                    mechanism="LOGIN",
                    helo="pc-7",
                    client_ip="203.0.113.9",
                    reply_code=501,
                    detail="Invalid base64 data",
                    outcome="aborted",
                    cause="malformed_response",
                    basis="line",
                ),
            ),
        ),
    ),
    Pattern(
        "auth_failed_local",
        program=PROGRAM,
        literal="authenticator failed for ",
        regex=rf"{HEAD}{_AUTHENTICATOR} authenticator failed for {LOCAL}: {_WRONG}{_NAMED}",
        sets=auth(),
        written_by=f"{_BY}; `exim -bs`, no peer",
        samples=(
            Sample(
                "plain1 authenticator failed for U=ann: 535 Incorrect authentication data (set_id=userx)",
                failed(authenticator="plain1", mechanism="PLAIN", user="userx"),
            ),
        ),
    ),
    Pattern(
        "auth_failed_junk",
        program=PROGRAM,
        literal="authenticator failed for ",
        regex=rf"{HEAD}{_AUTHENTICATOR} authenticator failed for {JUNK}: {_WRONG}{_NAMED}",
        sets=auth(),
        written_by=f"{_BY}; helo_accept_junk_hosts lets HELO be anything: the last address before the code is Exim's",
        samples=(
            Sample(
                "login authenticator failed for H=(evil helo) [203.0.113.9]: 535 Incorrect authentication data (set_id=ann)",
                failed(authenticator="login", mechanism="LOGIN", helo="evil helo", client_ip="203.0.113.9", user="ann"),
            ),
        ),
    ),
)

_NOT_NOW = (
    r"AUTH command used when not advertised|already authenticated|not permitted in mail transaction"
    r"|invalid character in authentication mechanism name|(?:[^ ]+ )?authentication mechanism not supported"
)

REFUSED = (
    Pattern(
        "auth_rejected",
        program=PROGRAM,
        literal="rejected AUTH ",
        regex=rf"{HEAD}(?:DS )?{PEER}{TLS}(?: F=[^ ]+)?(?: SPF=[^ ]+)?(?: DMARC=[^ ]+)? (?P<level>(?:temporarily )?rejected) AUTH "
        r"(?P<mechanism>[^ :]+)(?: [^ :]+)?(?:: (?P<detail>.*))?$",
        sets=auth(),
        written_by=f"{_SMTP_IN}: acl_smtp_auth said no; base64 of the client follows the mechanism up to 4.94",
        samples=(
            Sample(
                "H=(pc-7) [203.0.113.9] rejected AUTH PLAIN: STARTTLS required before AUTH",
                auth(
                    helo="pc-7",
                    client_ip="203.0.113.9",
                    mechanism="PLAIN",
                    level="rejected",
                    detail="STARTTLS required before AUTH",
                    outcome="refused",
                    cause="tls_required",
                    basis="line",
                ),
            ),
            Sample(
                "H=(pc-7) [203.0.113.9]:44001 temporarily rejected AUTH LOGIN: ratelimited auth",
                auth(
                    helo="pc-7",
                    client_ip="203.0.113.9",
                    client_port=44001,
                    mechanism="LOGIN",
                    level="temporarily rejected",
                    detail="ratelimited auth",
                    outcome="throttled",
                    cause="throttled_auth",
                    basis="line",
                ),
            ),
        ),
    ),
    Pattern(
        "auth_not_now",
        program=PROGRAM,
        literal=(
            "AUTH command used when not advertised",
            "already authenticated",
            "not permitted in mail transaction",
            "authentication mechanism",
        ),
        regex=rf'{HEAD}SMTP (?:protocol|syntax) error in "(?:(?i)AUTH[ \t]+(?P<mechanism>[^ \t"]+).*|.*)" '
        rf"(?:H={CORE}|U=[^ ]+) +(?P<detail>{_NOT_NOW})[ \t]*$",
        sets=auth(),
        written_by=f"{_SMTP_IN}; only with +smtp_protocol_error and +smtp_syntax_error, main log only",
        samples=(
            Sample(
                'SMTP protocol error in "AUTH LOGIN" H=(pc-7) [203.0.113.9]:60723 I=[192.0.2.1]:587 '
                "AUTH command used when not advertised",
                auth(
                    mechanism="LOGIN",
                    helo="pc-7",
                    client_ip="203.0.113.9",
                    client_port=60723,
                    server_ip="192.0.2.1",
                    server_port=587,
                    detail="AUTH command used when not advertised",
                    outcome="refused",
                    cause="auth_not_offered",
                    basis="line",
                ),
            ),
            Sample(
                'SMTP protocol error in "AUTH NTLM" H=(pc-7) [203.0.113.9] NTLM authentication mechanism not supported',
                auth(
                    mechanism="NTLM",
                    helo="pc-7",
                    client_ip="203.0.113.9",
                    detail="NTLM authentication mechanism not supported",
                    outcome="refused",
                    cause="mechanism_unsupported",
                    basis="line",
                ),
            ),
        ),
    ),
    Pattern(
        "sasl_detail",
        program=PROGRAM,
        literal=(" authenticator: ", " authenticator (", "SASL permanent failure"),
        regex=rf"{HEAD}(?:[0-9A-Za-z_]+ authenticator(?: \([^)]*\))?:|[ \t]+GNU SASL permanent failure:)(?P<detail>.*)$",
        sets=context(),
        role="context",
        written_by="exim src/auths/cyrus_sasl.c, gsasl_exim.c: said before the failure it explains, or at start (panic log)",
        samples=(
            Sample(
                "cram authenticator: Cyrus SASL doesn't know about mechanism X.",
                context(detail=" Cyrus SASL doesn't know about mechanism X."),
            ),
        ),
    ),
    Pattern(
        "overflow",
        program=PROGRAM,
        literal="log string overflowed",
        regex=r"^(?P<detail>\*{4} log string overflowed log buffer \*{4})[ \t]*$",
        sets=context(),
        role="context",
        written_by="exim src/log.c, up to 4.96: the line itself is lost, a name of 9,000 characters does it",
        samples=(
            Sample(
                "**** log string overflowed log buffer ****",
                context(detail="**** log string overflowed log buffer ****"),
            ),
        ),
    ),
    Pattern(
        "piece",
        program=PROGRAM,
        regex=r"^\[[0-9]+[/\\][0-9]+\] .*$",
        role="context",
        sets=context(),
        written_by="exim src/log.c: a further piece of a line over 870 bytes, whose first piece was not found before it",
        samples=(Sample("[2/2] xxxx)", context()),),
    ),
)
