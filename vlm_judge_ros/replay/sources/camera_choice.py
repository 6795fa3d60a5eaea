"""Which topics of a bag carry the cameras, where a person did not say it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from vlm_judge_ros.replay.bag import BagError
from vlm_judge_ros.replay.topics import TRANSPORTS

FRONT, WRIST = "front", "wrist"

_AT_WRIST = re.compile(r"wrist|gripper|hand|eef|in_hand|eye_in")
# Pictures that are no view of a camera, or that we or others made of one.
_NO_VIEW = re.compile(
    r"depth|disparity|mask|segment|semantic|label|confidence|infra|(^|_)ir($|\d|_)|thermal|annotated|overlay|debug|"
    r"heat_?map|theora|difference|costmap|saliency"
)
_MONO = re.compile(r"(^|_)mono($|_)")
_FORM = re.compile(r"compressed|image(_\w+)?|color|rgb")
_MOST_LISTED = 40


def guess_cameras(path: object, types: Mapping[str, str], counts: Mapping[str, int]) -> dict[str, str]:
    """Name of each camera to its topic, where there is only one way to understand the names.

    Depth, masks and the like are left aside, and so are empty topics; of one camera that was recorded more than once,
    what was not compressed is taken. One camera alone is `front`, or `wrist` where it is called so; of two, the only
    one that is called like one at the wrist is `wrist` and the other `front`.

    Args:
        path: of the bag, for people.
        types: type of each recorded topic.
        counts: number of messages of each recorded topic.

    Raises:
        BagError: there is no camera, or it takes a person to say which they are.
    """
    images = [name for name in sorted(types) if types[name] in TRANSPORTS]
    if not images:
        raise BagError(f"No topic of {path} holds images; it has {_listed(types, types, counts)}.")
    told = [name for name in images if counts.get(name, 0) and not _named_like(_NO_VIEW, name)]
    views = _one_of_each([name for name in told if not _named_like(_MONO, name)] or told, types)
    wrists = [name for name in views if _AT_WRIST.search(name.lower())]
    if len(views) == 1:
        return {WRIST if wrists else FRONT: views[0]}
    if len(views) == 2 and len(wrists) == 1:
        return {FRONT: next(name for name in views if name not in wrists), WRIST: wrists[0]}
    many = f"{len(views)} topics that may be the cameras" if views else "no topic that is clearly a camera"
    example = " ".join(f"--camera {name}={topic}" for name, topic in _example(views or images).items())
    raise BagError(
        f"{path} has {many}, among {_listed(images, types, counts)}; say which to judge, for example {example}, or "
        "with --topics FILE."
    )


def listed(types: Mapping[str, str], counts: Mapping[str, int]) -> str:
    """All topics with type and number of messages, as part of a sentence."""
    return _listed(types, types, counts)


def _listed(names: Iterable[str], types: Mapping[str, str], counts: Mapping[str, int]) -> str:
    shown = [f"{name} ({types[name]}, {_number(counts.get(name, 0))})" for name in sorted(names)]
    if not shown:
        return "no topics"
    more = f" and {len(shown) - _MOST_LISTED} more" if len(shown) > _MOST_LISTED else ""
    return ", ".join(shown[:_MOST_LISTED]) + more


def _number(count: int) -> str:
    return "1 message" if count == 1 else f"{count} messages"


def _named_like(words: re.Pattern[str], topic: str) -> bool:
    return any(words.search(part.lower()) for part in topic.split("/"))


def _one_of_each(topics: Iterable[str], types: Mapping[str, str]) -> list[str]:
    """One topic of each camera: not compressed where there is such a one, and with the shortest name."""
    cameras: dict[str, list[str]] = {}
    for topic in topics:
        cameras.setdefault(_camera_path(topic), []).append(topic)
    return [
        min(names, key=lambda name: (TRANSPORTS[types[name]] != "raw", len(name), name)) for names in cameras.values()
    ]


def _camera_path(topic: str) -> str:
    """What all topics of one camera have in common."""
    parts = topic.split("/")
    while len(parts) > 2 and _FORM.fullmatch(parts[-1]):
        parts.pop()
    return "/".join(parts)


def _example(topics: list[str]) -> dict[str, str]:
    wrist = next((name for name in topics if _AT_WRIST.search(name.lower())), None)
    others = [name for name in topics if name != wrist]
    if wrist is None and len(others) > 1:
        wrist = others[1]
    return {name: topic for name, topic in ((FRONT, next(iter(others), None)), (WRIST, wrist)) if topic is not None}
