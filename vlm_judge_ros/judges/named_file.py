"""JSON and YAML files that ship with the package under a name, or are a user's own."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TypeVar

import pydantic
import yaml

from vlm_judge_ros.errors import JudgeError

NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"

_SUFFIXES = (".json", ".yaml", ".yml")

Content = TypeVar("Content", bound=pydantic.BaseModel)


def load(kind: type[Content], what: str, name: str, shipped: Path) -> Content:
    """Read a file.

    Args:
        kind: what it holds.
        what: the same for people, for example "prompt set".
        name: name of a shipped one, or path of a file of your own, which ends in .json, .yaml or .yml.
        shipped: folder of the shipped ones.

    Raises:
        JudgeError: there is none, or it cannot be used.
    """
    files = {file.stem: file for suffix in _SUFFIXES for file in sorted(shipped.glob(f"*{suffix}"))}
    path = Path(name) if name.endswith(_SUFFIXES) else files.get(name, shipped / name)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise JudgeError(
            f'The {what} "{name}" cannot be read ({error.strerror}); name one of {", ".join(sorted(files))}, or a '
            f"file that ends in {' or '.join(_SUFFIXES)}."
        ) from error
    return _parsed(kind, what, path, content)


def read(kind: type[Content], what: str, path: Path) -> Content:
    """Read a file of which none is shipped; arguments and errors as for `load`."""
    if path.suffix not in _SUFFIXES:
        raise JudgeError(f"The {what} {path} ends in none of {', '.join(_SUFFIXES)}; name a file that does.")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise JudgeError(f"The {what} {path} cannot be read ({error.strerror}); check the path.") from error
    return _parsed(kind, what, path, content)


def _parsed(kind: type[Content], what: str, path: Path, content: bytes) -> Content:
    try:
        if path.suffix == ".json":
            return kind.model_validate_json(content)
        return kind.model_validate(yaml.safe_load(content))
    except yaml.YAMLError as error:
        raise JudgeError(f"The {what} {path} is no YAML ({' '.join(str(error).split())}); mend the file.") from error
    except pydantic.ValidationError as error:
        raise JudgeError(f"The {what} {path} cannot be used: {first_fault(error)}; mend the file.") from error


class Hashed(pydantic.BaseModel):
    """What stands in a file and is known by a hash of it."""

    @property
    def content_hash(self) -> str:
        """First 16 hexadecimal digits of the SHA-256 over everything but the name."""
        return content_hash(self)


def content_hash(*models: pydantic.BaseModel) -> str:
    """First 16 hexadecimal digits of the SHA-256 over everything but the names of one model, or of several together."""
    content = "\n".join(
        json.dumps(model.model_dump(mode="json", exclude={"name"}), sort_keys=True, separators=(",", ":"))
        for model in models
    )
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def first_fault(error: pydantic.ValidationError) -> str:
    """The first thing that is wrong, and where, for a sentence."""
    fault = error.errors()[0]
    place = ".".join(str(part) for part in fault["loc"])
    return f"{place}: {fault['msg'].removeprefix('Value error, ')}" if place else fault["msg"]
