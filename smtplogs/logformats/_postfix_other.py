"""Postfix: lines that are proven to be none of ours, or that only repeat what other lines say."""

from __future__ import annotations

from smtplogs.logformats._format import Pattern, Sample
from smtplogs.logformats._postfix_parts import ADDRESS, PEER
from smtplogs.logformats._postfix_reasons import CLIENTS

_NAME = r"[0-9A-Za-z]+"
_PEER = PEER.replace("?P<client_name>", "?:").replace("?P<client_ip>", "?:").replace("?P<client_port>", "?:")

ORDINARY = (
    Pattern(
        "delivery_other",
        program=f"error|retry|local|virtual|pipe|discard|{CLIENTS}",
        regex=rf"^{_NAME}: to=<{ADDRESS}>, .*status=[a-z]+ \(.*\)$",
        role="dismiss",
        written_by="postfix src/global/log_adhoc.c: deliveries that no login, limit or TLS stopped",
        samples=(
            Sample(
                "46F6B326930: to=<eve@example.org>, relay=smtp.example.net[198.51.100.25]:25, delay=2, "
                "delays=0.2/0/1.6/0.2, dsn=5.1.1, status=bounced (host smtp.example.net[198.51.100.25] said: 550 5.1.1 "
                "User unknown (in reply to RCPT TO command))"
            ),
            Sample(
                "C97BC326A18: to=<eve@example.org>, relay=none, delay=0.03, delays=0.01/0.02/0/0, dsn=2.0.0, "
                "status=sent (example.org)",
                program="postfix/discard",
            ),
        ),
    ),
    Pattern(
        "reason_other",
        program=CLIENTS,
        regex=rf"^{_NAME}: (?:host [^ ]+ said: |lost connection with |conversation with |connect to ).*$",
        role="dismiss",
        written_by="postfix src/smtp/smtp_trouble.c, smtp_connect.c: another server is tried next",
        samples=(
            Sample(
                "BC9D03C349E: host mx.example.org[198.51.100.25] said: 451 This user is over quota, try again later"
            ),
        ),
    ),
    Pattern(
        "relay_connect",
        program=CLIENTS,
        regex=r"^(?:warning: )?(?:connect to [^ ]+: .*|(?:[A-Z][a-z]+ )?TLS connection (?:established|reused) to .*"
        r"|certificate verification failed for .*|[A-Z0-9-]+ client step [0-9].*|setting up TLS connection to .*)$",
        role="dismiss",
        written_by="postfix src/smtp/smtp_connect.c, src/tls/; Cyrus SASL itself (client step)",
        samples=(
            Sample("connect to mx.example.org[198.51.100.25]:25: Connection refused"),
            Sample("connect to smtp.example.net[2001:db8::25]:587: Network is unreachable"),
            Sample(
                "Verified TLS connection established to smtp.example.net[198.51.100.25]:587: TLSv1.3 with cipher "
                "TLS_AES_256_GCM_SHA384 (256/256 bits)"
            ),
            Sample("NTLM client step 1\\n"),
        ),
    ),
)

OTHER = (
    Pattern(
        "reject_other",
        program="smtpd|cleanup",
        regex=rf"^{_NAME}: (?:(?:milter-|proxy-)?(?:reject|accept|discard|hold|quarantine|tempfail|replace)|filter|redirect"
        r"|bcc|warn|info|permit|delay|hangup|trace|client-check): [A-Z][A-Za-z-]* from .*$",
        role="dismiss",
        written_by="postfix src/smtpd/smtpd_check.c, src/cleanup/cleanup_milter.c: spam, addresses, content, storage",
        samples=(
            Sample(
                "NOQUEUE: reject: RCPT from unknown[203.0.113.9]: 504 5.5.2 <pc-7>: Helo command rejected: need "
                "fully-qualified hostname; from=<a@example.com> to=<b@example.org> proto=ESMTP helo=<pc-7>"
            ),
            Sample(
                "NOQUEUE: milter-reject: RCPT from mx.example.org[203.0.113.9]: 451 4.7.1 Greylisting in action; "
                "from=<a@example.com> to=<b@example.org> proto=ESMTP helo=<mx.example.org>"
            ),
            Sample(
                "4104E3D: milter-reject: END-OF-MESSAGE from unknown[203.0.113.9]: 5.7.1 Blocked by SpamAssassin; "
                "from=<a@example.com> to=<b@example.org> proto=ESMTP helo=<mx.example.org>",
                program="postfix/cleanup",
            ),
        ),
    ),
    Pattern(
        "content_check",
        program="smtpd|cleanup",
        regex=rf"^{_NAME}: [a-z-]+: (?:mime |nested )?(?:header|body|milter-header) .*$",
        role="dismiss",
        written_by="postfix src/cleanup/cleanup_message.c: header and body checks print text of the mail",
        samples=(
            Sample(
                "4104E3D: warning: header Subject: SASL LOGIN authentication failed: x from unknown[203.0.113.9]; "
                "from=<a@example.com> to=<b@example.org> proto=ESMTP helo=<mx.example.org>",
                program="postfix/cleanup",
            ),
            Sample(
                "4104E3D: milter-header-redirect: header X-Spam-Status: Yes from unknown[203.0.113.9]; from=<a@example.com>",
                program="postfix/cleanup",
            ),
        ),
    ),
    Pattern(
        "verbose_dialogue",
        program=r"smtpd|smtp|relay|lmtp|postscreen",
        regex=rf"^[<>] {_PEER}: .*$",
        role="dismiss",
        written_by="postfix src/global/smtp_stream.c with -v or debug_peer_list; repeats what the normal lines say, "
        "and holds credentials",
        samples=(
            Sample("< unknown[203.0.113.9]: AGFsaWNlAHNlY3JldA=="),
            Sample("> unknown[203.0.113.9]: 535 5.7.8 Error: authentication failed: (reason unavailable)"),
        ),
    ),
    Pattern(
        "verbose_sasl",
        program=r"smtpd|smtp|relay|lmtp",
        regex=r"^x?sasl_[a-z_]+: .*$|^smtpd_sasl_[a-z_]+: .*$|^smtp_sasl_[a-z_]+: .*$",
        role="dismiss",
        written_by="postfix src/xsasl/, smtpd_sasl_glue.c, smtp_sasl_glue.c with -v; hold credentials",
        samples=(
            Sample("xsasl_dovecot_handle_reply: auth reply: FAIL?1?user=alice?reason=blocked"),
            Sample("xsasl_dovecot_server_first: sasl_method PLAIN, init_response AGFsaWNlAHNlY3JldA=="),
            Sample("smtpd_sasl_authenticate: sasl_method PLAIN, init_response (none)"),
        ),
    ),
    Pattern(
        "verbose_match",
        program=r"smtpd|smtp|relay|lmtp|postscreen",
        regex=r"^match_(?:string|list_match|hostname|hostaddr): .*$",
        role="dismiss",
        written_by="postfix src/util/match_ops.c, match_list.c with -v: lists of settings",
        samples=(Sample("match_string: smtpd_noop_commands: starttls ~? help"),),
    ),
    Pattern(
        "host_name",
        program="smtpd|postscreen|smtp",
        regex=r"^warning: (?:hostname .* does not resolve to address .*|.*: hostname .* verification failed: .*"
        r"|.*: address not listed for hostname .*|numeric (?:hostname|domain name).*|.*: RBL lookup error: .*"
        rf"|Illegal address syntax from {_PEER} in [A-Z]+ command: .*)$",
        role="dismiss",
        written_by="postfix src/smtpd/smtpd_peer.c, smtpd_check.c, smtpd.c: the name of a peer, block lists, syntax",
        samples=(
            Sample(
                "warning: hostname pc.example.net does not resolve to address 203.0.113.9: Name or service not known"
            ),
            Sample("warning: Illegal address syntax from unknown[203.0.113.9] in MAIL command: <a@192.0.2.1>"),
        ),
    ),
    Pattern(
        "bare_lf",
        program="smtpd",
        regex=rf"^(?:{_NAME}: )?bare <LF> received after [A-Z-]+(?: content)? (?:\([0-9]+ bytes\) )?from {_PEER}$",
        role="dismiss",
        written_by="postfix src/smtpd/smtpd.c, some builds of 3.5 to 3.8 against SMTP smuggling",
        samples=(Sample("bare <LF> received after DATA from unknown[203.0.113.9]"),),
    ),
    Pattern(
        "tls_verbose",
        program="smtpd|tlsproxy|smtp",
        regex=rf"^setting up TLS connection (?:from|to) .*$|^{_PEER}: (?:Trusted|Untrusted|save session|Reusing|subject_CN).*$",
        role="dismiss",
        written_by="postfix src/tls/tls_server.c, tls_client.c with a tls_loglevel of 2 or more",
        samples=(Sample("setting up TLS connection from unknown[203.0.113.9]"),),
    ),
    Pattern(
        "long_request",
        program="smtpd",
        regex=rf"^warning: {_PEER}: request longer than [0-9]+: .*$",
        role="dismiss",
        written_by="postfix src/smtpd/smtpd_chat.c: what comes of it stands in the next line",
        samples=(
            Sample("warning: unknown[203.0.113.9]: request longer than 2048: AUTH PLAIN AGFhYWFhYWFhYWFhYWFh..."),
        ),
    ),
    Pattern(
        "screen_other",
        program="postscreen|dnsblog",
        regex=r"^(?:CONNECT|DISCONNECT|PASS (?:NEW|OLD)|PREGREET|HANGUP|DNSBL rank|NON-SMTP COMMAND|BARE NEWLINE"
        r"|COMMAND PIPELINING|WHITELISTED|ALLOWLISTED|BLACKLISTED|DENYLISTED|NOQUEUE: reject: [A-Z]+ from \["
        r"|WHITELIST VETO|ALLOWLIST VETO|cache [a-z]+:|addr ).*$",
        role="dismiss",
        written_by="postfix src/postscreen/: bots and block lists; its dummy engine takes no logins",
        samples=(
            Sample("PREGREET 14 after 0.04 from [203.0.113.9]:55868: EHLO pc-7\\r\\n"),
            Sample("CONNECT from [203.0.113.9]:44661 to [192.0.2.25]:25"),
            Sample("HANGUP after 0.07 from [203.0.113.9]:55868 in tests after SMTP handshake"),
        ),
    ),
    Pattern(
        "tlsproxy",
        program="tlsproxy",
        regex=r"^(?:(?:CONNECT|DISCONNECT)(?: from| to)? \[.*|(?:[A-Z][a-z]+ )?TLS connection (?:established|reused) "
        r"(?:from|to) .*|SSL_(?:accept|connect) error (?:from|to) .*|warning: TLS library problem: .*)$",
        role="dismiss",
        written_by="postfix src/tlsproxy/: TLS for postscreen and for reused connections; the login is in smtpd or smtp",
        samples=(
            Sample("CONNECT from [203.0.113.9]:44661"),
            Sample(
                "Anonymous TLS connection established from [203.0.113.9]:44661: TLSv1.3 with cipher "
                "TLS_AES_256_GCM_SHA384 (256/256 bits)"
            ),
        ),
    ),
    Pattern(
        "client_other",
        program="smtpd|qmqpd",
        regex=rf"^{_NAME}: client=.*$",
        role="dismiss",
        written_by="postfix src/smtpd/smtpd.c, src/qmqpd/qmqpd.c: a message without a login",
        samples=(Sample("4AA091855DA0: client=mx.example.org[203.0.113.9]", program="postfix/qmqpd"),),
    ),
    Pattern(
        "anvil_cache",
        program="anvil",
        regex=r"^statistics: max cache size [0-9]+ at .*$",
        role="dismiss",
        written_by="postfix src/anvil/anvil.c",
        samples=(Sample("statistics: max cache size 3 at Nov  3 09:05:01"),),
    ),
    Pattern(
        "queue",
        program="qmgr|nqmgr|oqmgr|pickup|cleanup|bounce|defer|trace",
        regex=rf"^{_NAME}: (?:from=<.*|uid=[0-9]+ from=<.*|removed(?: \(canceled\))?|(?:resent-)?message-id=.*"
        r"|skipped, still being delivered|sender (?:non-delivery|delivery status|delay) notification: .*"
        r"|postmaster (?:non-delivery|delay) notification: .*)$",
        role="dismiss",
        written_by="postfix src/qmgr/, src/pickup/, src/cleanup/, src/bounce/: the way of a mail through the queue",
        samples=(
            Sample("C97BC326A18: from=<alice@example.com>, size=181, nrcpt=1 (queue active)"),
            Sample("032E63268E4: uid=0 from=<root@example.com>", program="postfix/pickup"),
            Sample("28951326876: removed (canceled)", program="postfix/cleanup"),
        ),
    ),
    Pattern(
        "master",
        program="master|postfix-script|postlog|postlogd",
        regex=r"^(?:warning: process .* (?:exit status|killed by signal) [0-9]+|warning: .*: bad command startup -- "
        r"throttling|(?:daemon started|reload) -- version .*|terminating on signal [0-9]+|fatal: the Postfix mail system .*"
        r"|(?:starting|stopping|refreshing|aborting|flushing) .*|the Postfix mail system .*)$",
        role="dismiss",
        written_by="postfix src/master/, conf/postfix-script: start, stop, and children that died (they said why)",
        samples=(
            Sample("warning: process /usr/lib/postfix/sbin/smtpd pid 222 exit status 1"),
            Sample("warning: /usr/lib/postfix/sbin/smtpd: bad command startup -- throttling"),
            Sample("daemon started -- version 3.10.13, configuration /etc/postfix"),
        ),
    ),
)
