"""What the node listens to beside its cameras: joint states, action chunks, and the signals that tasks declare."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeAlias

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.subscription import Subscription
from sensor_msgs.msg import JointState

from vlm_judge_ros import msg
from vlm_judge_ros.episode.messages import FUTURE_S, chunk_of, joint_sample_of, refuse_future
from vlm_judge_ros.episode.stamps import nanoseconds
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.node.backlog import subscribe
from vlm_judge_ros.node.evidence import Evidence
from vlm_judge_ros.node.message_class import message_class
from vlm_judge_ros.node.pace import Pace
from vlm_judge_ros.node.refusals import Refusals
from vlm_judge_ros.session.judging import Judging
from vlm_judge_ros.tasks.signals import SignalTopic, signal_topics
from vlm_judge_ros.tasks.task import Task
from vlm_judge_ros.tasks.task_set import TaskSet

_Take: TypeAlias = Callable[[Any], None]

JOINT_STATES = "joint_states"
CHUNK = "chunk"
# Best effort hears reliable publishers too. At 1 kHz this is a tenth of a second of patience.
_QUALITY = QoSProfile(depth=100, reliability=ReliabilityPolicy.BEST_EFFORT)
_RELIABLE = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE)
_LATCHED = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL)


@dataclass(slots=True)
class InputTopic:
    """One topic that the node listens to.

    Attributes:
        given: name as it is subscribed to.
        name: full name, after remapping.
        kind: class of its messages.
        signals: what is to be taken out of them, by the name of each task that declares some.
        received: messages so far.
        latched: some of the signals are.
        reliable: no message may be lost.
    """

    given: str
    name: str
    kind: type[Any]
    signals: dict[str, list[SignalTopic]] = field(default_factory=dict)
    received: int = 0
    latched: bool = False
    reliable: bool = False

    def quality(self, reliable: bool) -> QoSProfile:
        """How to subscribe, where every topic is to be reliable or only those that have to."""
        if self.latched:
            return _LATCHED
        return _RELIABLE if self.reliable or reliable else _QUALITY


def input_topics(node: Node, tasks: TaskSet) -> tuple[InputTopic, ...]:
    """The topics to listen to, each once, those of joint states and of chunks first.

    Raises:
        JudgeError: a message type is not installed or has no such field, or a topic would need two types.
    """
    kinds = {JOINT_STATES: JointState, CHUNK: msg.ActionChunk}
    topics = {(name := node.resolve_topic_name(given)): InputTopic(given, name, kind) for given, kind in kinds.items()}
    for file in tasks.files:
        for declared in signal_topics(file.task):
            try:
                _add(topics, node.resolve_topic_name(declared.topic), declared, file.task)
            except JudgeError as error:
                raise JudgeError(f"The task file {file.path} cannot be used. {error}") from error
    return tuple(topics.values())


def _add(topics: dict[str, InputTopic], name: str, declared: SignalTopic, task: Task) -> None:
    kind = message_class(declared.type)
    topic = topics.setdefault(name, InputTopic(declared.topic, name, kind))
    if topic.kind is not kind:
        raise JudgeError(
            f"Topic {name} carries {topic.kind.__name__} and is declared with {declared.type}; correct one of them."
        )
    # A message without content tells whether the fields are there at all.
    declared.sample_of(kind(), 0)
    topic.signals.setdefault(task.name, []).append(declared)
    topic.latched |= bool(declared.latched)
    topic.reliable |= declared.reliable


class Inputs:
    """The subscriptions. What cannot be used is refused, counted and told; nothing that comes ends the node.

    Args:
        node: subscribes.
        judging: takes what comes.
        pace: is told of everything that comes.
        topics: as `input_topics` gives them, in its order.
        refusals: counts what is refused.
        now_ns: the node clock.
        evidence: keeps what is taken, for clips; None for none.
        reliable: let publishers send again what was lost.
    """

    def __init__(
        self,
        node: Node,
        judging: Judging,
        pace: Pace,
        topics: Iterable[InputTopic],
        refusals: Refusals,
        now_ns: Callable[[], int],
        evidence: Evidence | None = None,
        reliable: bool = False,
    ) -> None:
        self._node = node
        self._judging = judging
        self._pace = pace
        self._refusals = refusals
        self._now_ns = now_ns
        self._evidence = evidence
        # Joint states with stamps up to here are known not to be ahead of the node clock.
        self._not_ahead_ns = 0
        joints, chunks, *others = topics
        self._subscriptions = [
            self._subscribe(joints, self._take_joints, joints.quality(reliable)),
            self._subscribe(chunks, self._take_chunk, 10),
            *(self._subscribe(topic, None, topic.quality(reliable)) for topic in others),
        ]

    def close(self) -> None:
        """Cease to listen."""
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)

    def _subscribe(self, topic: InputTopic, take: _Take | None, quality: QoSProfile | int) -> Subscription[Any]:
        return subscribe(self._node, topic.kind, topic.given, self._on(topic, take), quality)

    def _on(self, topic: InputTopic, take: _Take | None) -> Callable[[Any], None]:
        """What to do with each message: take it for what it is, then each group of signals out of it.

        Each is weighed for itself, and refused for itself, as where a bag is read.
        """
        source = f"topic {topic.name}"

        def on_message(message: Any) -> None:
            topic.received += 1
            self._pace.before()
            used = kept = False
            for part in self._parts(topic, take):
                used |= self._refusals.attempt(source, part, message)
                if self._judging.engine.urgent and not kept:  # before it begins a clip, which has to hold it
                    kept = self._keep(source, topic, message, True)
                self._pace.settle()
            if used and not kept:
                self._keep(source, topic, message, False)
            self._pace.taken()

        return on_message

    def _parts(self, topic: InputTopic, take: _Take | None) -> Iterator[_Take]:
        if take is not None:
            yield take
        if topic.latched:
            for task, of_task in topic.signals.items():
                yield from (partial(self._remember, task, signals) for signals in of_task if signals.latched)
        declared = self._judging.declared
        for signals in topic.signals.get(declared.name, ()) if declared is not None else ():
            yield partial(self._take_signals, signals)

    def _keep(self, source: str, topic: InputTopic, message: Any, alarming: bool) -> bool:
        evidence = self._evidence
        if evidence is not None:
            keep = partial(evidence.add_message, topic.name, topic.kind, alarming=alarming)
            self._refusals.attempt(source, keep, message)
        return True

    def _take_joints(self, message: Any) -> None:
        sample = joint_sample_of(message)
        # At 1 kHz the clock is what costs most here, so it is read only where a stamp is ahead of the last reading.
        if sample.stamp_ns > self._not_ahead_ns:
            now_ns = self._now_ns()
            refuse_future(sample.stamp_ns, now_ns)
            self._not_ahead_ns = now_ns + nanoseconds(FUTURE_S)
        self._judging.add_joint_state(sample)

    def _take_signals(self, signals: SignalTopic, message: Any) -> None:
        now_ns = self._now_ns()
        sample = signals.sample_of(message, now_ns)
        refuse_future(sample.stamp_ns, now_ns)
        if sample.values:
            self._judging.add_signals(sample)

    def _remember(self, task: str, signals: SignalTopic, message: Any) -> None:
        self._judging.remember_signals(task, signals.sample_of(message, self._now_ns()), signals.latched)

    def _take_chunk(self, message: Any) -> None:
        self._judging.add_chunk(chunk_of(message), self._now_ns())
