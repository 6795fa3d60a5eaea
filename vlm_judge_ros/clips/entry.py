"""What clips are made of: messages as they came, with how each becomes bytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple


@dataclass(frozen=True, slots=True, eq=False)
class Channel:
    """One topic of a clip. Two channels are the same only where they are one object.

    Attributes:
        topic: full name.
        type: for example sensor_msgs/msg/JointState.
        serialize: from a kept message to its CDR bytes; called when a clip is written, in another thread. It raises
            JudgeError where a message cannot be written, which is then left out.
        camera: name of the camera whose images it carries; empty for other topics.
        latched: the newest message from before a clip is written at its beginning.
    """

    topic: str
    type: str
    serialize: Callable[[Any], bytes]
    camera: str = ""
    latched: bool = False


class Entry(NamedTuple):
    """One message: when it arrived on the node clock in nanoseconds, and the bytes it is counted as."""

    time_ns: int
    channel: Channel
    message: Any
    size_bytes: int
