"""PAM: what its modules write to the auth log when Dovecot asks them.

The same attempt stands in Dovecot's own line, with more; a PAM line counts only where that one is missing. Dovecot
always sets the terminal to `dovecot`, whatever the PAM service is called.
"""

from __future__ import annotations

from smtplogs.logformats._dovecot_parts import PROGRAM, auth, context
from smtplogs.logformats._format import Lines, Pattern, Sample

_MODULE = r"^(?:pam_[a-z0-9_]+\([^()]*\): |\(pam_[a-z0-9_]+\) )?"
_FAILURE = (
    r"(?P<detail>authentication failure); logname=[^ ]* uid=[0-9]* euid=[0-9]* tty=dovecot ruser=(?P<user>.+) "
    r"rhost=(?P<client_ip>[^ ]*)(?: +user=[^ ]*)? *$"
)

# the tag is often Dovecot's own, so that the rows say themselves whose they are
pam = {"format": "pam"}
refused = auth(outcome="failure", cause="bad_credentials", basis="assumed", detail="authentication failure")

MODULES = (
    Pattern(
        "pam_failure",
        program=PROGRAM,
        literal="tty=dovecot ruser=",
        regex=_MODULE + _FAILURE,
        sets=auth() | pam,
        written_by="Linux-PAM modules/pam_unix/support.c and its likes (pam_sss, pam_krb5); the last rhost= is PAM's own",
        samples=(
            Sample(
                "pam_unix(dovecot:auth): authentication failure; logname= uid=0 euid=0 tty=dovecot "
                "ruser=alice@example.com rhost=203.0.113.9 ",
                refused | {"user": "alice@example.com", "client_ip": "203.0.113.9"},
            ),
            Sample(
                "pam_unix(dovecot:auth): authentication failure; logname= uid=0 euid=0 tty=dovecot "
                "ruser=ann@x rhost=192.0.2.1 rhost=2001:db8::7  user=ann",
                refused | {"user": "ann@x rhost=192.0.2.1", "client_ip": "2001:db8::7"},
            ),
        ),
        not_these=(
            "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=203.0.113.9  user=root",
        ),
    ),
    Pattern(
        "pam_locked",
        program=PROGRAM,
        literal="Consecutive login failures for user ",
        regex=_MODULE + r"(?P<detail>Consecutive login failures for user (?P<user>.*) account temporarily locked)$",
        sets=auth() | pam,
        written_by="Linux-PAM modules/pam_faillock/pam_faillock.c, since 1.4: once, when the account is closed",
        samples=(
            Sample(
                "pam_faillock(dovecot:auth): Consecutive login failures for user ann account temporarily locked",
                auth(
                    outcome="failure",
                    cause="account_locked",
                    basis="line",
                    user="ann",
                    detail="Consecutive login failures for user ann account temporarily locked",
                ),
            ),
        ),
    ),
    Pattern(
        "pam_detail",
        program=PROGRAM,
        regex=r"^pam_[a-z0-9_]+\([^()]*\): (?P<detail>check pass; user unknown|account .* has expired \(.*\)"
        r"|expired password for user .*|received for user .*)$",
        sets=context() | pam,
        role="context",
        written_by="Linux-PAM modules/pam_unix: stands beside the line that counts",
        samples=(
            Sample("pam_unix(dovecot:auth): check pass; user unknown", context(detail="check pass; user unknown")),
            Sample(
                "pam_unix(dovecot:account): account ann has expired (account expired)",
                context(detail="account ann has expired (account expired)"),
            ),
        ),
    ),
    Pattern(
        "pam_other",
        program=PROGRAM,
        regex=r"^pam_[a-z0-9_]+\([^()]*:(?:account|session|setcred|chauthtok)\): .*$",
        role="dismiss",
        written_by="Linux-PAM: sessions and accounts",
        samples=(Sample("pam_unix(dovecot:session): session opened for user ann by (uid=0)"),),
    ),
    Pattern(
        "pam_broken",
        program=PROGRAM,
        regex=r"^PAM (?:[a-z_]+: |error |unable to |adding faulty module: |failed to |bad |\[).*$",
        role="dismiss",
        written_by="Linux-PAM libpam: a configuration or module that is not there; Dovecot's own line names the login it ends",
        samples=(
            Sample("PAM _pam_load_conf_file: unable to open config for /etc/pam.d/common-auth"),
            Sample("PAM error reading PAM configuration file"),
            Sample("PAM pam_start: failed to initialize handlers"),
            Sample("PAM unable to dlopen(pam_gone.so): /lib/security/pam_gone.so: cannot open shared object file"),
        ),
    ),
)

PAM = Lines(
    "pam",
    "PAM lines about Dovecot in the auth log",
    tag=PROGRAM,
    patterns=MODULES,
    cannot_show=("logins that succeeded", "whether an unknown name or a wrong password was the cause"),
)
