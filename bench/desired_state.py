"""What one change costs the control plane when many endpoints are registered: from its commit to the signed bytes.

    python -m bench.desired_state [ENDPOINTS ...]

For each number of endpoints (default 1000; every endpoint with its own version and release, spread over ten projects):
the first rendering, then single changes, in milliseconds, and the size of what a node fetches.
"""

from __future__ import annotations

import sys
import tempfile
import time
import warnings
from dataclasses import replace
from pathlib import Path

from tests.support.deployment import DeploymentApplication, deployment_application

from bench.report import Report
from modelyard.contracts.canonical import digest_bytes
from modelyard.contracts.statements import IN_TOTO_PAYLOAD, ReleaseStatement
from modelyard.deployment.endpoints.domain import Endpoint
from modelyard.deployment.endpoints.store import EndpointStore
from modelyard.deployment.releases.domain import Release
from modelyard.deployment.releases.store import ReleaseStore
from modelyard.infra.db import UnitOfWork
from modelyard.registry.models.domain import Version
from modelyard.trust.attestations import sign

PROJECTS, CHANGES, BAR_MS = 10, 20, 50.0


def make_live(site: DeploymentApplication, uow: UnitOfWork, index: int, project: str, version: Version) -> None:
    now, release_id, name = site.clock.now(), f"re_{index:026d}", f"e{index}"
    endpoint = Endpoint(
        f"ep_{index:026d}", version.project_id, project, name, now, "owner", target_release_id=release_id,
        live_release_id=release_id, live_release_number=index + 1, live_version_id=version.id, live_at=now,
    )  # fmt: skip
    statement = ReleaseStatement(
        site.keys.installation, project, name, endpoint.id, release_id, index + 1, version.model, version.number,
        version.id, version.digest, "author", "reviewer", "fine", now.isoformat(), digest_bytes(b""),
    )  # fmt: skip
    envelope = sign(IN_TOTO_PAYLOAD, statement.to_payload(), site.keys.release).to_json()
    release = Release(
        release_id, index + 1, version.project_id, project, endpoint.id, name, version.model, version.number,
        version.id, version.digest, "author", ("us_author",), "us_author", "author", now, "", "live",
        statement=envelope, targeted_at=now, first_live_at=now, live_at=now,
    )  # fmt: skip
    EndpointStore(uow, version.project_id).add(endpoint)
    ReleaseStore(uow, version.project_id).add(release)


def fill(site: DeploymentApplication, count: int) -> list[str]:
    """Returns the projects' ids."""
    admin = site.administrator()
    site.make_user(admin, "owner")
    names = [f"p{number}" for number in range(PROJECTS)]
    ids = [site.make_project(admin, name, owner="owner") for name in names]
    with site.database.transaction() as uow:
        projects = [site.identity.projects.find_by_id(uow, project_id) for project_id in ids]
        for index in range(count):
            project = projects[index % PROJECTS]
            content = f"# model {index}".encode()
            version = site.register_as(uow, project, f"m{index}", "1.0.0", "us_author", "author", content)
            make_live(site, uow, index, names[index % PROJECTS], version)
    return ids


def measure(report: Report, count: int) -> None:
    folder = Path(tempfile.mkdtemp(prefix="modelyard-bench-"))
    with deployment_application(f"sqlite:///{folder / 'bench.db'}", folder) as site:
        ids, states = fill(site, count), site.deployment.desired_state
        begin = time.perf_counter()
        size_mb = len(states.newest().body) / 1e6
        report.add(f"{count} endpoints: first rendering", "ms", [(time.perf_counter() - begin) * 1000])
        took = []
        for number in range(CHANGES):
            with site.database.transaction() as uow:
                store = EndpointStore(uow, ids[number % PROJECTS])
                endpoint = store.find(f"ep_{number:026d}")
                assert endpoint is not None
                store.save(replace(endpoint, requests_per_s=number + 1))
                site.deployment.changes.touch(uow)
            begin = time.perf_counter()
            states.newest()
            took.append((time.perf_counter() - begin) * 1000)
        report.add(f"{count} endpoints: one change, commit to signed bytes", "ms", took, BAR_MS)
        report.add(f"{count} endpoints: what a node fetches", "MB", [size_mb])


def main(counts: list[int] | None = None) -> None:
    warnings.simplefilter("ignore")
    report = Report("desired_state")
    for count in counts or [1000]:
        measure(report, count)
    report.keep()


if __name__ == "__main__":
    main([int(argument) for argument in sys.argv[1:]])
