from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import pytest
from tests.support.application import IdentityApplication

from modelyard.infra.crypto.ed25519 import SigningKey
from modelyard.infra.crypto.jwt import Claims, encode_jwt
from modelyard.infra.crypto.key_files import open_signing_key
from modelyard.infra.http.call import Call
from modelyard.infra.http.node_call import node_call
from modelyard.trust.keys import read_node_trust


@pytest.fixture
def node(site: IdentityApplication, tmp_path: Path) -> tuple[str, SigningKey]:
    """The id and key of the enrolled local node; `GET /node/v1/self` tells who it is taken for."""

    @site.app.get("/node/v1/self")
    def tell(call: Annotated[Call, node_call()]) -> str:
        return call.principal.id

    with site.database.transaction() as uow:
        enrolled = site.identity.nodes.enrol_local(uow, tmp_path / "node")
    return enrolled.id, open_signing_key(tmp_path / "node" / "node.pem")


def claims_of(site: IdentityApplication, node_id: str) -> Claims:
    now = int(site.clock.now().timestamp())
    return Claims(node_id, "modelyard-control", node_id, "tk_1", "node", now, now + 60)


def ask(site: IdentityApplication, token: str) -> int:
    return site.client(token).get("/node/v1/self").status_code


def test_node_speaking_for_itself_is_known(site: IdentityApplication, node: tuple[str, SigningKey]) -> None:
    node_id, key = node
    answer = site.client(encode_jwt(claims_of(site, node_id), key)).get("/node/v1/self")
    assert (answer.status_code, answer.json()) == (200, node_id)


def test_node_with_anything_wrong_is_refused(site: IdentityApplication, node: tuple[str, SigningKey]) -> None:
    node_id, key = node
    good = claims_of(site, node_id)
    session = site.administrator().headers["authorization"].removeprefix("Bearer ")
    wrong = {
        "no token": "",
        "another key": encode_jwt(good, SigningKey.generate()),
        "another node's name": encode_jwt(replace(good, issuer="no_x", subject="no_x"), key),
        "another audience": encode_jwt(replace(good, audience="modelyard"), key),
        "another kind": encode_jwt(replace(good, kind="session"), key),
        "a long life": encode_jwt(replace(good, expires_at=good.issued_at + 3600), key),
        "an administrator": session,
    }
    assert {what: ask(site, token) for what, token in wrong.items()} == dict.fromkeys(wrong, 401)
    expired = encode_jwt(good, key)
    site.clock.advance(seconds=61)
    assert ask(site, expired) == 401


def test_node_token_opens_nothing_else(site: IdentityApplication, node: tuple[str, SigningKey]) -> None:
    node_id, key = node
    token = encode_jwt(claims_of(site, node_id), key)
    assert site.client(token).get("/api/v1/me").status_code == 401


def test_node_enrolled_again_stays_the_same_and_its_trust_names_our_keys(
    site: IdentityApplication, node: tuple[str, SigningKey], tmp_path: Path
) -> None:
    with site.database.transaction() as uow:
        again = site.identity.nodes.enrol_local(uow, tmp_path / "node")
    trust = read_node_trust(tmp_path / "node" / "trust.json")
    assert again.id == node[0] == trust.node_id
    assert trust.installation == site.keys.installation
    assert trust.release_keys == site.keys.release_keys()
    assert trust.order_keys == site.keys.order_keys()


def test_node_whose_key_was_swapped_is_not_enrolled(
    site: IdentityApplication, node: tuple[str, SigningKey], tmp_path: Path
) -> None:
    (tmp_path / "node" / "node.pem").unlink()
    with pytest.raises(Exception, match="enrolled with another key"), site.database.transaction() as uow:
        site.identity.nodes.enrol_local(uow, tmp_path / "node")
