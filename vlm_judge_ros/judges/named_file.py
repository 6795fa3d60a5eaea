"""JSON files that ship with the package under a name, or are a user's own."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TypeVar

import pydantic

from vlm_judge_ros.errors import JudgeError

NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"

Content = TypeVar("Content", bound=pydantic.BaseModel)


def load(kind: type[Content], what: str, name: str, shipped: Path) -> Content:
    """Read a file.

    Args:
        kind: what it holds.
        what: the same for people, for example "prompt set".
        name: name of a shipped one, or path of a file of your own, which ends in .json.
        shipped: folder of the shipped ones.

    Raises:
        JudgeError: there is none, or it cannot be used.
    """
    path = Path(name) if name.endswith(".json") else shipped / f"{name}.json"
    try:
        return kind.model_validate_json(path.read_bytes())
    except OSError as error:
        names = ", ".join(sorted(file.stem for file in shipped.glob("*.json")))
        raise JudgeError(
            f'The {what} "{name}" cannot be read ({error.strerror}); name one of {names}, or a .json file.'
        ) from error
    except pydantic.ValidationError as error:
        raise JudgeError(f"The {what} {path} cannot be used: {_first_fault(error)}; mend the file.") from error


def content_hash(model: pydantic.BaseModel) -> str:
    """First 16 hexadecimal digits of the SHA-256 over everything but the name of a model."""
    content = json.dumps(model.model_dump(mode="json", exclude={"name"}), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def _first_fault(error: pydantic.ValidationError) -> str:
    fault = error.errors()[0]
    place = ".".join(str(part) for part in fault["loc"])
    return f"{place}: {fault['msg'].removeprefix('Value error, ')}" if place else fault["msg"]
