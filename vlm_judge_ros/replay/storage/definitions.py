"""Turns recorded bytes into messages by the definitions that were recorded with them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any, TypeAlias

from rosbags.typesys import Stores, get_types_from_idl, get_types_from_msg, get_typestore

from vlm_judge_ros.clips.message_types import type_names
from vlm_judge_ros.episode.message_definition import message_definition
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.replay.storage.stored import StorageFault, StoredTopic

Decoder: TypeAlias = Callable[[bytes], Any]

_TYPE_NAME = re.compile(r"[A-Za-z]\w*/(msg|srv|action)/[A-Za-z]\w*", re.ASCII)
_FIELD_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_IDL_HEAD = re.compile(r"^=+\nIDL: .*\n", re.MULTILINE)
_OUR_PACKAGE = "vlm_judge_ros/msg/"
_LONGEST_DEFINITION = 1 << 20
# Fast DDS takes room for the alignment of sequences that are empty, and leaves it unwritten at the end.
_MOST_EXCESS_BYTES = 256
_LITTLE_ENDIAN, _BIG_ENDIAN = b"\x00\x01", b"\x00\x00"


class NotThisType(ValueError):
    """The bytes are no message of the type."""


def decoder(topic: StoredTopic) -> Decoder:
    """What decodes the messages of a topic; it raises `NotThisType`.

    Where the file defines nothing, the types are ours and those of ROS 2 Humble, which have not changed much since.

    Raises:
        StorageFault: the messages are not of ROS 2, or nobody knows their type.
    """
    # The bags of a folder have the same definitions, and turning one into code takes as long as many messages.
    return _made_decoder(replace(topic, number=0, count=0, qos="", type_hash=""))


@lru_cache(maxsize=256)
def _made_decoder(topic: StoredTopic) -> Decoder:
    if topic.encoding != "cdr":
        raise StorageFault(
            f"has a topic {topic.name} that is encoded as {topic.encoding[:40]!r}, not as ROS 2 does (cdr)",
            "leave the topic out, or convert the bag",
        )
    if not _TYPE_NAME.fullmatch(topic.type):
        raise StorageFault(
            f"has a topic {topic.name} whose type {topic.type[:80]!r} is no type of ROS 2", "leave the topic out"
        )
    usual = get_typestore(Stores.ROS2_HUMBLE)
    if topic.definition.strip():
        types = _parsed(topic, usual.fielddefs)
        store = get_typestore(Stores.EMPTY)
        store.register(types)
    else:
        store = usual
        if topic.type.startswith(_OUR_PACKAGE):
            store.register(_ours(topic))
    if topic.type not in store.types:
        raise StorageFault(
            f"does not define the type {topic.type} of its topic {topic.name}",
            "record it as MCAP, which stores definitions",
        )
    message = store.get_msgdef(topic.type)

    def decode(data: bytes) -> Any:
        head = data[:2]
        if head == _LITTLE_ENDIAN:
            read = message.deserialize_cdr_le
        elif head == _BIG_ENDIAN:
            read = message.deserialize_cdr_be
        else:
            raise NotThisType(f"they begin with {data[:4].hex(' ') or 'nothing'}")
        decoded, used = read(memoryview(data)[4:], 0, message.cls, store)
        if not 0 <= len(data) - 4 - used <= _MOST_EXCESS_BYTES:
            raise NotThisType(f"they are {len(data)} bytes, and a message of this type ends after {used + 4}")
        return decoded

    return decode


def _parsed(topic: StoredTopic, usual: Mapping[str, Any]) -> dict[str, Any]:
    """The types of a definition; what it uses and does not define is as usual."""
    text = topic.definition
    if len(text) > _LONGEST_DEFINITION:
        raise StorageFault(f"has a definition of {topic.type} with {len(text)} characters", "leave its topic out")
    try:
        if topic.language == "ros2msg":
            types: dict[str, Any] = dict(get_types_from_msg(text, topic.type))
        elif topic.language == "ros2idl":
            types = {}
            for part in _IDL_HEAD.split(text):
                if part.strip():
                    types.update(get_types_from_idl(part))
        else:
            raise StorageFault(
                f"defines {topic.type} in {topic.language[:40]!r}, not as ROS 2 does", "leave its topic out"
            )
    except StorageFault:
        raise
    except Exception as error:  # the parser raises whatever a text leads it to
        raise StorageFault(f"has a definition of {topic.type} that cannot be read ({_in_words(error)})") from error
    # The names become names in code that is run; constants would too, and nobody asks for them.
    if not all(_proper(name, fields) for name, (_, fields) in types.items()):
        raise StorageFault(f"has a definition of {topic.type} with names that are no names", "leave its topic out")
    types = {name: ((), fields) for name, (_, fields) in types.items()}
    unknown = _used(types) - types.keys()
    while unknown:
        name = unknown.pop()
        if name not in usual:
            raise StorageFault(
                f"does not define the type {name}, which {topic.type} is made of",
                "record it as MCAP, which stores definitions",
            )
        types[name] = usual[name]
        unknown |= _used({name: usual[name]}) - types.keys()
    return types


def _ours(topic: StoredTopic) -> dict[str, Any]:
    try:
        return dict(get_types_from_msg(message_definition(topic.type), topic.type))
    except JudgeError as error:
        raise StorageFault(f"has a topic {topic.name} of type {topic.type}, which is not installed") from error


def _proper(type_name: str, fields: Any) -> bool:
    return bool(_TYPE_NAME.fullmatch(type_name)) and all(_FIELD_NAME.fullmatch(name) for name, _ in fields)


def _used(types: Mapping[str, Any]) -> set[str]:
    return {name for _, fields in types.values() for _, field in fields for name in type_names(field)}


def _in_words(error: Exception) -> str:
    text = str(error).strip()
    return text.splitlines()[0].rstrip(".")[:200] if text else type(error).__name__
