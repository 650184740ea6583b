"""kill -9 of any process while predictions, writes and a build run: predictions come back, the build goes on, no
acknowledged write is lost, nothing is half there."""

from __future__ import annotations

import signal

import pytest
from tests.support.chaos import RECOVERY_S_MAX, STEPS, Site, Writer, find_role, list_processes
from tests.support.waiting import until

pytestmark = [pytest.mark.kill_matrix, pytest.mark.timeout(600)]

# Predictions need Envoy and the worker; their lives hang on these, and on no other.
PREDICTIONS_NEED = ("node agent", "launcher", "envoy", "zygote", "worker")


@pytest.mark.parametrize("role", ["control plane", "node agent", "launcher", "envoy", "zygote", "worker"])
def test_killed_process_predictions_writes_and_build_go_on(sound: Site, role: str) -> None:
    model = f"during-{role.replace(' ', '-')}"
    with sound.predictions(f"kill -9 of the {role}") as finish, sound.next_cell() as wait_for_check:
        writer = Writer(sound.installation.client("owner"))
        number = sound.push(sound.model(model, load_s=1.5)).number
        wait_for_check()
        victims = sound.kill(role)  # of workers the one that answers, and the one that the check runs in
        build = sound.wait_build(number)
        until(sound.answers, "predictions again", RECOVERY_S_MAX)
        outcome, gap_s = finish()
        writer.stop()
    sound.check_one_version(model, build)
    writer.check_nothing_lost()
    assert not set(victims) & set(find_role(sound.home, role))
    assert outcome.statuses[200] > 0
    assert gap_s < RECOVERY_S_MAX
    if role not in PREDICTIONS_NEED:
        assert outcome.failed == 0, outcome.statuses


@pytest.mark.parametrize("role", ["control plane", "node agent"])
@pytest.mark.parametrize("step", STEPS)
def test_build_killed_at_step_goes_on_to_one_version(sound: Site, step: str, role: str) -> None:
    model = f"killed-{step}-{role.partition(' ')[0]}"
    place = STEPS.index(step) + 5 * (role == "node agent")
    # A lock that nobody made before, so that locking and installing are real work and take their time.
    folder = sound.model(model, factor=place + 3, load_s=0.5, requirement=f"idna==3.{place + 1}")
    with sound.predictions(f"kill -9 of the {role} in step {step}") as finish:
        number = sound.push(folder).number
        seen = sound.wait_for_step(number, step)
        sound.kill(role)
        build = sound.wait_build(number)
        outcome, gap_s = finish()
    print(f"the step was {seen}")
    sound.check_one_version(model, build)
    assert gap_s < RECOVERY_S_MAX
    if role == "control plane":
        assert outcome.failed == 0, outcome.statuses


def test_up_killed_leaves_no_process_and_a_new_one_goes_on(sound: Site) -> None:
    """Nothing restarts what `up` ran: everything has ended within seconds, and the next `up` takes up the build."""
    writer = Writer(sound.installation.client("owner"))
    number = sound.push(sound.model("during-up", load_s=1.5)).number
    sound.wait_for_step(number, "check")
    pids = sound.kill("parent")
    process = sound.installation._process
    assert process is not None
    assert (process.pid in pids, process.wait(10)) == (True, -signal.SIGKILL)
    until(lambda: list_processes(sound.home) == [], "every process has ended", 30)
    writer.stop()
    took_s = sound.installation.up()
    sound.measured.append(f"kill -9 of up: started again in {took_s:.2f} s")
    build = sound.wait_build(number)
    sound.check_one_version("during-up", build)
    until(sound.answers, "predictions again", RECOVERY_S_MAX)
    writer.check_nothing_lost()
