"""How fast recordings are scored without the model, beside the bare reading of the same bag, and in how much memory.

    python benchmarks/scoring.py [--seconds 60] [--turns 5] [--quality 80] [--long-minutes 60] [--json]

The bag: two cameras 640x480 at 30 Hz as JPEG, joint states at 100 Hz, no compression. In each turn, in changing order:

- scoring: `Scorer.score` with verdicts and pictures, the judge loaded before and answering at once;
- bare reading: `rosbags` reads and deserialises every message and `cv2.imdecode` decodes every image, in one thread;
- the same with simplejpeg, which is faster.

All of them take their turns on the same cores, so that ratios hold on a busy machine; what a figure means by itself
depends on what else runs; the seconds of the processors, over all threads and of the first thread alone, depend less on
it. The first thread judges, the others decode: where each has a core, it is what takes longest. Figures are medians
over the turns with their range, which holds the true median with a probability of 1 - 2 ** (1 - turns). Memory is the
peak of the resident memory of a process that scores one episode of a minute, and of another that scores one of
--long-minutes made of the same images; 0 leaves that out.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import cv2
import numpy as np
import simplejpeg
from rosbags.highlevel import AnyReader
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from vlm_judge_ros.parameters.given import GivenParameters
from vlm_judge_ros.replay.scoring.scorer import Scorer, ScoringSettings
from vlm_judge_ros.replay.sources.find import find_episodes

CAMERAS = ("front", "wrist")
WIDTH, HEIGHT, RATE_HZ, JOINT_RATE_HZ = 640, 480, 30, 100
STARTED_NS = 1_700_000_000_000_000_000
DIFFERENT_IMAGES = 120
MOTION_STEPS = 1200


def images(quality: int) -> dict[str, list[bytes]]:
    """JPEG images of a textured scene in which something moves, for each camera."""
    found = {}
    for number, camera in enumerate(CAMERAS):
        random = np.random.default_rng(number)
        coarse = random.integers(40, 200, (HEIGHT // 8, WIDTH // 8, 3), dtype=np.uint8)
        scene = cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC).astype(np.int16)
        made = []
        for index in range(DIFFERENT_IMAGES):
            picture = scene + random.integers(-6, 7, scene.shape, dtype=np.int16)  # noise of a sensor
            left = round((WIDTH - 120) * index / DIFFERENT_IMAGES)
            picture[180:300, left : left + 120] = (40, 80, 220)
            picture = np.clip(picture, 0, 255).astype(np.uint8)
            made.append(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes())
        found[camera] = made
    return found


def write_bag(path: Path, seconds: float, made: dict[str, list[bytes]]) -> None:
    """Write a bag; the images and the motion come again and again."""
    store = get_typestore(Stores.ROS2_HUMBLE)
    types = store.types
    image_kind, joint_kind = "sensor_msgs/msg/CompressedImage", "sensor_msgs/msg/JointState"
    header = types["std_msgs/msg/Header"](stamp=types["builtin_interfaces/msg/Time"](sec=0, nanosec=0), frame_id="")

    def image(jpeg: bytes) -> bytearray:
        data = np.frombuffer(jpeg, dtype=np.uint8)
        return bytearray(store.serialize_cdr(types[image_kind](header=header, format="jpeg", data=data), image_kind))

    def joint(index: int) -> bytearray:
        position = np.sin(2.0 * np.pi * index / MOTION_STEPS + np.arange(7.0))
        names = [f"joint_{number}" for number in range(7)]
        message = types[joint_kind](
            header=header, name=names, position=position, velocity=position, effort=np.array([])
        )
        return bytearray(store.serialize_cdr(message, joint_kind))

    def stamped(cdr: bytearray, time_ns: int) -> bytes:
        # The stamp is the first thing after the four bytes at the start of every message.
        struct.pack_into("<iI", cdr, 4, *divmod(time_ns, 10**9))
        return bytes(cdr)

    frames = {camera: [image(jpeg) for jpeg in each] for camera, each in made.items()}
    motion = [joint(index) for index in range(MOTION_STEPS)]
    with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        topics = {
            camera: writer.add_connection(f"/{camera}/image/compressed", image_kind, typestore=store)
            for camera in CAMERAS
        }
        joints = writer.add_connection("/joint_states", joint_kind, typestore=store)
        task = writer.add_connection("/task", "std_msgs/msg/String", typestore=store)
        text = types["std_msgs/msg/String"](data="move the block to the right")
        writer.write(task, STARTED_NS, store.serialize_cdr(text, "std_msgs/msg/String"))
        images_written = 0
        for index in range(round(seconds * JOINT_RATE_HZ)):
            time_ns = STARTED_NS + index * 10**9 // JOINT_RATE_HZ
            writer.write(joints, time_ns, stamped(motion[index % MOTION_STEPS], time_ns))
            while images_written * JOINT_RATE_HZ <= index * RATE_HZ:
                for camera, connection in topics.items():
                    cdr = frames[camera][images_written % len(frames[camera])]
                    writer.write(connection, time_ns, stamped(cdr, time_ns))
                images_written += 1


Took: TypeAlias = tuple[float, float, float]
"""Seconds by the clock, of the processors in all threads, and of the processor in the first thread."""


def seconds() -> Took:
    """What all of them show now."""
    return time.perf_counter(), time.process_time(), time.thread_time()


def since(began: Took) -> Took:
    """What has passed."""
    clock, processors, thread = (now - before for now, before in zip(seconds(), began, strict=True))
    return clock, processors, thread


def read_bare(path: Path, decode: Callable[[Any], Any]) -> Took:
    """What reading and decoding takes."""
    began = seconds()
    with AnyReader([path], default_typestore=get_typestore(Stores.ROS2_HUMBLE)) as reader:
        for connection, _, data in reader.messages():
            message: Any = reader.deserialize(data, connection.msgtype)
            if connection.msgtype == "sensor_msgs/msg/CompressedImage":
                decode(message.data)
    return since(began)


def score(scorer: Scorer, path: Path, out: Path) -> Took:
    """What scoring takes."""
    began = seconds()
    (episode,) = find_episodes([path]).episodes
    scorer.score(episode)
    took = since(began)
    subprocess.run(["rm", "-r", str(out / episode.description.key)], check=True)
    return took


def settings(out: Path) -> ScoringSettings:
    """How it is scored."""
    return ScoringSettings(out, ("verdicts",), GivenParameters({"judge": "instant_judge:create"}))


def measure(path: Path, out: Path, turns: int) -> dict[str, list[Took]]:
    """What each way takes in each turn."""
    scorer = Scorer(settings(out))
    ways: dict[str, Callable[[], Took]] = {
        "scoring": lambda: score(scorer, path, out),
        "bare_cv2": lambda: read_bare(path, lambda data: cv2.imdecode(data, cv2.IMREAD_COLOR)),
        "bare_simplejpeg": lambda: read_bare(path, simplejpeg.decode_jpeg),
    }
    found: dict[str, list[Took]] = {name: [] for name in ways}
    try:
        score(scorer, path, out)  # loads the judge, and the bag into the memory of the kernel
        names = list(ways)
        for turn in range(turns):
            for index in range(len(names)):
                name = names[(turn + index) % len(names)]
                found[name].append(ways[name]())
    finally:
        scorer.close()
    return found


def peak_mb(path: Path, out: Path) -> float:
    """Most resident memory of a process that scores this bag, without that of its judge."""
    command = [sys.executable, __file__, "--score-only", str(path), "--out", str(out)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout)


def report(took: dict[str, list[Took]], recorded_s: float) -> dict[str, Any]:
    """Seconds of the recording for each second, and ratios within the same turn."""

    def spread(values: list[float]) -> dict[str, float]:
        median, low, high = statistics.median(values), min(values), max(values)
        return {"median": round(median, 2), "low": round(low, 2), "high": round(high, 2)}

    result: dict[str, Any] = {"turns": len(took["scoring"]), "seconds": recorded_s}
    for kind, number in (("clock", 0), ("processor", 1), ("first_thread", 2)):
        times = {name: [one[number] for one in values] for name, values in took.items()}
        result[f"by_the_{kind}"] = {
            **{
                f"{name}_times_real_time": spread([recorded_s / one for one in values])
                for name, values in times.items()
            },
            **{
                f"scoring_for_each_{name}": spread([a / b for a, b in zip(times["scoring"], times[name], strict=True)])
                for name in ("bare_cv2", "bare_simplejpeg")
            },
        }
    return result


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--quality", type=int, default=80)
    parser.add_argument("--long-minutes", type=float, default=60.0)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--score-only", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.score_only is not None:
        scorer = Scorer(settings(arguments.out))
        score(scorer, arguments.score_only, arguments.out)
        scorer.close()
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        return
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        out.mkdir()
        made = images(arguments.quality)
        path = Path(folder) / "minute"
        write_bag(path, arguments.seconds, made)
        result = report(measure(path, out, arguments.turns), arguments.seconds)
        result["goal"] = "20 times real time by the clock on two idle cores, at most 1.5 of bare reading, memory flat"
        result["image_kb"] = statistics.mean(len(image) for image in made["front"]) / 1000
        result["load_of_the_machine"] = os.getloadavg()[0]
        result["peak_mb"] = {"short": peak_mb(path, out)}
        if arguments.long_minutes:
            long = Path(folder) / "long"
            write_bag(long, arguments.long_minutes * 60.0, made)
            result["long_minutes"] = arguments.long_minutes
            result["peak_mb"]["long"] = peak_mb(long, out)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
