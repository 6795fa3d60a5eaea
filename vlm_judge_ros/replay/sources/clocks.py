"""Whether the cameras of a bag and its recorder told the same time, and by whose time an episode is judged."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum

from vlm_judge_ros.episode.fault import BrokenStamp
from vlm_judge_ros.episode.stamps import stamp_from_parts
from vlm_judge_ros.replay.bag import Bag, BagError
from vlm_judge_ros.replay.topics import CameraTopic, EpisodeTopics

MOST_APART_S = 10.0
"""A message does not travel longer than this."""

_AT_THE_END_NS = 1_000_000_000


class Clock(Enum):
    """By whose time an episode is judged."""

    RECORDED = "recorded"
    HEADER = "header"


def refuse_mixed_clocks(
    bag: Bag, topics: EpisodeTopics, start_ns: int | None = None, stop_ns: int | None = None
) -> None:
    """Compare the stamp of the first image of each camera with the time at which it was recorded.

    Raises:
        BagError: they are further apart than any message takes; every image would count as outdated, or as from the
            future.
    """
    for camera in topics.cameras:
        recorded_ns, stamp_ns = next(_stamps(bag, camera, start_ns, stop_ns), (0, 0))
        apart_s = (recorded_ns - stamp_ns) * 1e-9
        if abs(apart_s) > MOST_APART_S:
            raise BagError(
                f"The first image on {camera.topic} of {bag.path} is stamped {abs(apart_s):.1f} s "
                f"{'before' if apart_s > 0 else 'after'} it was recorded, so two clocks are mixed; judge by the stamps "
                "with --time header, or record simulations with `ros2 bag record --use-sim-time`, robots with "
                "synchronised clocks."
            )


def header_span(
    bag: Bag, topics: EpisodeTopics, start_ns: int | None = None, stop_ns: int | None = None
) -> tuple[int, int]:
    """The first and the last stamp of all cameras.

    Raises:
        BagError: no image has a stamp, or the cameras tell different times.
    """
    found = ((camera, next(_stamps(bag, camera, start_ns, stop_ns), None)) for camera in topics.cameras)
    firsts = [(camera, first) for camera, first in found if first is not None]
    if not firsts:
        raise BagError(f"No image of {bag.path} has a stamp, so it cannot be judged by these; leave out --time header.")
    delays = [(recorded_ns - stamp_ns, camera.topic) for camera, (recorded_ns, stamp_ns) in firsts]
    (least_ns, one), (most_ns, other) = min(delays), max(delays)
    apart_s = (most_ns - least_ns) * 1e-9
    if apart_s > MOST_APART_S:
        raise BagError(
            f"The cameras {one} and {other} of {bag.path} are stamped by clocks {apart_s:.1f} s apart; record them "
            "with synchronised clocks."
        )
    images = bag.times({camera.topic for camera, _ in firsts}, start_ns, stop_ns)
    last_recorded_ns = max(image.time_ns for image in images)
    after_ns = max(start_ns or 0, last_recorded_ns - _AT_THE_END_NS)
    lasts = (stamp_ns for camera, _ in firsts for _, stamp_ns in _stamps(bag, camera, after_ns, stop_ns))
    started_ns = min(stamp_ns for _, (_, stamp_ns) in firsts)
    return started_ns, max((started_ns, *lasts))


def _stamps(bag: Bag, camera: CameraTopic, start_ns: int | None, stop_ns: int | None) -> Iterator[tuple[int, int]]:
    """When each image was recorded that has a stamp, and the stamp."""
    for recorded_ns, header in bag.fields(camera.topic, "header", start_ns, stop_ns):
        try:
            yield recorded_ns, stamp_from_parts(header.stamp.sec, header.stamp.nanosec)
        except (BrokenStamp, AttributeError):
            continue  # told of each image when it is judged
