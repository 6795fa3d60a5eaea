"""Clips of single cameras, bundled and recorded, and ways to spoil them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.episode.image import shrink
from vlm_judge_ros.episode.joint import JointSample
from vlm_judge_ros.episode.stamps import nanoseconds
from vlm_judge_ros.monitors.camera import CameraMonitor
from vlm_judge_ros.monitors.camera_limits import CameraLimits
from vlm_judge_ros.monitors.motion import JointMotion
from vlm_judge_ros.replay.bag import Bag
from vlm_judge_ros.replay.bundled import bundled_episodes
from vlm_judge_ros.replay.events import events
from vlm_judge_ros.replay.topics import find_topics

Grey = NDArray[np.uint8]
START = 1_700_000_000 * 1_000_000_000
RATE_HZ = 10.0


class GreyImage:
    """An image in memory."""

    def __init__(self, grey: Grey) -> None:
        self.pixels = grey
        self.size_bytes = grey.size
        self.form = f"{grey.shape[1]}x{grey.shape[0]} mono8"

    def rgb(self) -> Grey:
        return np.repeat(self.pixels[..., np.newaxis], 3, axis=2)

    def grey(self) -> Grey:
        return self.pixels


@dataclass(frozen=True)
class Clip:
    """Frames of one camera at 10 Hz, and how far each joint had travelled at each of them."""

    name: str
    images: tuple[Grey, ...]
    travels: tuple[Mapping[str, float], ...]


@dataclass
class Watched:
    """What was found on a clip: the findings' names, and when each was first found, in seconds from its start."""

    first_s: dict[str, float] = field(default_factory=dict)

    @property
    def names(self) -> set[str]:
        return set(self.first_s)


def watch(clip: Clip, spoil: Callable[[int, Grey], Grey] | None = None, limits: CameraLimits | None = None) -> Watched:
    """Feed a clip, spoilt or not, to the monitor of a camera and look after every frame."""
    monitor, found = CameraMonitor("camera", limits), Watched()
    for index, (image, travels) in enumerate(zip(clip.images, clip.travels, strict=True)):
        shown = image if spoil is None else spoil(index, image)
        stamp_ns = START + nanoseconds(index / RATE_HZ)
        frame = Frame("camera", stamp_ns, GreyImage(shown), shrink(shown))
        monitor.add(frame, stamp_ns)
        monitor.look(frame, travels)
        for finding in monitor.findings(stamp_ns, travels):
            found.first_s.setdefault(finding.name, index / RATE_HZ)
    return found


@cache
def bundled_clips(names: tuple[str, ...] = ()) -> tuple[Clip, ...]:
    """The cameras of the bundled episodes, or of those with these names."""
    folders = bundled_episodes()
    return tuple(clip for name in names or tuple(folders) for clip in _cameras_of(name, folders[name]))


def _cameras_of(name: str, folder: Path) -> Iterator[Clip]:
    motion = JointMotion()
    images: dict[str, list[Grey]] = {}
    travels: dict[str, list[Mapping[str, float]]] = {}
    with Bag(folder) as bag:
        for event in events(bag, find_topics(bag.topics)):
            if isinstance(event.content, JointSample):
                motion.add(event.content)
            elif isinstance(event.content, Frame):
                frame = event.content
                grey = np.asarray(cv2.cvtColor(frame.image.rgb(), cv2.COLOR_RGB2GRAY), np.uint8)
                images.setdefault(frame.camera, []).append(grey)
                travels.setdefault(frame.camera, []).append(dict(motion.travels))
    for camera, shown in images.items():
        yield Clip(f"{name} {camera}", tuple(shown), tuple(travels[camera]))


def recorded_images(path: Path, part: Callable[[Grey], Grey] = lambda grey: grey) -> tuple[Grey, ...]:
    """The images of a video file, or a part of each, 10 in a second and 320 wide; slower ones are repeated."""
    video = cv2.VideoCapture(str(path))
    step = max(1, round(video.get(cv2.CAP_PROP_FPS) / RATE_HZ))
    repeat = max(1, round(RATE_HZ / video.get(cv2.CAP_PROP_FPS)))
    images: list[Grey] = []
    index = 0
    while video.grab():
        if index % step == 0:
            grey = part(np.asarray(cv2.cvtColor(video.retrieve()[1], cv2.COLOR_BGR2GRAY), np.uint8))
            small = np.asarray(cv2.resize(grey, (320, 240), interpolation=cv2.INTER_AREA), np.uint8)
            images += [small] * repeat
        index += 1
    return tuple(images)


def turning(name: str, images: tuple[Grey, ...]) -> Clip:
    """A clip during which one joint turns at 0.5 rad/s without a pause."""
    return Clip(name, images, tuple({"joint": 0.5 * index / RATE_HZ} for index in range(len(images))))


def two_arms(folder: Path) -> tuple[Clip, ...]:
    """Three cameras of two arms whose joints are not recorded.

    One joint of each arm is made to turn at 0.5 rad/s while the camera on its wrist sees a change. So the camera on the
    wrist of an arm that rests sees a still image while a joint of the other arm turns.
    """
    images = {path.stem: recorded_images(path) for path in sorted(folder.glob("*.mp4"))}
    left, right = (_turned(images[f"cam_{arm}_wrist"]) for arm in ("left", "right"))
    length = min(len(shown) for shown in images.values())
    travels = tuple({"left": left[index], "right": right[index]} for index in range(length))
    return tuple(Clip(f"{folder.name} {name}", shown[:length], travels) for name, shown in images.items())


def _turned(images: tuple[Grey, ...]) -> list[float]:
    small = [shrink(image).astype(np.int16) for image in images]
    changes = [0.0] + [float(np.abs(after - before).mean()) for before, after in pairwise(small)]
    return [float(travel) for travel in np.cumsum([0.5 / RATE_HZ * (change > 1.0) for change in changes])]


class Noise:
    """Noise of a sensor, the same in every run."""

    def __init__(self, levels: float) -> None:
        self._levels = levels
        self._random = np.random.default_rng(7)

    def __call__(self, image: Grey) -> Grey:
        noise = self._random.normal(0.0, self._levels, image.shape)
        return np.clip(image + noise, 0, 255).astype(np.uint8)


def blur(image: Grey, width_share: float = 0.02) -> Grey:
    """Blur by a Gaussian."""
    return np.asarray(cv2.GaussianBlur(image, (0, 0), width_share * image.shape[1]), np.uint8)


def hand(image: Grey, brightness: float) -> Grey:
    """Something like a hand on the lens: a broad smooth blob, brighter where light shines through, and some noise."""
    rows, columns = np.indices(image.shape) / max(image.shape)
    blob = np.exp(-((rows - 0.3) ** 2 + (columns - 0.7) ** 2) / 0.3)
    return Noise(3.0)(np.asarray(brightness * (0.5 + 0.5 * blob), np.float64).astype(np.uint8))
