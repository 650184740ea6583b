"""What a model's folder has, and what it still lacks for production. Read from the folder alone, before any server."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

UNFILLED = ("nobody yet", "What is decided with it, by whom")


@dataclass(frozen=True, slots=True)
class Point:
    """One thing that production asks for; `next_step` says how to get it when `is_there` is false."""

    name: str
    is_there: bool
    next_step: str

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def list_readiness(directory: Path) -> list[Point]:
    """Raises ManifestError or ModelyardError when the manifest itself is missing or wrong."""
    from modelyard.sdk.folders import METRICS_FILE, read_manifest

    _, manifest = read_manifest(directory)
    card_path = directory / manifest.model.card if manifest.model.card else None
    card = card_path.read_text(encoding="utf-8", errors="replace") if card_path and card_path.is_file() else ""
    tests = [path for name in manifest.tests for path in (directory / name).rglob("test_*.py")]
    workflows = [*(directory / ".github" / "workflows").glob("*.y*ml"), *directory.glob(".gitlab-ci.y*ml")]
    owned = "Owner:" in card and UNFILLED[0] not in card
    named = [manifest.model.artifact, *manifest.model.files]
    trained = any(named) and all((directory / path).exists() for path in named if path)
    return [
        Point("manifest", True, ""),
        Point("owner", owned, "write `Owner: NAME` into CARD.md"),
        Point("tests", bool(tests), "write tests/test_model.py and name it in [tests] paths"),
        Point("continuous integration", bool(workflows), "let your CI run `modelyard test`"),
        Point("trained model", trained, "train, and name what it wrote in [model] files or artifact"),
        Point("examples", bool(manifest.examples), "add [[examples]] with an input and what you expect"),
        Point(
            "metrics", (directory / METRICS_FILE).is_file(), 'let training write metrics.json, such as {"auc": 0.99}'
        ),
        Point("training data named", bool(manifest.data.training), "add [data] training = FILE; its digest is kept"),
        Point("evaluation data named", bool(manifest.data.evaluation), "add [data] evaluation = FILE"),
        Point("model card", bool(card) and UNFILLED[1] not in card, "say in CARD.md what it is for and where it fails"),
        Point("licence", bool(manifest.model.licence), 'add licence = "Apache-2.0", or yours, to [model]'),
    ]


def describe_readiness(points: list[Point]) -> str:
    """`✓` for what is there, the next step for what is not."""
    there = [point.name for point in points if point.is_there]
    missing = [point for point in points if not point.is_there]
    lines = [f"Ready: {', '.join(there)} ({len(there)} of {len(points)})."]
    if missing:
        lines.append("Missing for production:")
        lines += [f"  {point.name:<24}{point.next_step}" for point in missing]
    return "\n".join(lines)
