"""What goes wrong around a robot, live: that it is stopped in time and told why, or that it is not stopped for nothing.

`pytest test/node/test_fault_table.py --write-fault-table` measures each fault several times and writes docs/faults.md.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from bench import Bench
from fault_list import AT_ONCE, CLOCK, ESCALATION, EVERY, FAR, FAULTS, STOP_NODE, Fault
from fault_table import Measured, timeout, who, write, written_rows
from judge_process import JudgeProcess
from models.remote.kinds import answered
from models.remote.misbehaving_server import serving
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from vlm_judge_ros.msg import StopState
from watched_plant import Stop, WatchedPlant

from vlm_judge_ros import msg
from vlm_judge_ros.verdict.verdict import State

pytestmark = pytest.mark.alone

MARGIN_S = 15.0
"""How much longer than its timeouts a stop may take on a machine that has other things to do."""

DISK_MB = 4


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A small file system of its own, where one may be mounted; else an ordinary folder."""
    folder = tmp_path_factory.mktemp("disk")
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(folder)]
    with contextlib.suppress(OSError):
        subprocess.run(command, capture_output=True)
    yield folder
    if folder.is_mount():
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture(scope="module")
def world(bench: Bench, tmp_path_factory: pytest.TempPathFactory, disk: Path) -> Iterator[WatchedPlant]:
    with serving() as server:
        server.usual = answered
        world = WatchedPlant(bench, server, tmp_path_factory.mktemp("files"), disk)
        yield world
        world.close()


@pytest.fixture(scope="module")
def writes(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--write-fault-table"))


@pytest.fixture(scope="module")
def turns(writes: bool) -> Iterator[dict[str, list[Measured]]]:
    """What was measured, by fault."""
    measured: dict[str, list[Measured]] = {}
    yield measured
    if writes:
        write(measured)


def shown(text: str) -> str:
    """What a person reads, without the names of one run."""
    return re.sub(r"episode \d+-\d+", "episode ...", text)


def await_stop(fault: Fault, judge: JudgeProcess, stop: Stop, again: Callable[[], None], began_s: float) -> Measured:
    """Wait for the stop, and hold it against what the fault has to lead to."""
    assert fault.limits_s is not None

    def commanded() -> bool:
        again()
        return bool(stop.commanded_s)

    stop.node.until(commanded, f"a stop because {fault.what}")
    seconds = stop.commanded_s[0] - began_s
    state = stop.node.await_state(lambda state: state.stopped, "the state to tell of the stop")
    assert (state.cause, state.source) == (fault.cause, fault.source), state.text
    assert fault.words in state.text
    if fault.limits_s == AT_ONCE:
        # The verdict may come after the failure that it tells of.
        judge.until(lambda: judge.verdicts[-1].state == State.FAILED, "the verdict FAILED")
    verdict = State(judge.verdicts[-1].state).name
    for words in fault.also:
        stop.node.await_state(lambda state, words=words: words in " ".join(state.standing), words)
    assert seconds <= sum(fault.limits_s.values()) + MARGIN_S
    return Measured(shown(state.text), verdict, seconds)


def await_no_stop(world: WatchedPlant, stop: Stop) -> Measured:
    """Wait long enough for any stop to come, were there one."""
    seen = [len(each.node.states) for each in world.stops]
    for each, before in zip(world.stops, seen, strict=True):
        each.node.until(lambda each=each, before=before: len(each.node.states) >= before + 4, "further states")
    for each in world.stops:
        assert not each.commanded_s, each.node.state
    assert world.judge.process.poll() is None
    verdict = State(world.judge.verdicts[-1].state)
    assert verdict is not State.UNKNOWN, world.judge.verdicts[-1].reason
    return Measured("nothing", verdict.name, None)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.what.replace(" ", "_"))
def test_a_fault_stops_the_robot_in_time_with_its_cause_or_does_not_stop_it_at_all(
    world: WatchedPlant, fault: Fault, writes: bool, turns: dict[str, list[Measured]]
) -> None:
    stop = world.far if fault.by == FAR else world.near
    for _ in range(fault.turns if writes else 1):
        world.begin()
        fault.prepare(world)
        try:
            began_s = time.monotonic()
            fault.begin(world)
            if fault.limits_s is None:
                measured = await_no_stop(world, stop)
            else:
                measured = await_stop(fault, world.judge, stop, lambda: fault.again(world), began_s)
        finally:
            fault.mend(world)
            world.mend()
        turns.setdefault(fault.what, []).append(measured)


def test_a_stop_adapter_that_does_not_answer_gives_way_to_the_next(
    world: WatchedPlant, writes: bool, turns: dict[str, list[Measured]]
) -> None:
    for _ in range(ESCALATION.turns if writes else 1):
        world.begin()
        began_s = time.monotonic()
        ESCALATION.begin(world)
        measured = await_stop(ESCALATION, world.judge, world.near, lambda: None, began_s)
        world.near.node.until(lambda: world.power_cut_s, "the power to be cut")
        failed = world.near.node.await_action("brake", msg.StopAction.STATE_FAILED)
        assert "called power" in failed.text
        seconds = world.power_cut_s[0] - began_s
        assert seconds >= measured.seconds
        world.mend()
        turns.setdefault(ESCALATION.what, []).append(Measured(failed.text, measured.verdict, seconds))


def test_a_clock_that_jumps_back_makes_the_evidence_void_and_stops_the_robot(
    world: WatchedPlant, turns: dict[str, list[Measured]]
) -> None:
    world.begin()
    judge, stop = world.simulated()
    try:
        before = judge.begin("push the button")
        judge.until(lambda: [it for it in judge.verdicts[before:] if it.state != State.UNKNOWN], "a verdict")
        began_s = time.monotonic()
        CLOCK.begin(world)
        turns[CLOCK.what] = [await_stop(CLOCK, judge, stop, lambda: None, began_s)]
    finally:
        judge.end()
        stop.node.end()
        world.mend()


def watchdog(node: Node) -> Callable[[], bool]:
    """What docs/safety_stop.md has a robot's controller do; tells whether the robot may move."""
    page = (Path(__file__).parents[2] / "docs" / "safety_stop.md").read_text(encoding="utf-8")
    found = re.search(r"```python\n(class StopWatchdog.*?)```", page, re.DOTALL)
    assert found is not None
    names = {
        "Node": Node,
        "Clock": Clock,
        "ClockType": ClockType,
        "QoSProfile": QoSProfile,
        "DurabilityPolicy": DurabilityPolicy,
        "StopState": StopState,
    }
    exec(found[1].replace('"safety_stop_node/state"', '"/plant/safety_stop_node/state"'), names)
    return names["StopWatchdog"](node).may_move


def test_a_stop_node_that_is_killed_stops_nothing_and_a_watchdog_minds_its_silence(
    world: WatchedPlant, turns: dict[str, list[Measured]]
) -> None:
    assert STOP_NODE.limits_s is not None
    world.begin()
    may_move = watchdog(world.bench.node)
    world.near.node.until(may_move, "the stop node to be heard")
    began_s = time.monotonic()
    world.near.node.process.kill()
    world.bench.until(lambda: not may_move(), "the watchdog to stop the robot")
    seconds = time.monotonic() - began_s
    assert seconds <= sum(STOP_NODE.limits_s.values()) + MARGIN_S
    assert not world.near.commanded_s
    verdict = State(world.judge.verdicts[-1].state).name
    turns[STOP_NODE.what] = [Measured("`~/state` of the stop node has ended", verdict, seconds)]


def test_the_page_tells_of_every_fault_that_is_tried_and_of_no_other(writes: bool) -> None:
    if writes:
        pytest.skip("The page is written after this.")
    told = [(cells[0], cells[3], cells[4]) for cells in written_rows()]
    assert told == [(fault.what, who(fault), timeout(fault)) for fault in EVERY], "--write-fault-table writes the table"


def test_times_on_the_page_are_within_their_timeouts(writes: bool) -> None:
    if writes:
        pytest.skip("The page is written after this.")
    for fault, cells in zip(EVERY, written_rows(), strict=True):
        if fault.limits_s is None:
            assert cells[5].startswith("no stop, n = "), cells
        else:
            assert float(cells[5].replace(",", " ").split()[0]) <= sum(fault.limits_s.values()) + MARGIN_S, cells
