"""Challenge and pseudonym as the gateway knows them, in memory; each can be away or refuse."""

import hashlib

from gateway.domain.ports import IssuedChallenge
from kit.encoding import b64u
from kit.errors import Code, ShirushiError, Unavailable


class FakeChallenges:
    """What challenge does for the gateway, in memory."""

    def __init__(self):
        self.sheets = {}
        self.issued = {}
        self.claimed = set()
        self.answered = set()
        self.withdrawn = []
        self.notices = []
        self.away = False
        self.refusing = False

    async def issue(self, login_id, epoch, *, sheets, expires_at, verdict_due_at, network):
        self._check()
        self.sheets[login_id] = dict(sheets)
        self.issued[login_id] = {
            "epoch": epoch,
            "expires_at": expires_at,
            "verdict_due_at": verdict_due_at,
            "network": network,
        }
        return IssuedChallenge(self.handle(login_id), b"s" * 16, b"q" * 32)

    async def withdraw(self, login_id, epoch):
        self._check()
        self.withdrawn.append(login_id)
        return None if login_id in self.answered else login_id in self.claimed

    async def post_notice(self, login_id, epoch, notice):
        self._check()
        self.notices.append((login_id, notice))

    @staticmethod
    def handle(login_id):
        return hashlib.sha256(b"handle" + login_id).digest()[:16]

    def login_of(self, handle):
        return next(login_id for login_id in self.sheets if self.handle(login_id) == handle)

    def _check(self):
        if self.away:
            raise Unavailable("challenge is away", reason="unreachable")
        if self.refusing:
            raise ShirushiError(Code.INTERNAL, "internal error", reason="internal")


class FakePseudonyms:
    """What pseudonym does for the gateway: a `sub` that depends on sealed handle and sector."""

    def __init__(self):
        self.asked = []
        self.away = False
        self.refusing = ""

    async def derive_sub(self, login_id, epoch, *, sealed_subject, label, blind, key_version):
        if self.away:
            raise Unavailable("pseudonym is away", reason="unreachable")
        if self.refusing:
            raise ShirushiError(Code.PERMISSION_DENIED, "refused", reason=self.refusing)
        self.asked.append((login_id, epoch, sealed_subject, label, blind, key_version))
        return b64u(hashlib.sha256(sealed_subject + label + bytes([key_version])).digest())
