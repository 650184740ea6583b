"""Where sockets lie, and whose folder that is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from modelyard.infra.processes.paths import RUN_DIR_LENGTH_MAX, UnsafeRunDirectory, make_run_dir, run_dir


def test_run_dir_of_short_home_is_inside() -> None:
    assert run_dir(Path("/srv/my")) == Path("/srv/my/run")


def test_run_dir_of_long_home_is_short_stable_and_its_own() -> None:
    long, other = Path("/srv") / ("x" * 90), Path("/srv") / ("y" * 90)
    assert run_dir(long) == run_dir(long)
    assert run_dir(long) != run_dir(other)
    assert len(str(run_dir(long))) <= RUN_DIR_LENGTH_MAX
    assert str(os.getuid()) in run_dir(long).name


def test_run_dir_is_made_private(tmp_path: Path) -> None:
    home = tmp_path / ("z" * 80)
    path = make_run_dir(home)
    try:
        assert path.stat().st_mode & 0o777 == 0o700
        path.chmod(0o777)
        assert make_run_dir(home).stat().st_mode & 0o777 == 0o700
    finally:
        path.rmdir()


def test_run_dir_taken_by_a_link_is_refused(tmp_path: Path) -> None:
    home = tmp_path / ("z" * 80)
    run_dir(home).symlink_to(tmp_path)
    try:
        with pytest.raises(UnsafeRunDirectory):
            make_run_dir(home)
    finally:
        run_dir(home).unlink()
