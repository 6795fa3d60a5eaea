from __future__ import annotations

import gc
import multiprocessing
import tracemalloc
from dataclasses import dataclass

from scene import SCRIPTED, START_NS, TinyImage, thumbnail

from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.episode.joint import JointSample
from vlm_judge_ros.episode.stamps import nanoseconds
from vlm_judge_ros.judges.opinion import Opinion
from vlm_judge_ros.verdict.engine import Engine

RATE_HZ = 30
MINUTE = 60 * RATE_HZ
SHOWN = [thumbnail(place / 24) for place in range(24)]


@dataclass(frozen=True)
class Growth:
    new_bytes: int
    new_objects: int
    images_held: int
    frames_used: int


def test_memory_stays_flat_over_half_an_hour_of_two_cameras_at_30_hz() -> None:
    # In a process of its own: threads and caches that other tests left behind make objects too.
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        growth = pool.apply(growth_over_half_an_hour)
    # 14 400 frames came meanwhile: one leaked reference each would be more than a megabyte.
    assert growth.new_bytes < 400_000
    assert growth.new_objects < 500
    assert growth.images_held <= 2 * 64
    assert growth.frames_used == 30 * MINUTE


def growth_over_half_an_hour() -> Growth:
    engine = Engine()
    engine.start_episode("long", "wipe the table", START_NS)
    feed(engine, 0, 15)
    halfway = tracked_objects()
    feed(engine, 15, 26)
    tracemalloc.start()
    feed(engine, 26, 30)
    new_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return Growth(
        new_bytes,
        tracked_objects() - halfway,
        sum(isinstance(held, TinyImage) for held in gc.get_objects()),
        engine.statistics(START_NS + nanoseconds(1800.0))["front"].used,
    )


def tracked_objects() -> int:
    gc.collect()
    return len(gc.get_objects())


def feed(engine: Engine, from_minute: int, to_minute: int) -> None:
    for index in range(from_minute * MINUTE + 1, to_minute * MINUTE + 1):
        step(engine, index)
    engine.take_failures()


def step(engine: Engine, index: int) -> None:
    time_s = index / RATE_HZ
    now_ns = START_NS + nanoseconds(time_s)
    for camera in ("front", "wrist"):
        engine.add_frame(Frame(camera, now_ns, TinyImage(), SHOWN[index // 2 % len(SHOWN)]), now_ns)
    if index % 3 == 0:
        engine.add_joint_state(JointSample(now_ns, ("elbow",), (time_s % 3.0,)))
    request = engine.due(now_ns)
    evidence = request.evidence if request else None
    if evidence is not None:
        failing = 0.9 if index // 3000 % 2 else 0.1
        engine.add_opinion(Opinion(evidence, SCRIPTED, time_s % 100 / 100, 0.0, failing), now_ns)
