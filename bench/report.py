"""What a measurement says: figures with their bars, printed as a table and kept as JSON beside the machine's state."""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True)
class Figure:
    """`values` in `unit`, one for each repetition; `bar` is the most (or, with `at_least`, the least) allowed."""

    name: str
    unit: str
    values: tuple[float, ...]
    bar: float | None = None
    at_least: bool = False

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def holds(self) -> bool | None:
        if self.bar is None:
            return None
        return self.median >= self.bar if self.at_least else self.median <= self.bar

    def line(self) -> str:
        spread = f"{min(self.values):.3g} to {max(self.values):.3g}" if len(self.values) > 1 else ""
        sign = "≥" if self.at_least else "≤"
        bar = f"{sign} {self.bar:g}" if self.bar is not None else ""
        verdict = {None: "", True: "holds", False: "MISSED"}[self.holds]
        return f"{self.name:<58}{self.median:>10.3g} {self.unit:<8}{spread:<20}{bar:<10}{verdict}"


@dataclass(slots=True)
class Report:
    title: str
    figures: list[Figure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(
        self, name: str, unit: str, values: Sequence[float], bar: float | None = None, *, at_least: bool = False
    ) -> None:
        figure = Figure(name, unit, tuple(values), bar, at_least)
        self.figures.append(figure)
        print(figure.line(), flush=True)

    def keep(self) -> None:
        """Writes `bench/results/<title>.json`."""
        RESULTS.mkdir(exist_ok=True)
        machine = {
            "cpus": os.cpu_count(),
            "python": platform.python_version(),
            "kernel": platform.release(),
            "load_1min": os.getloadavg()[0],
        }
        document: dict[str, object] = {
            "title": self.title,
            "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "machine": machine,
        }
        document |= {"figures": [{**asdict(f), "median": f.median} for f in self.figures], "notes": self.notes}
        (RESULTS / f"{self.title}.json").write_text(json.dumps(document, indent=1) + "\n")


def calibration_ms() -> float:
    """A fixed piece of Python on this core, in milliseconds: how fast the machine is at this moment."""
    begin = time.perf_counter()
    total = 0
    for number in range(200_000):
        total += number & 7
    return (time.perf_counter() - begin) * 1000
