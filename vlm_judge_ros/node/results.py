"""Publishes what comes out of judging."""

from __future__ import annotations

from rclpy.lifecycle import LifecycleNode
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CompressedImage

from vlm_judge_ros import msg
from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.node.conversion import (
    failure_message,
    findings_message,
    heartbeat_message,
    progress_message,
    time_message,
    verdict_message,
)
from vlm_judge_ros.node.evidence import Evidence
from vlm_judge_ros.verdict.annotation import annotate
from vlm_judge_ros.verdict.engine import Engine
from vlm_judge_ros.verdict.failure import FailureEvent
from vlm_judge_ros.verdict.progress_update import ProgressUpdate
from vlm_judge_ros.verdict.verdict import State, Verdict


def latched(depth: int) -> QoSProfile:
    """The quality of a topic whose newest messages late listeners get too."""
    return QoSProfile(depth=depth, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL)


LATCHED = latched(1)


class Results:
    """The publishers of the node, and its log. Nothing leaves them while the node is not active.

    Args:
        node: publishes.
        evidence: keeps what is published, for clips; None for none.
        keep: messages of each topic of results that wait for slow listeners; 0 for as many as a live listener can use.
    """

    def __init__(self, node: LifecycleNode, evidence: Evidence | None = None, keep: int = 0) -> None:
        self._node = node
        self._evidence = evidence
        self._logger = node.get_logger()
        self._state = State.UNKNOWN
        self._progress = node.create_lifecycle_publisher(msg.Progress, "~/progress", QoSProfile(depth=keep or 10))
        self._review = node.create_lifecycle_publisher(msg.Progress, "~/review", QoSProfile(depth=keep or 10))
        self._failure = node.create_lifecycle_publisher(msg.Failure, "~/failure", QoSProfile(depth=keep or 100))
        self._verdict = node.create_lifecycle_publisher(msg.Verdict, "~/verdict", latched(keep or 1))
        # Depth 1: a heartbeat that could not be sent in time is of no use after the next one.
        self._heartbeat = node.create_lifecycle_publisher(msg.Heartbeat, "~/heartbeat", QoSProfile(depth=1))
        self._findings = node.create_lifecycle_publisher(msg.Findings, "~/findings", QoSProfile(depth=10))
        self._annotated = node.create_lifecycle_publisher(
            CompressedImage, "~/annotated/compressed", QoSProfile(depth=2)
        )

    @property
    def annotated_is_watched(self) -> bool:
        """Whether anybody listens to the annotated images."""
        return bool(self._annotated.get_subscription_count())

    def close(self) -> None:
        """Destroy the publishers."""
        for publisher in (
            self._progress,
            self._review,
            self._failure,
            self._verdict,
            self._heartbeat,
            self._findings,
            self._annotated,
        ):
            self._node.destroy_lifecycle_publisher(publisher)

    def progress(self, update: ProgressUpdate) -> None:
        """Publish what the judge alone says."""
        self._progress.publish(progress_message(update))

    def review(self, update: ProgressUpdate) -> None:
        """Publish what the second judge says."""
        self._review.publish(progress_message(update))

    def failure(self, event: FailureEvent) -> None:
        """Publish a failure event."""
        evidence = self._evidence
        if evidence is None:
            message = failure_message(event)
        else:
            message = evidence.add_failure(event, lambda address: failure_message(event, address))
        self._failure.publish(message)
        self.note(f"Failure {event.event_id} {event.status.name}: {event.mode.name}. {event.text}")

    def verdict(self, verdict: Verdict) -> None:
        """Publish a verdict, and log it where its state is another one."""
        message = verdict_message(verdict)
        self._verdict.publish(message)
        if self._evidence is not None:
            self._evidence.add_verdict(message)
        if verdict.state is not self._state:
            self._state = verdict.state
            self.note(f"{verdict.state.name}: {verdict.reason}")

    def heartbeat(self, count: int, now_ns: int, engine: Engine, inputs: int) -> None:
        """Publish that the node is alive, with what must not be lost with another message."""
        self._heartbeat.publish(heartbeat_message(count, now_ns, engine.verdict, engine.worst_failure, inputs))

    def findings(self, now_ns: int, engine: Engine) -> None:
        """Publish what all layers found when they were weighed last, where an episode runs and anybody listens."""
        if self._evidence is not None:
            self._evidence.add_findings(now_ns, engine)
        if engine.episode_id and self._findings.get_subscription_count():
            self._findings.publish(findings_message(now_ns, engine.episode_id, engine.findings))

    def annotated(self, frame: Frame, verdict: Verdict) -> None:
        """Publish a frame with the verdict drawn into it.

        Raises:
            BrokenImage: the frame cannot be decoded.
        """
        message = CompressedImage(format="jpeg", data=annotate(frame.image.rgb(), verdict))
        message.header.stamp = time_message(frame.stamp_ns)
        message.header.frame_id = frame.camera
        self._annotated.publish(message)

    def note(self, text: str) -> None:
        """Log for a person."""
        self._logger.info(text)

    def warn(self, text: str) -> None:
        """Log for a person who has to act."""
        self._logger.warning(text)
