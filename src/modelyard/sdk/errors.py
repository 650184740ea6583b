"""What can go wrong for a caller.

ModelyardError                 anything; raised itself for what is found before anything is sent
├── InvalidRequest             a field holds what it must not                 (422, 400)
├── Unauthenticated            no token, or one that is expired or revoked    (401)
├── Denied                     known, but without the permission              (403)
├── NotFound                   it does not exist, or you may not know it does (404)
├── Conflict                   it is already there, or in another state       (409)
├── StaleEdit                  somebody changed it since you read it          (412)
├── Limited                    too many requests                              (429)
├── Unavailable                not ready, or nobody answers at the address    (503, no connection)
├── TimedOut                   no answer in time                              (504, 408)
├── ServerFault                our fault; the server's log has the request id (5xx)
└── BuildFailed                the build ended without a version
"""

from __future__ import annotations

from typing import Any, ClassVar


class ModelyardError(Exception):
    """`detail` says what was got and what was expected, `hint` the next thing to do, `code` is stable."""

    kind: ClassVar[str] = "invalid"

    def __init__(
        self,
        detail: str,
        *,
        code: str = "",
        hint: str = "",
        request_id: str = "",
        status: int = 0,
        params: dict[str, Any] | None = None,
    ) -> None:
        self.detail = detail
        self.code = code
        self.hint = hint
        self.request_id = request_id
        self.status = status
        self.params = params or {}
        super().__init__(detail)

    def __str__(self) -> str:
        lines = [self.detail]
        if self.hint:
            lines.append(self.hint if self.hint.startswith("Next:") else f"Next: {self.hint}")
        tail = [part for part in (self.code, f"request {self.request_id}" if self.request_id else "") if part]
        if tail:
            lines[-1] = f"{lines[-1]}        {' · '.join(tail)}"
        return "\n".join(lines)


class InvalidRequest(ModelyardError):
    kind = "invalid"


class Unauthenticated(ModelyardError):
    kind = "unauthenticated"


class Denied(ModelyardError):
    kind = "denied"


class NotFound(ModelyardError):
    kind = "not_found"


class Conflict(ModelyardError):
    kind = "conflict"


class StaleEdit(ModelyardError):
    kind = "precondition"


class Limited(ModelyardError):
    kind = "limited"


class Unavailable(ModelyardError):
    kind = "unavailable"


class TimedOut(ModelyardError):
    kind = "timeout"


class ServerFault(ModelyardError):
    kind = "internal"


class BuildFailed(ModelyardError):
    kind = "failed"


_BY_STATUS: dict[int, type[ModelyardError]] = {
    400: InvalidRequest, 401: Unauthenticated, 403: Denied, 404: NotFound, 405: InvalidRequest, 408: TimedOut,
    409: Conflict, 412: StaleEdit, 413: InvalidRequest, 415: InvalidRequest, 422: InvalidRequest, 429: Limited,
    503: Unavailable, 504: TimedOut,
}  # fmt: skip


def error_of(status: int, body: Any, request_id: str = "") -> ModelyardError:
    """The error for an answer: from a problem document, the prediction protocol's `{"error": …}`, or plain text."""
    kind = _BY_STATUS.get(status, ServerFault if status >= 500 else InvalidRequest)
    document = body if isinstance(body, dict) else {}
    text = body.strip()[:300] if isinstance(body, str) else ""
    detail = document.get("detail") or document.get("error") or text or f"The server answered {status}."
    return kind(
        str(detail),
        code=str(document.get("code", "")),
        hint=str(document.get("hint", "")),
        request_id=str(document.get("request_id") or request_id),
        status=status,
        params=document.get("params") if isinstance(document.get("params"), dict) else {},
    )
