"""Whether the messages of a type have a field at all, told by the first one."""

from __future__ import annotations

from typing import Any

from vlm_judge_ros.episode.field_syntax import Attribute, Element, Field, FieldError, written

NAME_LISTS = ("name", "names", "joint_names", "interface_names")
"""Fields that hold the names of the elements of the arrays beside them, as `name` of sensor_msgs/JointState does."""


def prove(field: Field, message: Any) -> None:
    """Walk through a message on the way to a field.

    An empty array does not tell what its elements are like, so what lies behind one is believed.

    Raises:
        FieldError: the message has no such field, whatever numbers it holds, or it is none of which a number is taken.
    """
    value = message
    named = False
    for number, step in enumerate(field.steps):
        here = written(field.steps[:number])
        if isinstance(step, Attribute):
            names = field_names(type(value))
            if names is None:
                raise _not_in(field, message, f"{here} is {_described(value)} and has no {step.name}; write {here}")
            if step.name not in names:
                holder = here or "it"
                raise _not_in(field, message, f"{holder} has no {step.name}; it has {', '.join(names)}")
            named |= any(name in names for name in NAME_LISTS)
            value = getattr(value, step.name)
            continue
        if not _is_array(value):
            raise _not_in(field, message, f"{here} is {_described(value)} and has no elements; leave out {step}")
        index = _index(field, message, here, step, named)
        if index >= len(value):
            return
        value = value[index]
    _prove_number(field, message, value)


def field_names(kind: type) -> tuple[str, ...] | None:
    """Names of the fields of messages of a type, of rclpy or of rosbags; None for any other type."""
    of_rclpy = getattr(kind, "get_fields_and_field_types", None)
    if of_rclpy is not None:
        return tuple(of_rclpy())
    of_rosbags = getattr(kind, "__dataclass_fields__", None)
    if of_rosbags is not None:
        return tuple(name for name, field in of_rosbags.items() if not str(field.type).startswith("ClassVar"))
    return None


def kind_of(message: Any) -> str:
    """The type of a message, for example geometry_msgs/msg/WrenchStamped."""
    kind = type(message)
    named = getattr(kind, "__msgtype__", "")
    return str(named) or f"{kind.__module__.partition('.')[0]}/msg/{kind.__name__}"


def _index(field: Field, message: Any, here: str, step: Element, named: bool) -> int:
    if isinstance(step.key, int):
        return step.key
    if not named:
        raise _not_in(field, message, f"no list of names lies beside {here}; give an index in the place of {step.key}")
    return 0  # Which one it is changes nothing: all elements of an array are of one type.


def _prove_number(field: Field, message: Any, value: Any) -> None:
    path = written(field.steps)
    names = field_names(type(value))
    if field.function in ("roll", "pitch", "yaw", "tilt"):
        if names is None or not {"x", "y", "z", "w"} <= set(names):
            raise _not_in(field, message, f"{path} is no orientation; {field.function}() needs one with x, y, z and w")
        return
    if isinstance(value, str) or (isinstance(value, bytes) and len(value) != 1):
        raise _not_in(field, message, f"{path} is a text; name a field with a number")
    if field.function == "norm":
        if names is not None and any(field_names(type(getattr(value, name))) is not None for name in names):
            raise _not_in(field, message, f"{path} is not only numbers; take the norm of {_one_of(path, names)}")
        if names is None and not _is_array(value):
            raise _not_in(field, message, f"{path} is one number; write abs({path})")
        return
    if names is not None:
        raise _not_in(field, message, f"{path} holds several; take {_one_of(path, names)}, or norm({path})")
    if _is_array(value):
        raise _not_in(field, message, f"{path} is an array; take {path}[0] or another element, or norm({path})")


def _one_of(path: str, names: tuple[str, ...]) -> str:
    *others, last = (f"{path}.{name}" for name in names)
    return f"{', '.join(others)} or {last}" if others else last


def _is_array(value: Any) -> bool:
    return not isinstance(value, (str, bytes)) and hasattr(value, "__getitem__") and hasattr(value, "__len__")


def _described(value: Any) -> str:
    if field_names(type(value)) is not None:
        return "a message"
    if isinstance(value, (str, bytes)):
        return "a text"
    return "an array" if _is_array(value) else "a number"


def _not_in(field: Field, message: Any, why: str) -> FieldError:
    return FieldError(f"The field {field} cannot be taken from {kind_of(message)}: {why}.")
