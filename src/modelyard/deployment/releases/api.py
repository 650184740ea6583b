"""Routes of releases."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.concurrency import run_in_threadpool

from modelyard.deployment.releases.schemas import (
    Decision,
    NewRelease,
    OptionalReason,
    ReleaseBody,
    ReleaseDetailBody,
    ReleasePageBody,
    RollBackBody,
)
from modelyard.deployment.releases.service import ReleaseService
from modelyard.infra.db import UnitOfWork
from modelyard.infra.http.call import Call, Number, Paged, require
from modelyard.infra.http.waiting import Bell, wait_for_news
from modelyard.kernel.access import Permission

WAIT_S_MAX = 60.0
# Another process of the control plane may have made the change, so the bell alone is not waited for.
LOOK_EVERY_S = 0.5


def router(releases: ReleaseService, changes: Bell) -> APIRouter:
    """`changes` rings when a release changed."""
    routes = APIRouter(prefix="/api/v1", tags=["releases"])
    _add_reading(routes, releases, changes)
    _add_deciding(routes, releases)
    return routes


def _add_reading(routes: APIRouter, releases: ReleaseService, changes: Bell) -> None:
    @routes.get("/releases", summary="Releases that I may see, newest first")
    def list_releases(
        call: Annotated[Call, require(Permission.RELEASE_READ)],
        page: Paged,
        state: Annotated[str, Query(max_length=20)] = "",
        project: Annotated[str, Query(max_length=64)] = "",
        endpoint: Annotated[str, Query(max_length=64)] = "",
    ) -> ReleasePageBody:
        found = call.read(
            lambda uow: releases.list_releases(uow, call.access, page, state=state, project=project, endpoint=endpoint)
        )
        return ReleasePageBody(items=[ReleaseBody.of(release) for release in found.items], next=found.next_cursor)

    @routes.get("/releases/{number}", summary="One release, with its evidence and the diff against what is live")
    async def get_release(
        call: Annotated[Call, require(Permission.RELEASE_READ)],
        number: Number,
        wait_s: Annotated[float, Query(ge=0, le=WAIT_S_MAX)] = 0.0,
    ) -> ReleaseDetailBody:
        """With `wait_s` the answer comes when the release is no longer `approved`, or after that time."""

        def read(uow: UnitOfWork) -> ReleaseDetailBody:
            release = releases.get(uow, call.access, number)
            return ReleaseDetailBody.of_all(release, releases.evidence_of(uow, release))

        def look(uow: UnitOfWork) -> ReleaseDetailBody | None:
            return None if releases.get(uow, call.access, number).state == "approved" else read(uow)

        found = await wait_for_news(changes, lambda: call.read(look), wait_s=wait_s, look_every_s=LOOK_EVERY_S)
        return await run_in_threadpool(lambda: call.read(read)) if found is None else found


def _add_deciding(routes: APIRouter, releases: ReleaseService) -> None:
    @routes.post("/projects/{project}/releases", status_code=201, summary="Ask for a version to go live")
    def request_release(
        call: Annotated[Call, require(Permission.RELEASE_REQUEST)], project: str, body: NewRelease
    ) -> ReleaseBody:
        return call.write(
            lambda uow: ReleaseBody.of(
                releases.request(uow, call.access, project, body.endpoint, body.model, body.version, body.why)
            ),
            status=201,
        )

    @routes.post("/releases/{number}/approve", summary="Approve, as a second person: signs, and goes live")
    def approve_release(
        call: Annotated[Call, require(Permission.RELEASE_APPROVE)], number: Number, body: Decision
    ) -> ReleaseBody:
        return call.write(
            lambda uow: ReleaseBody.of(releases.approve(uow, call.access, number, body.why, body.evidence_digest))
        )

    @routes.post("/releases/{number}/reject", summary="Reject")
    def reject_release(
        call: Annotated[Call, require(Permission.RELEASE_APPROVE)], number: Number, body: Decision
    ) -> ReleaseBody:
        return call.write(lambda uow: ReleaseBody.of(releases.reject(uow, call.access, number, body.why)))

    @routes.post("/releases/{number}/withdraw", summary="Withdraw before a decision")
    def withdraw_release(
        call: Annotated[Call, require(Permission.RELEASE_REQUEST)], number: Number, body: OptionalReason | None = None
    ) -> ReleaseBody:
        why = body.why if body else ""
        return call.write(lambda uow: ReleaseBody.of(releases.withdraw(uow, call.access, number, why)))

    @routes.post("/projects/{project}/endpoints/{endpoint}/rollback", summary="Go back to an earlier release")
    def roll_back_endpoint(
        call: Annotated[Call, require(Permission.ENDPOINT_MANAGE)],
        project: str,
        endpoint: str,
        body: RollBackBody | None = None,
    ) -> ReleaseBody:
        wanted = body or RollBackBody()
        return call.write(
            lambda uow: ReleaseBody.of(
                releases.roll_back(uow, call.access, project, endpoint, wanted.to_release, wanted.why)
            )
        )
