"""What this node loads for: a release statement, a preview statement, a cell job. Nothing else, whoever asks.

Pure but for the clock, which is a parameter. A refusal is an exception that says what was got and what was expected;
it becomes the `refused` phase of a replica or the failure of a job.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar

from modelyard.contracts.cell_job import CellJob
from modelyard.contracts.desired_state import DesiredState, EndpointState, PreviewState, SplitState, VersionState
from modelyard.contracts.statements import (
    CELL_JOB_PAYLOAD,
    DESIRED_STATE_PAYLOAD,
    IN_TOTO_PAYLOAD,
    Envelope,
    MalformedEnvelope,
    PreviewStatement,
    ReleaseStatement,
)
from modelyard.contracts.version_document import VersionDocument
from modelyard.kernel.clock import from_rfc3339
from modelyard.kernel.errors import ErrorKind, PlatformError
from modelyard.trust.attestations import SignatureInvalid, verify
from modelyard.trust.keys import NodeTrust

PREVIEW_LIFE_MAX = timedelta(hours=24)
# Two machines' clocks differ; a preview may seem this much longer than a day.
CLOCK_SKEW = timedelta(minutes=1)

Statement = TypeVar("Statement", ReleaseStatement, PreviewStatement)


class Refused(PlatformError):
    """The node will not load this: no valid signed word covers it."""

    kind = ErrorKind.DENIED
    code = "node.refused"
    message = "Refused to load {what}: {reason}."
    hint = "Ask for a release of exactly this version and have it approved."


class DesiredStateRefused(PlatformError):
    """Not believed, so the node goes on with what it had."""

    kind = ErrorKind.DENIED
    code = "node.desired_state_refused"
    message = "Desired state is not believed: {reason}."
    hint = "Check that this node is enrolled with the control plane that it talks to."


class CellJobRefused(PlatformError):
    """The job is not for this node, not now, or not again."""

    kind = ErrorKind.DENIED
    code = "node.cell_job_refused"
    message = "Refused to run cell job {job_id}: {reason}."
    hint = "Retry the build: a job is signed for one node, one time and a few minutes."


def read_desired_state(envelope_json: Any, trust: NodeTrust, number_min: int) -> DesiredState:
    """The desired state, if this installation signed it and it is not older than what was applied before.

    Equal numbers are fine: a lease renewed keeps its number. Raises DesiredStateRefused.
    """
    try:
        envelope = Envelope.from_json(envelope_json)
        verify(envelope, DESIRED_STATE_PAYLOAD, trust.order_keys)
        state = DesiredState.from_json(envelope.payload_json())
        from_rfc3339(state.expires_at)
    except SignatureInvalid as problem:
        raise DesiredStateRefused(reason=problem.detail) from problem
    except (MalformedEnvelope, ValueError, TypeError, AttributeError) as problem:
        raise DesiredStateRefused(reason=str(problem)) from problem
    if state.installation != trust.installation:
        raise DesiredStateRefused(reason=f"it is of installation {state.installation}, not {trust.installation}")
    if state.number < number_min:
        raise DesiredStateRefused(reason=f"it is number {state.number}, and number {number_min} was seen already")
    return state


def check_release(endpoint: EndpointState, split: SplitState, version: VersionState, trust: NodeTrust) -> None:
    """Raises Refused unless a release statement covers this very version at this very endpoint."""
    what = f"{version.project}/{version.model} {version.version} for {endpoint.project}.{endpoint.name}"
    statement = _open(split.statement, what, trust, ReleaseStatement.from_payload)
    _compare(what, (
        ("installation", statement.installation, trust.installation),
        ("project", statement.project, endpoint.project),
        ("version's project", statement.project, version.project),
        ("endpoint", statement.endpoint_id, endpoint.endpoint_id),
        ("endpoint name", statement.endpoint, endpoint.name),
        ("version", statement.version_id, version.version_id),
        ("split's version", statement.version_id, split.version_id),
        ("digest", statement.version_digest, version.digest),
    ))  # fmt: skip
    check_document(what, version)


def check_preview(preview: PreviewState, version: VersionState, trust: NodeTrust, now: datetime) -> datetime:
    """The moment until which it may run. Raises Refused unless a preview statement covers the version now."""
    what = f"{version.project}/{version.model} {version.version} for a preview"
    statement = _open(preview.statement, what, trust, PreviewStatement.from_payload)
    _compare(what, (
        ("installation", statement.installation, trust.installation),
        ("project", statement.project, version.project),
        ("preview's project", statement.project, preview.project),
        ("model", statement.model, version.model),
        ("version", statement.version_id, version.version_id),
        ("preview's version", statement.version_id, preview.version_id),
        ("digest", statement.version_digest, version.digest),
    ))  # fmt: skip
    try:
        issued, expires = from_rfc3339(statement.issued_at), from_rfc3339(statement.expires_at)
    except ValueError as problem:
        raise Refused(what=what, reason=f"its preview statement has no readable times: {problem}") from problem
    if expires - issued > PREVIEW_LIFE_MAX or expires > now + PREVIEW_LIFE_MAX + CLOCK_SKEW:
        raise Refused(what=what, reason=f"a preview lives 24 hours at most, this one until {statement.expires_at}")
    if now >= expires:
        raise Refused(what=what, reason=f"its preview expired at {statement.expires_at}")
    check_document(what, version)
    return expires


def check_document(what: str, version: VersionState) -> VersionDocument:
    """The document, if its content has the digest that was signed. Raises Refused."""
    try:
        document = VersionDocument.from_json(version.document)
    except (ValueError, AttributeError) as problem:
        raise Refused(what=what, reason=f"its document can't be read: {problem}") from problem
    if document.digest != version.digest:
        raise Refused(what=what, reason=f"its document has digest {document.digest}, signed was {version.digest}")
    return document


def read_cell_job(envelope_json: Any, trust: NodeTrust, now: datetime) -> CellJob:
    """The job, if this installation signed it for this node and it has not expired. Whether it ran before is the
    ledger's to say. Raises CellJobRefused."""
    try:
        envelope = Envelope.from_json(envelope_json)
        verify(envelope, CELL_JOB_PAYLOAD, trust.order_keys)
        job = CellJob.from_json(envelope.payload_json())
        expires = from_rfc3339(job.expires_at)
    except SignatureInvalid as problem:
        raise CellJobRefused(job_id="(unknown)", reason=problem.detail) from problem
    except (MalformedEnvelope, ValueError, TypeError, AttributeError) as problem:
        raise CellJobRefused(job_id="(unknown)", reason=str(problem)) from problem
    if job.node_id != trust.node_id:
        raise CellJobRefused(job_id=job.job_id, reason=f"it is for node {job.node_id}, this is {trust.node_id}")
    if now >= expires:
        raise CellJobRefused(job_id=job.job_id, reason=f"it expired at {job.expires_at}")
    return job


def _open(envelope_json: Any, what: str, trust: NodeTrust, read: Callable[[dict[str, Any]], Statement]) -> Statement:
    if not envelope_json:
        raise Refused(what=what, reason="there is no signed statement for it: nobody has approved it")
    try:
        envelope = Envelope.from_json(envelope_json)
        verify(envelope, IN_TOTO_PAYLOAD, trust.release_keys)
        return read(envelope.payload_json())
    except SignatureInvalid as problem:
        raise Refused(what=what, reason=problem.detail.rstrip(".")) from problem
    except (MalformedEnvelope, TypeError, AttributeError) as problem:
        raise Refused(what=what, reason=str(problem)) from problem


def _compare(what: str, facts: tuple[tuple[str, str, str], ...]) -> None:
    for name, signed, asked in facts:
        if signed != asked:
            raise Refused(what=what, reason=f"the signed statement names {name} {signed!r}, asked was {asked!r}")
