r"""Dovecot's `auth_debug` lines that join its answers to the asking process, and the lines that are none of ours.

Fields are separated by TABs, which rsyslog writes as `#011`. What the client sent (`resp=`) is `<hidden>` unless
`auth_debug_passwords` is on; it is never captured.
"""

from __future__ import annotations

from smtplogs.logformats._dovecot_parts import PROGRAM, context
from smtplogs.logformats._format import Pattern, Sample

_TAB = r"(?:\t|#011)"
_START = (
    r"^(?:Info: )?auth(?:\(default\))?: (?:Debug: )?(?:Info: )?"
    r"(?:conn unix:[^ ]+ \(pid=(?P<peer_pid>[0-9]+),uid=[0-9]+\)(?: \[[0-9]+\])?: )?client (?:passdb )?"
)
_USER = rf"(?:{_TAB}user=(?P<user>.*?))?"

DEBUG = (
    Pattern(
        "debug_lookup",
        program=PROGRAM,
        regex=r"^auth(?:-worker)?\(.*\)(?:<[^>]*>)*: (?:request \[[0-9]+\]: )?Debug: [a-z0-9-]+: lookup: user=.* file=[^ ]+$",
        role="dismiss",
        written_by="dovecot src/auth/db-passwd-file.c with auth_debug, since 2.4; before all others, since it repeats the "
        "name where the end of a prefix could stand",
        samples=(
            Sample(
                "auth(x,192.0.2.66): unknown user,203.0.113.9,sasl:plain): Debug: passwd-file: lookup: "
                "user=x,192.0.2.66): unknown user file=/etc/dovecot/users"
            ),
        ),
        not_these=("auth(x): Debug: passwd-file: lookup: user=y file=/z,203.0.113.9,sasl:plain): sql: unknown user",),
    ),
    Pattern(
        "debug_in",
        program=PROGRAM,
        literal="client in: AUTH",
        regex=rf"{_START}in: AUTH{_TAB}(?P<request_id>[0-9]+){_TAB}(?P<mechanism>[^\t#]+)"
        rf"(?:{_TAB}(?:session=(?P<session>[^\t#]*)|[^\t#]*))*$",
        sets=context(),
        role="context",
        written_by="dovecot src/auth/auth-client-connection.c with auth_debug; pid of the asking process since 2.3",
        samples=(
            Sample(
                "auth: Debug: conn unix:auth (pid=159,uid=100) [2]: client in: AUTH\t2\tPLAIN\tservice=smtp\tnologin\t"
                "lip=192.0.2.25\trip=203.0.113.9\tsecured\tresp=<hidden>",
                context(
                    peer_pid=159,
                    request_id="2",
                    mechanism="PLAIN",
                ),
            ),
            Sample(
                "auth: Debug: client in: AUTH#0117#011LOGIN#011service=imap#011session=6rXunFtu493AqJDi#011"
                "lip=192.0.2.25#011rip=2001:db8::7#011lport=143#011rport=40001#011resp=AGFubgBzZWNyZXQ=",
                context(
                    request_id="7",
                    mechanism="LOGIN",
                    session="6rXunFtu493AqJDi",
                ),
            ),
        ),
    ),
    Pattern(
        "debug_out",
        program=PROGRAM,
        literal=("passdb out: OK", "client out: OK"),
        regex=rf"{_START}out: (?P<vendor_code>OK){_TAB}(?P<request_id>[0-9]+){_USER}(?:{_TAB}.*)?$",
        sets=context(),
        role="context",
        written_by="dovecot src/auth/auth-client-connection.c with auth_debug: the only line on a login for Postfix or "
        "Exim that succeeded; `client out` in 1.x",
        samples=(
            Sample(
                "auth: Debug: conn unix:auth (pid=159,uid=100) [2]: client passdb out: OK\t2\tuser=alice@example.com",
                context(peer_pid=159, request_id="2", vendor_code="OK", user="alice@example.com"),
            ),
        ),
    ),
    Pattern(
        "debug_out_failed",
        program=PROGRAM,
        literal=("passdb out: FAIL", "client out: FAIL"),
        regex=rf"{_START}out: FAIL{_TAB}(?P<request_id>[0-9]+){_USER}"
        rf"(?:{_TAB}(?:.*?{_TAB})?code=(?P<vendor_code>[a-z_]+))?(?:{_TAB}.*)?$",
        sets=context(),
        role="context",
        written_by="dovecot src/auth/auth-client-connection.c with auth_debug; code= since 2.3 (before: temp, authz ...)",
        samples=(
            Sample(
                "auth: Debug: conn unix:auth (pid=159,uid=100) [2]: client passdb out: FAIL#0111#011"
                "user=bob@example.com#011reason=Try later#011code=temp_fail",
                context(peer_pid=159, request_id="1", vendor_code="temp_fail", user="bob@example.com"),
            ),
            Sample(
                "auth: Debug: client passdb out: FAIL\t1\tuser=bob@example.com",
                context(request_id="1", user="bob@example.com"),
            ),
        ),
    ),
)

STRANGERS = (
    Pattern(
        "auth_neutral",
        program=PROGRAM,
        regex=r"^auth(?:-worker)?(?:\(.*\))?(?:<[^>]*>)*: .*(?:Master user logging in as .*|Policy check action '.*' ignored)$",
        role="dismiss",
        written_by="dovecot src/auth/auth-request-fields.c, auth-policy.c: nobody was refused",
        samples=(
            Sample("auth: sql(master,203.0.113.9,master): Master user logging in as ann"),
            Sample("auth(ann,203.0.113.9,sasl:plain): policy: Policy check action 'tarpit 2 second(s)' ignored"),
        ),
    ),
    Pattern(
        "debug",
        program=PROGRAM,
        regex=r"^(?:Debug: .*|[a-z0-9-]+(?:\(.*\))?(?:<[^>]*>)*: (?:request \[[0-9]+\]: )?Debug: .*)$",
        role="dismiss",
        written_by="any process of dovecot with a debug setting",
        samples=(
            Sample("auth: Debug: passwd-file /etc/dovecot/users:Read 6 users in 0 secs"),
            Sample("auth(ann,203.0.113.9,sasl:plain)<CvN+E95Uf4e7eEnj>: Debug: passwd-file: Performing passdb lookup"),
            Sample("auth-worker(ann,203.0.113.9)<571>: request [2]: Debug: sql: query: SELECT password FROM users"),
        ),
    ),
    Pattern(
        "login_other",
        program=PROGRAM,
        regex=r"^(?:Info: )?[a-z0-9-]+-login: (?:Info: )?(?:ID sent: .*|SSL is disabled.*"
        r"|(?:Warning: )?proxy(?:\(.*\))?: (?:[Dd]isconnect(?:ed|ing).*|.* - reconnecting \(attempt #[0-9]+\).*))$",
        role="dismiss",
        written_by="dovecot src/imap-login/imap-login-cmd-id.c, src/login-common/login-proxy.c, client-common.c",
        samples=(
            Sample("imap-login: ID sent: name=Thunderbird, version=128: user=<>, rip=203.0.113.9, lip=192.0.2.25"),
            Sample(
                "imap-login: proxy(ann): disconnecting 203.0.113.9 (Disconnected by client(0s idle, in=12, out=51))"
            ),
        ),
    ),
    Pattern(
        "mail_session",
        program=PROGRAM,
        regex=r"^(?:Info: )?(?:imap|pop3|lmtp|submission|managesieve|lda|doveadm|indexer-worker|quota-status|IMAP|POP3"
        r"|MANAGESIEVE|SIEVE|LDA|deliver)(?:\(|: ).*$",
        role="dismiss",
        written_by="dovecot src/imap, pop3, submission, lmtp ...: what is done after the login",
        samples=(
            Sample("imap(ann)<161><eW+BjfZgh99/AAAH>: Disconnected: Logged out in=8 out=516 deleted=0 expunged=0"),
            Sample("submission(ann)<167><jFtSjvZgH6F/AAAH>: Disconnected: Logged out (state=GREETING) in=12 out=51"),
        ),
    ),
    Pattern(
        "killed",
        program=PROGRAM,
        literal="Killed with signal ",
        regex=r"^(?:Warning: )?[a-z0-9-]+: (?:Warning: )?Killed with signal [0-9]+ \([a-z0-9= -]*\)$",
        role="dismiss",
        written_by="dovecot src/lib-master/master-service.c: a process is told to end",
        samples=(
            Sample("auth: Warning: Killed with signal 15 (by pid=275 uid=0 code=kill)"),
            Sample("imap-login: Warning: Killed with signal 15 (by pid=1 uid=0 code=kill)"),
        ),
    ),
    Pattern(
        "login_master",
        program=PROGRAM,
        literal="-login: Error: master(",
        regex=r"^[a-z0-9]+-login: Error: master\([a-z0-9-]+\): .*$",
        role="dismiss",
        written_by="dovecot src/lib-master/master-auth.c, until 2.3: a login that was judged is not taken over",
        samples=(
            Sample(
                "pop3-login: Error: master(pop3): read() failed: Remote closed connection (destination service { process_limit } "
                "reached?) (client-pid=277, client-id=2, rip=203.0.113.29, created 163 msecs ago, received 0/4 bytes)"
            ),
        ),
    ),
    Pattern(
        "other_service",
        program=PROGRAM,
        regex=r"^(?:(?:Info|Warn|Warning|Error|Fatal): )?(?:master|config|anvil|stats|old-stats|log|director|replicator|aggregator|dict|ssl-params"
        r"|ipc|indexer|script|imap-hibernate|imap-urlauth|imap-urlauth-worker|dns-client|fts|welcome)(?:\([^)]*\))?: .*$",
        role="dismiss",
        written_by="dovecot src/master, src/config, src/anvil, src/stats ...: starts, stops and settings",
        samples=(
            Sample(
                "master: Dovecot v2.4.1-4 (7d8c0e5759) starting up for imap, pop3, submission (core dumps disabled)"
            ),
            Sample("master: Warning: Killed with signal 15 (by pid=181 uid=0 code=kill)"),
        ),
    ),
)
"""Tried last: a stranger's words in a line of ours must not hide it."""
