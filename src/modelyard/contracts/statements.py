"""Signed things: the DSSE envelope and the statements that a node loads for.

Sources: DSSE v1.0.2 (secure-systems-lab/dsse), in-toto Statement v1. Only the shapes and the bytes that are signed
live here; signing and verifying are in `trust.attestations`.

Wire rule: a predicate gains fields, never loses or renames one; a reader ignores what it does not know.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any, Self, TypeVar

from modelyard.contracts.canonical import DIGEST_PREFIX, canonical_json

IN_TOTO_PAYLOAD = "application/vnd.in-toto+json"
DESIRED_STATE_PAYLOAD = "application/vnd.modelyard.desired-state+json"
CELL_JOB_PAYLOAD = "application/vnd.modelyard.cell-job+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
RELEASE_PREDICATE = "urn:modelyard:release:v1"
PREVIEW_PREDICATE = "urn:modelyard:preview:v1"

T = TypeVar("T")


class MalformedEnvelope(ValueError):
    """The bytes are no DSSE envelope, or its payload is no JSON object."""


@dataclass(frozen=True, slots=True)
class Signature:
    keyid: str
    sig: bytes


@dataclass(frozen=True, slots=True)
class Envelope:
    """A DSSE envelope: typed payload bytes and signatures over their pre-authentication encoding."""

    payload_type: str
    payload: bytes
    signatures: tuple[Signature, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "payloadType": self.payload_type,
            "payload": base64.b64encode(self.payload).decode(),
            "signatures": [{"keyid": s.keyid, "sig": base64.b64encode(s.sig).decode()} for s in self.signatures],
        }

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """Raises MalformedEnvelope when a field is missing or not base64."""
        try:
            return cls(
                payload_type=str(value["payloadType"]),
                payload=base64.b64decode(value["payload"], validate=True),
                signatures=tuple(
                    Signature(str(s["keyid"]), base64.b64decode(s["sig"], validate=True)) for s in value["signatures"]
                ),
            )
        except (KeyError, TypeError, ValueError) as cause:
            raise MalformedEnvelope(f"not a DSSE envelope: {cause!r}") from cause

    def payload_json(self) -> dict[str, Any]:
        """The payload as a JSON object. Only meaningful after its signature was verified."""
        try:
            value = json.loads(self.payload)
        except ValueError as cause:
            raise MalformedEnvelope(f"payload is not JSON: {cause}") from cause
        if not isinstance(value, dict):
            raise MalformedEnvelope(f"payload is {type(value).__name__}, expected a JSON object")
        return value


def pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """DSSE PAE: what a signature is made over, so that a payload can't be replayed under another type."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


@dataclass(frozen=True, slots=True)
class ReleaseStatement:
    """A reviewer's word that this version may answer at this endpoint. Signed once, inside the approve request."""

    installation: str
    project: str
    endpoint: str
    endpoint_id: str
    release_id: str
    release_number: int
    model: str
    version: str
    version_id: str
    version_digest: str
    author: str
    approver: str
    why: str
    approved_at: str
    evidence_digest: str

    def to_payload(self) -> bytes:
        predicate = {name: getattr(self, name) for name in self.__slots__ if name != "version_digest"}
        return _statement(self.project, self.model, self.version_digest, RELEASE_PREDICATE, predicate)

    @classmethod
    def from_payload(cls, payload: dict[str, Any]) -> Self:
        predicate, digest = _open_statement(payload, RELEASE_PREDICATE)
        return _from_predicate(cls, predicate, digest)


@dataclass(frozen=True, slots=True)
class PreviewStatement:
    """Leave for project members to call a built version that no one approved yet, until `expires_at` (<= 24 h)."""

    installation: str
    project: str
    model: str
    version: str
    version_id: str
    version_digest: str
    requested_by: str
    issued_at: str
    expires_at: str

    def to_payload(self) -> bytes:
        predicate = {name: getattr(self, name) for name in self.__slots__ if name != "version_digest"}
        return _statement(self.project, self.model, self.version_digest, PREVIEW_PREDICATE, predicate)

    @classmethod
    def from_payload(cls, payload: dict[str, Any]) -> Self:
        predicate, digest = _open_statement(payload, PREVIEW_PREDICATE)
        return _from_predicate(cls, predicate, digest)


def _statement(project: str, model: str, digest: str, predicate_type: str, predicate: dict[str, Any]) -> bytes:
    subject = {"name": f"{project}/{model}", "digest": {"sha256": digest.removeprefix(DIGEST_PREFIX)}}
    return canonical_json(
        {"_type": STATEMENT_TYPE, "subject": [subject], "predicateType": predicate_type, "predicate": predicate}
    )


def _open_statement(payload: dict[str, Any], predicate_type: str) -> tuple[dict[str, Any], str]:
    if payload.get("_type") != STATEMENT_TYPE or payload.get("predicateType") != predicate_type:
        raise MalformedEnvelope(
            f"got {payload.get('_type')!r} with predicate {payload.get('predicateType')!r}, expected {predicate_type!r}"
        )
    try:
        (subject,) = payload["subject"]
        return dict(payload["predicate"]), DIGEST_PREFIX + str(subject["digest"]["sha256"])
    except (KeyError, TypeError, ValueError) as cause:
        raise MalformedEnvelope(f"statement without exactly one sha256 subject: {cause!r}") from cause


def _from_predicate(cls: type[T], predicate: dict[str, Any], digest: str) -> T:
    known = {name: predicate[name] for name in cls.__slots__ if name in predicate}  # type: ignore[attr-defined]
    try:
        return cls(**known, version_digest=digest)  # type: ignore[call-arg]
    except TypeError as cause:
        raise MalformedEnvelope(f"statement lacks a field: {cause}") from cause
