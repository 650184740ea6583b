"""Client library: `Client` for programs, `connect`, `push`, `model`, `version` and `load` for notebooks.

It needs httpx alone; names are imported when they are first used.
"""

from __future__ import annotations

from typing import Any

_PLACES = {
    "BuildFailed": "errors",
    "Client": "client",
    "Conflict": "errors",
    "Denied": "errors",
    "EndpointHandle": "notebook",
    "InvalidRequest": "errors",
    "Limited": "errors",
    "ModelyardError": "errors",
    "NotFound": "errors",
    "ServerFault": "errors",
    "StaleEdit": "errors",
    "TimedOut": "errors",
    "Unauthenticated": "errors",
    "Unavailable": "errors",
    "VersionHandle": "notebook",
    "connect": "notebook",
    "load": "notebook",
    "model": "notebook",
    "push": "notebook",
    "version": "notebook",
}
__all__ = sorted(_PLACES)  # noqa: PLE0605 - one table, so that no name can be forgotten in either place


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'modelyard.sdk' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"modelyard.sdk.{_PLACES[name]}"), name)


def __dir__() -> list[str]:
    return list(__all__)
