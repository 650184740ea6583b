"""From desired state to answers through the real Envoy, and everything that must not be served."""

from __future__ import annotations

from tests.support.node import Node


def test_release_given_answers_through_envoy(node: Node) -> None:
    node.start()
    version = node.doubler()
    split = node.release(version)
    node.desire(node.endpoint(split), versions=(version,))
    node.wait_live(split)
    answer = node.predict([{"x": 4.0}])
    assert (answer.status_code, answer.json()["predictions"]) == (200, [{"y": 8.0}])
