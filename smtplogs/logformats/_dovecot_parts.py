r"""Pieces that Dovecot patterns share: who is meant, in the two shapes of auth lines; known reasons; login fields.

Names and, with `auth_verbose_passwords=plain`, passwords are typed by strangers and may look like the rest of a line:
the name `a,192.0.2.1): Password mismatch` gives `sql(a,192.0.2.1): Password mismatch,203.0.113.9): unknown user`. Two
facts keep addresses honest. What Dovecot itself says holds no end of a prefix, so a text that does was cut too early (REST).
And of all cuts that leave a whole text the first is taken, since a logged password stands behind the true one.
"""

from __future__ import annotations

from functools import partial

PROGRAM = "dovecot[A-Za-z0-9_-]*|auth|auth-worker"
"""Tags of Dovecot; `instance_name` may follow the name."""

auth = partial(dict, side="server", stage="auth")
"""Columns of a line about a login, with more."""

context = partial(auth, outcome="info")
"""The same for a line that is no event."""

tls = partial(dict, side="server", stage="tls")
"""Columns of a line about a TLS handshake."""

wrong = auth(outcome="failure", cause="bad_credentials", basis="line")
nobody = auth(outcome="failure", cause="unknown_user", basis="line")
denied = auth(outcome="failure", cause="access_policy_denied", basis="line")
broken = auth(outcome="deferred", cause="backend_unavailable", basis="line", level="Error")
success = auth(outcome="success", cause="success", basis="line")
garbled = auth(outcome="aborted", cause="malformed_response", basis="line")

ADDRESS = r"[0-9A-Fa-f]*[.:][0-9A-Fa-f.:]*(?:%[0-9A-Za-z]+)?"

LEVEL = "Warning|Error|Fatal|Panic"

MECHANISMS = (
    "plain|login|cram-md5|digest-md5|scram-sha-(?:1|256)(?:-plus)?|xoauth2|oauthbearer|ntlm|gssapi|gss-spnego|external"
    "|anonymous|otp|skey|apop|rpa|winbind"
)

# --- who: `auth: DB(USER,IP[,master][,<SESSION>]): ` until 2.3, `auth(USER,IP,sasl:MECH[,master])<SESSION>: DB: ` in 2.4

_USER = r"(?P<user>.*?)"
_PEER = rf",(?P<client_ip>{ADDRESS})"

_DATABASE = rf"(?P<passdb>(?P<mechanism>{MECHANISMS})|[A-Za-z0-9_.-]+)"
_SESSION = r"(?:,master)?(?:,(?:<(?P<session>[^>]*)>)?)?"
_PROCESS = r"auth(?:-worker)?(?:\((?:default|[0-9]+)\))?: "
_WORKER = r"(?:conn [^ ]+ \([^)]*\): auth(?:-worker)?<[0-9]+>: )?"

OLD = (
    rf"^(?:dovecot: )?(?:(?:Info|Warn|Error): )?{_PROCESS}(?:Info: )?{_WORKER}"
    rf"{_DATABASE}\({_USER}(?:{_PEER})?{_SESSION}\): "
)
"""Until 2.3: `auth-worker(304): pam(ann,192.0.2.1): `. The level came first in the log file of 1.x."""

OLD_AT_LEVEL = rf"^{_PROCESS}(?P<level>{LEVEL}): {_WORKER}{_DATABASE}\({_USER}{_PEER}{_SESSION}\): "
"""The same above level Info, always with an address: `mysql(localhost): ` is a database, not a user."""

_MECHANISM = r"(?:,sasl:(?P<mechanism>[^ ,()]+))?(?:,master)?"
_REQUEST = r"(?:<[0-9]+>)?(?:<(?P<session>[^>]*)>)?: (?:request \[[0-9]+\]: )?"
_NEW_DATABASE = r"(?:(?P<passdb>[A-Za-z0-9_.-]+): )?"

NEW = rf"^auth(?:-worker)?\({_USER}(?:{_PEER})?{_MECHANISM}\){_REQUEST}(?:Info: )?{_NEW_DATABASE}"
"""Since 2.4: `auth-worker(ann,192.0.2.1)<571>: request [1]: passwd-file: `. The older shape must be tried first."""

NEW_AT_LEVEL = rf"^auth(?:-worker)?\({_USER}{_PEER}{_MECHANISM}\){_REQUEST}(?P<level>{LEVEL}): {_NEW_DATABASE}"
"""The same above level Info, always with an address."""


def nameless(regex: str, *groups: str) -> str:
    """Return the regex without the names of these groups."""
    for group in groups:
        regex = regex.replace(f"(?P<{group}>", "(?:")
    return regex


# --- what

PASSWORD = "(given password: "  # noqa: S105  # the words before it, not a password
NEXT = " - trying the next "

_KNOWN = (
    r"(?:[Pp]assword mismatch|[Uu]nknown user|User unknown|[Ii]nvalid credentials|Login attempt with empty password"
    r"|pam_[a-z_]+\(\) failed: |allow_(?:real_)?nets check failed|[a-z_ ]*check_client_fp check failed"
    r"|User found from deny passdb|Authentication failure due to policy server refusal|Policy check action is "
    r"|[Pp]assword expired|[Uu]ser (?:is |account )?disabled|oauth2 failed: |Token (?:is|validation)|login user: "
    r"|No password returned|Requested [^ ]+ scheme, but |Unknown scheme |user not found from |User not authorized "
    r"|Username (?:character disallowed|contains disallowed|or token missing)|Empty username|username not known"
    r"|[Ii]nvalid (?:input|username|base64|gs2-|GS2 |client |nonce|initial client |final client |response|channel binding |digest-uri"
    r"|authzid |ClientProof)|[Mm]issing (?:token|username or token|nonce|cnonce|digest)|Channel binding not |Client requested "
    r"|Nonallowed QoP |SSL certificate didn't contain |authid not |authzid |NULs (?:in |not supported )|Attempted (?:master )?login |Master user login attempted |Request timed out waiting for client"
    r"|(?:Password|User) query failed|Connection lost to LDAP|Login failed \(status=|[a-z0-9]+ disabled in vpopmail)"
)
"""How the reasons begin that say why a login was refused. Anything else at level Info is no refusal."""

REST = r"(?:[^)]|\)+[^:<)])*\)*"
"""Text that holds the end of no prefix: neither `): ` nor `)<`."""

_PLAIN = rf"{REST}\(given password: .*\)"

REASON = rf"(?P<detail>{_KNOWN}(?:{_PLAIN}|(?:[^)]|\)+[^:<)])*?\)*))(?: \((?:[A-Z0-9]+ of )?given password: [^)]*)?$"
"""A reason, with the logged password (the parser cuts it out) or, where the line breaks off in it, without."""

REASON_NOT_FINAL = rf"(?P<detail>{_KNOWN}(?:{_PLAIN}|{REST}) - trying the next (?:passdb|userdb))$"
"""A reason after which another database is asked."""

REASON_OR_FORGERY = (
    rf"(?P<detail>{_KNOWN}{REST}\(given password: .*,{ADDRESS}(?:,[^()]*)?\)(?:<[^>]*>)*: .*\)"
    r"(?: - trying the next (?:passdb|userdb))?)$"
)
"""A logged password that holds another address and reason: or a name that holds the first ones."""

POLICY = rf"(?P<detail>(?:Policy server |Error reading policy server ){REST})$"
"""The policy server could not be asked: Dovecot goes on without it."""

BAD_NAME = (
    r"(?P<detail>Username character disallowed by auth_username_chars: 0x[0-9a-f]{2} \(username: (?P<user>.*)\))$"
)
"""The name is printed whole here, not in the prefix: at 64 bytes that one is too short to hold this text."""

# --- login processes

LOGIN = r"^(?:dovecot: )?(?:Info: )?(?:(?P<protocol>imap|pop3)|(?P<service>[a-z0-9]+))-login: (?:Info: )?"
"""`imap-login: `; a submission or sieve service is a service, of which the parser knows the protocol."""

_ELEMENT = (
    r"(?:lip=(?P<server_ip>[^ ,]+)[^,]*|lport=(?P<server_port>[0-9]+)|rport=(?P<client_port>[0-9]+)"
    r"|session=<(?P<session>[^>]*)>|TLSv[0-9.]+ with cipher (?P<cipher>[^ ,]+)[^,]*"
    r"|(?P<tls>TLS handshaking|TLS|TSL|secured)(?:: [^,]*)?|[^,]*)"
)

FIELDS = (
    r"(?:user=<(?P<user>.*)>, )?(?:method=(?P<mechanism>[^ ]*), )?"
    rf"rip=(?P<client_ip>{ADDRESS})[^,]*(?:, ?{_ELEMENT})*$"
)
"""What `login_log_format_elements` writes by default, and some additions seen. The name reaches to the last `>` before
the address, for it may hold fields of its own."""
