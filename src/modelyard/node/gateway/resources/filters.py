"""The filter configurations that travel alone (ECDS), so that a new key or a revoked token touches no listener."""

from __future__ import annotations

import json

from modelyard.contracts.desired_state import DesiredState
from modelyard.node.gateway.resources import matching, names, protos
from modelyard.node.gateway.resources.protos import Message

# How far the clocks of control plane and node may be apart. Envoy's own default is a minute.
CLOCK_SKEW_S = 10
PROVIDER = "installation"


def jwt_filter(desired: DesiredState | None) -> Message:
    """Requires a token of this installation on every route that does not say otherwise.

    Only the Authorization header is read: naming `from_headers` turns off Envoy's default places, the query string
    among them. Verified claims become the headers that allow-lists and logs go by; a client's own are removed.
    Envoy takes no provider without a key: before there is one nobody is anybody, and the base rules deny everybody.
    """
    if desired is None or not desired.token_keys.get("keys"):
        return _extension(names.JWT_FILTER, protos.JwtAuthentication())
    provider = {
        "issuer": desired.installation,
        "audiences": [names.AUDIENCE],
        "require_expiration": True,
        "local_jwks": {"inline_string": json.dumps(desired.token_keys, sort_keys=True)},
        "from_headers": [{"name": "Authorization", "value_prefix": "Bearer "}],
        "forward": False,
        "clock_skew_seconds": CLOCK_SKEW_S,
        "jwt_cache_config": {"jwt_cache_size": 1000},
        "claim_to_headers": [
            {"header_name": names.CALLER_HEADER, "claim_name": "sub"},
            {"header_name": names.TOKEN_HEADER, "claim_name": "jti"},
        ],
    }
    config = {
        "providers": {PROVIDER: provider},
        "rules": [{"match": {"prefix": "/"}, "requires": {"provider_name": PROVIDER}}],
    }
    return _extension(names.JWT_FILTER, protos.parsed(protos.JwtAuthentication, config))


def revoked_filter(desired: DesiredState | None) -> Message:
    """Denies revoked tokens by their id, in a resource of its own: revoking one sends only this."""
    deny = matching.action(names.REVOKED_POLICY, protos.RbacAction(name=names.REVOKED_POLICY, action="DENY"))
    revoked = {token.token_id: deny for token in desired.revoked} if desired else {}
    matcher = matching.exact_map(names.TOKEN_HEADER, revoked, matching.ALLOW_ACTION)
    return _extension(names.REVOKED_FILTER, protos.Rbac(matcher=matcher))


def _extension(name: str, config: Message) -> Message:
    return protos.TypedExtensionConfig(name=name, typed_config=protos.packed(config))
