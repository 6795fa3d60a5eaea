"""The number that a field of a message holds, for messages of rclpy and of rosbags alike."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, TypeAlias

from vlm_judge_ros.episode.field_proof import NAME_LISTS, field_names, kind_of, prove
from vlm_judge_ros.episode.field_syntax import Attribute, Field, FieldError, Step, parse

Fetch: TypeAlias = Callable[[Any], Any]
"""Gets the value that the steps lead to; `_ABSENT` where the message has no element of that name."""

_ABSENT = object()


class FieldPath:
    """Takes one number out of each message of a topic.

    Args:
        text: the field as a task file has it, for example `norm(wrench.force)`.

    Raises:
        FieldError: it is not written as a field.
    """

    def __init__(self, text: str) -> None:
        self.field: Field = parse(text)
        self._fetch = _compile(self.field.steps)
        self._number = _FUNCTIONS[self.field.function]
        self._proved: type | None = None

    def read(self, message: Any) -> float | None:
        """The number in a message.

        Returns:
            None where the message tells of other elements only, as when two drivers share the topic joint_states and
            each has its own joints. NaN where an array is too short, or an orientation is not set.

        Raises:
            FieldError: messages of this type have no such field, or it holds no number.
        """
        if type(message) is not self._proved:
            prove(self.field, message)
            self._proved = type(message)
        try:
            value = self._fetch(message)
            if type(value) is float and not self.field.function:
                return value
            if value is _ABSENT:
                return None
            return self._number(value)
        except IndexError:
            return math.nan
        except (AttributeError, TypeError, ValueError, OverflowError) as error:
            prove(self.field, message)
            raise FieldError(f"The field {self.field} of {kind_of(message)} cannot be read ({error}).") from error


def _compile(steps: tuple[Step, ...]) -> Fetch:
    fetch: Fetch | None = None
    run: list[str] = []
    # What the steps so far lead to; the list of names lies in the last message on the way, or further out.
    holders: list[Fetch] = [lambda message: message]

    def attributes() -> Fetch:
        get = attrgetter(".".join(run))
        return get if fetch is None else _after(fetch, get)

    for step in steps:
        if isinstance(step, Attribute):
            if run:
                holders.append(attributes())
            elif fetch is not None:
                holders.append(fetch)
            run.append(step.name)
            continue
        array = attributes() if run else fetch
        assert array is not None, "a field begins with an attribute"
        run = []
        fetch = _at_index(array, step.key) if isinstance(step.key, int) else _at_name(array, tuple(holders), step.key)
    if run:
        return attributes()
    assert fetch is not None
    return fetch


def _after(fetch: Fetch, get: Callable[[Any], Any]) -> Fetch:
    def take(message: Any) -> Any:
        value = fetch(message)
        return value if value is _ABSENT else get(value)

    return take


def _at_index(array: Fetch, index: int) -> Fetch:
    def take(message: Any) -> Any:
        values = array(message)
        return values if values is _ABSENT else values[index]

    return take


def _at_name(array: Fetch, holders: tuple[Fetch, ...], name: str) -> Fetch:
    # Drivers send the joints in the same order every time, so the place of last time is looked at first.
    place = 0

    def take(message: Any) -> Any:
        nonlocal place
        values = array(message)
        if values is _ABSENT:
            return _ABSENT
        names = _names(holders, message)
        if place >= len(names) or names[place] != name:
            try:
                place = names.index(name)
            except ValueError:
                place = 0
                return _ABSENT
        return values[place]

    return take


def _names(holders: tuple[Fetch, ...], message: Any) -> Sequence[str]:
    """The names that belong to an array: those beside it, else those of the message around."""
    for holder in reversed(holders):
        held = holder(message)
        for attribute in NAME_LISTS:
            names = getattr(held, attribute, None)
            if isinstance(names, list):
                return names
    return []


def _number(value: Any) -> float:
    if isinstance(value, bytes) and len(value) == 1:  # a field of type byte
        return float(value[0])
    if isinstance(value, (str, bytes)):
        raise TypeError("a text is no number")
    return float(value)


def _absolute(value: Any) -> float:
    return abs(_number(value))


def _norm(value: Any) -> float:
    kind = type(value)
    if kind not in _GETTERS:
        _GETTERS[kind] = tuple(attrgetter(name) for name in field_names(kind) or ())
    gets = _GETTERS[kind]
    if gets:
        return math.hypot(*[get(value) for get in gets])
    if isinstance(value, (str, bytes)):
        raise TypeError("a text is no vector")
    return math.hypot(*value) if len(value) else math.nan


_GETTERS: dict[type, tuple[Callable[[Any], float], ...]] = {}
"""What gets the numbers of a message such as geometry_msgs/Vector3, by its type; nothing for an array."""


def _roll(orientation: Any) -> float:
    x, y, z, w = _quaternion(orientation)
    return math.atan2(2.0 * (w * x + y * z), w * w - x * x - y * y + z * z)


def _pitch(orientation: Any) -> float:
    x, y, z, w = _quaternion(orientation)
    sine = 2.0 * (w * y - z * x) / (x * x + y * y + z * z + w * w)
    # Rounding may lead beyond 1; NaN stays NaN.
    return math.asin(math.copysign(1.0, sine) if abs(sine) > 1.0 else sine)


def _yaw(orientation: Any) -> float:
    x, y, z, w = _quaternion(orientation)
    return math.atan2(2.0 * (w * z + x * y), w * w + x * x - y * y - z * z)


def _tilt(orientation: Any) -> float:
    """Angle between the vertical axis of the body and that of its reference frame, 0 to pi rad."""
    x, y, z, w = _quaternion(orientation)
    return 2.0 * math.atan2(math.hypot(x, y), math.hypot(z, w))


def _quaternion(orientation: Any) -> tuple[float, float, float, float]:
    """The four numbers; NaN where they are no rotation, as the four zeros of one that was never set."""
    x, y, z, w = float(orientation.x), float(orientation.y), float(orientation.z), float(orientation.w)
    if not 0.5 < math.hypot(x, y, z, w) < 2.0:
        return math.nan, math.nan, math.nan, math.nan
    return x, y, z, w


_FUNCTIONS: dict[str, Callable[[Any], float]] = {
    "": _number,
    "abs": _absolute,
    "norm": _norm,
    "pitch": _pitch,
    "roll": _roll,
    "tilt": _tilt,
    "yaw": _yaw,
}
