"""Paths and what they ask."""

from __future__ import annotations

import pytest

from modelyard_worker.routing import Route, find_route

MODEL = "/v2/models/demo.mine"


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/v2", Route("server")),
        ("/v2/", Route("server")),
        ("/v2/health/live", Route("live")),
        ("/v2/health/ready", Route("server_ready")),
        (MODEL, Route("metadata", "demo.mine", "", MODEL)),
        (f"{MODEL}/ready", Route("ready", "demo.mine", "", MODEL)),
        (f"{MODEL}/infer", Route("infer", "demo.mine", "", MODEL)),
        (f"{MODEL}/predict", Route("predict", "demo.mine", "", MODEL)),
        (f"{MODEL}/versions/1.0.0", Route("metadata", "demo.mine", "1.0.0", f"{MODEL}/versions/1.0.0")),
        (f"{MODEL}/versions/1.0.0/infer", Route("infer", "demo.mine", "1.0.0", f"{MODEL}/versions/1.0.0")),
        (
            "/preview/v2/models/demo.mine/versions/1.1.0/predict",
            Route("predict", "demo.mine", "1.1.0", "/preview/v2/models/demo.mine/versions/1.1.0"),
        ),
        ("/v2/models/versions/infer", Route("infer", "versions", "", "/v2/models/versions")),
    ],
)
def test_known_path_is_routed(path, route):
    assert find_route(path) == route


@pytest.mark.parametrize(
    "path",
    [
        "/", "/v2x", "/v3", "/v2/models", "/v2/models/", "/v2/models//infer", f"{MODEL}/", f"{MODEL}/explain",
        f"{MODEL}/versions", f"{MODEL}/infer/x", "/v2/health", "/v2/health/dead", "//v2", "/preview", "/previewx/v2",
    ],
)  # fmt: skip
def test_other_path_has_no_route(path):
    assert find_route(path) is None
