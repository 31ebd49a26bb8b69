"""Traffic of a busy mail site: one method writes one session (or mail) and counts in `truth` what happened in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import _lines as lines
from _cluster import CYRUS, HOSTS, MECHANISMS, PORT_25, SMTPS, SUBMISSION, VERBOSE_DOVECOT, Site

if TYPE_CHECKING:
    from _session import SmtpSession

LOCALHOST = lines.Peer.of("127.0.0.1", "localhost", "localhost")


class Traffic(Site):
    """What the people, bots and other servers do; `at` is seconds after the start."""

    # ------------------------------------------------------------------------------------------ without AUTH

    def inbound(self, at: float) -> None:
        """Mail from outside: smtpd, cleanup, qmgr, amavis, lmtp."""
        peer = self.pick(self.servers)
        s = self.open(PORT_25, peer, at)
        s.ehlo()
        if self.random() < 0.8:
            s.wait(0.3)
            s.starttls(lines.TLS13 if self.random() < 0.7 else lines.TLS12)
        queue_id, user = self.queue_id(), self.pick(self.users)
        sender, host = f"news{int(self.random() * 900)}@example.org", s.prefix.split(" ", 1)[0]
        s.wait(0.4)
        s.mail(queue_id)
        t = s.at
        self.emit(
            t, f"{host} postfix/cleanup[871]: {lines.message_id(queue_id, f'{queue_id.lower()}@mail.example.org')}"
        )
        size = 1500 + int(self.random() * 90_000)
        self.emit(t + 0.3, f"{host} postfix/qmgr[702]: {lines.queued(queue_id, sender, size)}")
        s.wait(0.3)
        self.close(s)
        if self.random() < 0.6:
            t = self.through_amavis(host, t + 0.5, queue_id, sender, user, peer.ip, size)
        else:
            relay = f"{host}.example.com[private/dovecot-lmtp]"
            text = lines.delivery(
                queue_id, user, relay, 0.6, "2.0.0", "sent", f"250 2.0.0 <{user}> {self.token()} Saved"
            )
            self.emit(t + 0.8, f"{host} postfix/lmtp[912]: {text}")
        self.emit(t + 1.0, f"{host} postfix/qmgr[702]: {lines.removed(queue_id)}")

    def through_amavis(self, host: str, t: float, queue_id: str, sender: str, user: str, ip: str, size: int) -> float:
        """Write the second half of a filtered mail, which amavis puts back with a new queue id; return when it is done."""
        second, mail_id = self.queue_id(), self.token(12)
        s = self.open("postfix/dfilter/smtpd", LOCALHOST, t + 0.5, host)
        s.ehlo()
        s.mail(second)
        self.close(s)
        t = s.at
        self.emit(t, f"{host} postfix/cleanup[874]: {lines.message_id(second, f'{queue_id.lower()}@mail.example.org')}")
        self.emit(t, f"{host} postfix/qmgr[702]: {lines.queued(second, sender, size + 480)}")
        self.emit(
            t + 0.2,
            f"{host} amavis[2231]: (02231-{int(self.random() * 20):02d}) Passed CLEAN {{RelayedInbound}}, [{ip}]:4{int(self.random() * 9999):04d} "
            f"<{sender}> -> <{user}>, Queue-ID: {queue_id}, mail_id: {mail_id}, Hits: -0.2, size: {size}, queued_as: {second}, 512 ms",
        )
        reply = f"250 2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as {second}"
        text = lines.delivery(queue_id, user, "127.0.0.1[127.0.0.1]:10024", 1.1, "2.0.0", "sent", reply)
        self.emit(t + 0.3, f"{host} postfix/smtp[931]: {text}")
        relay = f"{host}.example.com[private/dovecot-lmtp]"
        text = lines.delivery(second, user, relay, 0.3, "2.0.0", "sent", f"250 2.0.0 <{user}> {self.token()} Saved")
        self.emit(t + 0.6, f"{host} postfix/lmtp[912]: {text}")
        self.emit(t + 0.6, f"{host} postfix/qmgr[702]: {lines.removed(second)}")
        return t + 0.5

    def postscreen(self, at: float) -> None:
        """Write a client that postscreen keeps away from smtpd."""
        peer, host, port = self.pick(self.bots), self.pick(HOSTS), 20_000 + int(self.random() * 40_000)
        where = f"[{peer.ip}]:{port}"
        head = f"{host} postfix/postscreen[655]: "
        self.emit(at, f"{head}CONNECT from {where} to [192.0.2.25]:25")
        if self.random() < 0.5:
            self.emit(
                at + 0.2, f"{head}PREGREET 14 after 0.{int(self.random() * 99):02d} from {where}: EHLO User\\r\\n"
            )
        self.emit(
            at + 0.7, f"{head}HANGUP after 0.{int(self.random() * 99):02d} from {where} in tests after SMTP handshake"
        )
        self.emit(at + 0.7, f"{head}DISCONNECT {where}")

    def imap(self, at: float) -> None:
        """IMAP login; one in twenty fails."""
        peer, host, user, session = self.pick(self.homes), self.pick(HOSTS), self.pick(self.users), self.token()
        if self.random() < 0.05:
            self.truth["imap failure"] += 1
            if host in VERBOSE_DOVECOT:
                text = lines.dovecot23_auth("passwd-file", user, peer.ip, "Password mismatch", session)
                self.emit(at, f"{host} dovecot: {text}")
            text = "Disconnected: Connection closed (auth failed, 1 attempts in 2 secs)"
            self.emit(
                at + 2, f"{host} dovecot: {lines.dovecot23_login('imap', text, user, peer.ip, '192.0.2.25', session)}"
            )
            return
        self.truth["imap success"] += 1
        mpid = 4000 + int(self.random() * 20_000)
        text = lines.dovecot23_login("imap", "Login", user, peer.ip, "192.0.2.25", session, mpid)
        self.emit(at, f"{host} dovecot: {text}")
        counts = f"in={200 + mpid} out={mpid * 7} deleted=0 expunged=0 trashed=0 hdr_count=0 hdr_bytes=0 body_count=0 body_bytes=0"
        end = at + 1 + self.random() * 90
        self.emit(end, f"{host} dovecot: imap({user})<{mpid}><{session}>: Disconnected: Logged out {counts}")

    def relay_denied(self, at: float) -> None:
        """Probe for an open relay on port 25."""
        s = self.open(PORT_25, self.pick(self.bots), at)
        s.ehlo()
        s.wait(0.5)
        target = f"probe{int(self.random() * 99)}@example.net"
        s.reject("554 5.7.1", f"<{target}>: Relay access denied", "spameri@example.org", target)
        self.truth["relay denied"] += 1
        self.close(s, "lost connection" if self.random() < 0.5 else "quit")

    def limited(self, at: float) -> None:
        """Client over a limit: connection rate on 25, AUTH command rate on submission."""
        peer = self.pick(self.bots)
        if self.random() < 0.5:
            s = self.open(PORT_25, peer, at)
            s.say(lines.limit("Connection rate", 61 + int(self.random() * 30), peer.text, "smtp"))
            s.disconnect()
            self.truth["connection limit"] += 1
            self.close(s, "")
            return
        s = self.open(SUBMISSION, peer, at)
        s.ehlo()
        s.starttls()
        for k in range(1 + int(self.random() * 4)):
            s.wait(0.3)
            s.auth_limited(21 + k, "submission")
            self.truth["auth throttled"] += 1
        self.close(s, "lost connection")

    def scanner(self, at: float) -> None:
        """Connect and go, or greet and go."""
        s = self.open(self.pick((PORT_25, SUBMISSION)), self.pick(self.bots), at)
        if self.random() < 0.5:
            s.ehlo()
        s.wait(1)
        self.close(s, self.pick(("quit", "lost connection", "lost connection")))

    def silent(self, at: float) -> None:
        """AUTH before STARTTLS on submission, or AUTH on port 25 where it is off: only `auth=0/1` tells."""
        program = self.pick((SUBMISSION, SUBMISSION, PORT_25))
        s = self.open(program, self.pick(self.homes), at)
        s.ehlo()
        s.wait(0.4)
        s.auth_silent()
        self.truth["auth refused silent"] += 1
        self.close(s)

    def tls_trouble(self, at: float) -> None:
        """Plain text on 465, or a TLS version that is too old."""
        if self.random() < 0.5:
            s = self.open(SMTPS, self.pick(self.bots), at)
            s.tls_error(self.pick((lines.HTTP_REQUEST, lines.WRONG_VERSION)))
        else:
            s = self.open(SUBMISSION, self.pick(self.homes), at)
            s.ehlo()
            s.command("starttls", ok=False)
            s.tls_error(lines.UNSUPPORTED_PROTOCOL)
        self.truth["tls failed"] += 1
        self.close(s, "")

    def anvil(self, at: float) -> None:
        """Statistics lines."""
        head, stamp = f"{self.pick(HOSTS)} postfix/anvil[688]: ", self.anvil_stamp(at - 40)
        service = self.pick(("smtp", "submission", "smtps"))
        ip = self.pick(self.bots).ip
        self.emit(at, head + lines.anvil_rate("connection", 2 + int(self.random() * 20), service, ip, stamp))
        self.emit(at, head + lines.anvil_count(1 + int(self.random() * 4), service, ip, stamp))
        self.emit(at, head + lines.anvil_cache(5 + int(self.random() * 30), stamp))

    # --------------------------------------------------------------------------------------------- with AUTH

    def greet(self, s: SmtpSession, encrypted: bool = True) -> None:
        """EHLO with the TLS that fits the service."""
        if "smtps" in s.prefix:
            s.wrapper_tls()
        else:
            s.ehlo()
            if encrypted:
                s.starttls(lines.TLS13 if self.random() < 0.85 else lines.TLS12)
        s.wait(0.3)

    def submit(self, at: float) -> None:
        """Send one to three mails as a user."""
        k = int(self.random() * len(self.users))
        s = self.open(self.pick((SUBMISSION, SUBMISSION, SMTPS)), self.homes[k], at)
        user, host, mechanism = self.users[k], s.prefix.split(" ", 1)[0], self.pick(MECHANISMS)
        self.greet(s)
        s.auth_success()
        if self.random() < 0.05:
            s.wait(0.2)
            self.close(s)
            return
        for _ in range(1 if self.random() < 0.8 else 3):
            queue_id = self.queue_id()
            s.mail(queue_id, mechanism, user)
            self.truth["mail success"] += 1
            self.truth["auth event lines"] += 1
            head, t = f"{host} postfix/", s.at
            self.emit(t, f"{head}cleanup[871]: {lines.message_id(queue_id, f'{queue_id.lower()}@example.com')}")
            self.emit(t + 0.3, f"{head}qmgr[702]: {lines.queued(queue_id, user, 900 + int(self.random() * 20_000))}")
            reply = f"250 2.0.0 Ok: queued as 4{self.token(12)}"
            text = lines.delivery(
                queue_id, "friend@example.org", "mail.example.org[192.0.2.77]:25", 0.9, "2.0.0", "sent", reply
            )
            self.emit(t + 0.9, f"{head}smtp[931]: {text}")
            self.emit(t + 0.9, f"{head}qmgr[702]: {lines.removed(queue_id)}")
            s.wait(0.6)
        self.close(s)

    def one_failure(self, s: SmtpSession, user: str) -> None:
        """One refused AUTH, with the lines of the backend of that host."""
        mechanism, host = self.pick(MECHANISMS), s.prefix.split(" ", 1)[0]
        shown = user if self.random() < self.with_user else None
        self.truth["auth event lines"] += 1
        luck = self.random()
        if luck < 0.04:
            self.truth["auth connection lost"] += 1
            s.wait(10)
            s.auth_failure(mechanism, lines.CONNECTION_LOST, shown)
        elif luck < 0.05:
            self.truth["auth aborted"] += 1
            s.auth_failure("LOGIN", "Invalid base64 data in continued response", shown and "(unavailable)")
        elif luck < 0.06:
            self.truth["auth refused mechanism"] += 1
            s.auth_failure("NTLM", "Invalid authentication mechanism", shown and "(unavailable)")
        else:
            self.truth["auth failure"] += 1
            if host in VERBOSE_DOVECOT:
                known = user in self.accounts
                text = "Password mismatch" if known else "unknown user"
                db = "cram-md5" if known and mechanism == "CRAM-MD5" else "passwd-file"
                self.emit(s.at, f"{host} dovecot: {lines.dovecot23_auth(db, user, s.peer.ip, text)}")
                self.truth["dovecot auth lines"] += 1
                self.truth["dovecot unknown user"] += not known
            s.wait(2)
            s.auth_failure(mechanism, lines.CYRUS_REASON if host == CYRUS else lines.NO_REASON, shown)

    def failure(self, at: float) -> None:
        """Try a wrong password: of a user (who then gets in) or of a bot."""
        if self.random() < 0.15:
            k = int(self.random() * len(self.users))
            s = self.open(SUBMISSION, self.homes[k], at)
            self.greet(s)
            self.one_failure(s, self.users[k])
            s.wait(2)
            s.auth_success()
            self.close(s)
            return
        s = self.open(self.pick((SUBMISSION, SUBMISSION, SMTPS)), self.pick(self.bots), at)
        self.greet(s)
        self.one_failure(s, self.pick(self.guesses))
        self.close(s, "lost connection" if self.random() < 0.4 else "quit")

    def burst(self, at: float) -> None:
        """Try a list of names in one connection."""
        s = self.open(SUBMISSION, self.pick(self.bots), at, self.pick(("mx3", "mx4", "mx3", "mx4", "mx1")))
        self.greet(s)
        for _ in range(10 + int(self.random() * 10)):
            self.one_failure(s, self.pick(self.guesses))
            s.wait(0.3)
        self.close(s, "too many errors")
