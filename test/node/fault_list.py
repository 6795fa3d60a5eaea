"""The faults that are tried, what each has to lead to, and within what time."""

from __future__ import annotations

import math
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from models.remote.misbehaving_server import never, not_json
from stop_process import State
from watched_plant import (
    CALL_S,
    CALLS,
    CAMERA_S,
    DEADLINE_S,
    FROZEN_S,
    HEARTBEAT_S,
    HOLD_S,
    NAMESPACE,
    OPINION_S,
    PERIOD_S,
    SIGNAL_S,
    UNKNOWN_S,
    WatchedPlant,
)

JUDGE = f"/{NAMESPACE}/judge_node"
LINK = f"/{NAMESPACE}/link"
FRONT = f"/{NAMESPACE}/front/image"
NEAR, FAR = "near", "far"

HEARTBEAT = {"heartbeat_timeout_s": HEARTBEAT_S}
HOLD = {"failure_hold_s": HOLD_S}
CAMERA = {"source_timeout_s of the camera": CAMERA_S} | HOLD
SIGNAL = {"timeout_s of the signal": SIGNAL_S} | HOLD
# A question is asked within a period. From the first without a good answer on, the judge may be at a loss for a while.
LOSS = {"period_s, twice": 2 * PERIOD_S, "opinion_timeout_s": OPINION_S}
LATE_LOSS = {"period_s": PERIOD_S, "deadline_s": DEADLINE_S, "opinion_timeout_s": OPINION_S}
UNKNOWN = {"unknown_timeout_s": UNKNOWN_S}
FROZEN = {"frozen_s of the camera": FROZEN_S} | HOLD
# A time that no parameter sets.
BLACK = {"black for": 1.0} | HOLD
AT_ONCE = {"at once": 0.0}

Act = Callable[[WatchedPlant], None]


def nothing(world: WatchedPlant) -> None:
    """Where there is nothing to prepare or to mend but what is always mended."""


@dataclass(frozen=True)
class Fault:
    """One fault.

    Attributes:
        what: it in words, as the table has it.
        begin: lets it happen.
        limits_s: what the time to the stop is made of, by the names of the settings; None where nothing may stop.
        cause: of the stop, a `CAUSE_*` of StopState.
        source: of the stop.
        words: what the text of the stop has to tell.
        also: words of causes that have to join it.
        prepare: what has to be done before, and takes no part in the time.
        again: called again and again until the stop.
        mend: what has to be done after, beyond what `WatchedPlant.mend` does.
        by: the stop node whose stop counts; the other one may stop sooner or later.
        turns: how often it is measured for the table.
    """

    what: str
    begin: Act
    limits_s: dict[str, float] | None = None
    cause: int = State.CAUSE_NONE
    source: str = ""
    words: str = ""
    also: tuple[str, ...] = ()
    prepare: Act = nothing
    again: Act = nothing
    mend: Act = nothing
    by: str = NEAR
    turns: int = 3


def signal_judge(number: int) -> Act:
    return lambda world: world.judge.process.send_signal(number)


def kill_judge(world: WatchedPlant) -> None:
    world.judge.process.kill()
    world.judge.process.wait()


def signal_worker(number: int) -> Act:
    return lambda world: world.signal_worker(number)


def kill_any_worker(world: WatchedPlant) -> None:
    process = world.worker()
    if process is not None:
        os.kill(process, signal.SIGKILL)


def hang_server(world: WatchedPlant) -> None:
    world.server.release.clear()
    world.server.usual = lambda _: never()


def break_server(world: WatchedPlant) -> None:
    world.server.usual = lambda _: not_json()


def start_server(world: WatchedPlant) -> None:
    world.server.start()


def spoil(wire: str, how: Callable[[Any], None]) -> Act:
    def begin(world: WatchedPlant) -> None:
        world.plant.wires[wire].spoil = how

    return begin


def set_on(wires: str, **changes: Any) -> Act:
    """Change some wires; "sensors" are those of the robot."""

    def begin(world: WatchedPlant) -> None:
        chosen = world.plant.sensors if wires == "sensors" else [world.plant.wires[name] for name in wires.split()]
        for wire in chosen:
            for name, value in changes.items():
                setattr(wire, name, value)

    return begin


def freeze_wrist(world: WatchedPlant) -> None:
    world.plant.rests = False
    world.plant.frozen = frozenset(["wrist"])


def black(message: Any) -> None:
    message.data = bytes(len(message.data))


def stop_stamps(world: WatchedPlant) -> None:
    first: list[Any] = []

    def change(message: Any) -> None:
        first.append(message.header.stamp)
        message.header.stamp = first[0]
        del first[1:]

    world.plant.wires["wrist"].spoil = change


def jump(seconds: int) -> Callable[[Any], None]:
    def change(message: Any) -> None:
        message.header.stamp.sec += seconds

    return change


def no_position(message: Any) -> None:
    message.position = [math.nan]


def no_force(message: Any) -> None:
    message.wrench.force.z = math.nan


def press(world: WatchedPlant) -> None:
    world.plant.force_n = 55.0


def hang_brake(world: WatchedPlant) -> None:
    world.brake.hang()
    world.near.node.request_stop()


def together(*acts: Act) -> Act:
    def begin(world: WatchedPlant) -> None:
        for act in acts:
            act(world)

    return begin


def stop_server(world: WatchedPlant) -> None:
    world.server.stop()


def fill_disk(world: WatchedPlant) -> None:
    """Fill the disk to the last byte, and wait until it was noticed that judging goes on."""
    world.fill_disk()
    world.judge.await_progress(2)


FAILED, SILENT, UNSEEN, ASKED = (
    State.CAUSE_FAILURE,
    State.CAUSE_HEARTBEAT_SILENT,
    State.CAUSE_SOURCE_SILENT,
    State.CAUSE_REQUEST,
)

FAULTS: tuple[Fault, ...] = (
    Fault("no fault: a declared limit breaks", press, AT_ONCE, FAILED, "COLLISION", "force is 55", turns=5),
    Fault("kill -9 the judge node", kill_judge, HEARTBEAT, SILENT, JUDGE, "has been silent", turns=2),
    Fault(
        "SIGSTOP the judge node",
        signal_judge(signal.SIGSTOP),
        HEARTBEAT,
        SILENT,
        JUDGE,
        "has been silent",
        mend=signal_judge(signal.SIGCONT),
        turns=5,
    ),
    Fault(
        "kill -9 the process of the model, as often as it comes back",
        kill_any_worker,
        LOSS,
        FAILED,
        "JUDGE_FAULT",
        "killed by SIGKILL",
        again=kill_any_worker,
        turns=2,
    ),
    Fault(
        "SIGSTOP the process of the model",
        signal_worker(signal.SIGSTOP),
        LATE_LOSS,
        FAILED,
        "JUDGE_FAULT",
        "did not answer within",
        mend=signal_worker(signal.SIGCONT),
        turns=2,
    ),
    Fault(
        "the model server dies",
        stop_server,
        LOSS,
        FAILED,
        "JUDGE_FAULT",
        "cannot be reached",
        mend=start_server,
    ),
    Fault("the model server hangs", hang_server, LATE_LOSS, FAILED, "JUDGE_FAULT", "did not answer within"),
    Fault("the model server answers garbage", break_server, LOSS, FAILED, "JUDGE_FAULT", "The judge gave no answer"),
    Fault(
        "kill -9 the camera driver",
        WatchedPlant.end_driver,
        CAMERA,
        FAILED,
        "CAMERA_FAULT",
        "Camera front has been silent",
        prepare=WatchedPlant.hand_camera_to_driver,
    ),
    Fault(
        "kill -9 the camera driver, which the stop node minds itself",
        WatchedPlant.end_driver,
        {"timeout_s of the source": CAMERA_S},
        UNSEEN,
        FRONT,
        "has been silent",
        prepare=WatchedPlant.hand_camera_to_driver,
        by=FAR,
    ),
    Fault(
        "a camera freezes while a joint moves",
        freeze_wrist,
        FROZEN,
        FAILED,
        "CAMERA_FAULT",
        "the same image",
        prepare=WatchedPlant.rest,
    ),
    Fault("a camera goes black", spoil("wrist", black), BLACK, FAILED, "CAMERA_FAULT", "black"),
    Fault("the stamps of a camera stand still", stop_stamps, CAMERA, FAILED, "CAMERA_FAULT", "broken"),
    Fault(
        "the clock of a camera jumps an hour ahead",
        spoil("wrist", jump(3600)),
        CAMERA,
        FAILED,
        "CAMERA_FAULT",
        "stamp_future",
    ),
    Fault(
        "the clock of a camera jumps back by an hour",
        spoil("wrist", jump(-3600)),
        UNKNOWN,
        State.CAUSE_VERDICT_UNKNOWN,
        JUDGE,
        "the stamps of camera wrist went back",
        turns=2,
    ),
    Fault(
        "joint states fall silent", set_on("joints", cut=True), SIGNAL, FAILED, "SIGNAL_FAULT", "bend has been silent"
    ),
    Fault("a joint state is NaN", spoil("joints", no_position), HOLD, FAILED, "SIGNAL_FAULT", "bend", turns=5),
    Fault(
        "a declared signal falls silent",
        set_on("force", cut=True),
        SIGNAL,
        FAILED,
        "SIGNAL_FAULT",
        "force has been silent",
    ),
    Fault(
        "a declared signal is NaN",
        spoil("force", no_force),
        HOLD,
        FAILED,
        "SIGNAL_FAULT",
        "nan instead of a number",
        turns=5,
    ),
    Fault("all messages of the sensors come 0.3 s late", set_on("sensors", delay_s=0.3), turns=1),
    Fault(
        "all messages of the sensors come 1.3 s late",
        set_on("sensors", delay_s=1.3),
        CAMERA,
        FAILED,
        "CAMERA_FAULT",
        "after their stamps",
    ),
    Fault("half of all messages of the sensors are lost", set_on("sensors", lost=0.5), turns=1),
    Fault(
        "all messages of the sensors are lost", set_on("sensors", cut=True), CAMERA, FAILED, "CAMERA_FAULT", "silent"
    ),
    Fault("messages of the sensors come out of order", set_on("sensors", shuffled=True), turns=1),
    Fault("every message of the sensors comes twice", set_on("sensors", copies=2), turns=1),
    Fault("heartbeats come 0.3 s late", set_on("heartbeat", delay_s=0.3), by=FAR, turns=1),
    Fault("half of the heartbeats are lost", set_on("heartbeat", lost=0.5), by=FAR, turns=1),
    Fault("heartbeats come out of order", set_on("heartbeat", shuffled=True), by=FAR, turns=1),
    Fault("every heartbeat comes twice", set_on("heartbeat", copies=2), by=FAR, turns=1),
    Fault(
        "heartbeats are lost, and a failure is told by its event",
        together(set_on("heartbeat", cut=True), press),
        AT_ONCE,
        FAILED,
        "COLLISION",
        "force is 55",
        by=FAR,
        turns=5,
    ),
    Fault(
        "failure events are lost, and a failure is told by the heartbeat",
        press,
        AT_ONCE,
        FAILED,
        "COLLISION",
        "force is 55",
        prepare=set_on("failure", cut=True),
        by=FAR,
        turns=5,
    ),
    Fault(
        "the link to the judge node is cut",
        set_on("heartbeat failure", cut=True),
        HEARTBEAT,
        SILENT,
        LINK,
        "has been silent",
        by=FAR,
        turns=5,
    ),
    Fault(
        "a declared signal is NaN and a camera goes black",
        together(spoil("force", no_force), spoil("wrist", black)),
        HOLD,
        FAILED,
        "SIGNAL_FAULT",
        "nan instead of a number",
        also=("CAMERA_FAULT", "black"),
    ),
    Fault("the disk is full", fill_disk, turns=1, mend=WatchedPlant.empty_disk),
    Fault(
        "a declared limit breaks while the disk is full",
        press,
        AT_ONCE,
        FAILED,
        "COLLISION",
        "force is 55",
        prepare=fill_disk,
        mend=WatchedPlant.empty_disk,
        turns=5,
    ),
)
"""What the same plant goes through, one after the other."""

ESCALATION = Fault(
    "the brake's service does not answer at a stop",
    hang_brake,
    {"deadline_s, attempts times": CALL_S * CALLS},
    ASKED,
    f"/{NAMESPACE}/safety_stop_node/request_stop",
    "Somebody called",
    turns=5,
)
CLOCK = Fault(
    "the clock of the nodes (use_sim_time) jumps back",
    lambda world: setattr(world.plant, "clock_offset_s", -1000.0),
    UNKNOWN,
    State.CAUSE_VERDICT_UNKNOWN,
    "/plant_simulated/judge_node",
    "went back",
    turns=1,
)
STOP_NODE = Fault("kill -9 the stop node", nothing, {"limit of the watchdog": 2.5}, turns=1)

EVERY = (*FAULTS, ESCALATION, CLOCK, STOP_NODE)
"""Every row of the table."""
