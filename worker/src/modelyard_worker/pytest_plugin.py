"""What an author's tests are given: `model`, the loaded version, and `rows`, its sample. Loaded by `checking` only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from modelyard_worker.arrays import find_pandas, is_missing
from modelyard_worker.outputs import json_rows
from modelyard_worker.rows import read_rows
from modelyard_worker.tables import Inputs, Table


class ModelUnderTest:
    """The version as its callers meet it: rows are checked against the schema before `predict` sees them."""

    def __init__(self, inputs: Inputs, answer: Callable[[Table], dict[str, Any]]) -> None:
        self._inputs = inputs
        self._answer = answer

    def predict(self, rows: Any) -> Any:
        """A DataFrame with a row for each of `rows`, a DataFrame or a list of dicts (a list, without pandas).

        Raises Refused where a value does not fit the schema.
        """
        records = rows_of_frame(rows) if hasattr(rows, "to_dict") else list(rows)
        columns = self._answer(read_rows(records, self._inputs))
        pd = find_pandas()
        return json_rows(columns) if pd is None else pd.DataFrame(columns)


def rows_of_frame(frame: Any) -> list[dict[str, Any]]:
    """A DataFrame's rows as JSON would have them."""
    columns = {str(name): [_plain(value) for value in frame[name].tolist()] for name in frame.columns}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _plain(value: Any) -> Any:
    if is_missing(value):
        return None
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return value.tolist() if hasattr(value, "tolist") else value


class CheckPlugin:
    """The fixtures, and a count of what passed."""

    def __init__(self, model: ModelUnderTest, sample: Table | None) -> None:
        self._model = model
        self._sample = sample
        self.passed = 0
        self.failed = 0
        self.skipped = 0
        self.first_failure = ""

    @pytest.fixture
    def model(self) -> ModelUnderTest:
        return self._model

    @pytest.fixture
    def rows(self) -> Any:
        if self._sample is None:
            pytest.fail("the version has no sample: name one in [schema]", pytrace=False)
        return self._sample.dicts() if find_pandas() is None else self._sample.frame()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed += 1
            self.first_failure = self.first_failure or f"{report.nodeid}: {_last_line(report.longreprtext)}"
        elif report.skipped:
            self.skipped += 1
        elif report.when == "call":
            self.passed += 1

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.failed += 1
            self.first_failure = self.first_failure or f"{report.nodeid}: {_last_line(report.longreprtext)}"


def _last_line(text: str) -> str:
    errors = [line[1:].strip() for line in text.splitlines() if line.startswith("E ")]
    lines = errors or [line.strip() for line in text.splitlines() if line.strip()] or ["failed"]
    return (errors[0] if errors else lines[-1])[:300]
