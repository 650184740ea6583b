"""schemathesis over the OpenAPI document, against the real application in this process.

Whatever is sent, no answer is a server error, and every answer is as documented. A project with one of everything is
there to be hit.
"""

from __future__ import annotations

import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from jsonschema import Draft202012Validator
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.failures import FailureGroup
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR
from tests.support.application import PASSWORD
from tests.support.builds import BuildsApplication
from tests.support.platform import WithoutLifespan, running_platform

from modelyard.infra.http.openapi import METHODS

pytestmark = [
    pytest.mark.timeout(300),
    # The application's threads draw random numbers while schemathesis makes up its cases.
    pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisDeprecationWarning"),
]
CHECKED = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
EXAMPLES = 4  # of each operation, allowed and forbidden
# The first example that fails is told as it is: shrinking it would take minutes.
BOUNDED = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.explicit, Phase.generate),
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)
load_all_checks()


@dataclass(frozen=True)
class Site:
    """`known` are values of path parameters that hit something."""

    application: BuildsApplication
    known: dict[str, Any]
    document: dict[str, Any]
    tokens: dict[str, str] = field(default_factory=dict)

    def headers(self, person: str, path: str) -> dict[str, str]:
        """The person's session; a new one for a call that would end it."""
        if person not in self.tokens or path.endswith(("/sessions/current", "/me/password")):
            body = {"user": person, "password": PASSWORD}
            self.tokens[person] = self.application.client().post("/api/v1/sessions", json=body).json()["token"]
        return {"authorization": f"Bearer {self.tokens[person]}"}


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with tempfile.TemporaryDirectory(prefix="my-openapi-") as folder, running_platform(Path(folder)) as application:
        known = make_one_of_everything(application)
        yield Site(application, known, application.client().get("/openapi.json").json())


def make_one_of_everything(application: BuildsApplication) -> dict[str, Any]:
    author, reviewer, owner, admin = (application.clients[name] for name in ("author", "reviewer", "owner", "admin"))
    built = application.push()
    assert built["state"] == "succeeded", built
    version = f"/api/v1/projects/demo/models/mine/versions/{built['version']}"

    def post(client: Any, path: str, body: Any) -> dict[str, Any]:
        answer = client.post(path, json=body)
        assert answer.status_code in (200, 201, 202), answer.text
        return dict(answer.json())

    request = {"endpoint": "mine", "model": "mine", "version": built["version"], "why": "first"}
    release = post(author, "/api/v1/projects/demo/releases", request)
    post(reviewer, f"/api/v1/releases/{release['number']}/approve", {"why": "fine"})
    post(author, f"{version}/preview", {})
    live = author.get(f"/api/v1/releases/{release['number']}", params={"wait_s": 20}).json()
    assert live["state"] == "live", live
    post(owner, "/api/v1/projects/demo/service-accounts", {"name": "app", "description": ""})
    token = post(owner, "/api/v1/projects/demo/tokens", {"principal": "app", "name": "first", "days": 3})
    pairing = post(owner, "/api/v1/projects/demo/pairings", {"caller": "app", "endpoint": "mine", "purpose": "triage"})
    post(admin, "/api/v1/users", {"name": "victim", "password": PASSWORD})
    assert author.put("/api/v1/projects/demo/models/mine/aliases/best", json={"version": built["version"]}).is_success
    files = author.get(version).json()["files"]
    return {
        "project": "demo", "model": "mine", "version": built["version"], "alias": "best", "path": files[0]["path"],
        "digest": files[0]["digest"], "endpoint": "mine", "name": "victim", "member": "victim", "jti": token["jti"],
        "pairing_id": pairing["id"], "number": 1, "prediction_id": "pr_00000000-0000-4000-8000-000000000001",
    }  # fmt: skip


def fuzz(site: Site, person: str) -> list[str]:
    """Sends what the document allows and what it forbids to every operation; what was wrong with the answers."""
    schema = schemathesis.openapi.from_asgi("/openapi.json", WithoutLifespan(site.application.app))
    wrong = []
    for result in schema.get_all_operations():
        operation = result.ok()
        for mode in GenerationMode.POSITIVE, GenerationMode.NEGATIVE:

            @BOUNDED
            @given(case=operation.as_strategy(generation_mode=mode))
            def send(case: Any) -> None:
                check(site, case, person)

            try:
                send()
            except Unsatisfiable:
                assert mode is GenerationMode.NEGATIVE  # it takes nothing that could be wrong
            except FailureGroup as failures:
                wrong += [f"{operation.label} ({mode.value}): {failure}" for failure in failures.exceptions]
            except Exception as failure:  # noqa: BLE001 whatever one operation does, the others are looked at too
                wrong.append(f"{operation.label} ({mode.value}): {failure!r}")
    return wrong


def check(site: Site, case: Any, person: str) -> None:
    """Three calls in four are on what exists."""
    if zlib.crc32(f"{case.path_parameters} {case.query} {case.body}".encode(errors="replace")) % 4:
        for name in case.path_parameters or {}:
            case.path_parameters[name] = site.known[name]
    case.call_and_validate(headers=site.headers(person, case.operation.path), checks=CHECKS.get_by_names(CHECKED))


@pytest.mark.parametrize("person", ["admin", "owner"])
def test_api_whatever_is_sent_answers_as_documented(site: Site, person: str) -> None:
    wrong = fuzz(site, person)
    assert wrong == [], "\n\n".join(wrong)


def test_document_is_valid_openapi_3_1(site: Site) -> None:
    assert site.document["openapi"].startswith("3.1.")
    assert [str(error) for error in OPENAPI_31_VALIDATOR.iter_errors(site.document)] == []
    for name, schema in site.document["components"]["schemas"].items():
        Draft202012Validator.check_schema(schema)
        assert name != "HTTPValidationError"


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        yield from ((method, path, item[method]) for method in METHODS if method in item)


def test_document_says_of_every_call_how_it_fails(site: Site) -> None:
    problem = site.document["components"]["responses"]["Invalid"]["content"]
    assert list(problem) == ["application/problem+json"]
    for method, path, operation in operations(site.document):
        wanted = {"401", "403", "404", "429", "503"}
        wanted |= {"409", "412"} if method != "get" else set()
        wanted |= {"422"} if operation.get("parameters") or operation.get("requestBody") else set()
        assert wanted <= operation["responses"].keys(), f"{method} {path}"


def test_every_documented_call_without_a_token_is_refused(site: Site) -> None:
    stranger, open_to_all = site.application.client(), set()
    for method, path, operation in operations(site.document):
        if operation.get("security") == []:
            open_to_all.add(f"{method} {path}")
            continue
        answer = stranger.request(method, path.format_map(site.known))
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated"), f"{method} {path}"
    assert open_to_all == {"get /healthz", "get /readyz", "post /api/v1/sessions"}
