"""Writes rosbag2 recordings as MCAP, message by message as they are given."""

from __future__ import annotations

import contextlib
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import yaml
from mcap.writer import CompressionType, IndexType, Writer
from rosbags.interfaces import Qos

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.replay.bag import RecordedTopic

# Qualities of service have been written in another form since version 9, which older distributions cannot read.
_VERSION = 8


class BagWriter:
    """A folder with `metadata.yaml` and one MCAP file of compressed chunks (zstd), readable from Humble on.

    Memory grows with the number of chunks alone, by some hundred bytes for each MiB.

    Args:
        folder: to be made; the file is named after it.

    Raises:
        JudgeError: it cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / f"{folder.name}.mcap"
        self._topics: list[RecordedTopic] = []
        self._schemas: dict[tuple[str, str], int] = {}
        self._counts: Counter[int] = Counter()
        self._first_ns, self._last_ns = sys.maxsize, 0
        with self._written():
            folder.mkdir()
            self._file: IO[bytes] = self._path.open("wb")
            # What has no attachments needs no index of them.
            indexes = IndexType.CHUNK | IndexType.MESSAGE | IndexType.METADATA
            self._writer = Writer(self._file, compression=CompressionType.ZSTD, index_types=indexes)
            self._writer.start(profile="ros2", library="vlm_judge_ros")

    def add_topic(self, topic: RecordedTopic) -> int:
        """Announce a topic; returns what `write` calls it. Its `id` is not looked at."""
        with self._written():
            schema = self._schemas.get((topic.type, topic.definition))
            if schema is None:
                schema = self._writer.register_schema(topic.type, topic.language, topic.definition.encode())
                self._schemas[topic.type, topic.definition] = schema
            told = {"offered_qos_profiles": _qos_text(topic.qos)}
            if topic.type_hash:
                told["topic_type_hash"] = topic.type_hash
            channel: int = self._writer.register_channel(topic.topic, "cdr", schema, told)
        self._topics.append(topic)
        assert channel == len(self._topics)
        return channel

    def write(self, channel: int, time_ns: int, cdr: bytes) -> None:
        """Write a message.

        Args:
            channel: what `add_topic` returned.
            time_ns: when it was received.
            cdr: the message itself, serialised.

        Raises:
            JudgeError: the disk takes no more.
        """
        with self._written():
            self._writer.add_message(channel, time_ns, cdr, time_ns)
        self._counts[channel] += 1
        self._first_ns, self._last_ns = min(self._first_ns, time_ns), max(self._last_ns, time_ns)

    def close(self, custom_data: Mapping[str, str]) -> None:
        """Write what is missing.

        Args:
            custom_data: goes into `metadata.yaml`.

        Raises:
            JudgeError: the disk takes no more.
        """
        metadata = self._metadata(custom_data)
        with self._written():
            # The description once more: a file that has lost its folder is still whole.
            inner = yaml.safe_dump(metadata, sort_keys=False, allow_unicode=True)
            self._writer.add_metadata("rosbag2", {"serialized_metadata": inner})
            self._writer.finish()
            self._file.close()
            whole = yaml.safe_dump({"rosbag2_bagfile_information": metadata}, sort_keys=False, allow_unicode=True)
            (self._folder / "metadata.yaml").write_text(whole, encoding="utf-8")

    def abandon(self) -> None:
        """Close without finishing; the file is not usable."""
        with contextlib.suppress(OSError):
            self._file.close()

    @contextlib.contextmanager
    def _written(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise JudgeError(
                f"{self._path} cannot be written ({error.strerror or error}); make room, or write elsewhere."
            ) from error

    def _metadata(self, custom_data: Mapping[str, str]) -> dict[str, Any]:
        count = sum(self._counts.values())
        begin_ns, duration_ns = (self._first_ns, self._last_ns - self._first_ns) if count else (0, 0)

        def when() -> dict[str, Any]:  # made twice: what is there twice would become an anchor and an alias in YAML
            return {
                "duration": {"nanoseconds": duration_ns},
                "starting_time": {"nanoseconds_since_epoch": begin_ns},
                "message_count": count,
            }

        return {
            "version": _VERSION,
            "storage_identifier": "mcap",
            "relative_file_paths": [self._path.name],
            **when(),
            "topics_with_message_count": [
                {
                    "topic_metadata": {
                        "name": topic.topic,
                        "type": topic.type,
                        "serialization_format": "cdr",
                        "offered_qos_profiles": _qos_text(topic.qos),
                        "type_description_hash": topic.type_hash,
                    },
                    "message_count": self._counts[channel],
                }
                for channel, topic in enumerate(self._topics, start=1)
            ],
            "compression_format": "",
            "compression_mode": "",
            "files": [{"path": self._path.name, **when()}],
            "custom_data": dict(custom_data) or None,
            "ros_distro": "rosbags",
        }


def _qos_text(profiles: Sequence[Qos]) -> str:
    if not profiles:
        return ""
    told = [
        {
            "history": profile.history.value,
            "depth": profile.depth,
            "reliability": profile.reliability.value,
            "durability": profile.durability.value,
            "deadline": profile.deadline._asdict(),
            "lifespan": profile.lifespan._asdict(),
            "liveliness": profile.liveliness.value,
            "liveliness_lease_duration": profile.liveliness_lease_duration._asdict(),
            "avoid_ros_namespace_conventions": profile.avoid_ros_namespace_conventions,
        }
        for profile in profiles
    ]
    return str(yaml.safe_dump(told, sort_keys=False)).strip()
