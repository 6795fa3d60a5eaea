"""Plays one recorded episode to a judge node of its own, over DDS, and keeps what the node says."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import rclpy
import yaml
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.client import Client
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from vlm_judge_ros import srv
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.node.handshake import PATIENCE_S, Handshake
from vlm_judge_ros.node.judge_process import JudgeProcess
from vlm_judge_ros.node.listener import Heard, Listener
from vlm_judge_ros.node.player import CLOCK_PERIOD_S, HISTORY, Player
from vlm_judge_ros.node.spin_thread import SpinThread
from vlm_judge_ros.replay.bag import Bag
from vlm_judge_ros.replay.instrument import instrument
from vlm_judge_ros.replay.recording import Recording
from vlm_judge_ros.replay.topics import find_signals
from vlm_judge_ros.replay.trace import Answer, EpisodeTrace, Ruling
from vlm_judge_ros.tasks.signals import signal_topics
from vlm_judge_ros.tasks.task_set import load_tasks

JUDGE_NAME = "judge"
START_TIMEOUT_S = 60.0
ANSWER_TIMEOUT_S = 10.0
COUNT_TIMEOUT_S = 10.0
LAST_ANSWER_S = 1.5
"""Seconds of the episode's time that the judge has for its answer on the last images."""


@dataclass(frozen=True, slots=True)
class Watcher:
    """Who is told what happens during a replay; all are called often and have to return at once.

    Attributes:
        on_ready: the node is up; with the wall-clock seconds that this took.
        on_time: seconds of the episode that have been played.
        on_news: an answer of the judge or a ruling of the gate was heard.
    """

    on_ready: Callable[[float], None]
    on_time: Callable[[float], None]
    on_news: Callable[[Answer | Ruling], None]


def replay_live(
    bag: Bag,
    recording: Recording,
    watcher: Watcher,
    stop: threading.Event,
    rate: float = 1.0,
    parameters: Mapping[str, object] | None = None,
    domain_id: int = 0,
    lockstep: bool = False,
) -> EpisodeTrace:
    """Start a judge node, play the episode to it, ask for the final verdict, and end the node.

    Args:
        bag: open for reading.
        recording: what is known of the episode.
        watcher: is told what happens.
        stop: set it to end the replay early.
        rate: seconds of the episode per second.
        parameters: parameters of the node that differ from what the recording asks for.
        domain_id: ROS domain in which all of this happens.
        lockstep: play no faster than the node judges, and wait for every answer, so that it says exactly what
            `EpisodeJudge` says of the recording; `rate` is then the most.

    Raises:
        JudgeError: the node did not start, ended, or did not answer; the message holds its own words.
    """
    namespace = f"/vlm_judge_{domain_id}"
    began_s = time.monotonic()
    settings = {**_parameters_for(recording), "lockstep": lockstep, **(parameters or {})}
    task_files = _listed(settings.get("task_files", ()))
    with (
        JudgeProcess(namespace, JUDGE_NAME, settings, {"ROS_DOMAIN_ID": str(domain_id)}) as process,
        _ros_node(namespace, domain_id) as node,
    ):
        judge = f"{namespace}/{JUDGE_NAME}"
        names = _published_names(bag, recording, task_files)
        player = Player(node, bag, names, _latched(recording), rate)
        handshake = Handshake(node, judge, process.check_alive) if lockstep else None
        session = _Session(node, process, player, judge)
        session.bring_up()
        listener = Listener(
            node,
            judge,
            recording.name,
            recording.started_ns,
            recording.duration_s,
            lambda: player.now_ns,
            watcher.on_news,
        )
        player.await_subscribers(START_TIMEOUT_S, process.check_alive)
        watcher.on_ready(time.monotonic() - began_s)
        if handshake is not None:
            handshake.await_time(player, stop)
        session.call(
            srv.StartEpisode,
            "start_episode",
            srv.StartEpisode.Request(episode_id=recording.name, task=recording.task),
        )

        def on_tick() -> None:
            process.check_alive()
            watcher.on_time((player.now_ns - recording.started_ns) * 1e-9)

        if handshake is not None:
            handshake.play(player, stop, on_tick)
        else:
            player.play(stop, on_tick)
            session.await_last_answer(listener, recording, stop)
        patience_s = PATIENCE_S if lockstep else ANSWER_TIMEOUT_S
        final = session.call(srv.EndEpisode, "end_episode", srv.EndEpisode.Request(), patience_s)
        listener.add_verdict(final.verdict)
        published = {camera.camera: player.published[camera.topic] for camera in recording.topics.cameras}
        session.await_counts(listener, published)
        heard = listener.heard()
    return _trace(bag, recording, heard, published)


class _Session:
    """Talks to one judge node through its services while simulated time stands still or passes."""

    def __init__(self, node: Node, process: JudgeProcess, player: Player, judge: str) -> None:
        self._node = node
        self._process = process
        self._player = player
        self._judge = judge

    def bring_up(self) -> None:
        """Configure and activate the node."""
        for step, transition in (
            ("configured", Transition.TRANSITION_CONFIGURE),
            ("activated", Transition.TRANSITION_ACTIVATE),
        ):
            request = ChangeState.Request(transition=Transition(id=transition))
            if not self._ask(ChangeState, "change_state", request, START_TIMEOUT_S).success:
                raise JudgeError(f"The judge node could not be {step}: {self._process.last_words()}")

    def call(self, kind: type[Any], name: str, request: Any, timeout_s: float = ANSWER_TIMEOUT_S) -> Any:
        """Call a service of the judge and return its answer.

        Raises:
            JudgeError: it refused, or gave no answer in time.
        """
        answer = self._ask(kind, name, request, timeout_s)
        if not answer.success:
            raise JudgeError(f"The judge node refused ~/{name}: {answer.message}")
        return answer

    def await_last_answer(self, listener: Listener, recording: Recording, stop: threading.Event) -> None:
        """Let time pass until the judge has answered on the last images, or for `LAST_ANSWER_S`."""
        last_s = recording.duration_s - 1e-6
        end_ns = self._player.now_ns + round(LAST_ANSWER_S * 1e9)
        while not stop.is_set() and self._player.now_ns < end_ns:
            if any(answer.time_s >= last_s for answer in listener.heard().answers):
                return
            self._process.check_alive()
            self._player.advance(min(end_ns, self._player.now_ns + round(CLOCK_PERIOD_S * 1e9)), stop)

    def await_counts(self, listener: Listener, published: Mapping[str, int]) -> None:
        """Wait until the diagnostics account for every image, or for `COUNT_TIMEOUT_S` where some are lost."""
        end_s = time.monotonic() + COUNT_TIMEOUT_S
        stop = threading.Event()
        while time.monotonic() < end_s:
            if all(listener.heard().frames_in.get(camera, 0) >= count for camera, count in published.items()):
                return
            self._process.check_alive()
            self._player.tick()
            stop.wait(CLOCK_PERIOD_S)

    def _ask(self, kind: type[Any], name: str, request: Any, timeout_s: float) -> Any:
        client: Client[Any, Any] = self._node.create_client(kind, f"{self._judge}/{name}")
        end_s = time.monotonic() + timeout_s
        try:
            while not client.service_is_ready():
                self._wait(end_s, f"offered ~/{name}")
            answered = threading.Event()
            future = client.call_async(request)
            future.add_done_callback(lambda _: answered.set())
            while not answered.is_set():
                self._wait(end_s, f"answered ~/{name}", answered)
            return future.result()
        finally:
            self._node.destroy_client(client)

    def _wait(self, end_s: float, what: str, event: threading.Event | None = None) -> None:
        self._process.check_alive()
        if time.monotonic() > end_s:
            raise JudgeError(f"The judge node has not {what} in time: {self._process.last_words()}")
        self._player.tick()
        (event or threading.Event()).wait(CLOCK_PERIOD_S)


@contextmanager
def _ros_node(namespace: str, domain_id: int) -> Iterator[Node]:
    """A node of this process, in a context of its own, with a thread that runs its callbacks."""
    context = Context()
    rclpy.init(context=context, domain_id=domain_id, signal_handler_options=SignalHandlerOptions.NO)
    node = Node("player", namespace=namespace, context=context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    thread = SpinThread(executor)
    try:
        yield node
    finally:
        thread.close()
        node.destroy_node()
        rclpy.try_shutdown(context=context)


def _parameters_for(recording: Recording) -> dict[str, object]:
    settings: dict[str, object] = {
        "use_sim_time": True,
        "autostart": False,
        "auto_episode": False,
        "evidence": False,  # the recording is there already
        "cameras": [camera.camera for camera in recording.topics.cameras],
    }
    for camera in recording.topics.cameras:
        settings[f"{camera.camera}.transport"] = camera.transport
        settings[f"{camera.camera}.reliability"] = "reliable"
        settings[f"{camera.camera}.depth"] = HISTORY
    return settings


def _listed(value: object) -> tuple[str, ...]:
    """The texts of a parameter that is a list, which may be written as in a parameter file."""
    entries = yaml.safe_load(value) if isinstance(value, str) else value
    entries = [entries] if isinstance(entries, str) else entries
    return tuple(map(str, entries)) if isinstance(entries, (list, tuple)) else ()


def _published_names(bag: Bag, recording: Recording, task_files: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Recorded topics, and the names under which the judge listens for them."""
    topics = recording.topics
    names = {
        camera.topic: f"{camera.camera}/image" + ("/compressed" if camera.transport == "compressed" else "")
        for camera in topics.cameras
    }
    for recorded, name in ((topics.joint_states, "joint_states"), (topics.chunk, "chunk"), (topics.task, "task")):
        if recorded is not None:
            names[recorded] = name
    heard: dict[str, tuple[str, ...]] = {recorded: (name,) for recorded, name in names.items()}
    declared = signal_topics(load_tasks(task_files).find(recording.task)) if task_files else ()
    for recorded, signals in find_signals(bag.topics, topics, declared).items():
        wanted = (*heard.get(recorded, ()), *(found.topic for found in signals))
        heard[recorded] = tuple(dict.fromkeys(wanted))
    return heard


def _latched(recording: Recording) -> set[str]:
    return {recording.topics.task} if recording.topics.task is not None else set()


def _trace(bag: Bag, recording: Recording, heard: Heard, published: Mapping[str, int]) -> EpisodeTrace:
    frames_in = {camera: heard.frames_in.get(camera, 0) for camera in published}
    return EpisodeTrace(
        name=recording.name,
        task=recording.task,
        started_ns=recording.started_ns,
        duration_s=recording.duration_s,
        cameras=tuple(published),
        answers=heard.answers,
        rulings=heard.rulings,
        shots=tuple(recording.shots(bag)),
        truth=recording.truth,
        true_progress=recording.true_progress,
        provenance=_provenance(heard),
        frames_in=frames_in,
        frames_lost={camera: max(0, count - frames_in[camera]) for camera, count in published.items()},
        failures=heard.failures,
        alarms=heard.alarms,
        steps=heard.steps,
    )


def _provenance(heard: Heard) -> dict[str, str]:
    lines = instrument(heard.provenance)
    latencies = [answer.latency_s for answer in heard.answers if answer.latency_s == answer.latency_s]
    if lines and latencies:
        lines["answer took"] = f"{statistics.median(latencies):.3f} s (median), {max(latencies):.3f} s (longest)"
    return lines
