"""Views whose Envoy resources are kept as JSON. `python -m tests.unit.node.gateway.golden` writes them anew."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.support.gateway import desired_state, endpoint_state, preview_state, version_state

from modelyard.contracts.desired_state import CallerState
from modelyard.node.gateway.bootstrap import bootstrap
from modelyard.node.gateway.resources import SnapshotBuilder, readable_snapshot
from modelyard.node.gateway.settings import GatewaySettings
from modelyard.node.gateway.view import GatewayView

FOLDER = Path(__file__).parent / "golden"
RUN = Path("/run/modelyard")
KEY = {"kty": "OKP", "crv": "Ed25519", "kid": "k1", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}

PLAIN = GatewaySettings(
    port=8800,
    run_dir=RUN,
    log_dir=Path("/var/log/modelyard"),
    state_dir=Path("/var/lib/modelyard"),
    control_socket=RUN / "control.sock",
)
TLS = GatewaySettings(
    port=443,
    listen_host="0.0.0.0",
    run_dir=RUN,
    log_dir=Path("/var/log/modelyard"),
    state_dir=Path("/var/lib/modelyard"),
    control_socket=RUN / "control.sock",
    certificate_file=Path("/etc/modelyard/tls.crt"),
    key_file=Path("/etc/modelyard/tls.key"),
)


def demo_view() -> GatewayView:
    """Every state that an endpoint or preview can be in, once."""
    versions = (version_state("ve_a"), version_state("ve_b", version="1.1.0"))
    limited = (CallerState("sa_app", "app", "triage", 5), CallerState("us_ann", "ann", "tests"))
    endpoints = (
        endpoint_state("mine", "ve_a", ("sa_app", "us_ann")),
        endpoint_state("limited", "ve_a", limited, requests_per_s=50, body_bytes_max=1024, timeout_s=0.5),
        endpoint_state("preparing", "ve_b", ("us_ann",)),
        endpoint_state("empty", None, ()),
        endpoint_state("stopped", "ve_a", ("us_ann",), stopped=True),
    )
    serving = {e.endpoint_id: "ve_a" for e in endpoints if e.name in {"mine", "limited", "stopped"}}
    desired = desired_state(
        endpoints,
        versions,
        previews=(preview_state("ve_b", "mine", "1.1.0", ("us_ann",)), preview_state("ve_c", "mine", "1.2.0", ())),
        revoked=("tk_2", "tk_1"),
        keys=(KEY,),
    )
    sockets = {"ve_a": str(RUN / "w/a.sock"), "ve_b": str(RUN / "w/b.sock")}
    return GatewayView(desired, serving, sockets, frozenset({"ve_b"}))


def golden() -> dict[str, Any]:
    """File name -> what it must hold."""
    demo = readable_snapshot(SnapshotBuilder(PLAIN).build(demo_view()))
    before = readable_snapshot(SnapshotBuilder(PLAIN).build(None))
    return {
        "bootstrap": bootstrap(PLAIN),
        "before_any_state": {kind: before[kind] for kind in ("TypedExtensionConfig", "RouteConfiguration")},
        "demo_clusters": demo["Cluster"],
        "demo_extensions": demo["TypedExtensionConfig"],
        "demo_listener": demo["Listener"],
        "demo_routes": demo["RouteConfiguration"],
        "tls_listener": readable_snapshot(SnapshotBuilder(TLS).build(None))["Listener"],
    }


def as_text(value: object) -> str:
    return json.dumps(value, indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    for name, value in golden().items():
        (FOLDER / f"{name}.json").write_text(as_text(value))
