"""A control plane of registry and builds with a played node, which kills itself at a chosen place of its first build:
`build_process FOLDER PLACE` starts one and dies, `build_process FOLDER` starts again and waits for its end."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[3]))

from tests.support.builds import FILES, BuildsApplication, builds_application

from modelyard.builds.builds.steps import BuildSteps
from modelyard.registry.artifacts.service import Upload
from modelyard.registry.models.service import ModelService


def die(*_: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _after(owner: type, name: str) -> None:
    """Dies once the method has done its work: what it did in an open transaction is lost, what it committed is not."""
    real: Callable[..., Any] = getattr(owner, name)

    def deadly(*arguments: Any, **named: Any) -> Any:
        real(*arguments, **named)
        die()

    setattr(owner, name, deadly)


def set_trap(site: BuildsApplication, place: str) -> None:
    if place in site.node.answers:
        site.node.answers[place] = die
    elif place == "fetch":
        _after(BuildSteps, "fetch")
    elif place == "lock-stored":
        _after(Upload, "finish")
    elif place == "checked":
        _after(BuildSteps, "check")
    elif place == "version-uncommitted":
        _after(ModelService, "record_version")


def main() -> None:
    folder, place = Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else ""
    url = f"sqlite:///{folder / 'test.db'}"
    with builds_application(url, folder) as site:
        if place:
            site.upload(FILES)  # the trap is for the build, not for what comes before it
            set_trap(site, place)
            site.start()
        build = site.wait(1, limit_s=40)
        versions = site.author.get("/api/v1/projects/demo/models/mine/versions").json()
        print(json.dumps({"build": build, "versions": versions["items"], "events": site.events(1)}))


if __name__ == "__main__":
    main()
