"""A YAML file as plain data, with the line of everything in it.

Only what JSON has as well: text, numbers, true, false, null, lists and mappings with text as keys. Plain words are read
as in YAML 1.2, so `no` and `12:30` are texts.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import yaml

from vlm_judge_ros.errors import JudgeError

LARGEST_BYTES = 256 * 1024
MOST_VALUES = 20_000
DEEPEST = 32

Data: TypeAlias = Any
"""What JSON can hold."""

_INTEGER = re.compile(r"[-+]?[0-9]+", re.ASCII)
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", re.ASCII)
_WORDS: Mapping[str, object] = {
    **dict.fromkeys(("null", "Null", "NULL", "~", "")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf"), math.inf),
    "-.inf": -math.inf,
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
}
_KNOWN_TAG = "tag:yaml.org,2002:"


class NotADocument(JudgeError):
    """The text is not such a document.

    Args:
        line: where, from 1.
        why: what is wrong, and what to do; without a full stop.
    """

    def __init__(self, line: int, why: str) -> None:
        super().__init__(f"Line {line}: {why}.")
        self.line = line
        self.why = why


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands.

    Attributes:
        line: from 1: of its key in a mapping, of the value itself in a list.
        inside: the places of what is in it, by key or index.
    """

    line: int
    inside: Mapping[str | int, Place]


@dataclass(frozen=True, slots=True)
class Document:
    """What a file holds, and where."""

    data: Data
    place: Place

    def line_of(self, path: tuple[str | int, ...]) -> int:
        """Line of what a path leads to, or of the last on the way there that is in the file."""
        place = self.place
        for part in path:
            if part not in place.inside:
                break
            place = place.inside[part]
        return place.line


def value_in(data: Data, part: str | int) -> Data:
    """What stands in a mapping under a key, or in a list at an index; None where nothing does."""
    if isinstance(part, str):
        return data.get(part) if isinstance(data, dict) else None
    return data[part] if isinstance(data, list) and part < len(data) else None


def read_document(content: bytes) -> Document:
    """Read a YAML file.

    Raises:
        NotADocument: it is too large, not UTF-8, not YAML, or holds what a task file has no use for.
    """
    if len(content) > LARGEST_BYTES:
        raise NotADocument(
            1, f"the file has {len(content)} bytes and {LARGEST_BYTES} are the most; is it the right one?"
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise NotADocument(line, f"byte 0x{content[error.start]:02x} is not UTF-8; save the file as UTF-8") from error
    return _Reader(_compose(text)).document()


def _compose(text: str) -> yaml.Node:
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = " ".join(str(error.problem or error.context).split())
        raise NotADocument(mark.line + 1 if mark else 1, f"this is no YAML ({what}); mend it") from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise NotADocument(
            line, f"the character U+{ord(text[error.position]):04X} is not allowed; remove it"
        ) from error
    except (RecursionError, yaml.YAMLError, ValueError) as error:
        raise NotADocument(1, f"this cannot be read as YAML; nest at most {DEEPEST} levels deep") from error
    if node is None:
        raise NotADocument(1, "the file is empty; see docs/tasks.md for what belongs into it")
    return node


class _Reader:
    """Turns nodes into data, counting as it goes, so that aliases of aliases cannot fill the memory."""

    def __init__(self, root: yaml.Node) -> None:
        self._root = root
        self._values = 0

    def document(self) -> Document:
        data, place = self._read(self._root, _line(self._root), 0)
        return Document(data, place)

    def _read(self, node: yaml.Node, line: int, depth: int) -> tuple[Data, Place]:
        self._values += 1
        here = _line(node)
        if self._values > MOST_VALUES:
            raise NotADocument(
                here, f"the file holds more than {MOST_VALUES} values, aliases counted each time; make it smaller"
            )
        if depth > DEEPEST:
            raise NotADocument(here, f"this is nested more than {DEEPEST} levels deep; remove levels")
        if not node.tag.startswith(_KNOWN_TAG) or node.tag.startswith(f"{_KNOWN_TAG}python"):
            raise NotADocument(here, f"the tag {node.tag[:60]!r} is not allowed; remove it")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, line, depth)
        if isinstance(node, yaml.SequenceNode):
            read = [self._read(item, _line(item), depth + 1) for item in node.value]
            return [data for data, _ in read], Place(line, dict(enumerate(place for _, place in read)))
        return _scalar(node), Place(line, {})

    def _mapping(self, node: yaml.MappingNode, line: int, depth: int) -> tuple[Data, Place]:
        data: dict[str, Data] = {}
        inside: dict[str | int, Place] = {}
        for key, value, key_line in _entries(node):
            if key in data:
                first = inside[key].line
                raise NotADocument(key_line, f"the key {_shown(key)} stands here and in line {first}; remove one")
            data[key], inside[key] = self._read(value, key_line, depth + 1)
        return data, Place(line, inside)


def _entries(node: yaml.MappingNode) -> Iterator[tuple[str, yaml.Node, int]]:
    for key_node, value in node.value:
        line = _line(key_node)
        if not isinstance(key_node, yaml.ScalarNode):
            raise NotADocument(line, "a list or mapping stands in the place of a key; put quotes around the key")
        if key_node.tag == f"{_KNOWN_TAG}merge":
            raise NotADocument(line, "the merge key << is not understood; write the keys out")
        key = _scalar(key_node)
        if not isinstance(key, str):
            raise NotADocument(line, f"the key {_shown(key_node.value)} is no text; put quotes around it")
        yield key, value, line


def _scalar(node: yaml.ScalarNode) -> Data:
    text: str = node.value
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise NotADocument(_line(node), f"{_shown(text)} holds half a character; write it as a whole")
    if node.style is not None:  # quoted, or a block of text
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        # Longer ones are no number of a task file, and turning them into one takes long.
        return int(text) if len(text) <= 20 else text
    return float(text) if _FLOAT.fullmatch(text) else text


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _shown(key: str) -> str:
    return repr(key if len(key) <= 60 else f"{key[:60]}...")
