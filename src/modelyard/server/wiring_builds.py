"""The rooms registry and builds, wired: split from `wiring.py` for its length alone."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from fastapi import APIRouter

from modelyard.builds.builds import api as builds_api
from modelyard.builds.builds.jobs import BuildJob
from modelyard.builds.builds.service import BuildService
from modelyard.builds.builds.steps import BuildSteps
from modelyard.builds.cells import api as cells_api
from modelyard.builds.cells.queries import NodeQueries
from modelyard.builds.cells.service import CellService
from modelyard.builds.environments.service import EnvironmentService
from modelyard.builds.sources.git import GitFetcher, GitSettings
from modelyard.identity.nodes.service import NodeEnrolmentService
from modelyard.identity.projects.service import ProjectService
from modelyard.infra.blobs import BlobFolder
from modelyard.infra.db import Database
from modelyard.infra.http.waiting import Bell
from modelyard.infra.jobs import Chore, Jobs
from modelyard.kernel.clock import Clock
from modelyard.registry.artifacts import api as artifacts_api
from modelyard.registry.artifacts.service import ArtifactService
from modelyard.registry.models import api as models_api
from modelyard.registry.models.service import ModelService
from modelyard.server.settings import BuildsSection
from modelyard.trust.keys import KeyRing

SWEEP_EVERY_S = 6 * 3600.0


@dataclass(frozen=True, slots=True)
class Builds:
    """Every service of both rooms. `jobs.start` and `jobs.stop` belong in the platform's `on_start` and `on_stop`."""

    database: Database
    projects: ProjectService
    artifacts: ArtifactService
    models: ModelService
    cells: CellService
    queries: NodeQueries
    environments: EnvironmentService
    builds: BuildService
    jobs: Jobs

    def routers(self, find_in_desired_state: cells_api.FindBlobProject) -> list[APIRouter]:
        return [
            artifacts_api.router(self.artifacts, self.projects),
            models_api.router(self.models),
            builds_api.router(self.builds, self.database, self.cells.bell),
            cells_api.router(self.cells, self.queries, self.artifacts, find_in_desired_state),
        ]


def wire_builds(
    settings: BuildsSection,
    database: Database,
    clock: Clock,
    keys: KeyRing,
    projects: ProjectService,
    nodes: NodeEnrolmentService,
    jobs: Jobs,
    blobs_dir: Path,
) -> Builds:
    """Registers the build job with `jobs`, which the caller starts once everything is wired."""
    folder = BlobFolder(blobs_dir)
    artifacts = ArtifactService(database, folder, keys.kek, projects, clock, size_bytes_max=settings.upload_bytes_max)
    models = ModelService(projects, artifacts, clock)
    bell = Bell()
    cells = CellService(database, nodes, keys.order, clock, bell)
    queries = NodeQueries(bell)
    environments = EnvironmentService(database, cells, artifacts, clock)
    git = GitFetcher(GitSettings(executable=settings.git, allow_local=settings.allow_local_git))
    # Without a version in the manifest the model gets the Python that runs us: the one that is surely there.
    default_python = f"{sys.version_info.major}.{sys.version_info.minor}"
    steps = BuildSteps(
        artifacts,
        environments,
        cells,
        git,
        default_python=default_python,
        timeout_s=settings.job_timeout_s,
        source_bytes_max=settings.upload_bytes_max,
    )
    builds = BuildService(projects, artifacts, cells, jobs, clock, allow_local_git=settings.allow_local_git)
    jobs.add_chore(Chore("sweep-blobs", SWEEP_EVERY_S, artifacts.sweep))
    BuildJob(database, projects, models, cells, steps, jobs, clock)
    return Builds(database, projects, artifacts, models, cells, queries, environments, builds, jobs)
