"""The route by which nodes learn what to run."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from modelyard.deployment.desired_state.service import DesiredStateService, SignedState
from modelyard.infra.http.call import Call
from modelyard.infra.http.node_call import node_call
from modelyard.infra.http.waiting import Bell, wait_for_news

WAIT_S_MAX = 60.0
# Another process of the control plane may have made the change, so the bell alone is not waited for.
LOOK_EVERY_S = 0.5


def router(states: DesiredStateService, changes: Bell) -> APIRouter:
    routes = APIRouter(prefix="/node/v1", tags=["node"], include_in_schema=False)

    @routes.get("/desired-state")
    async def get_desired_state(
        _call: Annotated[Call, node_call()],
        after: Annotated[int, Query(ge=0, le=2**62)] = 0,
        wait_s: Annotated[float, Query(ge=0, le=WAIT_S_MAX)] = 25.0,
    ) -> Response:
        """The signed state once its number is above `after`, or 204 after `wait_s`."""

        def look() -> SignedState | None:
            state = states.newest(after)
            return state if state.number > after else None

        state = await wait_for_news(changes, look, wait_s=wait_s, look_every_s=LOOK_EVERY_S)
        return Response(status_code=204) if state is None else Response(state.body, media_type="application/json")

    return routes
