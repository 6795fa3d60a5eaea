"""Single images of a recorded episode, evenly chosen over a stretch of its time."""

from __future__ import annotations

from collections.abc import Sequence

from vlm_judge_ros.replay.bag import Bag, BagError
from vlm_judge_ros.replay.recording import Recording, jpeg_of
from vlm_judge_ros.replay.trace import Shot


def moments(recording: Recording, begin_s: float, end_s: float, count: int) -> tuple[float, ...]:
    """Moments from the beginning to the end of a stretch, in seconds; the end alone where one is wanted.

    Raises:
        BagError: the stretch is not within the episode, or no moment is wanted.
    """
    if count < 1:
        raise BagError(f"{count} frames show nothing; ask for 1 or more.")
    # What a person reads as the length of an episode is rounded.
    if not 0.0 <= begin_s < end_s <= recording.duration_s + 0.05:
        raise BagError(
            f"{begin_s:g} s to {end_s:g} s is no stretch of the episode {recording.name}, which lasts "
            f"{recording.duration_s:.1f} s; name two moments of it in their order."
        )
    if count == 1:
        return (end_s,)
    return tuple(begin_s + (end_s - begin_s) * index / (count - 1) for index in range(count))


def stills(bag: Bag, recording: Recording, wanted_s: Sequence[float]) -> list[tuple[Shot, ...]]:
    """The image of each camera that is nearest to each wanted moment, in the order of the cameras.

    Args:
        bag: open for reading.
        recording: what it holds.
        wanted_s: moments in seconds from the start of the episode, rising.

    Raises:
        BagError: a camera has fewer images there than are wanted, or one of them is broken.
    """
    cameras = {camera.topic: camera for camera in recording.topics.cameras}
    times_ns: dict[str, list[int]] = {topic: [] for topic in cameras}
    for message in bag.messages(cameras.keys()):
        times_ns[message.topic].append(message.time_ns)
    chosen: dict[str, list[int]] = {}
    for topic, times in times_ns.items():
        wanted_ns = [recording.started_ns + round(moment * 1e9) for moment in wanted_s]
        chosen[topic] = [min(times, key=lambda time: abs(time - wanted), default=-1) for wanted in wanted_ns]
        if len(set(chosen[topic])) < len(wanted_s):
            raise BagError(
                f"The camera {cameras[topic].camera} has fewer than {len(wanted_s)} images in that time; ask for fewer "
                "with --frames, or name a longer time."
            )
    found: dict[tuple[str, int], Shot] = {}
    for message in bag.messages(cameras.keys()):
        place = message.topic, message.time_ns
        if message.time_ns not in chosen[message.topic] or place in found:
            continue
        camera = cameras[message.topic]
        time_s = (message.time_ns - recording.started_ns) * 1e-9
        jpeg = jpeg_of(bag, message, camera)
        if jpeg is None:
            raise BagError(f"The image of the camera {camera.camera} at {time_s:.1f} s is broken; name another time.")
        found[place] = Shot(camera.camera, time_s, jpeg)
    return [tuple(found[topic, chosen[topic][index]] for topic in cameras) for index in range(len(wanted_s))]
