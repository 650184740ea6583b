"""Routes of service accounts."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter

from modelyard.identity.service_accounts.schemas import NewServiceAccount, ServiceAccountBody, ServiceAccountList
from modelyard.identity.service_accounts.service import ServiceAccountService
from modelyard.infra.http.call import Call, Paged, require
from modelyard.kernel.access import Permission


def router(accounts: ServiceAccountService) -> APIRouter:
    routes = APIRouter(prefix="/api/v1/projects/{project}/service-accounts", tags=["service accounts"])

    @routes.get("", summary="Service accounts of a project")
    def list_service_accounts(
        call: Annotated[Call, require(Permission.PAIRING_READ)], project: str, page: Paged
    ) -> ServiceAccountList:
        found = call.read(lambda uow: accounts.list_accounts(uow, call.access, project, page))
        return ServiceAccountList(items=[ServiceAccountBody.of(item) for item in found.items], next=found.next_cursor)

    @routes.post("", status_code=201, summary="Make a service account")
    def create_service_account(
        call: Annotated[Call, require(Permission.PAIRING_MANAGE)], project: str, body: NewServiceAccount
    ) -> ServiceAccountBody:
        return call.write(
            lambda uow: ServiceAccountBody.of(accounts.create(uow, call.access, project, body.name, body.description)),
            status=201,
        )

    return routes
