"""Routes of lineage."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter

from modelyard.governance.lineage.schemas import EndpointLineageBody, PredictionLineageBody, VersionLineageBody
from modelyard.governance.lineage.service import LineageService
from modelyard.infra.http.call import Call, require
from modelyard.kernel.access import Permission


def router(lineage: LineageService) -> APIRouter:
    routes = APIRouter(prefix="/api/v1", tags=["governance"])

    @routes.get("/predictions/{prediction_id}/lineage", summary="From a prediction to people, code, data, environment")
    def get_prediction_lineage(
        call: Annotated[Call, require(Permission.PREDICTION_READ)], prediction_id: str
    ) -> PredictionLineageBody:
        record = lineage.find_record(prediction_id)
        return PredictionLineageBody(
            **call.read(lambda uow: lineage.of_prediction(uow, call.access, prediction_id, record))
        )

    @routes.get("/projects/{project}/models/{model}/versions/{version}/lineage", summary="Where a version comes from")
    def get_version_lineage(
        call: Annotated[Call, require(Permission.MODEL_READ)], project: str, model: str, version: str
    ) -> VersionLineageBody:
        return VersionLineageBody(
            **call.read(lambda uow: lineage.of_version(uow, call.access, project, model, version))
        )

    @routes.get("/projects/{project}/endpoints/{endpoint}/lineage", summary="Where what answers here comes from")
    def get_endpoint_lineage(
        call: Annotated[Call, require(Permission.ENDPOINT_READ)], project: str, endpoint: str
    ) -> EndpointLineageBody:
        return EndpointLineageBody(**call.read(lambda uow: lineage.of_endpoint(uow, call.access, project, endpoint)))

    return routes
