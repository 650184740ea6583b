"""From a view to targets: which version each endpoint and preview has now, or why it has none."""

from __future__ import annotations

from collections.abc import Iterator

from modelyard.contracts.desired_state import EndpointState, PreviewState, SplitState, VersionState
from modelyard.node.gateway.resources.endpoints import Target, callers_of
from modelyard.node.gateway.view import GatewayView

PREVIEW_TIMEOUT_S = 30.0


def list_targets(view: GatewayView, body_bytes_max: int) -> Iterator[Target]:
    """Every endpoint's and preview's target; `body_bytes_max` is the node's own ceiling."""
    versions = {version.version_id: version for version in view.desired.versions}
    for endpoint in view.desired.endpoints:
        yield _endpoint_target(view, versions, endpoint, body_bytes_max)
    for preview in view.desired.previews:
        yield _preview_target(view, preview, body_bytes_max)


def _endpoint_target(
    view: GatewayView, versions: dict[str, VersionState], endpoint: EndpointState, body_bytes_max: int
) -> Target:
    address = f"{endpoint.project}.{endpoint.name}"
    version_id = view.serving.get(endpoint.endpoint_id)
    version = versions.get(version_id) if version_id else None
    split = find_split(endpoint, version_id)
    live = version is not None and version_id in view.sockets and not endpoint.stopped
    return Target(
        prefix=f"/v2/models/{address}",
        address=address,
        callers=callers_of(endpoint.callers),
        requests_per_s=endpoint.requests_per_s,
        timeout_s=endpoint.timeout_s,
        body_bytes_max=min(endpoint.body_bytes_max, body_bytes_max),
        version=version.version if live and version else "",
        version_id=version.version_id if live and version else "",
        release_id=split.release_id if live and split else "",
        release_number=split.release_number if live and split else 0,
        refusal="" if live else _refusal(address, endpoint),
    )


def find_split(endpoint: EndpointState, version_id: str | None) -> SplitState | None:
    """The release that the version is live under: one with traffic before one that stands by."""
    return next((s for s in (*endpoint.splits, *endpoint.standby) if s.version_id == version_id), None)


def _refusal(address: str, endpoint: EndpointState) -> str:
    if endpoint.stopped:
        return f"{address} is stopped: somebody who may operate it pressed stop. It answers again once it is started."
    if endpoint.splits:
        numbers = " and ".join(str(split.release_number) for split in endpoint.splits)
        return f"{address} has no live version yet: release {numbers} is being prepared. Try again in a moment."
    return f"{address} has no live version. Release one to it, and have the release approved."


def _preview_target(view: GatewayView, preview: PreviewState, body_bytes_max: int) -> Target:
    address = f"{preview.project}.{preview.model}"
    ready = preview.version_id in view.previews_ready and preview.version_id in view.sockets
    return Target(
        prefix=f"/preview/v2/models/{address}/versions/{preview.version}",
        address=address,
        callers=callers_of(preview.callers),
        requests_per_s=preview.requests_per_s,
        timeout_s=PREVIEW_TIMEOUT_S,
        body_bytes_max=body_bytes_max,
        version=preview.version if ready else "",
        version_id=preview.version_id if ready else "",
        preview=True,
        refusal=""
        if ready
        else f"The preview of {address} {preview.version} is being prepared. Try again in a moment.",
    )
