"""Every route says who may call it and leaves its trace in the audit trail."""

from __future__ import annotations

import pytest
from tools.docs.routes import control_plane_routes

LEAVES_NO_EVENT = {
    "POST /api/v1/projects/{project}/blobs/missing": "asks which blobs are already there",
    "POST /node/v1/jobs/{job_id}/log": "lines of a log; the end of the job is an event",
    "POST /node/v1/queries/{query_id}": "an answer to a question that somebody's request asked",
}


@pytest.fixture(scope="module")
def routes():
    return control_plane_routes()


def test_every_route_declares_who_may_call_it(routes):
    assert {"/healthz", "/api/v1/projects", "/node/v1/desired-state", "/login"} <= {route.path for route in routes}
    assert [f"{r.method} {r.path}" for r in routes if not r.permission] == []


def test_every_changing_route_records_an_audit_event_or_says_why_not(routes):
    silent = {f"{r.method} {r.path}" for r in routes if r.method != "GET" and not r.events and not r.is_page}
    assert silent - set(LEAVES_NO_EVENT) == set()


def test_routes_said_to_record_nothing_exist(routes):
    assert set(LEAVES_NO_EVENT) - {f"{r.method} {r.path}" for r in routes} == set()


def test_every_api_route_has_a_summary(routes):
    assert [f"{r.method} {r.path}" for r in routes if not r.summary and r.path.startswith("/api/")] == []
