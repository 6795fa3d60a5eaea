"""Joint states and action chunks out of messages, of rclpy and of rosbags alike; what a stranger sends is bounded."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vlm_judge_ros.episode.chunk import Chunk
from vlm_judge_ros.episode.joint import JointSample
from vlm_judge_ros.episode.stamps import nanoseconds, stamp_from_parts
from vlm_judge_ros.errors import JudgeError

MOST_JOINTS = 256
MOST_ACTION_NUMBERS = 1_000_000
MOST_ACTION_WIDTH = 256
MOST_SAMPLES = 256
LONGEST_NAME = 200
FUTURE_S = 1.0
"""How far a stamp may lie ahead of the node clock."""


def stamp_ns_of(message: Any) -> int:
    """The stamp of a message's header, in nanoseconds.

    Raises:
        BrokenStamp: it is zero or not a time.
    """
    stamp = message.header.stamp
    return stamp_from_parts(stamp.sec, stamp.nanosec)


def refuse_future(stamp_ns: int, now_ns: int) -> None:
    """Return where a stamp is not ahead of the node clock, or the clock is not known yet.

    Raises:
        JudgeError: it is, by more than `FUTURE_S`; what is found by it would count as newer than all that is to come.
    """
    if now_ns and stamp_ns > now_ns + nanoseconds(FUTURE_S):
        ahead_s = (stamp_ns - now_ns) * 1e-9
        raise JudgeError(f"The stamp is {ahead_s:.1f} s ahead of the node clock; let both machines tell the same time.")


def joint_sample_of(message: Any) -> JointSample:
    """The joints of a sensor_msgs/JointState; one without any number gives an empty sample.

    Raises:
        JudgeError: there are too many joints, names and numbers differ in number, or the stamp is not a time.
    """
    positions = tuple(message.position.tolist())
    velocities = tuple(message.velocity.tolist())
    efforts = tuple(message.effort.tolist())
    names: tuple[str, ...] = ()
    if positions or velocities or efforts:
        names = tuple(message.name)
        if len(names) > MOST_JOINTS:
            raise JudgeError(f"The joint state has {len(names)} joints; at most {MOST_JOINTS} can be watched.")
        names = _usable(names)
    if not positions:
        positions = (math.nan,) * len(names)
    return JointSample(stamp_ns_of(message), names, positions, velocities, efforts)


def chunk_of(message: Any) -> Chunk:
    """An announced vlm_judge_ros/ActionChunk, its actions and samples in their shapes.

    Raises:
        JudgeError: a number or the stamp is out of range, or an array has another size.
    """
    number, horizon = int(message.id), int(message.horizon)
    if len(message.policy) > LONGEST_NAME:
        raise JudgeError(
            f"Chunk {number} has a policy of {len(message.policy)} characters; give {LONGEST_NAME} at most."
        )
    names = tuple(message.action_names)
    if len(names) > MOST_ACTION_WIDTH or any(len(name) > LONGEST_NAME for name in names):
        raise JudgeError(
            f"Chunk {number} has {len(names)} action_names; give {MOST_ACTION_WIDTH} of {LONGEST_NAME} characters at "
            "most."
        )
    count = int(message.sample_count)
    return Chunk(
        id=number,
        stamp_ns=stamp_ns_of(message),
        horizon=horizon,
        step_s=float(message.step_s),
        policy=str(message.policy),
        declares_done=bool(message.declares_done),
        action_names=names,
        actions=actions_of(message),
        samples=_samples(number, message.sampled_actions, count, horizon),
        certainty=float(message.certainty),
    )


def actions_of(message: Any) -> NDArray[np.float64]:
    """The actions of a vlm_judge_ros/ActionChunk, shape (horizon, A); shape (0, 0) where it tells none.

    Raises:
        JudgeError: they are not so many rows, there are too many, or one is no number.
    """
    horizon = int(message.horizon)
    if not len(message.actions):
        return np.empty((0, 0))
    return _rows(f"Chunk {int(message.id)} has actions", message.actions, 1, horizon).reshape(horizon, -1)


def _samples(number: int, values: Sequence[float], count: int, horizon: int) -> NDArray[np.float64]:
    if not len(values) and not count:
        return np.empty((0, 0, 0))
    if not 1 <= count <= MOST_SAMPLES or not len(values):
        raise JudgeError(
            f"Chunk {number} has sample_count {count} and {len(values)} sampled_actions; give 1 to {MOST_SAMPLES} "
            "samples with their numbers, or neither."
        )
    return _rows(f"Chunk {number} has sampled_actions", values, count, horizon).reshape(count, horizon, -1)


def _rows(what: str, values: Sequence[float], count: int, horizon: int) -> NDArray[np.float64]:
    """The numbers, which make up `count` times `horizon` rows of one width.

    Raises:
        JudgeError: they do not, there are too many, or one is no number.
    """
    rows = count * horizon
    if len(values) > MOST_ACTION_NUMBERS:
        raise JudgeError(f"{what} of {len(values)} numbers; {MOST_ACTION_NUMBERS} can be looked at.")
    if rows < 1 or len(values) % rows or len(values) // rows > MOST_ACTION_WIDTH:
        raise JudgeError(
            f"{what} of {len(values)} numbers, which is not {rows} rows of equal length; give {count} times {horizon} "
            f"rows of at most {MOST_ACTION_WIDTH} numbers."
        )
    numbers = np.array(values, dtype=np.float64)
    if not np.isfinite(numbers).all():
        raise JudgeError(f"{what} that are NaN or infinite; leave out what is not known.")
    return numbers


@lru_cache(maxsize=16)
def _usable(names: tuple[str, ...]) -> tuple[str, ...]:
    """The names themselves; the same object for each message with the same names, so that they are checked once."""
    for name in names:
        if not 0 < len(name) <= LONGEST_NAME:
            raise JudgeError(
                f"The joint state names a joint with {len(name)} characters; give each a name of 1 to {LONGEST_NAME}."
            )
    return names
