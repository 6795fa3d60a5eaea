"""The message types that clips are written with: the usual ones, ours, and those of packages that are installed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from rosbags.serde import SerdeError
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from vlm_judge_ros.episode.message_definition import message_definition
from vlm_judge_ros.errors import JudgeError

_MOST_EXCESS_BYTES = 256


class MessageTypes:
    """Definitions of message types, read when they are needed first.

    Attributes:
        store: knows every type that `learn` was called with.
    """

    def __init__(self) -> None:
        distribution = f"ros2_{os.environ.get('ROS_DISTRO', '')}"
        self.store = get_typestore(next((it for it in Stores if it.value == distribution), Stores.ROS2_HUMBLE))

    def learn(self, type_name: str) -> None:
        """Know a type and all that it is made of.

        Raises:
            JudgeError: one is not installed, or its definition cannot be read.
        """
        unknown = {type_name} - self.store.fielddefs.keys()
        found: dict[str, Any] = {}
        while unknown:
            name = unknown.pop()
            text = message_definition(name)
            try:
                found.update(get_types_from_msg(text, name))
            except Exception as error:  # the parser raises whatever a text leads it to
                raise JudgeError(f"The definition of the message {name} cannot be read ({error}).") from error
            for _, field in found[name][1]:
                unknown |= set(type_names(field)) - found.keys() - self.store.fielddefs.keys()
        if found:
            self.store.register(found)

    def exact(self, cdr: bytes, type_name: str) -> bytes:
        """The bytes of a message without what follows them.

        Fast DDS takes room for the alignment of sequences that are empty, and leaves it unwritten at the end; readers
        of bags take that for damage.

        Raises:
            JudgeError: they are no message of this type.
        """
        for excess in range(0, _MOST_EXCESS_BYTES, 4):
            exact = cdr[: len(cdr) - excess]
            try:
                self.store.deserialize_cdr(exact, type_name)
            except SerdeError:
                continue
            return exact
        raise JudgeError(f"{len(cdr)} bytes are no {type_name}.")


def type_names(field: Any) -> Iterator[str]:
    """The types that a field is made of; a field is a kind and what it is of, and both nest."""
    _, of = field
    if isinstance(of, str):
        yield of
    elif isinstance(of[0], tuple):
        yield from type_names(of[0])
