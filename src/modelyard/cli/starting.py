"""`init`: a model's folder, before training."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from modelyard.cli.options import Command
from modelyard.cli.output import Cli, note, pass_cli

# Inside the package, so that an installed wheel has them; `examples/` of the repository links here.
EXAMPLES = Path(__file__).parent / "examples"
SKELETON = "skeleton"
SCHEMA_FILE = Path(".modelyard") / "manifest.schema.json"
NAMES = ("tumour",)


@click.command("init", cls=Command)
@click.argument("name")
@click.option("--example", type=click.Choice(NAMES), help="A complete model instead of a skeleton.")
@pass_cli
def init_command(cli: Cli, name: str, example: str | None) -> None:
    """Start a model's folder NAME, before training: manifest, code, tests, sample row, card, CI file, owner.

    Into the folder here if it is named `.`; nothing that exists is overwritten.
    """
    from modelyard.cli.readiness import describe_readiness, list_readiness
    from modelyard.contracts.manifest import manifest_schema
    from modelyard.kernel.ids import NAME_RULE, is_name
    from modelyard.sdk.errors import Conflict, ModelyardError

    directory = Path(name)
    model = directory.resolve().name
    if not is_name(model):
        raise ModelyardError(f"got the name {model!r}, expected {NAME_RULE}.", code="init.bad_name")
    pieces = dict(_pieces(EXAMPLES / (example or SKELETON), model, example))
    taken = [path for path in pieces if (directory / path).exists()]
    if taken:
        raise Conflict(
            f"{directory} has {', '.join(taken)} already; nothing was written.",
            code="init.exists",
            hint="choose another name, or move those away",
        )
    pieces[str(SCHEMA_FILE)] = json.dumps(manifest_schema(), indent=1) + "\n"
    for path, text in pieces.items():
        target = directory / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    shown = _shown(list(pieces))
    points = list_readiness(directory)
    document = {
        "directory": str(directory),
        "files": sorted(pieces),
        "readiness": [point.to_json() for point in points],
    }
    cli.show(document, f"wrote {' '.join(shown)}")
    if not example and not cli.as_json:
        note(describe_readiness(points))


def _pieces(source: Path, model: str, example: str | None) -> Iterator[tuple[str, str]]:
    """Path and text of every file to write."""
    from modelyard.sdk.folders import METRICS_FILE
    from modelyard.sdk.git_state import find_author

    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    words = {"@NAME@": model, "@PYTHON@": python, "@OWNER@": find_author(Path()) or "nobody yet"}
    # A run of the example leaves its products beside it; they are no part of it.
    products = {"train.csv", "eval.csv", METRICS_FILE}
    for path in sorted(source.rglob("*")):
        relative = path.relative_to(source)
        if (
            not path.is_file()
            or "__pycache__" in relative.parts
            or path.suffix == ".skops"
            or relative.name in products
        ):
            continue
        if relative.parts[0] == SCHEMA_FILE.parts[0]:
            continue
        text = path.read_text(encoding="utf-8")
        for word, value in words.items():
            text = text.replace(word, value)
        if example and relative.name == "modelyard.toml":
            text = text.replace(f'name = "{example}"', f'name = "{model}"')
        yield relative.as_posix(), text


def _shown(paths: list[str]) -> list[str]:
    """What a person edits first; folders as one word, dot files left out."""
    first = ["modelyard.toml", "model.py", "train.py", "data.py", "tests/", "row.json", "requirements.txt", "CARD.md"]
    found = dict.fromkeys(path.partition("/")[0] + "/" if "/" in path else path for path in paths)
    names = [name for name in found if not name.startswith(".")]
    return sorted(names, key=lambda name: first.index(name) if name in first else len(first))
