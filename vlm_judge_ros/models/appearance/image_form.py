"""In which form an image encoder takes pictures, as the `preprocessor_config.json` beside its file says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pydantic
from numpy.typing import NDArray

from vlm_judge_ros.errors import ModelBroken

FILE = "preprocessor_config.json"
_USUAL_SIDE_PX = 224
# Mean and deviation of the colours of ImageNet, which most published encoders were trained with.
_MEAN = (0.485, 0.456, 0.406)
_DEVIATION = (0.229, 0.224, 0.225)
_Triple = tuple[pydantic.FiniteFloat, pydantic.FiniteFloat, pydantic.FiniteFloat]


class _Size(pydantic.BaseModel):
    height: int | None = pydantic.Field(default=None, ge=1, le=4096)
    width: int | None = pydantic.Field(default=None, ge=1, le=4096)
    shortest_edge: int | None = pydantic.Field(default=None, ge=1, le=4096)

    @property
    def sides(self) -> tuple[int, int] | None:
        """Height and width."""
        if self.height is not None and self.width is not None:
            return self.height, self.width
        return (self.shortest_edge, self.shortest_edge) if self.shortest_edge is not None else None


class _Config(pydantic.BaseModel):
    """What of the file matters here; the names are those that transformers writes."""

    image_mean: _Triple = _MEAN
    image_std: _Triple = _DEVIATION
    size: _Size | int | None = None
    crop_size: _Size | int | None = None

    @pydantic.field_validator("image_std")
    @classmethod
    def _is_above_0(cls, deviation: _Triple) -> _Triple:
        if min(deviation) <= 0.0:
            raise ValueError("a deviation is above 0")
        return deviation

    @property
    def sides(self) -> tuple[int, int] | None:
        """Height and width of what the model sees: of what is cut out where something is."""
        for told in (self.crop_size, self.size):
            sides = (told, told) if isinstance(told, int) else told.sides if told is not None else None
            if sides is not None:
                return sides
        return None


@dataclass(frozen=True, slots=True)
class ImageForm:
    """How a picture is fed.

    Attributes:
        height: in pixels.
        width: in pixels.
        mean: of each colour, of values from 0 to 1.
        deviation: of each colour.
    """

    height: int
    width: int
    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    def raw(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The whole picture at this size, its sides stretched: what lies at its edge counts too."""
        return np.asarray(cv2.resize(image, (self.width, self.height), interpolation=cv2.INTER_AREA))

    def normalised(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The same with even colours."""
        mean, deviation = (np.array(values, dtype=np.float32) for values in (self.mean, self.deviation))
        return (self.raw(image).astype(np.float32) / 255.0 - mean) / deviation


def config_file(graph: Path) -> Path | None:
    """The file that belongs to a graph: beside it, or above a folder `onnx`; None where there is none."""
    folders = [graph.parent, graph.parent.parent] if graph.parent.name == "onnx" else [graph.parent]
    return next((folder / FILE for folder in folders if (folder / FILE).is_file()), None)


def image_form(graph: Path, height: Any, width: Any) -> ImageForm:
    """The form for a graph.

    Args:
        graph: its file.
        height: of its input; a number, or anything else where it is free.
        width: the same.

    Raises:
        ModelBroken: the file of its form cannot be used.
    """
    path = config_file(graph)
    config = _Config()
    if path is not None:
        try:
            config = _Config.model_validate_json(path.read_bytes())
        except OSError as error:
            raise ModelBroken(f"{path} cannot be read ({error.strerror}); mend its permissions.") from error
        except pydantic.ValidationError as error:
            cause = error.errors()[0]
            place = ".".join(map(str, cause["loc"]))
            raise ModelBroken(f"{path} cannot be used ({place}: {cause['msg']}); mend it, or move it away.") from error
    told = config.sides or (_USUAL_SIDE_PX, _USUAL_SIDE_PX)
    sides = [own if isinstance(own, int) else other for own, other in zip((height, width), told, strict=True)]
    return ImageForm(sides[0], sides[1], config.image_mean, config.image_std)
