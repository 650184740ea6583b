"""The inbox and a release: what waits for whom, the evidence and the difference to what is live, and the decision."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Query
from fastapi.responses import Response

from modelyard.deployment.releases.domain import Release
from modelyard.deployment.releases.evidence import evidence_digest
from modelyard.deployment.releases.service import ReleaseService
from modelyard.infra.http.call import Call, Number, Paged, require
from modelyard.kernel.access import Permission
from modelyard.web.rendering import Pages, done

Why = Annotated[str, Form(max_length=2000)]
Short = Annotated[str, Form(max_length=200)]
TONES = {
    "pending": "warn", "approved": "busy", "live": "good", "failed": "bad", "rejected": "bad", "withdrawn": "idle",
    "superseded": "idle", "rolled_back": "idle",
}  # fmt: skip


def router(pages: Pages, releases: ReleaseService) -> APIRouter:
    routes = APIRouter(include_in_schema=False)

    @routes.get("/ui/releases")
    def releases_page(
        call: Annotated[Call, require(Permission.RELEASE_READ)], page: Paged,
        state: Annotated[str, Query(max_length=40)] = "",
    ) -> Response:  # fmt: skip
        found = call.read(lambda uow: releases.list_releases(uow, call.access, page, state=state))
        return pages.show(
            call, "releases.html", here="Releases", releases=found.items, next_cursor=found.next_cursor, state=state,
            tones=TONES, command="modelyard releases" + (f" --state {state}" if state else ""),
        )  # fmt: skip

    @routes.get("/ui/releases/{number}")
    def release_page(call: Annotated[Call, require(Permission.RELEASE_READ)], number: Number) -> Response:
        release = call.read(lambda uow: releases.get(uow, call.access, number))
        evidence = call.read(lambda uow: releases.evidence_of(uow, release))
        return pages.show(
            call, "release.html", here="Releases", project=release.project, release=release, evidence=evidence,
            evidence_digest=release.evidence_digest or evidence_digest(evidence), tones=TONES,
            is_own=_is_own(release, call), may_approve=call.access.may(Permission.RELEASE_APPROVE, release.project_id),
            may_withdraw=call.access.may(Permission.RELEASE_REQUEST, release.project_id),
            crumbs=[("Releases", "/ui/releases")], command=f"modelyard approve {number} -m WHY",
        )  # fmt: skip

    @routes.post("/ui/p/{project}/releases")
    def request_release(
        call: Annotated[Call, require(Permission.RELEASE_REQUEST)], project: str, endpoint: Short, model: Short,
        version: Short, why: Why,
    ) -> Response:  # fmt: skip
        release = call.write(
            lambda uow: releases.request(uow, call.access, project, endpoint, model, version, why), keyed=False
        )
        return done(f"/ui/releases/{release.number}", "Requested; it waits for a reviewer other than the author.")

    @routes.post("/ui/releases/{number}/approve")
    def approve(
        call: Annotated[Call, require(Permission.RELEASE_APPROVE)], number: Number, why: Why, seen: Short
    ) -> Response:
        call.write(lambda uow: releases.approve(uow, call.access, number, why, seen), keyed=False)
        return done(f"/ui/releases/{number}", "Approved and signed.")

    @routes.post("/ui/releases/{number}/reject")
    def reject(call: Annotated[Call, require(Permission.RELEASE_APPROVE)], number: Number, why: Why) -> Response:
        call.write(lambda uow: releases.reject(uow, call.access, number, why), keyed=False)
        return done(f"/ui/releases/{number}", "Rejected.")

    @routes.post("/ui/releases/{number}/withdraw")
    def withdraw(call: Annotated[Call, require(Permission.RELEASE_REQUEST)], number: Number) -> Response:
        call.write(lambda uow: releases.withdraw(uow, call.access, number), keyed=False)
        return done(f"/ui/releases/{number}", "Withdrawn.")

    return routes


def _is_own(release: Release, call: Call) -> bool:
    """Whether the viewer made or asked for it, and so cannot approve it."""
    return call.principal.id in {*release.author_ids, release.requested_by_id}
