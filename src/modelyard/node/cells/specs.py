"""Putting a cell together: identity, limits, Python, the worker's code and a scratch folder."""

from __future__ import annotations

import hashlib
import itertools
import os
import resource
import secrets
import shutil
from pathlib import Path
from typing import Any

import modelyard_worker
from modelyard.node.cells.identities import CellIdentities
from modelyard.node.durable_files import make_read_only, publish_folder
from modelyard.node.environments.materializing import MaterializedEnvironment
from modelyard.node.launcher.confinement import CellSpec

MIB = 1024 * 1024
PROCESSES_MAX = 256
PRELOAD_MAX = 400
# Private memory that Python and the libraries need before the model's own; the manifest speaks of the model.
MEMORY_OVERHEAD_MIB = 64


class CellFactory:
    def __init__(self, node_dir: Path, identities: CellIdentities, *, network: bool) -> None:
        self._node_dir = node_dir
        self._identities = identities
        self._network = network
        self._scratch = node_dir / "scratch"
        self._scratch.mkdir(exist_ok=True)
        os.chmod(self._scratch, 0o711)
        self._worker_source = copy_worker(node_dir / "worker")

    @property
    def worker_source(self) -> Path:
        """A folder that holds the package `modelyard_worker` and nothing else."""
        return self._worker_source

    def make(
        self, project_id: str, environment: MaterializedEnvironment, memory_mib: int, preload: tuple[str, ...]
    ) -> CellSpec:
        """A cell of the project's own identity; its scratch folder exists after this."""
        uid = self._identities.get_uid(project_id)
        return CellSpec(
            project_id=project_id,
            environment_digest=environment.digest,
            tier=0,
            python=str(environment.python),
            zygote=str(self._worker_source / "modelyard_worker" / "zygote.py"),
            paths=(str(self._worker_source),),
            preload=module_names(preload),
            directory=str(self.make_scratch(project_id)),
            uid=uid,
            gid=uid,
            memory_bytes=(memory_mib + MEMORY_OVERHEAD_MIB) * MIB,
            processes_max=PROCESSES_MAX if uid is not None else _processes_of_a_person(),
            network=self._network,
            reach=self._reach(environment),
        )

    def _reach(self, environment: MaterializedEnvironment) -> tuple[str, ...]:
        """What a cell reads: environments, versions, the worker's code, scratch, and the Python below it all."""
        prefix = environment.python.resolve().parent.parent
        folders = (environment.folder.parent, self._node_dir / "cache" / "versions", self._worker_source, self._scratch)
        return (*(str(folder.resolve()) for folder in folders), str(prefix))

    def make_scratch(self, project_id: str, name: str = "home") -> Path:
        """A folder that the project's cells may write, and no other project's."""
        project = self._scratch / hashlib.sha256(project_id.encode()).hexdigest()[:16]
        project.mkdir(exist_ok=True)
        os.chmod(project, 0o711)
        folder = project / name
        folder.mkdir(exist_ok=True)
        uid = self._identities.get_uid(project_id)
        if uid is not None:
            os.chown(folder, uid, uid)
        os.chmod(folder, 0o700)
        return folder


def module_names(given: Any) -> tuple[str, ...]:
    """The well-formed module names among what a document or a cell says; the rest is passed over."""
    if not isinstance(given, (list, tuple)):
        return ()
    names = (name for name in given if isinstance(name, str) and len(name) <= 100)
    good = (name for name in names if name and all(part.isidentifier() for part in name.split(".")))
    return tuple(itertools.islice(good, PRELOAD_MAX))


def _processes_of_a_person() -> int:
    """Without a uid of their own, cells share the kernel's count with everything else this person runs."""
    hard = resource.getrlimit(resource.RLIMIT_NPROC)[1]
    return 8192 if hard == resource.RLIM_INFINITY else hard


def copy_worker(root: Path) -> Path:
    """Copies the worker package to a folder named after its content. Cells get a copy because the original may lie in
    our own site-packages, beside everything that a model must not be able to import."""
    source = Path(modelyard_worker.__file__).parent
    files = sorted(path for path in source.rglob("*.py") if path.is_file())
    digest = hashlib.sha256()
    for path in files:
        content = path.read_bytes()
        digest.update(f"{path.relative_to(source)}\0{len(content)}\0".encode() + content)
    root.mkdir(exist_ok=True)
    os.chmod(root, 0o711)
    final = root / digest.hexdigest()[:16]
    if not final.is_dir():
        partial = root / f"{final.name}.partial-{secrets.token_hex(6)}"
        for path in files:
            target = partial / "modelyard_worker" / path.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
        make_read_only(partial)
        publish_folder(partial, final)
    return final
