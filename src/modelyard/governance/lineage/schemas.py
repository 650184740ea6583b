"""Bodies of the lineage routes."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel


class VersionLineageBody(BaseModel):
    """`chain` says it in one line; `code` are files by path and digest; `data` the data sets by role."""

    chain: str
    version: dict[str, Any]
    build: dict[str, Any]
    code: list[dict[str, Any]]
    data: dict[str, Any]
    environment: dict[str, Any]


class EndpointLineageBody(VersionLineageBody):
    endpoint: dict[str, Any] | None
    release: dict[str, Any] | None


class PredictionLineageBody(EndpointLineageBody):
    """`sentence` are the five Ws in words."""

    sentence: str
    prediction: dict[str, Any]
    caller: dict[str, Any]
