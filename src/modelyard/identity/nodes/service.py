"""Use cases of enrolled nodes."""

from __future__ import annotations

from pathlib import Path

from modelyard.identity.nodes.domain import AUDIENCE, LOCAL_NODE_NAME, SPEAKER_KIND, SPEAKER_LIFE_MAX, EnrolledNode
from modelyard.identity.nodes.errors import NodeNameTaken
from modelyard.identity.nodes.store import EnrolledNodeStore
from modelyard.infra.crypto.ed25519 import key_id
from modelyard.infra.crypto.jwt import TokenRefused, verify_jwt
from modelyard.infra.crypto.key_files import open_signing_key
from modelyard.infra.db.database import UnitOfWork
from modelyard.kernel.clock import Clock
from modelyard.kernel.errors import Unauthenticated
from modelyard.kernel.events import Event
from modelyard.kernel.ids import new_id
from modelyard.trust.keys import KeyRing, NodeTrust, write_node_trust


class NodeEnrolmentService:
    """Enrols nodes and finds out which of them speaks."""

    def __init__(self, clock: Clock, keys: KeyRing) -> None:
        self._clock = clock
        self._keys = keys

    def enrol(self, uow: UnitOfWork, name: str, public_key: bytes) -> EnrolledNode:
        """The node of that key, made when it is new. Raises NodeNameTaken, also for a key that was revoked."""
        store = EnrolledNodeStore(uow)
        known = store.find_by_key(key_id(public_key))
        if known is not None and known.revoked_at is None and known.name == name:
            return known
        if known is not None or store.find_by_name(name) is not None:
            raise NodeNameTaken(name=name)
        node = EnrolledNode(new_id("no"), name, public_key, key_id(public_key), self._clock.now())
        store.add(node)
        uow.record(Event("identity.node.enrolled", f"node:{name}", node.id, details={"key_id": node.key_id}))
        return node

    def enrol_local(self, uow: UnitOfWork, node_dir: Path) -> EnrolledNode:
        """Enrols the node of this machine: makes `node.pem` in its folder if need be, and writes `trust.json` there.
        Safe to repeat at every start."""
        node = self.enrol(uow, LOCAL_NODE_NAME, open_signing_key(node_dir / "node.pem").public_bytes)
        write_node_trust(node_dir / "trust.json", NodeTrust.of(self._keys, node.id))
        return node

    def authenticate(self, uow: UnitOfWork, token: str) -> EnrolledNode:
        """The node that signed the token for itself within the last minute. Raises Unauthenticated."""
        store = EnrolledNodeStore(uow)
        signers: list[EnrolledNode] = []

        def find_key(name: str) -> bytes | None:
            node = store.find_by_key(name)
            if node is None or node.revoked_at is not None:
                return None
            signers.append(node)
            return node.public_key

        try:
            claims = verify_jwt(
                token,
                find_key,
                issuer=None,
                audience=AUDIENCE,
                kinds=frozenset({SPEAKER_KIND}),
                now=self._clock.now(),
            )
        except TokenRefused as cause:
            raise Unauthenticated(reason=f"The node's token is refused: {cause}.") from cause
        (node,) = signers
        if claims.subject != node.id:
            raise Unauthenticated(reason="The node's token is refused: its key is another node's.")
        if claims.expires_at - claims.issued_at > SPEAKER_LIFE_MAX.total_seconds():
            raise Unauthenticated(reason="The node's token is refused: it lives longer than a minute.")
        return node

    def nodes(self, uow: UnitOfWork) -> tuple[EnrolledNode, ...]:
        """All that were ever enrolled, by name."""
        return EnrolledNodeStore(uow).nodes()
