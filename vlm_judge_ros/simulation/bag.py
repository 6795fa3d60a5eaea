"""Writes a simulated episode as a rosbag2 recording (MCAP), with its ground truth."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from vlm_judge_ros.episode.message_definition import message_definition
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.simulation.episode import ACTION_NAMES, EpisodeSpec, SimulatedEpisode
from vlm_judge_ros.simulation.world import JOINTS, STEP_S

STARTED_NS = 1_700_000_000 * 1_000_000_000
"""Stamp of the first frame of every simulated episode."""

CHUNK_STEPS = 10
POLICY = "metaworld-expert"

_ACTION_CHUNK = "vlm_judge_ros/msg/ActionChunk"


def episode_name(spec: EpisodeSpec) -> str:
    """Name of an episode: its task, what happened and its seed."""
    return f"{spec.task}_{spec.disturbance.value}_{spec.seed}"


def write_bag(episode: SimulatedEpisode, path: Path, quality: int = 80) -> None:
    """Write a recording; it is there whole or not at all.

    Args:
        episode: with a picture for each control step that is to have one.
        path: folder to make, its name the name of the episode.
        quality: JPEG quality, 1 to 100.

    Raises:
        JudgeError: `path` exists, or cannot be written.
    """
    if path.exists():
        raise JudgeError(f"{path} exists; remove it or choose another folder with --out.")
    unfinished = path.with_name(f".{path.name}.part")
    shutil.rmtree(unfinished, ignore_errors=True)
    inner = unfinished / path.name  # the recording names its file after its folder
    try:
        unfinished.mkdir(parents=True)
        with Writer(inner, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
            _EpisodeWriter(episode, writer, path.name, quality).write()
        inner.replace(path)
    except OSError as error:
        raise JudgeError(f"{path} cannot be written ({error.strerror}); choose another folder with --out.") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


class _EpisodeWriter:
    """Turns one episode into messages, in the order of their stamps."""

    def __init__(self, episode: SimulatedEpisode, writer: Writer, name: str, quality: int) -> None:
        self._episode = episode
        self._writer = writer
        self._name = name
        self._quality = quality
        self._store = get_typestore(Stores.ROS2_HUMBLE)
        self._store.register(get_types_from_msg(message_definition(_ACTION_CHUNK), _ACTION_CHUNK))
        self._connections: dict[str, Any] = {}

    def write(self) -> None:
        episode = self._episode
        self._put("/ground_truth/episode", 0, "std_msgs/msg/String", data=json.dumps(self._truth()))
        self._put("/task", 0, "std_msgs/msg/String", data=episode.instruction)
        pictures = {int(step): index for index, step in enumerate(episode.frame_indices)}
        for step in range(episode.stamps_s.size):
            if step % CHUNK_STEPS == 0 and step < len(episode.actions):
                self._put_chunk(step)
            self._put(
                "/joint_states",
                step,
                "sensor_msgs/msg/JointState",
                header=self._header(step),
                name=list(JOINTS),
                position=episode.joint_positions[step],
                velocity=episode.joint_velocities[step],
                effort=episode.joint_efforts[step],
            )
            if step in pictures:
                for camera, frames in episode.frames.items():
                    self._put(
                        f"/{camera}/image/compressed",
                        step,
                        "sensor_msgs/msg/CompressedImage",
                        header=self._header(step, frame_id=f"{camera}_camera"),
                        format="jpeg",
                        data=_jpeg(frames[pictures[step]], self._quality),
                    )
                progress = float(episode.progress[step])
                self._put("/ground_truth/progress", step, "std_msgs/msg/Float32", data=progress)

    def _truth(self) -> dict[str, object]:
        episode = self._episode
        return {
            "name": self._name,
            "task": episode.spec.task,
            "task_instruction": episode.instruction,
            "outcome": "success" if episode.onset_s is None else "failure",
            "failure_mode": episode.mode.name,
            "onset_s": None if episode.onset_s is None else round(episode.onset_s, 3),
            "seed": episode.spec.seed,
            "disturbance": episode.spec.disturbance.value,
        }

    def _put_chunk(self, step: int) -> None:
        actions = self._episode.actions[step : step + CHUNK_STEPS]
        self._put(
            "/chunk",
            step,
            _ACTION_CHUNK,
            header=self._header(step),
            id=step // CHUNK_STEPS + 1,
            policy=POLICY,
            horizon=len(actions),
            step_s=STEP_S,
            action_names=list(ACTION_NAMES),
            actions=actions.ravel(),
            sample_count=0,
            sampled_actions=np.array([]),
            certainty=math.nan,
            declares_done=False,
        )

    def _header(self, step: int, frame_id: str = "") -> Any:
        seconds, nanoseconds = divmod(_stamp_ns(step), 1_000_000_000)
        stamp = self._store.types["builtin_interfaces/msg/Time"](sec=seconds, nanosec=nanoseconds)
        return self._store.types["std_msgs/msg/Header"](stamp=stamp, frame_id=frame_id)

    def _put(self, topic: str, step: int, kind: str, **fields: Any) -> None:
        if topic not in self._connections:
            self._connections[topic] = self._writer.add_connection(topic, kind, typestore=self._store)
        message = self._store.types[kind](**fields)
        self._writer.write(self._connections[topic], _stamp_ns(step), self._store.serialize_cdr(message, kind))


def _stamp_ns(step: int) -> int:
    return STARTED_NS + round(step * STEP_S * 1e9)


def _jpeg(image: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    # Progressive and with coarser colour: a fifth smaller at the same look.
    options = [
        *(cv2.IMWRITE_JPEG_QUALITY, quality),
        *(cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
        *(cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420),
    ]
    _, data = cv2.imencode(".jpg", np.ascontiguousarray(image[:, :, ::-1]), options)
    return np.asarray(data, dtype=np.uint8).ravel()
