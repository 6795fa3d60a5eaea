"""The file of a fitted reference judge: numbers only, no pictures, nothing that runs."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydantic
from numpy.typing import NDArray

from vlm_judge_ros.errors import JudgeError, ModelBroken
from vlm_judge_ros.judges.named_file import first_fault
from vlm_judge_ros.judges.reference_fit import Fitted
from vlm_judge_ros.judges.reference_space import Space
from vlm_judge_ros.judges.reference_watch import Courses, EndScale, Limits

SCHEMA_VERSION = 3
"""Since 2 `reach` and `cut` rest on medians, and since 3 there is `usual`."""
_HEADER = "header"
_ARRAYS = ("mean", "basis", "points", "shares", "lengths_s")
_LARGEST_BYTES = 512 * 1024 * 1024


class Header(pydantic.BaseModel):
    """What a fitted file says beside its arrays.

    Attributes:
        schema_version: of this form.
        tasks: wordings of the task that it judges.
        cameras: their names, in the order in which they are encoded.
        encoder: name of the encoder, as `open_encoder` finds it.
        encoder_hash: of what the encoder runs.
        references: names of the episodes.
        noise: distance that is nothing but noise.
        motion: distance below which nothing has moved.
        usual: distance from the nearest moment that nine of ten looks at successes keep.
        reach: how far from the ends successes usually end, for each part.
        cut: multiple of that at which finished and unfinished are equally likely.
        distance_limits: end of the band of distances, for each part.
        rest_limit_s: end of the band of seconds without progress.
        drop_limit: end of the band of progress that is lost again.
        promise: what was found by leaving references out, in sentences.
    """

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    schema_version: int = pydantic.Field(default=SCHEMA_VERSION, ge=SCHEMA_VERSION, le=SCHEMA_VERSION)
    tasks: tuple[str, ...] = pydantic.Field(min_length=1)
    cameras: tuple[str, ...] = pydantic.Field(min_length=1)
    encoder: str = pydantic.Field(min_length=1)
    encoder_hash: str
    references: tuple[str, ...] = pydantic.Field(min_length=1)
    noise: float = pydantic.Field(gt=0.0, allow_inf_nan=False)
    motion: float = pydantic.Field(gt=0.0, allow_inf_nan=False)
    usual: float = pydantic.Field(gt=0.0, allow_inf_nan=False)
    reach: tuple[pydantic.PositiveFloat, ...] = pydantic.Field(min_length=1)
    cut: float = pydantic.Field(gt=0.0, allow_inf_nan=False)
    distance_limits: tuple[pydantic.PositiveFloat, ...] = pydantic.Field(min_length=1)
    rest_limit_s: float = pydantic.Field(gt=0.0, allow_inf_nan=False)
    drop_limit: float = pydantic.Field(gt=0.0, allow_inf_nan=False)
    promise: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class References:
    """What a fitted file holds.

    Attributes:
        header: what it says of itself.
        content_hash: first 16 hexadecimal digits of the SHA-256 over everything in it.
        space: where moments are compared.
        courses: the references in it.
        end: what looks finished.
        limits: what goes as the references did.
    """

    header: Header
    content_hash: str
    space: Space
    courses: Courses
    end: EndScale
    limits: Limits


def header_of(
    fitted: Fitted,
    tasks: tuple[str, ...],
    cameras: tuple[str, ...],
    encoder: tuple[str, str],
    references: tuple[str, ...],
    promise: tuple[str, ...] = (),
) -> Header:
    """Describe a fitted judge; `encoder` is its name and its hash."""
    return Header(
        tasks=tasks,
        cameras=cameras,
        encoder=encoder[0],
        encoder_hash=encoder[1],
        references=references,
        noise=fitted.courses.noise,
        motion=fitted.courses.motion,
        usual=fitted.courses.usual,
        reach=fitted.end.reach,
        cut=fitted.end.cut,
        distance_limits=fitted.limits.distances,
        rest_limit_s=fitted.limits.rest_s,
        drop_limit=fitted.limits.drop,
        promise=promise,
    )


def write_references(path: Path, header: Header, fitted: Fitted) -> None:
    """Write a file, whole or not at all.

    Raises:
        JudgeError: it cannot be written.
    """
    courses = fitted.courses
    arrays = {
        "mean": fitted.space.mean,
        "basis": fitted.space.basis,
        "points": courses.points.astype(np.float32),
        "shares": courses.shares.astype(np.float32),
        "lengths_s": courses.lengths_s.astype(np.float64),
    }
    text = np.frombuffer(header.model_dump_json().encode(), dtype=np.uint8)
    unfinished = path.with_name(f".{path.name}.new")
    try:
        with unfinished.open("wb") as file:
            np.savez_compressed(file, **{_HEADER: text}, **arrays)  # type: ignore[arg-type]
        unfinished.replace(path)
    except OSError as error:
        raise JudgeError(f"{path} cannot be written ({error.strerror}); make room, or choose another place.") from error


def read_references(path: Path) -> References:
    """Read a file that `vlm-judge fit` wrote; nothing in it is ever run.

    Raises:
        ModelBroken: it is missing, damaged, of another version, or does not hold together.
    """
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise ModelBroken(f"The references {path} are larger than any that vlm-judge fit writes; fit them again.")
        content = path.read_bytes()
    except OSError as error:
        raise ModelBroken(
            f"The references {path} cannot be read ({error.strerror}); give the file that vlm-judge fit wrote."
        ) from error
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            header = Header.model_validate(json.loads(file[_HEADER].tobytes().decode()))
            arrays = {name: file[name] for name in _ARRAYS}
        _refuse_unfit(header, arrays)
    except pydantic.ValidationError as error:
        raise ModelBroken(f"The references {path} cannot be used: {first_fault(error)}; fit them again.") from error
    except (ValueError, KeyError, TypeError, OSError, EOFError, zipfile.BadZipFile, MemoryError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ModelBroken(f"The references {path} are damaged ({reason}); fit them again.") from error
    digest = hashlib.sha256(header.model_dump_json().encode())
    for name in _ARRAYS:
        digest.update(np.ascontiguousarray(arrays[name]).tobytes())
    return References(
        header=header,
        content_hash=digest.hexdigest()[:16],
        space=Space(arrays["mean"], arrays["basis"]),
        courses=Courses(
            arrays["points"].astype(np.float64),
            arrays["shares"].astype(np.float64),
            arrays["lengths_s"],
            header.noise,
            header.motion,
            header.usual,
        ),
        end=EndScale(header.reach, header.cut),
        limits=Limits(header.distance_limits, header.rest_limit_s, header.drop_limit),
    )


def _refuse_unfit(header: Header, arrays: Mapping[str, NDArray[Any]]) -> None:
    for name, array in arrays.items():
        if array.dtype.kind != "f" or not np.isfinite(array).all():
            raise ValueError(f"{name} holds something else than finite numbers")
    mean, basis, points, shares, lengths_s = (arrays[name] for name in _ARRAYS)
    if points.ndim != 4 or basis.ndim != 3 or shares.ndim != 2:
        raise ValueError("its arrays have the wrong number of axes")
    references, positions, parts, axes = points.shape
    expected = {
        "mean": (mean.shape, (parts, basis.shape[1])),
        "basis": (basis.shape, (parts, basis.shape[1], axes)),
        "shares": (shares.shape, (references, positions)),
        "lengths_s": (lengths_s.shape, (references,)),
        "references": ((len(header.references),), (references,)),
        "reach": ((len(header.reach),), (parts,)),
        "distance_limits": ((len(header.distance_limits),), (parts,)),
    }
    for name, (shape, wanted) in expected.items():
        if shape != wanted:
            raise ValueError(f"{name} has the shape {shape} in the place of {wanted}")
    if references < 1 or positions < 2 or (lengths_s <= 0.0).any():
        raise ValueError("a reference is empty")
    if (shares < 0.0).any() or (shares > 1.0).any() or (shares[:, -1] < 1.0).any():
        raise ValueError("shares of the way do not end at 1")
