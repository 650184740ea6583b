"""A version: what stands between it and production, how it came to be, where it answers, and trying it unapproved."""

from __future__ import annotations

import json
import time
from typing import Annotated, Any

from fastapi import APIRouter, Form
from fastapi.responses import Response

from modelyard.deployment.endpoints.schemas import TRY_ROWS_MAX
from modelyard.deployment.endpoints.trying import Answer, Predictor
from modelyard.deployment.previews.service import PreviewService
from modelyard.deployment.releases.service import ReleaseService
from modelyard.identity.tokens.service import TokenService
from modelyard.infra.http.call import Call, require
from modelyard.kernel.access import Permission
from modelyard.kernel.errors import Invalid, PlatformError
from modelyard.kernel.paging import PageRequest
from modelyard.registry.models.domain import Version
from modelyard.registry.models.service import ModelService
from modelyard.web.releasing import TONES as RELEASE_TONES
from modelyard.web.rendering import Pages

FILES_SHOWN_MAX = 200
RELEASES_SHOWN = 10
# A fresh preview is unknown to the gateway (404) until the node has heard of it, then starts (503).
PREVIEW_WAIT_S = 10.0
PREVIEW_PAUSE_S = 0.25
NOT_THERE_YET = (404, 503)


class VersionPages:
    """What the routes share: the parts of a version's page."""

    def __init__(
        self, pages: Pages, models: ModelService, releases: ReleaseService, previews: PreviewService,
        tokens: TokenService, predictor: Predictor,
    ) -> None:  # fmt: skip
        self.pages = pages
        self.models = models
        self.releases = releases
        self.previews = previews
        self.tokens = tokens
        self.predictor = predictor

    def show(
        self, call: Call, project: str, model: str, version: str, *, asked: str = "", answer: Answer | None = None,
        problem: PlatformError | None = None,
    ) -> Response:  # fmt: skip
        """The page, with the answer of a try, or with why there is none."""
        found = call.read(lambda uow: self.models.get_version(uow, call.access, project, model, version))
        files = call.read(lambda uow: self.models.list_files(uow, found))
        reading = call.access.also(Permission.RELEASE_READ)
        releases = call.read(
            lambda uow: self.releases.list_releases(
                uow, reading, PageRequest(RELEASES_SHOWN), project=project, version_id=found.id
            )
        )
        return self.pages.show(
            call, "version.html", 422 if problem else 200, here="Models", project=project, version=found,
            files=files[:FILES_SHOWN_MAX], file_count=len(files), strip=_strip(found), releases=releases.items,
            live=[release for release in releases.items if release.state == "live"], tones=RELEASE_TONES,
            schema=found.document["schema"], answer=answer, problem=problem,
            asked=asked or json.dumps(_sample(found), indent=1),
            answer_text=json.dumps(answer.body, indent=1) if answer else "",
            may_preview=call.access.may(Permission.VERSION_PREVIEW, found.project_id),
            may_release=call.access.may(Permission.RELEASE_REQUEST, found.project_id),
            crumbs=[("Models", f"/ui/p/{project}/models"), (model, f"/ui/p/{project}/models/{model}")],
            command=f"modelyard predict {model}:{found.number} @row.json --project {project}",
        )  # fmt: skip

    def ask(self, call: Call, project: str, model: str, version: str, rows: list[dict[str, Any]]) -> Answer:
        """The version's own answer, as the viewer; waits until the node has heard of the preview."""
        access = call.access
        preview = call.write(lambda uow: self.previews.grant(uow, access, project, model, version), keyed=False)
        token = call.write(lambda uow: self.tokens.create_prediction_token(uow, access, project), keyed=False)
        until = time.monotonic() + PREVIEW_WAIT_S
        while True:
            answer = self.predictor.predict(preview.path, rows, self.tokens.text_of(token))
            if answer.status not in NOT_THERE_YET or time.monotonic() >= until:
                return answer
            time.sleep(PREVIEW_PAUSE_S)


def router(parts: VersionPages) -> APIRouter:
    routes = APIRouter(include_in_schema=False, prefix="/ui/p/{project}/models/{model}/versions/{version}")

    @routes.get("")
    def version_page(
        call: Annotated[Call, require(Permission.MODEL_READ)], project: str, model: str, version: str
    ) -> Response:
        return parts.show(call, project, model, version)

    @routes.post("/try")
    def try_version(
        call: Annotated[Call, require(Permission.VERSION_PREVIEW)], project: str, model: str, version: str,
        rows: Annotated[str, Form(max_length=1_000_000)],
    ) -> Response:  # fmt: skip
        call.read(lambda uow: parts.models.get_version(uow, call.access, project, model, version))
        try:
            answer = parts.ask(call, project, model, version, read_rows(rows))
        except Invalid as problem:
            return parts.show(call, project, model, version, asked=rows, problem=problem)
        return parts.show(call, project, model, version, asked=rows, answer=answer)

    return routes


def read_rows(text: str) -> list[dict[str, Any]]:
    """What a person typed: one row, a list, or {"rows": [...]}. Raises Invalid."""
    try:
        value = json.loads(text)
    except ValueError as cause:
        raise Invalid(field="rows", got=f"no JSON ({cause})", expected="an object, or a list of objects") from cause
    if isinstance(value, dict):
        value = value["rows"] if isinstance(value.get("rows"), list) else [value]
    if not isinstance(value, list) or not value or not all(isinstance(row, dict) for row in value):
        got = "an empty list" if value == [] else f"a {type(value).__name__}"
        raise Invalid(field="rows", got=got, expected="an object, or a list of objects")
    if len(value) > TRY_ROWS_MAX:
        raise Invalid(field="rows", got=f"{len(value)} rows", expected=f"at most {TRY_ROWS_MAX}")
    return value


def _sample(version: Version) -> list[dict[str, Any]]:
    """One row in the order of the schema, so that it reads like the table beside it."""
    rows = version.facts.sample or []
    order = {column["name"]: index for index, column in enumerate(version.document["schema"]["inputs"])}
    return [dict(sorted(row.items(), key=lambda pair: order.get(pair[0], len(order)))) for row in rows[:1]]


def _strip(version: Version) -> list[tuple[str, str, str]]:
    """`(label, words, tone)`: what stands between this version and production."""
    check = version.facts.check
    tests, examples = check.get("tests") or {}, check.get("examples") or []
    passed, failed = int(tests.get("passed", 0)), int(tests.get("failed", 0))
    stable = bool(check.get("deterministic"))
    return [
        ("Built", f"build {version.build_number}", "good"),
        ("Tests", f"{passed} passed" if passed or failed else "none declared", "good" if passed else "warn"),
        ("Examples", f"{len(examples)} hold" if examples else "none declared", "good" if examples else "warn"),
        ("Same answer twice", "yes" if stable else "no", "good" if stable else "warn"),
        ("Licence", version.facts.licence or "not stated", "good" if version.facts.licence else "warn"),
        ("Code", _commit(version), "good" if version.facts.git and not version.facts.git.get("dirty") else "warn"),
    ]


def _commit(version: Version) -> str:
    git = version.facts.git
    if not git or not git.get("commit"):
        return "no commit"
    return f"{str(git['commit'])[:8]}{' + diff' if git.get('dirty') else ''}"
