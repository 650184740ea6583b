"""What the access log says of each prediction. `access_log.py` reads these lines back."""

from __future__ import annotations

from typing import Any

from modelyard.node.gateway.resources import names, protos
from modelyard.node.gateway.settings import GatewaySettings

# Field -> Envoy's format operator. Paths go without query strings: people put secrets there.
FIELDS: dict[str, str] = {
    "time": "%START_TIME(%Y-%m-%dT%H:%M:%S.%3fZ)%",
    "request_id": "%REQ(X-REQUEST-ID)%",
    "prediction_id": "pr_%REQ(X-REQUEST-ID)%",
    "kind": names.route_metadata("kind"),
    "caller": f"%REQ({names.CALLER_HEADER})%",
    "token_id": f"%REQ({names.TOKEN_HEADER})%",
    "endpoint": names.route_metadata("endpoint"),
    "version": names.route_metadata("version"),
    "version_id": names.route_metadata("version_id"),
    "release_id": names.route_metadata("release_id"),
    "release_number": names.route_metadata("release_number"),
    "method": "%REQ(:METHOD)%",
    "path": "%PATH(NQ:PATH)%",
    "protocol": "%PROTOCOL%",
    "status": "%RESPONSE_CODE%",
    "flags": "%RESPONSE_FLAGS%",
    "details": "%RESPONSE_CODE_DETAILS%",
    "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
    "request_bytes": "%BYTES_RECEIVED%",
    "answer_bytes": "%BYTES_SENT%",
    "total_us": "%COMMON_DURATION(DS_RX_BEG:DS_TX_END:us)%",
    "model_us": "%COMMON_DURATION(US_TX_BEG:US_RX_END:us)%",
    "peer": "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%",
}
LOGGED_PATHS = "^/(v2/models|preview)([/?].*)?$"


def access_log(settings: GatewaySettings) -> dict[str, Any]:
    """Of predictions and what was asked around them only; the control plane records its own requests."""
    return {
        "name": "access",
        "filter": {
            "header_filter": {"header": {"name": ":path", "string_match": {"safe_regex": {"regex": LOGGED_PATHS}}}}
        },
        "typed_config": {
            "@type": protos.type_url(protos.FileAccessLog),
            "path": str(settings.access_log),
            "log_format": {"json_format": FIELDS},
        },
    }
