"""Writes small bags of made-up episodes: a square that moves across two pictures."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

STARTED_NS = 1_700_000_000_000_000_000
MESSAGES = Path(__file__).parents[2] / "msg"


@dataclass(frozen=True)
class EpisodeBag:
    """What goes into the bag; `camera_hz` pictures of each camera per second, and `signal_hz` joint states.

    With `push_from_s` there is a force as often, on `/arm/wrench`: 5 N, and 55 N from then on until before `push_to_s`.
    """

    name: str = "square-moved"
    duration_s: float = 3.0
    failure_mode: str = "NONE"
    onset_s: float | None = None
    storage: StoragePlugin = StoragePlugin.MCAP
    raw: bool = False
    truth: bool = True
    task: str = "move the square to the right"
    cameras: tuple[str, ...] = ("front", "wrist")
    push_from_s: float | None = None
    push_to_s: float | None = None
    signal_hz: int = 10
    camera_hz: int = 10
    started_ns: int = STARTED_NS

    def write(self, folder: Path) -> Path:
        """Write the bag and return its path."""
        store = get_typestore(Stores.ROS2_HUMBLE)
        chunk_text = (MESSAGES / "ActionChunk.msg").read_text()
        store.register(get_types_from_msg(chunk_text, "vlm_judge_ros/msg/ActionChunk"))
        path = folder / self.name
        with Writer(path, version=9, storage_plugin=self.storage) as writer:
            _Episode(self, writer, store).write()
        return path


class _Episode:
    def __init__(self, episode: EpisodeBag, writer: Writer, store: Any) -> None:
        self._episode = episode
        self._writer = writer
        self._store = store
        self._connections: dict[str, Any] = {}

    def write(self) -> None:
        episode, types = self._episode, self._store.types
        string = types["std_msgs/msg/String"]
        if episode.task:
            self._put("/task", 0.0, string(data=episode.task))
        if episode.truth:
            truth = {
                "name": episode.name,
                "task": "square",
                "task_instruction": episode.task,
                "outcome": "success" if episode.failure_mode == "NONE" else "failure",
                "failure_mode": episode.failure_mode,
                "onset_s": episode.onset_s,
                "seed": 1,
                "disturbance": "none",
            }
            self._put("/ground_truth/episode", 0.0, string(data=json.dumps(truth)))
        pictures = round(episode.duration_s * episode.camera_hz)
        for index in range(pictures + 1):
            self._moment(index / episode.camera_hz)
            if index < pictures:
                for within in range(1, episode.signal_hz // episode.camera_hz):
                    self._signals(index / episode.camera_hz + within / episode.signal_hz)

    def _share(self, time_s: float) -> float:
        onset_s = self._episode.onset_s
        return min(time_s, time_s if onset_s is None else onset_s) / self._episode.duration_s

    def _signals(self, time_s: float) -> None:
        episode, types = self._episode, self._store.types
        share = self._share(time_s)
        joints = types["sensor_msgs/msg/JointState"](
            header=self._header(time_s),
            name=["shoulder", "elbow"],
            position=np.array([share, 2 * share]),
            velocity=np.array([]),
            effort=np.array([]),
        )
        self._put("/joint_states", time_s, joints)
        if episode.push_from_s is not None:
            # Half a nanosecond for what is not exact in binary.
            pushes = episode.push_from_s <= time_s + 5e-10 < (episode.push_to_s or math.inf)
            self._force(time_s, 55.0 if pushes else 5.0)

    def _moment(self, time_s: float) -> None:
        episode, types = self._episode, self._store.types
        if abs(time_s - round(time_s)) < 1e-9 and time_s < episode.duration_s:
            self._chunk(time_s)
        self._signals(time_s)
        share = self._share(time_s)
        for camera in episode.cameras:
            picture = _picture(camera, share)
            if episode.raw:
                height, width, _ = picture.shape
                image = types["sensor_msgs/msg/Image"](
                    header=self._header(time_s),
                    height=height,
                    width=width,
                    encoding="bgr8",
                    is_bigendian=0,
                    step=3 * width,
                    data=picture.reshape(-1),
                )
                self._put(f"/{camera}/image", time_s, image)
            else:
                jpeg = cv2.imencode(".jpg", picture)[1].reshape(-1)
                image = types["sensor_msgs/msg/CompressedImage"](header=self._header(time_s), format="jpeg", data=jpeg)
                self._put(f"/{camera}/image/compressed", time_s, image)
        if episode.truth:
            self._put("/ground_truth/progress", time_s, types["std_msgs/msg/Float32"](data=share))

    def _chunk(self, time_s: float) -> None:
        chunk = self._store.types["vlm_judge_ros/msg/ActionChunk"](
            header=self._header(time_s),
            id=round(time_s) + 1,
            policy="square",
            horizon=10,
            step_s=0.1,
            action_names=[],
            actions=np.array([]),
            sample_count=0,
            sampled_actions=np.array([]),
            certainty=float("nan"),
            declares_done=False,
        )
        self._put("/chunk", time_s, chunk)

    def _force(self, time_s: float, force_n: float) -> None:
        types = self._store.types
        vector = types["geometry_msgs/msg/Vector3"]
        wrench = types["geometry_msgs/msg/Wrench"](
            force=vector(x=0.0, y=0.0, z=force_n), torque=vector(x=0.0, y=0.0, z=0.0)
        )
        message = types["geometry_msgs/msg/WrenchStamped"](header=self._header(time_s), wrench=wrench)
        self._put("/arm/wrench", time_s, message)

    def _header(self, time_s: float) -> Any:
        seconds, nanosec = divmod(self._episode.started_ns + round(time_s * 1e9), 1_000_000_000)
        stamp = self._store.types["builtin_interfaces/msg/Time"](sec=seconds, nanosec=nanosec)
        return self._store.types["std_msgs/msg/Header"](stamp=stamp, frame_id="")

    def _put(self, topic: str, time_s: float, message: Any) -> None:
        kind = message.__msgtype__
        if topic not in self._connections:
            self._connections[topic] = self._writer.add_connection(topic, kind, typestore=self._store)
        cdr = self._store.serialize_cdr(message, kind)
        self._writer.write(self._connections[topic], self._episode.started_ns + round(time_s * 1e9), cdr)


def _picture(camera: str, share: float) -> np.ndarray[Any, np.dtype[np.uint8]]:
    picture = np.full((120, 160, 3), 90 if camera == "front" else 140, dtype=np.uint8)
    left = 10 + round(100 * share)
    picture[40:80, left : left + 40] = (40, 80, 220)
    return picture
