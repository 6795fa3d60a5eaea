"""Writes one made-up episode in every way in which ROS 2 stores a bag."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from replay.episode_bag import EpisodeBag
from rosbags.rosbag2 import CompressionFormat, CompressionMode, Reader, StoragePlugin, Writer


@dataclass(frozen=True)
class Form:
    """How a bag is stored."""

    storage: StoragePlugin
    compression: CompressionMode = CompressionMode.NONE
    single: bool = False

    def __str__(self) -> str:
        return f"{self.storage.name.lower()}-{self.compression.name.lower()}{'-single' if self.single else ''}"

    def write(self, folder: Path, episode: EpisodeBag | None = None) -> Path:
        """Write an episode of 2 s, and return the path to name."""
        folder.mkdir(parents=True, exist_ok=True)
        source = (episode or EpisodeBag(duration_s=2.0)).write(folder)
        path = rewrite(source, folder / "stored", self.storage, self.compression)
        return next(each for each in path.iterdir() if each.name != "metadata.yaml") if self.single else path


Change = Callable[[str, int, bytes], Iterable[tuple[str, int, bytes]]]
"""From topic, time and bytes of a message to those that take its place; topics have to keep their types."""


def _unchanged(topic: str, time_ns: int, data: bytes) -> Iterable[tuple[str, int, bytes]]:
    yield topic, time_ns, data


def rewrite(
    source: Path,
    path: Path,
    storage: StoragePlugin = StoragePlugin.MCAP,
    compression: CompressionMode = CompressionMode.NONE,
    change: Change = _unchanged,
    rename: Mapping[str, str] | None = None,
) -> Path:
    """Copy a bag into another form, with other messages or names of topics."""
    writer = Writer(path, version=9, storage_plugin=storage)
    if compression is not CompressionMode.NONE:
        writer.set_compression(compression, CompressionFormat.ZSTD)
    with Reader(source) as reader, writer:
        connections: dict[str, Any] = {}
        for topic in reader.connections:
            name = (rename or {}).get(topic.topic, topic.topic)
            connections[topic.topic] = writer.add_connection(
                name, topic.msgtype, msgdef=topic.msgdef.data, rihs01=topic.digest
            )
        for topic, time_ns, data in reader.messages():
            for name, changed_ns, changed in change(topic.topic, time_ns, bytes(data)):
                writer.write(connections[name], changed_ns, changed)
    return path


def one_after_the_other(sources: Sequence[Path], path: Path) -> Path:
    """Copy several bags with the same topics into one."""
    with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        connections: dict[str, Any] = {}
        for source in sources:
            with Reader(source) as reader:
                for topic in reader.connections:
                    if topic.topic not in connections:
                        connections[topic.topic] = writer.add_connection(
                            topic.topic, topic.msgtype, msgdef=topic.msgdef.data, rihs01=topic.digest
                        )
                for topic, time_ns, data in reader.messages():
                    writer.write(connections[topic.topic], time_ns, data)
    return path


FORMS = (
    Form(StoragePlugin.MCAP),
    Form(StoragePlugin.MCAP, CompressionMode.FILE),
    Form(StoragePlugin.MCAP, CompressionMode.MESSAGE),
    Form(StoragePlugin.MCAP, CompressionMode.STORAGE),
    Form(StoragePlugin.MCAP, CompressionMode.FILE, single=True),
    Form(StoragePlugin.MCAP, CompressionMode.STORAGE, single=True),
    Form(StoragePlugin.SQLITE3),
    Form(StoragePlugin.SQLITE3, CompressionMode.FILE),
    Form(StoragePlugin.SQLITE3, CompressionMode.MESSAGE),
    Form(StoragePlugin.SQLITE3, single=True),
)
