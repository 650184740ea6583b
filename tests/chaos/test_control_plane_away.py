"""The control plane is gone, or stopped: predictions neither fail nor pause, the API says so, and all goes on later.

Twenty seconds stand for ten minutes, because nothing counts the time: the node holds its last state, asks again with
pauses that stop growing after eight tries, and the lease that may run out meanwhile only adds the word *stale* to its
status. What does count time is a build's order, and `tests/unit/builds` holds that minutes in which the control plane
itself was away are not the node's. `MODELYARD_CHAOS_AWAY_S=600` runs the ten minutes.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import nullcontext

import httpx
import pytest
from tests.support.chaos import Site, find_role, until

AWAY_S = float(os.environ.get("MODELYARD_CHAOS_AWAY_S", "20"))
pytestmark = [pytest.mark.kill_matrix, pytest.mark.timeout(600 + 2 * AWAY_S)]


@pytest.mark.parametrize("how", ["stopped", "killed"])
def test_control_plane_away_predictions_go_on_without_a_failure(sound: Site, how: str) -> None:
    model = f"away-{how}"
    author = sound.installation.client("author")
    before = sorted(model.name for model in author.models.list_models("bench"))
    # `up` would start it again at once: for that it is stopped as well.
    with sound.predictions(f"control plane {how} for {AWAY_S:.0f} s") as finish:
        number = sound.push(sound.model(model, load_s=1.0)).number
        sound.wait_for_step(number, "check")
        with sound.stopped("parent") if how == "killed" else nullcontext(), sound.stopped("control plane") as pid:
            if how == "killed":
                os.kill(pid, signal.SIGKILL)
            time.sleep(AWAY_S)
            back_at = time.perf_counter()
        build = sound.wait_build(number)
        back_s = time.perf_counter() - back_at
        outcome, gap_s = finish()
    sound.measured.append(f"control plane {how}: the build ended {back_s:.1f} s after it came back")
    assert outcome.failed == 0, outcome.statuses
    assert gap_s < 5.0
    sound.check_one_version(model, build)
    assert sorted(model.name for model in author.models.list_models("bench")) == sorted([*before, model])


def test_control_plane_killed_api_says_so_while_predictions_answer(sound: Site) -> None:
    url = sound.installation.url
    with sound.stopped("parent"):
        sound.kill("control plane")
        until(lambda: find_role(sound.home, "control plane") == [], "it has ended")
        answer = httpx.get(f"{url}/api/v1/me", timeout=30)
        assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
        assert answer.json()["code"]
        assert answer.json()["request_id"] == answer.headers["x-request-id"]
        assert answer.json().keys() >= {"type", "title", "status", "detail"}
        assert sound.ask().status_code == 200
        live = httpx.get(f"{url}/v2/health/live", timeout=30)
        assert live.status_code == 200


def test_node_agent_stopped_approval_answers_and_is_live_once_it_goes_on(sound: Site) -> None:
    build = sound.wait_build(sound.push(sound.model("later")).number)
    assert build["state"] == "succeeded", build
    author, reviewer = sound.installation.client("author"), sound.installation.client("reviewer")
    requested = author.releases.request("bench", endpoint="later", model="later", version=build["version"], why="late")
    with sound.stopped("node agent"):
        approved = reviewer.releases.approve(requested.number, "fine")
        assert approved.state == "approved"
        assert reviewer.releases.get_release(requested.number).state == "approved"
        assert sound.ask().status_code == 200  # Envoy and the worker need no agent
    assert reviewer.releases.wait_live(requested.number, timeout_s=120).state == "live"
