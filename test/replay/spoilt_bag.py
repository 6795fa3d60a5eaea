"""Writes a bag once more, with what goes wrong where robots are recorded."""

from __future__ import annotations

import random
from pathlib import Path

from replay.episode_bag import MESSAGES
from rosbags.rosbag2 import Reader, StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore


def spoil(bag: Path, path: Path, seed: int, storage: StoragePlugin = StoragePlugin.MCAP) -> Path:
    """Write the messages of a bag again: late by up to 40 ms, some lost, twice, broken or cut short."""
    chance = random.Random(seed)
    store = get_typestore(Stores.ROS2_HUMBLE)
    store.register(get_types_from_msg((MESSAGES / "ActionChunk.msg").read_text(), "vlm_judge_ros/msg/ActionChunk"))
    messages: list[tuple[int, str, str, bytes]] = []
    with Reader(bag) as reader:
        for connection, time_ns, cdr in reader.messages():
            fate = chance.random()
            if fate < 0.05 and connection.topic.startswith(("/front", "/joint")):
                continue
            late_ns = chance.choice((0, 0, chance.randrange(40_000_000)))
            content = bytes(cdr)
            if fate > 0.95 and "image" in connection.topic:
                content = content[:60] + bytes(100) + content[160:]
            elif 0.90 < fate < 0.94 and connection.topic != "/task":
                content = content[: len(content) // 2]
            for _ in range(2 if 0.05 <= fate < 0.08 else 1):
                messages.append((time_ns + late_ns, connection.topic, connection.msgtype, content))
    messages.sort(key=lambda message: message[0])
    with Writer(path, version=9, storage_plugin=storage) as writer:
        connections = {}
        for time_ns, topic, kind, content in messages:
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, kind, typestore=store)
            writer.write(connections[topic], time_ns, content)
    return path
