"""Where a link of a robot goes when its joints move, by its URDF."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.steering.candidate import EndEffectorPath, Floats, JointTrajectory
from vlm_judge_ros.steering.transform import Transform, about_axis

_LARGEST = 16 * 1024 * 1024
_TURNING, _SLIDING = frozenset({"revolute", "continuous"}), frozenset({"prismatic"})


@dataclass(frozen=True, slots=True, eq=False)
class ArmJoint:
    """One joint on the way to a link.

    Attributes:
        name: as in the URDF.
        kind: revolute, continuous, prismatic or fixed.
        parent: the link that it hangs on.
        origin: its pose in that link.
        axis: about which it turns or along which it slides, of length 1, shape (3,).
        driver: the joint whose position counts: itself, or the one that it mimics.
        factor: from the position of that one to its own.
        offset: added to that; radians or metres.
    """

    name: str
    kind: str
    parent: str
    origin: Transform
    axis: Floats
    driver: str
    factor: float
    offset: float


@dataclass(frozen=True, slots=True)
class Arm:
    """The joints from one link of a robot to another.

    Attributes:
        root: the link in whose frame paths are given; its name is their `frame_id`.
        joints: in the order from there.
    """

    root: str
    joints: tuple[ArmJoint, ...]

    @classmethod
    def of_urdf(cls, text: str, link: str, root: str = "") -> Arm:
        """Find the way to a link.

        Args:
            text: the URDF, as in the parameter `robot_description`. Macros have to be expanded.
            link: whose path is wanted, for example between the fingers of the gripper.
            root: a link before it; empty for the first one of the robot.

        Raises:
            JudgeError: it is no URDF, or there is no such way.
        """
        robot = _parsed(text)
        links = {_name(each, "link") for each in robot.findall("link")}
        for wanted in filter(None, (link, root)):
            if wanted not in links:
                raise JudgeError(f"The URDF has no link {wanted!r}; name one of {', '.join(sorted(links))}.")
        elements: dict[str, ElementTree.Element] = {}
        before: dict[str, ElementTree.Element] = {}
        for element in robot.findall("joint"):
            elements[_name(element, "joint")] = element
            child = _attribute(element, "child", "link")
            if child in before:
                raise JudgeError(f"The link {child} of the URDF hangs on two joints; a robot is a tree.")
            before[child] = element
        chain: list[ArmJoint] = []
        at = link
        while at != root and at in before:
            if len(chain) > len(before):
                raise JudgeError(f"The link {at} of the URDF hangs on itself; a robot is a tree.")
            chain.append(_joint(before[at], elements))
            at = chain[-1].parent
        if root and at != root:
            raise JudgeError(f"The URDF leads from {at} to {link}, and not from {root}; name a link on that way.")
        return cls(at, tuple(reversed(chain)))

    @property
    def drivers(self) -> tuple[str, ...]:
        """Names of the joints whose positions have to be known."""
        return tuple(dict.fromkeys(joint.driver for joint in self.joints if joint.kind != "fixed"))

    def path(self, joints: JointTrajectory) -> EndEffectorPath:
        """Where the link goes.

        Args:
            joints: with all `drivers`; others do not matter.

        Raises:
            JudgeError: one of them is missing.
        """
        missing = [name for name in self.drivers if name not in joints.names]
        if missing:
            raise JudgeError(
                f"The joint trajectory lacks {', '.join(missing)}, on which the link depends; send all of "
                f"{', '.join(self.drivers)}."
            )
        known = {name: joints.positions[:, column] for column, name in enumerate(joints.names)}
        rotations = np.broadcast_to(np.eye(3), (len(joints.times_s), 3, 3))
        places = np.zeros((len(joints.times_s), 3))
        for joint in self.joints:
            places = places + rotations @ joint.origin.translation
            rotations = rotations @ joint.origin.rotation
            if joint.kind == "fixed":
                continue
            positions = joint.factor * known[joint.driver] + joint.offset
            if joint.kind in _SLIDING:
                places = places + positions[:, None] * (rotations @ joint.axis)
            else:
                rotations = rotations @ about_axis(joint.axis, positions)
        return EndEffectorPath(self.root, joints.times_s, places)


def read_arm(path: str, link: str, root: str = "") -> Arm:
    """Find the way to a link in a URDF file; see `Arm.of_urdf`.

    Raises:
        JudgeError: the file cannot be read, or used.
    """
    place = Path(path).expanduser()
    try:
        with place.open("rb") as file:
            text = file.read(_LARGEST + 1).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise JudgeError(f"The URDF {path} cannot be read ({error}); name a file in UTF-8.") from error
    return Arm.of_urdf(text, link, root)


class _WithoutDocumentType(ElementTree.TreeBuilder):
    """Refuses what can make a short file endless, or read other files, before it is looked at."""

    def doctype(self, name: str, public: str | None, system: str | None) -> None:
        raise JudgeError("The URDF declares a document type, which no URDF needs; take that out of it.")


def _parsed(text: str) -> ElementTree.Element:
    if len(text) > _LARGEST:
        raise JudgeError(f"The URDF has more than {_LARGEST >> 20} MiB; leave out what is no link and no joint.")
    try:
        robot = ElementTree.fromstring(text, ElementTree.XMLParser(target=_WithoutDocumentType()))
    except (ElementTree.ParseError, ValueError) as error:
        raise JudgeError(f"The URDF is no XML ({error}); expand its macros and mend it.") from error
    if robot.tag != "robot":
        raise JudgeError(
            f"The URDF begins with <{robot.tag[:40]}> instead of <robot>; give the description of a robot."
        )
    return robot


def _joint(element: ElementTree.Element, elements: Mapping[str, ElementTree.Element]) -> ArmJoint:
    name, kind = _name(element, "joint"), element.get("type", "")
    if kind not in (*_TURNING, *_SLIDING, "fixed"):
        raise JudgeError(
            f"The joint {name} of the URDF is of the type {kind!r}; only paths over revolute, continuous, prismatic "
            "and fixed joints are known. Name a root after it."
        )
    origin, axis = element.find("origin"), element.find("axis")
    place = _numbers(origin, "xyz", (0.0, 0.0, 0.0), name)
    roll, pitch, yaw = _numbers(origin, "rpy", (0.0, 0.0, 0.0), name)
    direction = np.array(_numbers(axis, "xyz", (1.0, 0.0, 0.0), name))
    length = float(np.linalg.norm(direction))
    if kind != "fixed" and length == 0.0:
        raise JudgeError(f"The axis of the joint {name} of the URDF is 0; give its direction.")
    driver, factor, offset = _driver(name, elements)
    return ArmJoint(
        name=name,
        kind=kind,
        parent=_attribute(element, "parent", "link"),
        origin=Transform.of_angles(place, roll, pitch, yaw),
        axis=direction / (length or 1.0),
        driver=driver,
        factor=factor,
        offset=offset,
    )


def _driver(name: str, elements: Mapping[str, ElementTree.Element]) -> tuple[str, float, float]:
    """The joint that one follows in the end, and by which factor and offset."""
    driver, factor, offset = name, 1.0, 0.0
    for _ in range(len(elements)):
        mimic = elements[driver].find("mimic")
        if mimic is None:
            return driver, factor, offset
        (more,) = _numbers(mimic, "multiplier", (1.0,), driver)
        (plus,) = _numbers(mimic, "offset", (0.0,), driver)
        offset += factor * plus
        factor *= more
        driver = mimic.get("joint", "")
        if driver not in elements:
            raise JudgeError(f"The joint {name} of the URDF mimics {driver!r}, which it does not have; mend the URDF.")
    raise JudgeError(f"The joint {name} of the URDF mimics itself; mend the URDF.")


def _name(element: ElementTree.Element, what: str) -> str:
    name = element.get("name", "")
    if not name:
        raise JudgeError(f"A {what} of the URDF has no name; give it one.")
    return name


def _attribute(element: ElementTree.Element, tag: str, attribute: str) -> str:
    found = element.find(tag)
    value = found.get(attribute, "") if found is not None else ""
    if not value:
        raise JudgeError(f"The joint {element.get('name')} of the URDF names no {tag}; mend the URDF.")
    return value


def _numbers(
    element: ElementTree.Element | None, attribute: str, usual: tuple[float, ...], joint: str
) -> tuple[float, ...]:
    """Numbers of an attribute, or the usual ones where it is not there."""
    told = element.get(attribute) if element is not None else None
    if told is None:
        return usual
    try:
        values = tuple(float(value) for value in told.split())
    except ValueError:
        values = ()
    if len(values) != len(usual) or not all(map(math.isfinite, values)):
        raise JudgeError(
            f"{attribute} of the joint {joint} of the URDF is {told[:60]!r}; give {len(usual)} finite "
            f"number{'s' if len(usual) > 1 else ''}."
        )
    return values
