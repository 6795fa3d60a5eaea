"""Which of the cameras of a dataset is the one in front, and which the one at the wrist."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from vlm_judge_ros.errors import JudgeError

FRONT, WRIST = "front", "wrist"

_AT_WRIST = re.compile(r"wrist|gripper|hand|eef|arm_cam|in_hand|eye_in")
_NOT_A_NAME = re.compile(r"[^a-z0-9_]+")
_USABLE = re.compile(r"[a-z][a-z0-9_]*")


def choose_cameras(found: Sequence[str], given: Mapping[str, str], what: str, option: str) -> dict[str, str]:
    """Name of each camera to what carries its pictures.

    One alone is `front`, or `wrist` where it is called so; of two, the only one that is called like one at the wrist is
    `wrist` and the other `front`. Nothing else is guessed.

    Args:
        found: what carries pictures, for example "observation.images.cam_high".
        given: what a person said; a name may stand for the one that ends with it.
        what: where they were found, for the message.
        option: how a person says which is which, for example "--camera".

    Raises:
        JudgeError: there is none, one that was given is not there, or it takes a person to say which is which.
    """
    if not found:
        raise JudgeError(f"{what} has no camera; nothing can be judged without pictures.")
    if given:
        return {name: _named(name, asked, found, what) for name, asked in given.items()}
    wrists = [key for key in found if _AT_WRIST.search(short_name(key))]
    if len(found) == 1:
        return {WRIST if wrists else FRONT: found[0]}
    if len(found) == 2 and len(wrists) == 1:
        front = next(key for key in found if key not in wrists)
        return {FRONT: front, WRIST: wrists[0]}
    example = " ".join(f"{option} {name}={key}" for name, key in zip((FRONT, WRIST), found, strict=False))
    raise JudgeError(f"{what} has the cameras {', '.join(found)}; say which is which, for example {example}.")


def short_name(key: str) -> str:
    """The part of a key that tells cameras apart, for example "cam_high" of "observation.images.cam_high"."""
    last = re.split(r"[./]", key)[-1].lower()
    return _NOT_A_NAME.sub("_", last).strip("_") or "camera"


def is_camera_name(name: str) -> bool:
    """Whether a name may be given to a camera."""
    return _USABLE.fullmatch(name) is not None


def _named(name: str, asked: str, found: Sequence[str], what: str) -> str:
    if not is_camera_name(name):
        raise JudgeError(f"The camera name {name!r} cannot be used; take lower-case letters, digits and _.")
    if asked in found:
        return asked
    ending = [key for key in found if key.endswith(f".{asked}") or key.endswith(f"/{asked}")]
    if len(ending) != 1:
        raise JudgeError(f"{what} has no camera {asked!r} for {name}; it has {', '.join(found)}.")
    return ending[0]
