"""`doctor`: find what is wrong with an installation, and say what to do."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path

import click

from modelyard.cli.options import Command
from modelyard.cli.output import EXIT_CODES, Cli, pass_cli
from modelyard.cli.settings import home_dir, node_setting


@click.command("doctor", cls=Command)
@click.option("--home", type=click.Path(path_type=Path), help="Folder of the installation.  [default: .modelyard]")
@click.option("--port", type=click.IntRange(1, 65535), default=8800, show_default=True, help="Where it should listen.")
@click.option("--host", default="127.0.0.1", show_default=True, help="On which address.")
@click.option("--envoy", default="", help="The Envoy it should use; the packaged one without it.")
@click.option("--certificate-file", type=click.Path(path_type=Path), help="The certificate it should use.")
@pass_cli
def doctor_command(cli: Cli, home: Path | None, port: int, host: str, envoy: str, certificate_file: Path | None) -> int:
    """Examine an installation, running or not. Each fault is named with what was expected and the next thing to do."""
    from modelyard.cli.inspection import Place, examine

    place = Path(os.path.abspath(home or home_dir()))
    named = certificate_file or node_setting(place, "certificate_file")
    envoy = envoy or node_setting(place, "envoy_path")
    results = list(examine(Place(place, port, host, envoy, Path(named) if named else None)))
    faults = [fault for _, found in results for fault in found]
    document = {"home": str(place), "checks": [name for name, _ in results], "faults": [asdict(f) for f in faults]}
    lines = []
    for name, found in results:
        lines += [] if found else [f"✓ {name}"]
        for fault in found:
            lines.append(f"✗ {name}: {fault.got}.\n  Expected {fault.expected}.\n  Next: {fault.next_step}")
    cli.show(document, "\n".join(lines))
    return EXIT_CODES["failed"] if faults else 0
