"""Writes an episode that is not from a bag as messages: images, joint states and task."""

from __future__ import annotations

import numpy as np

from vlm_judge_ros.clips.channels import image_channel
from vlm_judge_ros.clips.entry import Channel
from vlm_judge_ros.episode.fault import BrokenImage
from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.episode.joint import JointSample
from vlm_judge_ros.replay.events import Event
from vlm_judge_ros.replay.outputs.bag_writer import BagWriter
from vlm_judge_ros.replay.outputs.judge_topics import BagMessages, quality
from vlm_judge_ros.replay.sources.recorded_episode import EpisodeDescription

TASK = "/task"
JOINT_STATES = "/joint_states"


class Rewritten:
    """Writes what is judged, each thing at its time. Images that are no JPEG, PNG or WebP become JPEG.

    Args:
        description: of the episode.
        writer: takes it.
        messages: makes messages.
    """

    left_out: dict[str, int]

    def __init__(self, description: EpisodeDescription, writer: BagWriter, messages: BagMessages) -> None:
        self.left_out = {}
        self._writer = writer
        self._messages = messages
        self._images: dict[str, tuple[int, Channel]] = {}
        for camera in description.cameras:
            channel = image_channel(camera, f"/{camera}/image/compressed", compressed=True)
            topic = writer.add_topic(messages.topic(channel.topic, channel.type, quality(10)))
            self._images[camera] = topic, channel
        self._joint_states = 0
        task = writer.add_topic(messages.topic(TASK, "std_msgs/msg/String", quality(1, latched=True)))
        writer.write(task, description.started_ns, messages.serialized(messages.text(description.task)))

    def see(self, event: Event) -> None:
        """Write an image or joint states."""
        content = event.content
        if isinstance(content, Frame) and content.camera in self._images:
            topic, channel = self._images[content.camera]
            try:
                self._writer.write(topic, event.time_ns, channel.serialize(content))
            except BrokenImage:
                self.left_out[channel.topic] = self.left_out.get(channel.topic, 0) + 1
        elif isinstance(content, JointSample):
            self._joints(event.time_ns, content)

    def go_to(self, time_ns: int) -> None:
        """Nothing: what was recorded has been written as it came."""

    def finish(self) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""

    def _joints(self, time_ns: int, sample: JointSample) -> None:
        if not self._joint_states:
            kind = "sensor_msgs/msg/JointState"
            self._joint_states = self._writer.add_topic(self._messages.topic(JOINT_STATES, kind, quality(10)))
        message = self._messages.joint_states(
            sample.stamp_ns,
            {
                "name": list(sample.names),
                "position": np.array(sample.positions, np.float64),
                "velocity": np.array(sample.velocities, np.float64),
                "effort": np.array(sample.efforts, np.float64),
            },
        )
        self._writer.write(self._joint_states, time_ns, self._messages.serialized(message))
