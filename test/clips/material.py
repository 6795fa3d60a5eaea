"""Events, images and clips to make tests of."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from rosbags.typesys import Stores, get_typestore

from vlm_judge_ros.clips.channels import image_channel, task_channel
from vlm_judge_ros.clips.clip_record import ClipFailure, ClipRecord
from vlm_judge_ros.clips.entry import Channel, Entry
from vlm_judge_ros.clips.recorder import Clip, clip_name
from vlm_judge_ros.episode.compressed_image import CompressedImage
from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.episode.raw_image import RawImage
from vlm_judge_ros.monitors.finding import Layer, Severity
from vlm_judge_ros.verdict.failure import FailureEvent, FailureStatus
from vlm_judge_ros.verdict.verdict import Provenance

START_NS = 1_700_000_000 * 10**9
STORE = get_typestore(Stores.ROS2_HUMBLE)
FRONT = image_channel("front", "/front/image/compressed", True)
TASK = task_channel("/task")
_NUMBER = "std_msgs/msg/Float64"


def number_cdr(number: float) -> bytes:
    return bytes(STORE.serialize_cdr(STORE.types[_NUMBER](data=number), _NUMBER))


HEIGHT = Channel("/height", _NUMBER, number_cdr)
LATCHED = Channel("/mode", "std_msgs/msg/String", TASK.serialize, latched=True)


def at(time_s: float) -> int:
    return START_NS + round(time_s * 1e9)


def event(
    event_id: int = 1,
    mode: FailureMode = FailureMode.COLLISION,
    status: FailureStatus = FailureStatus.CONFIRMED,
    time_s: float = 10.0,
    episode_id: str = "one",
) -> FailureEvent:
    return FailureEvent(
        stamp_ns=at(time_s),
        episode_id=episode_id,
        event_id=event_id,
        status=status,
        mode=mode,
        severity=Severity.ERROR,
        onset_ns=at(time_s - 0.5),
        deciding_layer=Layer.THRESHOLD,
        evidence=(),
        text="The force is 55 N and the limit is 40 N.",
        provenance=Provenance(software_version="1.0", model="scripted", model_hash="0123", task_file="push abcd"),
    )


def picture(seed: int, size: tuple[int, int] = (48, 64)) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.random.default_rng(seed).integers(0, 255, (*size, 3), dtype=np.uint8)


def frame(time_s: float, raw: bool = False, size: tuple[int, int] = (48, 64)) -> Frame:
    pixels = picture(round(time_s * 1000), size)
    image: RawImage | CompressedImage
    if raw:
        image = RawImage(pixels.tobytes(), size[1], size[0], "rgb8", 3 * size[1])
    else:
        image = CompressedImage(cv2.imencode(".jpg", pixels)[1].tobytes(), "jpeg")
    return Frame("front", at(time_s), image, np.zeros((24, 32), np.uint8))


def clip(
    index: int = 0, episode_id: str = "one", images: int = 5, size: tuple[int, int] = (48, 64), begin_s: float = 0.0
) -> Clip:
    """A clip of four images a second; `index` makes its name, the later the higher."""
    entries = []
    for number in range(images):
        time_s = begin_s + number / 4
        entries.append(Entry(at(time_s), HEIGHT, float(number), 8))
        entries.append(Entry(at(time_s), FRONT, frame(time_s, size=size), 8))
    record = ClipRecord(
        episode_id=episode_id,
        task="push the button",
        failures=(ClipFailure.of(event(time_s=begin_s + images / 8, episode_id=episode_id)),),
        begin_ns=entries[0].time_ns,
        end_ns=entries[-1].time_ns,
    )
    latched = (Entry(record.begin_ns, TASK, "push the button", 15),)
    return Clip(clip_name(START_NS + index * 10**9, episode_id, "COLLISION"), record, latched, tuple(entries))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())
