"""Bags as people name them: a folder with metadata.yaml, or one file."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vlm_judge_ros.replay.storage.decompression import decompress_file
from vlm_judge_ros.replay.storage.mcap_file import McapFile
from vlm_judge_ros.replay.storage.sqlite_file import SqliteFile
from vlm_judge_ros.replay.storage.stored import RECORD_AGAIN, Storage, StorageFault

METADATA = "metadata.yaml"
COMPRESSED = ".zstd"
_LARGEST_METADATA_BYTES = 16 * 1024 * 1024
_FORMS: dict[str, str] = {".mcap": "mcap", ".db3": "sqlite3"}


class _TopicMetadata(BaseModel):
    """What is needed of a topic in metadata.yaml."""

    name: str
    type: str
    type_description_hash: str = ""


class _TopicCount(BaseModel):
    topic_metadata: _TopicMetadata


class _Metadata(BaseModel):
    """What is needed of metadata.yaml."""

    model_config = ConfigDict(extra="ignore")

    storage_identifier: str
    relative_file_paths: list[str] = Field(min_length=1)
    compression_format: str = ""
    compression_mode: str = ""
    topics_with_message_count: list[_TopicCount] = []


@dataclass(frozen=True, slots=True)
class OpenedBag:
    """A bag whose files are open.

    Attributes:
        files: in order of their recording.
        zstd_messages: whether each message in them was compressed with zstd.
        type_hashes: those that the metadata tell, by topic and type.
    """

    files: tuple[Storage, ...] = ()
    zstd_messages: bool = False
    type_hashes: Mapping[tuple[str, str], str] = field(default_factory=dict)


def is_bag_file(path: Path) -> bool:
    """Whether a file is named as a recording is."""
    return _form(path) is not None


def open_bag(path: Path, closing: ExitStack) -> OpenedBag:
    """Open the files of a bag.

    Args:
        path: a folder with metadata.yaml, or a file that ends in .mcap or .db3, perhaps with .zstd after it.
        closing: closes the files.

    Raises:
        StorageFault: it is no bag, or is broken.
        OSError: it cannot be opened.
    """
    if not path.is_dir():
        form = _form(path)
        if form is None:
            raise StorageFault("is no bag", "name a folder with metadata.yaml, or a file that ends in .mcap or .db3")
        return OpenedBag((_open(path, form, closing),))
    metadata = _read_metadata(path / METADATA)
    if metadata.storage_identifier not in _FORMS.values():
        raise StorageFault(f"is stored as {metadata.storage_identifier[:40]!r}", "convert it to mcap or sqlite3")
    mode = metadata.compression_mode.lower()
    if mode not in ("", "none") and metadata.compression_format != "zstd":
        raise StorageFault(f"is compressed with {metadata.compression_format[:40]!r}", "convert it to zstd")
    # Only the name: a bag may have been moved, and reads nothing outside of its folder.
    paths = [path / PurePosixPath(name).name for name in metadata.relative_file_paths]
    missing = [each.name for each in paths if not each.is_file()]
    if missing:
        raise StorageFault(
            f"lacks {', '.join(missing[:3])}, which its {METADATA} names",
            "put the file back, or write the metadata anew with `ros2 bag reindex`",
        )
    files = tuple(_open(each, metadata.storage_identifier, closing) for each in paths)
    topics = [each.topic_metadata for each in metadata.topics_with_message_count]
    hashes = {(topic.name, topic.type): topic.type_description_hash for topic in topics}
    return OpenedBag(files, mode == "message", hashes)


def _open(path: Path, form: str, closing: ExitStack) -> Storage:
    if path.suffix == COMPRESSED:
        folder = Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="vlm-judge-bag-")))
        content = folder / path.stem
        with content.open("wb") as file:
            decompress_file(path, file)
        path = content
    storage: McapFile | SqliteFile = McapFile(path) if form == "mcap" else SqliteFile(path)
    closing.callback(storage.close)
    return storage


def _form(path: Path) -> str | None:
    return _FORMS.get(Path(path.stem).suffix if path.suffix == COMPRESSED else path.suffix)


def _read_metadata(path: Path) -> _Metadata:
    if path.stat().st_size > _LARGEST_METADATA_BYTES:
        raise StorageFault(f"has a {METADATA} of {path.stat().st_size} bytes", RECORD_AGAIN)
    try:
        document: Any = yaml.load(path.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        return _Metadata.model_validate(document["rosbag2_bagfile_information"])
    except (yaml.YAMLError, ValidationError, KeyError, TypeError, ValueError, RecursionError) as error:
        what = str(error).strip().splitlines()[0].rstrip(".") if str(error).strip() else type(error).__name__
        raise StorageFault(
            f"has a {METADATA} that cannot be read ({what})", "write it anew with `ros2 bag reindex`"
        ) from error
