"""Whether the cameras of a bag and its recorder told the same time."""

from __future__ import annotations

from vlm_judge_ros.episode.fault import BrokenStamp
from vlm_judge_ros.episode.stamps import stamp_from_parts
from vlm_judge_ros.replay.bag import Bag, BagError
from vlm_judge_ros.replay.topics import EpisodeTopics

MOST_APART_S = 10.0
"""A message does not travel longer than this."""


def refuse_mixed_clocks(
    bag: Bag, topics: EpisodeTopics, start_ns: int | None = None, stop_ns: int | None = None
) -> None:
    """Compare the stamp of the first image of each camera with the time at which it was recorded.

    Raises:
        BagError: they are further apart than any message takes; every image would count as outdated, or as from the
            future.
    """
    for camera in topics.cameras:
        for time_ns, header in bag.fields(camera.topic, "header", start_ns, stop_ns):
            try:
                apart_s = (time_ns - stamp_from_parts(header.stamp.sec, header.stamp.nanosec)) * 1e-9
            except (BrokenStamp, AttributeError):
                break  # told of each image when it is judged
            if abs(apart_s) > MOST_APART_S:
                raise BagError(
                    f"The first image on {camera.topic} of {bag.path} is stamped {abs(apart_s):.1f} s "
                    f"{'before' if apart_s > 0 else 'after'} it was recorded, so two clocks are mixed; record "
                    "simulations with `ros2 bag record --use-sim-time`, robots with synchronised clocks."
                )
            break
