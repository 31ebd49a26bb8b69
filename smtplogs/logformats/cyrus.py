"""Cyrus: IMAP and POP3 logins, and saslauthd, which judges for Postfix, Sendmail, Exim and Cyrus itself.

Sources: Cyrus IMAP imap/imapd.c, imap/pop3d.c (2.2 to 3.8); Cyrus SASL saslauthd/saslauthd-main.c, utils.c (2.1.22 to
2.1.28); Zimbra's auth_zimbra.c, a back end of saslauthd. saslauthd knows no client: its refusals are the word behind
a failure of the mail server, never an attempt beside it.
"""

from __future__ import annotations

from typing import Any

from smtplogs.logformats._format import Lines, Pattern, Sample
from smtplogs.logformats._postfix_parts import always

_IMAP, _POP, _SIEVE = r"imaps?", r"pop3s?", r"timsieved|sieve"
_PEER = r"(?P<client_name>[^ \[]*) ?\[(?P<client_ip>[0-9A-Fa-f:.]+)\]"
_BY = "Cyrus IMAP imap/imapd.c, imap/pop3d.c"

_auth = always(stage="auth", side="server")
_peer = {"client_name": "pc.example.net", "client_ip": "203.0.113.9"}
_bad = _auth(outcome="failure", cause="bad_credentials", basis="line", user="ann@example.com") | _peer
_SERVERS = (
    ("", _IMAP, "imap", "cyrus/imap"),
    ("_pop3", _POP, "pop3", "cyrus/pop3"),
    ("_sieve", _SIEVE, "sieve", "sieve"),
)


def _patterns(suffix: str, program: str, protocol: str, tag: str) -> tuple[Pattern, ...]:
    """Return what one of the servers says of logins."""
    here = {"protocol": protocol}

    def pattern(
        name: str, literal: str, text: str, sets: dict[str, Any], *samples: tuple[str, dict[str, Any]]
    ) -> Pattern:
        return Pattern(
            f"{name}{suffix}",
            program=program,
            literal=literal,
            regex=rf"^{literal}{_PEER} {text}$",
            sets=sets | here,
            written_by=_BY,
            samples=tuple(Sample(message, expect | here, program=tag) for message, expect in samples),
        )

    done = _auth(outcome="success", cause="success", basis="line")
    return (
        pattern(
            "refused",
            "badlogin: ",
            r"(?P<mechanism>[^ ]+) \((?P<user>.*)\) \[(?P<detail>[^\[]*)\]",
            _auth(),
            (
                "badlogin: pc.example.net [203.0.113.9] plaintext (ann@example.com) [SASL(-13): authentication failure: "
                "checkpass failed]",
                _bad | {"mechanism": "PLAINTEXT", "detail": "SASL(-13): authentication failure: checkpass failed"},
            ),
        ),
        pattern(
            "refused_2",
            "badlogin: ",
            r"(?P<mechanism>[^ ]+) (?:(?P<user>[^\[].*) )?\[?SASL\((?P<vendor_code>-?[0-9]+)\): (?P<detail>.*?)\]?",
            _auth(),
            (
                "badlogin: pc.example.net [203.0.113.9] plaintext ann@example.com SASL(-13): authentication failure: "
                "checkpass failed",
                _bad
                | {
                    "mechanism": "PLAINTEXT",
                    "vendor_code": "-13",
                    "detail": "authentication failure: checkpass failed",
                },
            ),
            (
                "badlogin: pc.example.net[203.0.113.9] CRAM-MD5 [SASL(-13): authentication failure: incorrect digest response]",
                _bad
                | {"mechanism": "CRAM-MD5", "vendor_code": "-13", "user": None}
                | {"detail": "authentication failure: incorrect digest response"},
            ),
        ),
        pattern(
            "invalid_user",
            "badlogin: ",
            r"(?P<mechanism>plaintext) \(?(?P<user>.*?)\)? (?P<detail>invalid user)",
            _auth(outcome="failure", cause="unknown_user", basis="line"),
            (
                "badlogin: pc.example.net [203.0.113.9] plaintext (ann@example.com) invalid user",
                _bad | {"cause": "unknown_user", "mechanism": "PLAINTEXT", "detail": "invalid user"},
            ),
        ),
        pattern(
            "refused_bare",  # timsieved names nobody
            "badlogin: ",
            r"(?P<mechanism>[A-Z][A-Z0-9-]+) (?P<detail>[a-z][^(\[]*)",
            _auth(),
            (
                "badlogin: pc.example.net [203.0.113.9] PLAIN authentication failure",
                _bad | {"mechanism": "PLAIN", "user": None, "detail": "authentication failure"},
            ),
        ),
        pattern(
            "accepted",
            "login: ",
            r"(?P<user>[^ ]+) (?P<mechanism>[^ +]+)(?:\+(?P<tls>TLS))? User logged in(?: SESSIONID=<(?P<session>[^>]*)>)?",
            done,
            (
                "login: pc.example.net [203.0.113.9] ann@example.com plaintext+TLS User logged in SESSIONID=<cyrus-1-2-3>",
                done
                | _peer
                | {"user": "ann@example.com", "mechanism": "PLAINTEXT", "tls": "yes", "session": "cyrus-1-2-3"},
            ),
        ),
    )


CYRUS = Lines(
    "cyrus",
    "Cyrus IMAP and POP3",
    tag=f"(?:cyrus/)?(?P<daemon>{_IMAP}|{_POP}|{_SIEVE})",
    patterns=(
        *(p for server in _SERVERS for p in _patterns(*server)),
        Pattern(
            "other",
            program=f"{_IMAP}|{_POP}|{_SIEVE}",
            regex=r"^(?:USAGE |open: |fetching |accepted connection|starttls: |SSL_accept|inittls|seen_db|badlogin: .* anonymous|"
            r"skiplist: |DBERROR|client id|Connection reset|TLS ).*$",
            role="dismiss",
            written_by="Cyrus IMAP: mailboxes, quotas, TLS of IMAP sessions",
            samples=(
                Sample(
                    "starttls: TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits new) no authentication",
                    program="cyrus/imap",
                ),
            ),
        ),
    ),
    cannot_show=("SMTP logins: those are in the mail server's log", "ports and reply codes"),
)

_FUNCTION = r"^(?:[a-z_0-9]* *: )?"
"""Name of a function, padded; without debugging it is left out, its blanks stay."""

_behind = always(stage="auth", side="server")

_BIND_FAILED = "Bind to ldap server failed (invalid user/password or insufficient access) (-7)"

SASLAUTHD = Lines(
    "saslauthd",
    "saslauthd (judges for Postfix, Sendmail, Exim)",
    tag="saslauthd|plesk_saslauthd",
    patterns=(
        Pattern(
            "refused",
            program="saslauthd",
            literal="auth failure: ",
            regex=rf"{_FUNCTION}auth failure: \[user=(?P<user>.*)\] \[service=smtps?(?:ubmission)?\] \[realm=[^\]]*\] "
            r"\[mech=[^\]]*\] \[reason=(?P<detail>(?:\[ALERT\] )?[^\]]*)\]$",
            sets=_behind(),
            written_by="Cyrus SASL saslauthd/saslauthd-main.c; `do_auth` before it is the function; realm stands apart",
            samples=(
                Sample(
                    "do_auth         : auth failure: [user=ann] [service=smtp] [realm=example.com] [mech=pam] "
                    "[reason=PAM auth error]",
                    _behind(
                        outcome="failure", cause="bad_credentials", basis="assumed", user="ann", detail="PAM auth error"
                    ),
                    program="saslauthd",
                ),
                Sample(
                    "                : auth failure: [user=bob] [service=smtp] [realm=] [mech=pam] [reason=PAM acct error]",
                    _behind(
                        outcome="failure", cause="account_disabled", basis="line", user="bob", detail="PAM acct error"
                    ),
                    program="saslauthd",
                ),
                Sample(
                    "do_auth         : auth failure: [user=x] [service=smtp] [realm=] [mech=pam] [reason=none]] "
                    "[service=smtp] [realm=] [mech=rimap] [reason=remote server unavailable]",
                    _behind(
                        outcome="deferred",
                        cause="backend_unavailable",
                        basis="line",
                        user="x] [service=smtp] [realm=] [mech=pam] [reason=none]",
                        detail="remote server unavailable",
                    ),
                    program="saslauthd",
                ),
            ),
            not_these=(
                "do_auth         : auth failure: [user=ann] [service=imap] [realm=] [mech=pam] [reason=PAM auth error]",
            ),
        ),
        Pattern(
            "pam_said",
            program="saslauthd",
            literal="DEBUG: auth_pam: ",
            regex=r"^DEBUG: auth_pam: (?P<detail>pam_(?:authenticate|acct_mgmt) failed: .*)$",
            sets=_behind(),
            role="context",
            keeps_raw=True,
            written_by="Cyrus SASL saslauthd/auth_pam.c, at level debug: the line of the refusal follows from the same process",
            samples=(
                Sample(
                    "DEBUG: auth_pam: pam_authenticate failed: User not known to the underlying authentication module",
                    _behind(
                        outcome="failure",
                        cause="unknown_user",
                        basis="line",
                        detail="pam_authenticate failed: User not known to the underlying authentication module",
                    ),
                    program="saslauthd",
                ),
            ),
        ),
        Pattern(
            "plesk_refused",
            program="plesk_saslauthd",
            literal="failed mail authentic",
            regex=r"^failed mail authentic(?:atic)?ation attempt for user '(?P<user>.*)' \(password len=[0-9]+\)$",
            sets=_behind(outcome="failure", cause="bad_credentials", basis="assumed"),
            written_by="Plesk's own saslauthd, behind Postfix; older ones misspell the word",
            samples=tuple(
                Sample(
                    f"failed mail {word} attempt for user 'ann@example.com' (password len=8)",
                    _behind(outcome="failure", cause="bad_credentials", basis="assumed", user="ann@example.com"),
                    program="plesk_saslauthd",
                )
                for word in ("authentication", "authenticatication")
            ),
        ),
        Pattern(
            "plesk_said",
            program="plesk_saslauthd",
            literal=("No such user '", "Invalid mail address '"),
            regex=r"^(?P<detail>No such user '.*' in mail authorization database|Invalid mail address '.*')$",
            sets=_behind(outcome="failure", cause="unknown_user", basis="line"),
            role="context",
            keeps_raw=True,
            written_by="Plesk's own saslauthd: the line of the refusal follows from the same process",
            samples=(
                Sample(
                    "No such user 'bob@example.com' in mail authorization database",
                    _behind(
                        outcome="failure",
                        cause="unknown_user",
                        basis="line",
                        detail="No such user 'bob@example.com' in mail authorization database",
                    ),
                    program="plesk_saslauthd",
                ),
            ),
        ),
        Pattern(
            "ldap_said",
            program="saslauthd",
            literal="Authentication failed for ",
            regex=r"^Authentication failed for (?P<user>.*): (?P<detail>[^:]+ \(-[0-9]+\))$",
            sets=_behind(),
            role="context",
            keeps_raw=True,
            written_by="Cyrus SASL saslauthd/auth_ldap.c, lak.c: the line of the refusal, with the reason `Unknown`, follows from the same process",
            samples=tuple(
                Sample(
                    f"Authentication failed for {name}: {words}",
                    _behind(outcome=outcome, cause=cause, basis="line", user=name, detail=words),
                    program="saslauthd",
                )
                for name, words, outcome, cause in (
                    ("ann", "User not found (-6)", "failure", "unknown_user"),
                    ("ann/example.com", _BIND_FAILED, "failure", "bad_credentials"),
                    ("ann: b", "Internal error (-1)", "deferred", "backend_unavailable"),
                )
            ),
        ),
        Pattern(
            "ldap_away",
            program="saslauthd",
            literal=("t contact LDAP server", "erver is unavailable"),
            regex=r"^(?:[a-z]+:? )?(?P<detail>ldap_[a-z_]+\(\) failed.*(?:t contact LDAP server|erver is unavailable).*)$",
            sets=_behind(outcome="deferred", cause="backend_unavailable", basis="line"),
            role="context",
            keeps_raw=True,
            written_by="Cyrus SASL saslauthd/lak.c: the directory does not answer",
            samples=(
                Sample(
                    "user ldap_search_st() failed: Can't contact LDAP server",
                    _behind(
                        outcome="deferred",
                        cause="backend_unavailable",
                        basis="line",
                        detail="ldap_search_st() failed: Can't contact LDAP server",
                    ),
                    program="saslauthd",
                ),
                Sample(
                    "ldap_simple_bind() failed -1 (Can't contact LDAP server).",
                    _behind(
                        outcome="deferred",
                        cause="backend_unavailable",
                        basis="line",
                        detail="ldap_simple_bind() failed -1 (Can't contact LDAP server).",
                    ),
                    program="saslauthd",
                ),
            ),
        ),
        Pattern(
            "zimbra",
            program="saslauthd",
            literal=" auth failed: ",
            regex=r"^auth_zimbra: (?P<user>.*) auth failed: (?P<detail>.*)$",
            sets=always(stage="auth", side="server", outcome="info")(),
            role="context",
            written_by="Zimbra auth_zimbra.c: the line of saslauthd follows, the audit log has more",
            samples=(
                Sample(
                    "auth_zimbra: ann@example.com auth failed: authentication failed for [ann@example.com]",
                    {
                        "stage": "auth",
                        "side": "server",
                        "outcome": "info",
                        "user": "ann@example.com",
                        "detail": "authentication failed for [ann@example.com]",
                    },
                    program="saslauthd",
                ),
            ),
        ),
        Pattern(
            "other",
            program="saslauthd",
            regex=r"^.*$",
            role="dismiss",
            written_by="saslauthd: other services (imap, pop), successes in its debug log, PAM's lines about the same, start",
            samples=(
                Sample(
                    "do_auth         : auth failure: [user=ann] [service=imap] [realm=] [mech=pam] [reason=PAM auth error]",
                    program="saslauthd",
                ),
                Sample(
                    "pam_unix(smtp:auth): authentication failure; logname= uid=0 euid=0 tty= ruser= rhost=  user=ann",
                    program="saslauthd",
                ),
                Sample(
                    "zmpost: url='https://mail.example.com:7073/service/admin/soap/' returned buffer->data='"
                    "<authToken>0_5f2c</authToken>', hti->error=''",
                    program="saslauthd",
                ),
            ),
        ),
    ),
    cannot_show=(
        "the client's address: it is on the mail server's line",
        "logins that succeeded",
        "whether a wrong password or an unknown name was the cause, with most back ends",
    ),
)
