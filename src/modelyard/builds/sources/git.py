"""Fetches one commit and reads its files, without a work tree: nothing of the repository is checked out or run.

No hooks, filters, submodules, large-file pointers or configuration of the machine take part; protocols are named one
by one; time and size are bounded; redirects are not followed. An address that resolves to this machine or to a
link-local one is refused unless the operator allows it; a name that resolves differently a moment later would get
through, so a control plane that must not reach inner networks needs that said to its network, too.
"""

from __future__ import annotations

import ipaddress
import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from modelyard.builds.sources.domain import FILES_MAX, GitSource
from modelyard.builds.sources.errors import (
    GitFetchFailed,
    GitMissing,
    GitTooSlow,
    GitUrlRefused,
    SourcePathRefused,
    SourceTooLarge,
)
from modelyard.contracts.manifest.kinds import is_relative_path

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_PIECE_BYTES = 1024 * 1024
_LISTED = re.compile(rb"(\d{6}) (\w+) ([0-9a-f]+) +(\d+|-)\t(.*)", re.DOTALL)
_CONFIG = (
    "core.hooksPath=/dev/null", "core.fsmonitor=false", "core.symlinks=false", "credential.helper=",
    "http.followRedirects=false", "transfer.fsckObjects=true", "submodule.recurse=false", "gc.auto=0",
    "fetch.recurseSubmodules=no", "protocol.version=2",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class GitSettings:
    """`allow_local`: also file:// and addresses of this machine, which an operator may want for a Git server beside
    it."""

    executable: str = "git"
    timeout_s: float = 120.0
    size_bytes_max: int = 2 * 1024**3
    allow_local: bool = False


@dataclass(frozen=True, slots=True)
class GitFile:
    path: str
    object_id: str
    size_bytes: int


def check_source(source: GitSource, *, allow_local: bool) -> None:
    """Raises GitUrlRefused or SourcePathRefused, without asking the network."""
    parts = urlsplit(source.url)
    schemes = ("https", "ssh", "file") if allow_local else ("https", "ssh")
    if parts.scheme not in schemes:
        raise GitUrlRefused(url=source.url[:200], reason=f"expected one of {', '.join(schemes)}")
    if parts.password is not None or (parts.scheme == "https" and parts.username):
        raise GitUrlRefused(url=f"{parts.scheme}://…@{parts.hostname}", reason="it holds a credential")
    if not source.url.isprintable() or " " in source.url or (parts.scheme != "file" and not parts.hostname):
        raise GitUrlRefused(url=source.url[:200], reason="it names no host")
    if (parts.hostname or "").startswith("-") or (parts.username or "").startswith("-"):
        raise GitUrlRefused(url=source.url[:200], reason="a name in it begins with a hyphen")
    if _COMMIT.fullmatch(source.commit) is None:
        raise GitUrlRefused(url=source.url[:200], reason="the commit is no full hexadecimal id")
    if source.directory and not is_relative_path(source.directory):
        raise SourcePathRefused(path=source.directory[:200], reason="it leaves the repository")


class GitFetcher:
    """`git` as a subprocess of the control plane; the only one there is."""

    def __init__(self, settings: GitSettings) -> None:
        self._settings = settings

    @contextmanager
    def fetched(self, source: GitSource) -> Iterator[GitTree]:
        """The commit's tree, for as long as the block lasts. Raises GitMissing, GitUrlRefused, GitFetchFailed,
        GitTooSlow."""
        check_source(source, allow_local=self._settings.allow_local)
        if shutil.which(self._settings.executable) is None:
            raise GitMissing(url=source.url)
        if not self._settings.allow_local:
            _check_host(source.url)
        with tempfile.TemporaryDirectory(prefix="modelyard-git-") as folder:
            repository = _Repository(self._settings, Path(folder), source)
            repository.fetch()
            yield GitTree(repository)


class GitTree:
    def __init__(self, repository: _Repository) -> None:
        self._repository = repository

    def list_files(self) -> list[GitFile]:
        """Plain files under the source's directory, paths relative to it. Raises SourceTooLarge; links and submodules
        are refused, since they would mean other files elsewhere."""
        source = self._repository.source
        prefix = f"{source.directory}/" if source.directory else ""
        listing = self._repository.run(["ls-tree", "-r", "-l", "-z", "--full-tree", source.commit, "--", prefix or "."])
        files = []
        for entry in listing.split(b"\0"):
            match = _LISTED.fullmatch(entry)
            if match is None:
                continue
            mode, _, object_id, size, raw = match.groups()
            path = raw.decode(errors="replace").removeprefix(prefix)
            if mode not in (b"100644", b"100755"):
                raise SourcePathRefused(path=path[:200], reason="it is a link or a submodule")
            files.append(GitFile(path, object_id.decode(), int(size)))
            if len(files) > FILES_MAX:
                raise SourceTooLarge(got=f"more than {FILES_MAX} files", limit=FILES_MAX)
        return files

    def read(self, file: GitFile, write: Callable[[bytes], None]) -> None:
        """Hands the file's bytes on, piece by piece."""
        self._repository.stream(["cat-file", "blob", file.object_id], write)


class _Repository:
    def __init__(self, settings: GitSettings, folder: Path, source: GitSource) -> None:
        self._settings = settings
        self._folder = folder
        self.source = source

    def fetch(self) -> None:
        self.run(["init", "-q", "--bare", "."])
        commit = self.source.commit
        if not self._try_fetch(["--depth", "1", self.source.url, commit]):
            # Servers may refuse a single commit; then all branches and tags come.
            explanation = self._try_fetch_all()
            if explanation is not None:
                raise GitFetchFailed(commit=commit, url=self.source.url, explanation=explanation)
        kind = self.run(["cat-file", "-t", commit]).strip()
        if kind != b"commit":
            raise GitFetchFailed(commit=commit, url=self.source.url, explanation=f"it is a {kind.decode()}")

    def _try_fetch(self, arguments: Sequence[str]) -> bool:
        return self._call(["fetch", "-q", "--no-tags", "--no-write-fetch-head", *arguments]).returncode == 0

    def _try_fetch_all(self) -> str | None:
        outcome = self._call(["fetch", "-q", "--no-write-fetch-head", self.source.url, "+refs/*:refs/fetched/*"])
        if outcome.returncode != 0:
            return outcome.stderr.decode(errors="replace")[-2000:].strip()
        found = self._call(["cat-file", "-e", f"{self.source.commit}^{{commit}}"]).returncode == 0
        return None if found else "the repository has no such commit on a branch or tag"

    def run(self, arguments: Sequence[str]) -> bytes:
        outcome = self._call(arguments)
        if outcome.returncode != 0:
            explanation = outcome.stderr.decode(errors="replace")[-2000:].strip()
            raise GitFetchFailed(commit=self.source.commit, url=self.source.url, explanation=explanation)
        return outcome.stdout

    def stream(self, arguments: Sequence[str], write: Callable[[bytes], None]) -> None:
        with subprocess.Popen(
            self._command(arguments), cwd=self._folder, env=self._environment(), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        ) as process:  # fmt: skip
            output: IO[bytes] | None = process.stdout
            while output is not None and (piece := output.read(_PIECE_BYTES)):
                write(piece)
        if process.returncode != 0:
            raise GitFetchFailed(commit=self.source.commit, url=self.source.url, explanation="a file can't be read")

    def _call(self, arguments: Sequence[str]) -> subprocess.CompletedProcess[bytes]:
        try:
            return subprocess.run(
                self._command(arguments), cwd=self._folder, env=self._environment(), stdin=subprocess.DEVNULL,
                capture_output=True, timeout=self._settings.timeout_s, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired as cause:
            raise GitTooSlow(url=self.source.url, timeout_s=self._settings.timeout_s) from cause

    def _command(self, arguments: Sequence[str]) -> list[str]:
        """Through a shell of one fixed line, which bounds the size of any file that git writes."""
        options = [part for setting in _CONFIG for part in ("-c", setting)]
        blocks = str(self._settings.size_bytes_max // 512)
        shell = ["/bin/sh", "-c", 'ulimit -f "$0"; exec "$@"', blocks]
        return [*shell, self._settings.executable, *options, *arguments]

    def _environment(self) -> dict[str, str]:
        """Nothing of the control plane's own: no home, no configuration, no credentials."""
        protocols = "https:ssh:file" if self._settings.allow_local else "https:ssh"
        return {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self._folder),
            "LC_ALL": "C",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "/bin/false",
            "GIT_ALLOW_PROTOCOL": protocols,
            "GIT_LFS_SKIP_SMUDGE": "1",
            # ssh takes its home from the password file, whatever HOME says: without this the keys and configuration of
            # whoever runs us would fetch what the author may not.
            "GIT_SSH_COMMAND": "ssh -F /dev/null -o BatchMode=yes -o StrictHostKeyChecking=yes -o IdentityAgent=none "
            "-o IdentitiesOnly=yes -o IdentityFile=/dev/null -o UserKnownHostsFile=/dev/null",
        }


def _check_host(url: str) -> None:
    """Raises GitUrlRefused for a name that leads to this machine or a link-local address."""
    host = urlsplit(url).hostname or ""
    try:
        found = {str(info[4][0]) for info in socket.getaddrinfo(host, None)}
    except OSError as cause:
        raise GitUrlRefused(url=url[:200], reason="its host name does not resolve") from cause
    for text in found:
        address = ipaddress.ip_address(text.partition("%")[0])
        address = getattr(address, "ipv4_mapped", None) or address  # `::ffff:127.0.0.1` is this machine too
        if address.is_loopback or address.is_link_local or address.is_unspecified or address.is_multicast:
            raise GitUrlRefused(url=url[:200], reason="it leads to this machine or a link-local address")
