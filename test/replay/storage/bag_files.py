"""Writes one made-up episode in every way in which ROS 2 stores a bag."""

from __future__ import annotations

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
        return f"{self.storage.value}-{self.compression.value}{'-single' if self.single else ''}"

    def write(self, folder: Path, episode: EpisodeBag | None = None) -> Path:
        """Write an episode of 2 s, and return the path to name."""
        folder.mkdir(parents=True, exist_ok=True)
        source = (episode or EpisodeBag(duration_s=2.0)).write(folder)
        path = rewrite(source, folder / "stored", self.storage, self.compression)
        return next(each for each in path.iterdir() if each.name != "metadata.yaml") if self.single else path


def rewrite(source: Path, path: Path, storage: StoragePlugin, compression: CompressionMode) -> Path:
    """Copy a bag into another form."""
    writer = Writer(path, version=9, storage_plugin=storage)
    if compression is not CompressionMode.NONE:
        writer.set_compression(compression, CompressionFormat.ZSTD)
    with Reader(source) as reader, writer:
        connections: dict[int, Any] = {}
        for topic in reader.connections:
            connections[topic.id] = writer.add_connection(
                topic.topic, topic.msgtype, msgdef=topic.msgdef.data, rihs01=topic.digest
            )
        for topic, time_ns, data in reader.messages():
            writer.write(connections[topic.id], time_ns, data)
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
