"""Tells an author which import failed, and whether the remedy is a file or a dependency."""

from __future__ import annotations

import sys
from pathlib import Path

from modelyard_worker.failures import CheckFailure, describe, user_traceback

# Import names that nobody means as a file of their own, with the distribution that provides them.
DISTRIBUTIONS = {
    "PIL": "pillow", "bs4": "beautifulsoup4", "catboost": "catboost", "category_encoders": "category-encoders",
    "cv2": "opencv-python-headless", "dateutil": "python-dateutil", "imblearn": "imbalanced-learn", "jax": "jax",
    "joblib": "joblib", "keras": "keras", "lightgbm": "lightgbm", "nltk": "nltk", "numpy": "numpy",
    "onnxruntime": "onnxruntime", "pandas": "pandas", "polars": "polars", "prophet": "prophet", "pyarrow": "pyarrow",
    "pydantic": "pydantic", "requests": "requests", "scipy": "scipy", "sentence_transformers": "sentence-transformers",
    "skimage": "scikit-image", "sklearn": "scikit-learn", "skops": "skops", "spacy": "spacy",
    "statsmodels": "statsmodels", "tensorflow": "tensorflow", "torch": "torch", "transformers": "transformers",
    "xgboost": "xgboost", "yaml": "pyyaml",
}  # fmt: skip


def missing_module(
    error: ModuleNotFoundError, files_dir: Path, author_modules: tuple[str, ...] | None, context: str
) -> CheckFailure:
    """`builds.local_module` where a file of that name may lie in the author's folder, else `builds.module_missing`.

    `context` begins the message, such as "model.py".
    """
    name = str(error.name or "")
    top = name.partition(".")[0]
    details = {"module": name, "traceback": user_traceback(error, files_dir)}
    if not top:
        return CheckFailure("builds.module_missing", f"{context}: {describe(error)}.", "Add the package.", details)
    local = top in author_modules if author_modules is not None else _may_be_local(top)
    if local:
        path = f"{top}.py"
        return CheckFailure(
            "builds.local_module",
            f"{context} uses {name} (./{path}), which no dependency provides. "
            "Expected every import to come from the lock or from pushed files.",
            f'Add "{path}" to files in [model], or pass files=["{path}"] to push. '
            f"If {top} is a package, add it to the dependencies.",
            {**details, "file": path},
        )
    distribution = DISTRIBUTIONS.get(top, top.replace("_", "-"))
    return CheckFailure(
        "builds.module_missing",
        f"{context} imports {name}, which is not in the locked environment.",
        f"Add {distribution} to the dependencies.",
        {**details, "distribution": distribution},
    )


def _may_be_local(top: str) -> bool:
    return top not in DISTRIBUTIONS and top not in sys.stdlib_module_names
