"""What Envoy itself says: Open Inference Protocol errors on the data plane, problem+json elsewhere.

The first mapper that matches decides. An unknown endpoint and one that the caller may not use must give the same
bytes, so both end in the one `NOT_FOUND`.
"""

from __future__ import annotations

from typing import Any

from modelyard.node.gateway.resources import names, protos

DATA_PATHS = "^/(v2|preview)([/?].*)?$"
REQUEST = "Request pr_%REQ(X-REQUEST-ID)%"
SAID = "%LOCAL_REPLY_BODY%"

NOT_FOUND = (
    "There is no such endpoint or version, or this token may not call it. Endpoints are called as "
    "/v2/models/PROJECT.ENDPOINT; an owner lets a caller in with `modelyard allow`."
)
BAD_TOKEN = (
    f"The token was not accepted: {SAID}. Send a valid one in the header `Authorization: Bearer TOKEN`; "
    "an owner makes one with `modelyard tokens create`."
)
REVOKED = "The token was not accepted: it was revoked. An owner makes another with `modelyard tokens create`."
TOO_LARGE = (
    f"The body is larger than the {names.route_metadata('body_bytes_max')} bytes allowed. Send fewer rows a time."
)
TOO_MANY = "Too many requests for this caller or endpoint. Wait as long as Retry-After says, in seconds."
OVERFLOW = f"{names.route_metadata('endpoint')} has more requests than its workers can hold. Retry after a second."
TOO_SLOW = (
    f"{names.route_metadata('endpoint')} did not answer within its limit of {names.route_metadata('timeout_s')} s. "
    "Send fewer rows a time, or ask its owner for a longer timeout_s."
)
NO_WORKER = f"The model behind {names.route_metadata('endpoint')} broke off or can't be reached. It is being restarted."
MALFORMED = (
    "The request is malformed (%RESPONSE_CODE_DETAILS%). Escaped slashes in a path are not accepted, for one thing."
)
NOTHING_HERE = "There is nothing at this address."
CONTROL_AWAY = "The control plane is not answering. Predictions go on without it; try again in a moment."

BEARER = {"www-authenticate": 'Bearer realm="modelyard"'}
INVALID_TOKEN = {"www-authenticate": 'Bearer realm="modelyard", error="invalid_token"'}
TITLES: dict[int | None, str] = {400: "Bad request", 404: "Not found", 503: "Unavailable"}
RETRY = {"retry-after": "1"}


def local_replies() -> dict[str, Any]:
    """The JSON form of the connection manager's LocalReplyConfig."""
    return {
        "mappers": [
            _data(_details("jwt_authn_access_denied{Jwt_is_missing}"), BAD_TOKEN, status=401, headers=BEARER),
            # The filter answers 403 to a token for another audience: it too is a token that is not accepted here.
            _data(_details_begin("jwt_authn_access_denied"), BAD_TOKEN, status=401, headers=INVALID_TOKEN),
            _data(
                _details(f"rbac_access_denied_matched_policy[{names.REVOKED_POLICY}]"),
                REVOKED,
                status=401,
                headers=INVALID_TOKEN,
            ),
            _data(_status(403), NOT_FOUND, status=404),
            _data(_status(404), NOT_FOUND),
            _data(_details("direct_response"), SAID),
            _data(_status(413), TOO_LARGE),
            _data(_status(429), TOO_MANY, headers=RETRY),
            _data(_flags("UO"), OVERFLOW, status=429, headers=RETRY),
            _data(_status(504), TOO_SLOW),
            _data(_status(503), NO_WORKER, headers=RETRY),
            _data(_status(400), MALFORMED),
            _data(None, "Refused (%RESPONSE_CODE_DETAILS%)."),
            _problem(_flags("UF", "UH", "UC", "URX"), 503, "control_plane.away", CONTROL_AWAY, headers=RETRY),
            _problem(_status(404), 404, "not_found", NOTHING_HERE),
            # No route matched, so the base rules denied: /apix, say.
            _problem(_details_begin("rbac_access_denied"), 404, "not_found", NOTHING_HERE),
            _problem(_details_begin("jwt_authn_access_denied"), 404, "not_found", NOTHING_HERE),
            _problem(_status(400), 400, "malformed", MALFORMED),
            _problem(None, None, "gateway.refused", f"Refused: {SAID}"),
        ]
    }


def _data(
    condition: dict[str, Any] | None, text: str, status: int | None = None, headers: dict[str, str] | None = None
) -> dict[str, Any]:
    conditions = [_FAILED, _ON_DATA_PATHS, *([condition] if condition else [])]
    return _mapper(conditions, {"json_format": {"error": f"{text} {REQUEST}"}}, status, headers)


def _problem(
    condition: dict[str, Any] | None,
    status: int | None,
    code: str,
    detail: str,
    headers: dict[str, str] | None = None,
) -> dict[str, Any]:
    body = {
        "type": "about:blank",
        "title": TITLES.get(status, "%RESPONSE_CODE_DETAILS%"),
        "status": "%RESPONSE_CODE%" if status is None else status,
        "detail": detail,
        "code": code,
        "request_id": "%REQ(X-REQUEST-ID)%",
    }
    form = {"json_format": body, "content_type": "application/problem+json"}
    conditions = [_FAILED, *([condition] if condition else [])]
    return _mapper(conditions, form, status, headers)


def _mapper(
    conditions: list[dict[str, Any]], form: dict[str, Any], status: int | None, headers: dict[str, str] | None
) -> dict[str, Any]:
    mapper: dict[str, Any] = {
        "filter": conditions[0] if len(conditions) == 1 else {"and_filter": {"filters": conditions}},
        "body_format_override": form,
        "headers_to_add": [
            {"header": {"key": key, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
            for key, value in {"cache-control": "no-store", **(headers or {})}.items()
        ],
    }
    if status is not None:
        mapper["status_code"] = status
    return mapper


def _compared(operation: str, status: int) -> dict[str, Any]:
    value = {"default_value": status, "runtime_key": f"modelyard.status_{status}"}
    return {"status_code_filter": {"comparison": {"op": operation, "value": value}}}


def _status(status: int) -> dict[str, Any]:
    return _compared("EQ", status)


def _flags(*flags: str) -> dict[str, Any]:
    return {"response_flag_filter": {"flags": list(flags)}}


def _details(details: str) -> dict[str, Any]:
    """Tells apart what has one status: RBAC's own word for which policy denied."""
    return _expression(f"response.code_details == {details!r}")


def _details_begin(prefix: str) -> dict[str, Any]:
    return _expression(f"response.code_details.startsWith({prefix!r})")


def _expression(expression: str) -> dict[str, Any]:
    return {
        "extension_filter": {
            "name": "envoy.access_loggers.extension_filters.cel",
            "typed_config": {
                "@type": protos.type_url(protos.CelFilter),
                "expression": expression,
            },
        }
    }


_FAILED = _compared("GE", 400)
_ON_DATA_PATHS = {"header_filter": {"header": {"name": ":path", "string_match": {"safe_regex": {"regex": DATA_PATHS}}}}}
