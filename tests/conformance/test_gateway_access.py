"""Who gets through the running Envoy: tokens, callers, spellings, headers."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest
from tests.support.gateway import (
    Answer,
    LiveGateway,
    TokenKey,
    close_gateway,
    endpoint_state,
    open_gateway,
    preview_state,
    version_state,
)

INFER = "/v2/models/demo.mine/infer"
VERSIONS = (version_state("ve_a"), version_state("ve_b", "other"), version_state("ve_p", "mine", "1.1.0"))
ENDPOINTS = (
    endpoint_state("mine", "ve_a", ("us_clinic",)),
    endpoint_state("other", "ve_b", ("us_other",)),
    endpoint_state("empty", None, ("us_clinic",)),
    endpoint_state("halted", "ve_a", ("us_clinic",), stopped=True),
)


@pytest.fixture(scope="module")
def opened() -> Iterator[LiveGateway]:
    live = open_gateway()
    yield live
    close_gateway(live)


@pytest.fixture
def live(opened: LiveGateway) -> LiveGateway:
    opened.apply(
        *ENDPOINTS,
        versions=VERSIONS,
        previews=(preview_state("ve_p", "mine", "1.1.0", ("us_author",)),),
        previews_ready=frozenset({"ve_p"}),
    )
    return opened


def without_request_id(answer: Answer) -> tuple[int, list[tuple[str, str]], bytes]:
    """What two answers must share, in this order, when nothing may be learnt from comparing them."""
    headers = [(k, "" if k in {"x-request-id", "date"} else v) for k, v in answer.headers.items()]
    return answer.status, headers, re.sub(rb"pr_[0-9a-f-]+", b"pr_", answer.body)


def test_prediction_of_an_allowed_caller_reaches_its_version(live: LiveGateway) -> None:
    answer = live.ask(INFER, live.key.token("us_clinic", jti="tk_9"))
    assert answer.status == 200, answer.body
    seen = answer.json()
    assert seen["model"] == "ve_a"
    assert seen["path"] == INFER
    assert seen["headers"]["x-modelyard-endpoint"] == "demo.mine"
    assert seen["headers"]["x-modelyard-version"] == "1.0.0"
    assert seen["headers"]["x-modelyard-caller"] == "us_clinic"
    assert seen["headers"]["x-modelyard-token"] == "tk_9"
    assert "authorization" not in seen["headers"]
    assert answer.headers["x-modelyard-endpoint"] == "demo.mine"
    assert answer.headers["x-modelyard-version"] == "1.0.0"
    assert answer.headers["x-request-id"] == seen["headers"]["x-request-id"]
    assert "x-modelyard-caller" not in answer.headers
    assert "set-cookie" not in answer.headers
    assert answer.headers["content-security-policy"] == "sandbox"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_cookie_of_the_console_never_reaches_a_model(live: LiveGateway) -> None:
    answer = live.ask(INFER, live.key.token("us_clinic"), headers={"cookie": "modelyard_session=secret"})
    assert "cookie" not in answer.json()["headers"]


def test_other_caller_and_unknown_endpoint_read_the_same(live: LiveGateway) -> None:
    token = live.key.token("us_other")
    forbidden, unknown = live.ask(INFER, token), live.ask("/v2/models/demo.nothing/infer", token)
    assert forbidden.status == 404
    assert without_request_id(forbidden) == without_request_id(unknown)
    assert "error" in forbidden.json()


@pytest.mark.parametrize("path", ["/v2/models/demo.empty/infer", "/v2/models/demo.halted/infer", f"{INFER}/x"])
def test_endpoint_of_others_reads_as_unknown_whatever_its_state(live: LiveGateway, path: str) -> None:
    token = live.key.token("us_other")
    assert without_request_id(live.ask(path, token)) == without_request_id(
        live.ask("/v2/models/demo.nothing/infer", token)
    )


def bad_tokens(key: TokenKey) -> dict[str, str | None]:
    now = int(time.time())
    good = key.token("us_clinic")
    head, body, signature = good.split(".")
    return {
        "missing": None,
        "empty": "",
        "noise": "abc",
        "expired": key.token("us_clinic", iat=now - 100, exp=now - 30),
        "not yet": key.token("us_clinic", nbf=now + 600),
        "foreign issuer": key.token("us_clinic", iss="in_elsewhere"),
        "foreign audience": key.token("us_clinic", aud="modelyard-control"),
        "foreign key": TokenKey().token("us_clinic"),
        "foreign key id": TokenKey("k2").token("us_clinic"),
        "no expiry": key.token("us_clinic", exp=None),
        "alg none": key.token("us_clinic", header={"alg": "none"}),
        "alg none unsigned": f"{key.token('us_clinic', header={'alg': 'none'}).rpartition('.')[0]}.",
        "alg hs256": key.token("us_clinic", header={"alg": "HS256"}),
        "changed body": f"{head}.{body[:-2]}AA.{signature}",
        "no signature": f"{head}.{body}.",
    }


@pytest.mark.parametrize("kind", list(bad_tokens(TokenKey())))
def test_bad_token_is_refused_with_a_reason(live: LiveGateway, kind: str) -> None:
    answer = live.ask(INFER, bad_tokens(live.key)[kind])
    assert answer.status == 401, (kind, answer)
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert "modelyard tokens create" in answer.json()["error"]
    assert "Request pr_" in answer.json()["error"]


@pytest.mark.parametrize("name", ["access_token", "token", "jwt", "authorization"])
def test_token_in_the_query_string_is_no_token(live: LiveGateway, name: str) -> None:
    assert live.ask(f"{INFER}?{name}={live.key.token('us_clinic')}").status == 401


def test_token_in_a_cookie_is_no_token(live: LiveGateway) -> None:
    assert live.ask(INFER, headers={"cookie": f"modelyard_session={live.key.token('us_clinic')}"}).status == 401


def test_revoked_token_is_refused_within_a_second(live: LiveGateway) -> None:
    token = live.key.token("us_clinic", jti="tk_gone")
    assert live.ask(INFER, token).status == 200
    took = live.apply(*ENDPOINTS, versions=VERSIONS, revoked=("tk_gone", "tk_else"))
    answer = live.ask(INFER, token)
    assert answer.status == 401
    assert "revoked" in answer.json()["error"]
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert took < 1
    assert live.ask(INFER, live.key.token("us_clinic", jti="tk_kept")).status == 200


def test_withdrawn_caller_is_refused_within_a_second(live: LiveGateway) -> None:
    token = live.key.token("us_clinic")
    assert live.ask(INFER, token).status == 200
    took = live.apply(endpoint_state("mine", "ve_a", ("us_other",)), versions=VERSIONS)
    assert took < 1
    assert live.ask(INFER, token).status == 404


def test_key_rotation_takes_the_old_key_away_and_keeps_connections(live: LiveGateway) -> None:
    new = TokenKey("k2")
    live.apply(*ENDPOINTS, versions=VERSIONS, keys=(live.key, new))
    assert live.ask(INFER, live.key.token("us_clinic")).status == 200
    assert live.ask(INFER, new.token("us_clinic")).status == 200
    live.apply(*ENDPOINTS, versions=VERSIONS, keys=(new,))
    assert live.ask(INFER, live.key.token("us_clinic")).status == 401
    assert live.ask(INFER, new.token("us_clinic")).status == 200


SPELLINGS = [
    "//v2/models/demo.mine/infer",
    "/v2//models/demo.mine/infer",
    "/v2/./models/demo.mine/infer",
    "/x/../v2/models/demo.mine/infer",
    "/api/../v2/models/demo.mine/infer",
    "/api/%2e%2e/v2/models/demo.mine/infer",
    "/static/..%2fv2/models/demo.mine/infer",
    "/v2%2fmodels/demo.mine/infer",
    "/v2%2Fmodels%2Fdemo.mine%2Finfer",
    "/v2%5cmodels%5cdemo.mine/infer",
    "/v2\\models\\demo.mine/infer",
    "/V2/models/demo.mine/infer",
    "/v2/Models/demo.mine/infer",
    "/v2/models/DEMO.MINE/infer",
    "/v2/models/demo%2emine/infer",
    "/v2/models/%64emo.mine/infer",
    "/v2/models/demo.mine./infer",
    "/v2/models/demo.mine/infer.",
    "/v2/models/demo.mine;x=1/infer",
    "/v2/models;/demo.mine/infer",
    "/v2;/models/demo.mine/infer",
    "/v2/health/live/../../models/demo.mine/infer",
    "/v2/health/live/..;/../models/demo.mine/infer",
    "/v2/health/ready/%2e%2e/%2e%2e/models/demo.mine/infer",
    "/login;/../v2/models/demo.mine/infer",
    "/v2/models/demo.other/../demo.mine/infer",
    "/v2/models/demo.mine/infer#/v2/health/live",
    "/v2/models/demo.mine/infer?/v2/health/live",
    "/v2/models/demo.mine/infer%00",
    "/v2/models/demo.mine/infer%20",
    "http://other.example/v2/models/demo.mine/infer",
    "https://test//v2/models/demo.mine/infer",
    "http://test/v2/./models/demo.mine/infer",
    "v2/models/demo.mine/infer",
    "/v2/models/demo%252emine/infer",
    "/%76%32/models/demo.mine/infer",
    "/preview/../v2/models/demo.mine/infer",
    "/preview/v2/models/demo.mine/infer",
    "/preview/v2/models/demo.mine/versions/1.1.0/infer",
]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_no_spelling_goes_around_token_and_callers(live: LiveGateway, spelling: str) -> None:
    before = {name: model.requests for name, model in live.models.items()}
    anonymous = live.ask(spelling)
    stranger = live.ask(spelling, live.key.token("us_stranger"))
    # 403: an https URL sent in the clear.
    assert anonymous.status in {400, 401, 403, 404}, anonymous
    assert stranger.status in {400, 403, 404}, stranger
    assert spelling.startswith("https:") or 403 not in {anonymous.status, stranger.status}
    assert {name: model.requests for name, model in live.models.items()} == before


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_no_spelling_leads_a_caller_to_another_endpoint(live: LiveGateway, spelling: str) -> None:
    """The caller of `other` sees `other`'s model or nothing, whatever the path looks like to a server."""
    before = live.model("ve_a").requests, live.model("ve_p").requests
    live.ask(spelling, live.key.token("us_other"))
    live.ask(spelling.replace("demo.mine", "demo.other/../demo.mine"), live.key.token("us_other"))
    assert (live.model("ve_a").requests, live.model("ve_p").requests) == before


@pytest.mark.parametrize(
    "header", ["x-original-url", "x-rewrite-url", "x-envoy-original-path", "x-forwarded-uri", "x-http-method-override"]
)
def test_header_that_names_a_path_changes_nothing(live: LiveGateway, header: str) -> None:
    answer = live.ask("/v2/health/live", headers={header: INFER})
    assert answer.status == 200
    assert answer.json() == {"live": True}
    assert live.ask(INFER, headers={header: "/v2/health/live"}).status == 401


SPOOFED = {
    "x-modelyard-caller": "us_clinic",
    "X-Modelyard-Caller": "us_clinic",
    "x-modelyard-token": "tk_other",
    "x-modelyard-endpoint": "demo.other",
    "x-modelyard-version": "9.9.9",
    "x-modelyard-anything": "1",
    "x_modelyard_caller": "us_clinic",
    "x-request-id": "chosen-by-the-client",
    "x-envoy-upstream-rq-timeout-ms": "999999",
    "x-envoy-retry-on": "5xx",
}


@pytest.mark.parametrize("header", list(SPOOFED))
def test_spoofed_header_opens_nothing_and_is_not_passed_on(live: LiveGateway, header: str) -> None:
    spoofed = {header: SPOOFED[header]}
    assert live.ask(INFER, headers=spoofed).status == 401
    assert live.ask(INFER, live.key.token("us_other"), headers=spoofed).status == 404
    seen = live.ask(INFER, live.key.token("us_clinic", jti="tk_true"), headers=spoofed)
    assert seen.status == 200
    assert SPOOFED[header] not in {v for k, v in seen.json()["headers"].items() if k != "x-modelyard-caller"}
    assert seen.json()["headers"]["x-modelyard-caller"] == "us_clinic"
    assert seen.headers["x-request-id"] != "chosen-by-the-client"


def test_spoofed_token_id_does_not_hide_a_revoked_token(live: LiveGateway) -> None:
    live.apply(*ENDPOINTS, versions=VERSIONS, revoked=("tk_gone",))
    token = live.key.token("us_clinic", jti="tk_gone")
    assert live.ask(INFER, token, headers={"x-modelyard-token": "tk_fine"}).status == 401


def test_version_path_answers_only_for_the_live_version(live: LiveGateway) -> None:
    token = live.key.token("us_clinic")
    live_one = live.ask("/v2/models/demo.mine/versions/1.0.0/infer", token)
    assert live_one.json()["model"] == "ve_a"
    assert live.ask("/v2/models/demo.mine/versions/1.0.0", token, method="GET", body=b"").status == 200
    for other in ("1.1.0", "1.0.00", "1.0", "", "1.0.0x", "latest", "1.0.0%2f", "1.0.0;", "1.0.1/../1.1.0"):
        assert live.ask(f"/v2/models/demo.mine/versions/{other}/infer", token).status in {400, 404}, other


def test_preview_is_for_its_callers_only(live: LiveGateway) -> None:
    path = "/preview/v2/models/demo.mine/versions/1.1.0/predict"
    seen = live.ask(path, live.key.token("us_author"))
    assert seen.json()["model"] == "ve_p"
    assert seen.json()["path"] == "/v2/models/demo.mine/versions/1.1.0/predict"
    assert seen.headers["x-modelyard-version"] == "1.1.0"
    assert live.ask(path, live.key.token("us_clinic")).status == 404
    assert live.ask(path).status == 401
    assert live.ask(path.replace("1.1.0", "1.0.0"), live.key.token("us_author")).status == 404
    assert live.ask("/v2/models/demo.mine/infer", live.key.token("us_author")).status == 404


def test_endpoint_without_live_version_says_so(live: LiveGateway) -> None:
    answer = live.ask("/v2/models/demo.empty/infer", live.key.token("us_clinic"))
    assert answer.status == 503
    assert answer.json()["error"].startswith("demo.empty has no live version")


def test_stopped_endpoint_says_so(live: LiveGateway) -> None:
    answer = live.ask("/v2/models/demo.halted/infer", live.key.token("us_clinic"))
    assert answer.status == 503
    assert answer.json()["error"].startswith("demo.halted is stopped")


def test_server_metadata_needs_a_token_and_health_does_not(live: LiveGateway) -> None:
    assert live.ask("/v2", method="GET", body=b"").status == 401
    metadata = live.ask("/v2", live.key.token("us_anyone"), method="GET", body=b"")
    assert metadata.json()["name"] == "modelyard"
    assert metadata.headers["content-type"] == "application/json"
    assert live.ask("/v2/health/ready", method="GET", body=b"").json() == {"ready": True}


@pytest.mark.parametrize("path", ["/nothing", "/V2/models", "/apix", "/apix/v1", "/.env", "/stats", "/config_dump"])
def test_everything_else_is_not_found(live: LiveGateway, path: str) -> None:
    answer = live.ask(path, live.key.token("us_clinic"))
    assert answer.status == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "not_found"
