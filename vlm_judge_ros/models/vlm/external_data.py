"""Finds the weight files that an ONNX graph refers to, without loading them.

A graph is a protocol buffer: fields of a number, a wire type and a value. Only the few fields on the way to the names
of external files are looked into, and everything else is skipped over, so that gigabytes of weights are not read.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from vlm_judge_ros.errors import ModelBroken
from vlm_judge_ros.models.vlm.configuration import GET_AGAIN

# Field numbers of onnx.proto.
MODEL_GRAPH = 7
GRAPH_NODE, GRAPH_INITIALIZER = 1, 5
NODE_ATTRIBUTE = 5
ATTRIBUTE_TENSOR, ATTRIBUTE_GRAPH = 5, 6
TENSOR_EXTERNAL_DATA = 13
ENTRY_KEY, ENTRY_VALUE = 1, 2

VARINT, FIXED_64, LENGTH_DELIMITED, FIXED_32 = 0, 1, 2, 5

LOCATION = b"location"

LFS_POINTER = b"version https://git-lfs"

Span = tuple[int, int]


class _Malformed(Exception):
    """The bytes are no protocol buffer, or are cut short."""


def external_files(graph: Path) -> dict[Path, int]:
    """The files with weights that a graph refers to.

    Returns:
        Per file, the least size in bytes that it must have.

    Raises:
        ModelBroken: the graph cannot be read, is cut short, is no ONNX file, or refers to a file outside its folder.
    """
    try:
        with graph.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as buffer:
            if buffer[: len(LFS_POINTER)] == LFS_POINTER:
                raise ModelBroken(
                    f"{graph} is a pointer of Git LFS; run `git lfs pull` in the repository that it is of."
                )
            found: dict[str, int] = {}
            graphs = [span for number, span in _messages(buffer, (0, len(buffer))) if number == MODEL_GRAPH]
            if not graphs:
                raise _Malformed
            for span in graphs:
                _collect(buffer, span, found)
    except OSError as error:
        raise ModelBroken(f"{graph} cannot be read ({error.strerror}); mend its permissions.") from error
    except (_Malformed, ValueError) as error:  # mapping an empty file is a ValueError
        raise ModelBroken(f"{graph} is cut short or no ONNX file; {GET_AGAIN}.") from error
    outside = [name for name in found if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts]
    if outside:
        raise ModelBroken(f"{graph} refers to {outside[0]}, outside its folder; {GET_AGAIN}.")
    return {graph.parent / name: size for name, size in found.items()}


def check_external_files(graph: Path) -> None:
    """Make sure that all weights of a graph are there and not cut short.

    Raises:
        ModelBroken: a file is missing or too small.
    """
    for path, size in external_files(graph).items():
        if not path.is_file():
            raise ModelBroken(f"{path} is missing, which holds weights of {graph.name}; {GET_AGAIN}.")
        if path.stat().st_size < size:
            raise ModelBroken(
                f"{path} has {path.stat().st_size} bytes, and {graph.name} needs {size} of it; it is cut short or "
                f"belongs to another graph: {GET_AGAIN}."
            )


def _collect(buffer: mmap.mmap, graph: Span, found: dict[str, int]) -> None:
    for number, span in _messages(buffer, graph):
        if number == GRAPH_INITIALIZER:
            _note_tensor(buffer, span, found)
        # Most of the nodes, which are thousands, hold no tensor; to search them is much faster than to look into them.
        elif number == GRAPH_NODE and buffer.find(LOCATION, *span) >= 0:
            for attribute in _children(buffer, span, NODE_ATTRIBUTE):
                for kind, part in _messages(buffer, attribute):
                    if kind == ATTRIBUTE_TENSOR:
                        _note_tensor(buffer, part, found)
                    elif kind == ATTRIBUTE_GRAPH:
                        _collect(buffer, part, found)


def _note_tensor(buffer: mmap.mmap, tensor: Span, found: dict[str, int]) -> None:
    entries = {}
    for entry in _children(buffer, tensor, TENSOR_EXTERNAL_DATA):
        texts = {number: buffer[start:end].decode() for number, (start, end) in _messages(buffer, entry)}
        entries[texts.get(ENTRY_KEY, "")] = texts.get(ENTRY_VALUE, "")
    if "location" in entries:
        end = int(entries.get("offset") or 0) + int(entries.get("length") or 0)
        found[entries["location"]] = max(found.get(entries["location"], 0), end)


def _children(buffer: mmap.mmap, span: Span, number: int) -> Iterator[Span]:
    return (child for found, child in _messages(buffer, span) if found == number)


def _messages(buffer: mmap.mmap, span: Span) -> Iterator[tuple[int, Span]]:
    """The fields of a message that have a length: texts, bytes and messages. Numbers are skipped."""
    position, end = span
    while position < end:
        key, position = _varint(buffer, position, end)
        number, wire_type = key >> 3, key & 7
        if wire_type == LENGTH_DELIMITED:
            length, position = _varint(buffer, position, end)
            if length > end - position:
                raise _Malformed
            yield number, (position, position + length)
            position += length
        elif wire_type == VARINT:
            _, position = _varint(buffer, position, end)
        elif wire_type in (FIXED_64, FIXED_32):
            position += 8 if wire_type == FIXED_64 else 4
        else:
            raise _Malformed
    if position != end:
        raise _Malformed


def _varint(buffer: mmap.mmap, position: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while position < end and shift < 64:
        byte = buffer[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
    raise _Malformed
