"""Modelyard: takes models from a laptop to governed production.

    import modelyard as my
    my.connect()
    v = my.push(pipe, name="tumour", sample=X[:5])

The names below are imported when they are first used: `import modelyard` itself costs next to nothing.
"""

from __future__ import annotations

__version__ = "0.1.0"

TYPE_CHECKING = False  # `typing` itself would cost more than all the rest of this import
if TYPE_CHECKING:
    from typing import Any

    from modelyard.sdk.client import Client as Client
    from modelyard.sdk.errors import ModelyardError as ModelyardError
    from modelyard.sdk.notebook import connect as connect
    from modelyard.sdk.notebook import load as load
    from modelyard.sdk.notebook import model as model
    from modelyard.sdk.notebook import push as push
    from modelyard.sdk.notebook import version as version

_PLACES = {
    "Client": "modelyard.sdk.client",
    "ModelyardError": "modelyard.sdk.errors",
    "connect": "modelyard.sdk.notebook",
    "load": "modelyard.sdk.notebook",
    "model": "modelyard.sdk.notebook",
    "push": "modelyard.sdk.notebook",
    "version": "modelyard.sdk.notebook",
}
__all__ = ["Client", "ModelyardError", "__version__", "connect", "load", "model", "push", "version"]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'modelyard' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
