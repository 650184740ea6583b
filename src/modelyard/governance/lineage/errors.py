"""What can go wrong with lineage."""

from __future__ import annotations

from modelyard.kernel.errors import ErrorKind, PlatformError


class PredictionNotFound(PlatformError):
    """No node has a record of it, or it is of a project that the caller is no member of: the two look the same."""

    kind = ErrorKind.NOT_FOUND
    code = "lineage.prediction_not_found"
    message = "There is no prediction {prediction_id!r} that you may see."
    hint = "Records are kept for 7 days. The id is in the answer: prediction_id, or pr_ and its x-request-id."
