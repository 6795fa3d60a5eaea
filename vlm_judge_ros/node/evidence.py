"""Hands what comes in and what is published to the recorder of clips. Nothing in here waits for a disk."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from rclpy.node import Node
from rclpy.serialization import serialize_message

from vlm_judge_ros import msg
from vlm_judge_ros.clips.channels import image_channel, task_channel
from vlm_judge_ros.clips.entry import Channel
from vlm_judge_ros.clips.rate import Rate
from vlm_judge_ros.clips.recorder import ClipSettings, Recorder
from vlm_judge_ros.clips.store import Store, usual_folder
from vlm_judge_ros.clips.writer_thread import ClipCounts, WriterThread
from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.node.conversion import findings_message
from vlm_judge_ros.parameters.settings import CameraInput
from vlm_judge_ros.verdict.engine import Engine
from vlm_judge_ros.verdict.failure import FailureEvent

JOINTS_HZ = 100.0
"""Joint states that come faster are kept at this rate, beside those that alarmed a monitor."""

_JOINT_STATE = "sensor_msgs/msg/JointState"
_CLOSE_S = 1.0
# What Python adds to a message beside its content.
_OBJECT_BYTES = 1000
_BYTES_OBJECT_BYTES = 200


class Evidence:
    """Keeps clips around confirmed failures.

    Args:
        node: for the names of its topics, its clock and its log.
        values: the parameters of the node.
        cameras: how each camera is subscribed to.
    """

    def __init__(self, node: Node, values: Mapping[str, Any], cameras: tuple[CameraInput, ...]) -> None:
        self._node = node
        self._clock = node.get_clock()
        folder = values["evidence_folder"]
        self.folder = Path(folder).expanduser().absolute() if folder else usual_folder()
        store = Store(self.folder, values["evidence_clip_mb"] * 10**6, values["evidence_total_mb"] * 10**6)
        self._writer = WriterThread(store)
        settings = ClipSettings(
            values["evidence_before_s"], values["evidence_after_s"], values["evidence_buffer_mb"] * 10**6
        )
        self._recorder = Recorder(settings, self._writer.put, task_channel(node.resolve_topic_name("task")))
        self._images = Rate(values["evidence_image_hz"])
        self._joints = Rate(JOINTS_HZ)
        self._cameras = {
            camera.name: image_channel(camera.name, node.resolve_topic_name(camera.topic), camera.compressed)
            for camera in cameras
        }
        self._topics: dict[str, Channel] = {}
        self._verdicts = self._topic(node.resolve_topic_name("~/verdict"), msg.Verdict, latched=True)
        self._failures = self._topic(node.resolve_topic_name("~/failure"), msg.Failure)
        self._findings = Channel(
            node.resolve_topic_name("~/findings"),
            "vlm_judge_ros/msg/Findings",
            lambda told: bytes(serialize_message(findings_message(*told))),
        )
        self._task = ""

    @property
    def counts(self) -> ClipCounts:
        """What became of clips so far."""
        return self._writer.counts

    def close(self) -> None:
        """End the open clip and give the disk a moment to finish."""
        self._recorder.close()
        self._writer.close(_CLOSE_S)
        self._log_news()

    def add_frame(self, frame: Frame, now_ns: int) -> None:
        """Keep an image, in the bytes in which it arrived."""
        channel = self._cameras[frame.camera]
        if self._images.passes(channel, now_ns):
            self._recorder.add(channel, now_ns, frame, frame.image.size_bytes + _OBJECT_BYTES)

    def add_message(self, name: str, kind: type[Any], message: Any, alarming: bool) -> None:
        """Keep another message; where it is `alarming`, whatever its rate is.

        Args:
            name: full name of its topic.
            kind: its class.
            message: not to be changed any more.
            alarming: it made a monitor speak for a failure.
        """
        topic = self._topics.get(name) or self._topic(name, kind)
        if topic.type == _JOINT_STATE:
            # Several drivers may share a topic, each with joints of its own.
            names = message.name
            stamp = message.header.stamp
            # By the header, because reading the node clock costs more than all the rest.
            stamp_ns = stamp.sec * 10**9 + stamp.nanosec
            if not self._joints.passes((name, names[0] if len(names) else ""), stamp_ns) and not alarming:
                return
        self._put(topic, message)

    def add_verdict(self, message: msg.Verdict) -> None:
        """Keep a verdict that is published."""
        self._task = message.task
        self._put(self._verdicts, message)

    def add_failure(self, event: FailureEvent, message_of: Callable[[str], msg.Failure]) -> msg.Failure:
        """Keep a failure that is to be published; a confirmed one begins or joins a clip.

        Args:
            event: what happened.
            message_of: makes its message, from the address that its clip will have.
        """
        now_ns = int(self._clock.now().nanoseconds)
        name = self._recorder.confirm(event, self._task, now_ns)
        message = message_of((self.folder / name).as_uri() if name and not self._writer.is_lost(name) else "")
        self._put(self._failures, message)
        return message

    def add_findings(self, now_ns: int, engine: Engine) -> None:
        """Keep what all layers find; the message is made when a clip is written."""
        if engine.episode_id:
            findings = tuple(engine.findings)
            told = now_ns, engine.episode_id, findings
            self._recorder.add(self._findings, now_ns, told, _OBJECT_BYTES * (1 + len(findings)))

    def tick(self, now_ns: int) -> None:
        """Let time pass, and tell the log what became of clips."""
        self._recorder.tick(now_ns)
        self._log_news()

    def _put(self, channel: Channel, message: Any) -> None:
        # Kept as bytes: thousands of messages as objects would make the collector of garbage stop the node for 0.2 s.
        cdr = bytes(serialize_message(message))
        self._recorder.add(channel, int(self._clock.now().nanoseconds), cdr, len(cdr) + _BYTES_OBJECT_BYTES)

    def _topic(self, name: str, kind: type[Any], latched: bool = False) -> Channel:
        package = kind.__module__.partition(".")[0]
        self._topics[name] = Channel(name, f"{package}/msg/{kind.__name__}", bytes, latched=latched)
        return self._topics[name]

    def _log_news(self) -> None:
        logger = self._node.get_logger()
        for is_warning, sentence in self._writer.news():
            if is_warning:
                logger.warning(sentence)
            else:
                logger.info(sentence)
