"""Writes a clip as a rosbag2 recording (MCAP) that fits its limit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from rosbags.interfaces import (
    Connection,
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)
from rosbags.rosbag2 import StoragePlugin, Writer

from vlm_judge_ros.clips.clip_record import FILE, ClipRecord
from vlm_judge_ros.clips.entry import Channel
from vlm_judge_ros.clips.message_types import MessageTypes
from vlm_judge_ros.clips.recorder import Clip
from vlm_judge_ros.errors import JudgeError

CUSTOM_DATA = "vlm_judge_ros.clip"
# What a message and its two index entries take beside its bytes, and the parts of a file that do not grow.
_MESSAGE_BYTES = 64
_FIXED_BYTES = 60_000
# With so few images no more are thinned out; time is cut off instead.
_FEW_IMAGES = 16
_FOR_EVER = QosTime(9223372036, 854775807)
_LATCHED = Qos(
    QosHistory.KEEP_LAST,
    1,
    QosReliability.RELIABLE,
    QosDurability.TRANSIENT_LOCAL,
    _FOR_EVER,
    _FOR_EVER,
    QosLiveliness.AUTOMATIC,
    _FOR_EVER,
    False,
)


class Written(NamedTuple):
    """A message as bytes."""

    time_ns: int
    channel: Channel
    cdr: bytes

    @property
    def size_bytes(self) -> int:
        """Bytes that it takes in a file."""
        return len(self.cdr) + _MESSAGE_BYTES


def write_clip(
    clip: Clip, folder: Path, limit_bytes: int, types: MessageTypes, between: Callable[[], None]
) -> ClipRecord:
    """Write a clip.

    Args:
        clip: what goes into it.
        folder: to be made; the file is named after it.
        limit_bytes: most bytes. Every second image is left out until the rest fits, then what is oldest.
        types: learns the types that it does not know yet.
        between: called between two messages.

    Returns:
        What was written of it, as it stands in `clip.json` too.

    Raises:
        JudgeError: a type is not known.
        OSError: it cannot be written; what is half-written is left for the caller to remove.
    """
    left_out: list[str] = []
    channels = {entry.channel for entry in (*clip.latched, *clip.entries)}
    usable = {channel for channel in channels if _known(types, channel, left_out)}
    messages = _serialized(clip, types, usable, left_out, between)
    budget = limit_bytes - _FIXED_BYTES
    fitting, image_share = _fitting(messages, budget, left_out)
    cameras = {message.channel.camera: message.channel.topic for message in fitting if message.channel.camera}
    record = clip.record.model_copy(
        update={
            "cameras": dict(sorted(cameras.items())),
            "begin_ns": fitting[0].time_ns if fitting else clip.record.begin_ns,
            "image_share": image_share,
            "left_out": tuple(left_out),
        }
    )
    text = record.model_dump_json(indent=2)
    with Writer(folder, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        writer.set_custom_data(CUSTOM_DATA, record.model_dump_json())
        connections: dict[Channel, Connection] = {}
        for message in fitting:
            channel = message.channel
            if channel not in connections:
                quality = [_LATCHED] if channel.latched else []
                connections[channel] = writer.add_connection(
                    channel.topic, channel.type, typestore=types.store, offered_qos_profiles=quality
                )
            writer.write(connections[channel], message.time_ns, message.cdr)
            between()
    (folder / FILE).write_text(text + "\n", encoding="utf-8")
    return record


def _known(types: MessageTypes, channel: Channel, left_out: list[str]) -> bool:
    try:
        types.learn(channel.type)
    except JudgeError as error:
        left_out.append(f"The topic {channel.topic}: {error}")
        return False
    return True


def _serialized(
    clip: Clip, types: MessageTypes, usable: set[Channel], left_out: list[str], between: Callable[[], None]
) -> list[Written]:
    messages: list[Written] = []
    broken: Counter[str] = Counter()
    latched = (entry._replace(time_ns=clip.record.begin_ns) for entry in clip.latched)
    for entry in (*latched, *clip.entries):
        if entry.channel in usable:
            try:
                cdr = entry.channel.serialize(entry.message)
                if not entry.channel.camera:
                    cdr = types.exact(cdr, entry.channel.type)
                messages.append(Written(entry.time_ns, entry.channel, cdr))
            except JudgeError:
                broken[entry.channel.topic] += 1
            between()
    left_out += [f"{count} messages of {topic}, which are broken." for topic, count in sorted(broken.items())]
    return messages


def _fitting(messages: list[Written], budget: int, left_out: list[str]) -> tuple[list[Written], float]:
    """What fits into so many bytes, and the share of the images that is left."""
    images = sum(1 for message in messages if message.channel.camera)
    kept: Sequence[Written] = messages
    while _total(kept) > budget and sum(1 for message in kept if message.channel.camera) > _FEW_IMAGES:
        kept = _thinned(kept)
    first, total = 0, _total(kept)
    while first < len(kept) and total > budget:
        total -= kept[first].size_bytes
        first += 1
    if first:
        left_out.append(f"The oldest {first} messages, which would have made it larger than allowed.")
    result = list(kept[first:])
    left = sum(1 for message in result if message.channel.camera)
    return result, left / images if images else 1.0


def _total(messages: Iterable[Written]) -> int:
    return sum(message.size_bytes for message in messages)


def _thinned(messages: Sequence[Written]) -> list[Written]:
    """Without every second image of each camera; the newest ones stay."""
    seen: Counter[Channel] = Counter()
    kept: list[Written] = []
    for message in reversed(messages):
        if message.channel.camera:
            seen[message.channel] += 1
            if seen[message.channel] % 2 == 0:
                continue
        kept.append(message)
    kept.reverse()
    return kept
