"""A YAML file that says which recorded topics carry what, for one robot or several in the same bags."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import pydantic
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.tasks.document import LARGEST_BYTES, Document, NotADocument, read_document

_Topic = Annotated[str, StringConstraints(pattern=r"^/?[A-Za-z_]\w*(/\w+)*$", max_length=256)]
_Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)]


class RobotTopics(BaseModel):
    """The topics of one robot.

    Attributes:
        cameras: name of each camera to its topic; empty finds them.
        joint_states: joint positions; None finds them.
        chunk: action chunks; None finds them.
        task: the instruction; None finds it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    cameras: dict[_Name, _Topic] = Field(default_factory=dict)
    joint_states: _Topic | None = None
    chunk: _Topic | None = None
    task: _Topic | None = None


class _OneRobot(RobotTopics):
    cameras: dict[_Name, _Topic] = Field(min_length=1)


class _Robots(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    robots: dict[_Name, _OneRobot] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class TopicsFile:
    """What a file says: the topics of each robot by its name, which is empty where there is only one."""

    path: Path
    robots: Mapping[str, RobotTopics]


def read_topics_file(path: Path) -> TopicsFile:
    """Read a file of topics.

    Raises:
        JudgeError: it cannot be read; the sentence names file, line and remedy.
    """
    try:
        with path.open("rb") as file:
            document = read_document(file.read(LARGEST_BYTES + 1))
    except OSError as error:
        raise JudgeError(
            f"The topics file {path} cannot be read ({error.strerror or error}); check the path."
        ) from error
    except NotADocument as error:
        raise JudgeError(f"{path}, line {error.line}: {error.why}.") from error
    try:
        if isinstance(document.data, dict) and "robots" in document.data:
            return TopicsFile(path, dict(_Robots.model_validate(document.data, strict=True).robots))
        return TopicsFile(path, {"": _OneRobot.model_validate(document.data, strict=True)})
    except pydantic.ValidationError as error:
        raise JudgeError(_sentence(path, document, error)) from error


def _sentence(path: Path, document: Document, error: pydantic.ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    where = tuple(part for part in first["loc"] if part != "[key]")
    return f"{path}, line {document.line_of(where)}: {_what('.'.join(map(str, where)), first['type'], first['input'])}."


def _what(place: str, kind: str, value: Any) -> str:
    if kind == "missing":
        return f"{place} is missing; name it, for example cameras: {{front: /front/image}}"
    if kind == "extra_forbidden":
        return f"{place} is not known; write cameras, joint_states, chunk or task, or robots with these for each"
    if kind == "too_short":
        return f"{place} is empty; name at least one"
    shown = repr(value if len(str(value)) <= 80 else f"{str(value)[:80]}...")
    if kind in ("string_pattern_mismatch", "string_too_long"):
        return (
            f"{place or 'the file'}: {shown} does not fit; write names in small letters, digits and _, and topics such "
            "as /wrist/image"
        )
    belongs = {"string_type": "a topic such as /front/image"}.get(kind, "a mapping such as {front: /front/image}")
    return f"{place or 'the file'} is {shown}; {belongs} belongs here"
