"""`meta/info.json` of a LeRobot dataset, and the file names that it prescribes."""

from __future__ import annotations

import math
import re
import string
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vlm_judge_ros.errors import JudgeError

INFO = Path("meta/info.json")
STATE, ACTION = "observation.state", "action"

_FIELDS: Mapping[bool, frozenset[str]] = {
    True: frozenset({"chunk_index", "file_index", "video_key"}),
    False: frozenset({"episode_chunk", "episode_index", "video_key"}),
}
_WIDTH = re.compile(r"0?\d?\d?d?")
_KNOWN_VERSIONS = ("v2.0", "v2.1", "v3.0")
_LONGEST_FILE = 1 << 26


class Feature(BaseModel):
    """One column of a dataset, as `info.json` describes it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    dtype: str
    shape: tuple[int, ...] = ()
    names: Any = None
    info: Any = None
    video_info: Any = None

    @property
    def is_depth(self) -> bool:
        """Whether its pictures are distances and no colours."""
        kept = [found for found in (self.info, self.video_info) if isinstance(found, dict)]
        return any(found.get(name) is True for found in kept for name in ("is_depth_map", "video.is_depth_map"))

    def element_names(self, default: str) -> tuple[str, ...]:
        """A name for each number of a vector: those of `info.json`, or the default with a number behind it."""
        width = self.shape[0] if self.shape else 1
        names = self.names
        if isinstance(names, dict):
            flat = [str(item) for group in names.values() if isinstance(group, list) for item in group]
            names = flat if len(flat) == width else [str(key) for key in names]
        usable = isinstance(names, list) and len(names) == width and len(set(map(str, names))) == width
        return tuple(map(str, names)) if usable else tuple(f"{default}_{index}" for index in range(width))


class DatasetInfo(BaseModel):
    """What `meta/info.json` says; versions 2.0, 2.1 and 3.0.

    Attributes:
        codebase_version: version of the format, for example "v3.0".
        fps: frames per second, the same for all cameras.
        features: columns, by name.
        data_path: template of the file names of tables.
        video_path: template of the file names of videos; None where pictures are in the tables.
        chunks_size: files, or in version 2 episodes, of one folder.
        robot_type: name of the robot; None where it is not told.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    codebase_version: str
    fps: float = Field(gt=0.0, le=10_000.0)
    features: dict[str, Feature]
    data_path: str
    video_path: str | None = None
    chunks_size: int = Field(default=1000, ge=1)
    robot_type: str | None = None

    @staticmethod
    def read(root: Path) -> DatasetInfo:
        """Read `meta/info.json`.

        Raises:
            JudgeError: it is missing, is no JSON, lacks a field, or is of another version.
        """
        path = root / INFO
        try:
            if path.stat().st_size > _LONGEST_FILE:
                raise JudgeError(f"{path} is larger than {_LONGEST_FILE >> 20} MiB; it is no description of a dataset.")
            info = DatasetInfo.model_validate_json(path.read_bytes())
        except OSError as error:
            raise JudgeError(f"{path} cannot be read ({error.strerror}); name the folder that holds meta/.") from error
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"]) or "the whole"
            raise JudgeError(f"{path} is no description of a LeRobot dataset ({place}: {first['msg']}).") from error
        if info.codebase_version not in _KNOWN_VERSIONS:
            raise JudgeError(
                f"{path} says codebase_version {info.codebase_version!r}; {', '.join(_KNOWN_VERSIONS)} can be read. "
                "Convert the dataset with the scripts of LeRobot."
            )
        if not math.isfinite(info.fps):
            raise JudgeError(f"{path} says fps {info.fps}; it has to be a number.")
        for template in filter(None, (info.data_path, info.video_path)):
            info.check_template(path, template)
        return info

    @property
    def is_v3(self) -> bool:
        """Whether one file may hold many episodes."""
        return self.codebase_version == "v3.0"

    @property
    def cameras(self) -> dict[str, Literal["video", "image"]]:
        """The columns with pictures, except distances, and whether they lie in videos or in the tables."""
        kinds: dict[str, Literal["video", "image"]] = {}
        for key, feature in self.features.items():
            if feature.dtype in ("video", "image") and not feature.is_depth:
                kinds[key] = "video" if feature.dtype == "video" else "image"
        return kinds

    def check_template(self, path: Path, template: str) -> None:
        """Refuse a template of file names that cannot be filled in.

        Raises:
            JudgeError: it has other fields than those of its version, or asks for attributes of them.
        """
        known = _FIELDS[self.is_v3]
        try:
            parts = [part for part in string.Formatter().parse(template) if part[1] is not None]
        except ValueError as error:
            raise JudgeError(f"{path} has the file name {template!r}, which is no template: {error}.") from error
        for _, field, width, conversion in parts:
            if conversion or not _WIDTH.fullmatch(width or ""):
                raise JudgeError(f"{path} has the file name {template!r}; numbers in it are written as :03d or :06d.")
            if field not in known:
                raise JudgeError(
                    f"{path} has the file name {template!r} with the unknown field {field!r}; "
                    f"{self.codebase_version} knows {', '.join(sorted(known))}."
                )


def file_in(root: Path, template: str, **fields: int | str) -> Path:
    """A file of a dataset by its template.

    Raises:
        JudgeError: it would lie outside the dataset, or the template does not go with the fields.
    """
    try:
        relative = template.format(**fields)
    except (KeyError, IndexError, ValueError, AttributeError) as error:
        raise JudgeError(f"The file name {template!r} of the dataset {root} cannot be filled in: {error}.") from error
    path = Path(relative)
    # Links inside a dataset may lead elsewhere, as in the cache of a hub; names may not.
    if path.is_absolute() or ".." in path.parts or "\0" in relative:
        raise JudgeError(f"The dataset {root} names the file {relative!r}, which lies outside of it; it is not read.")
    return root / path
