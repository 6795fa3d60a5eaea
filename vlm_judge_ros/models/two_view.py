"""The small model that ships with the package: two camera views and an instruction in, progress and failure out."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import pydantic
from numpy.typing import NDArray

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.errors import ModelBroken
from vlm_judge_ros.models.instruction import instruction_vector

EMBEDDED_FOLDER = Path(__file__).parent / "embedded"
ENCODER_FILE = "encoder.onnx"
TIMELINE_FILE = "timeline.onnx"
DESCRIPTION_FILE = "model.json"

_CELLS = 12
# Of 255. Between two frames half a second apart an arm at work changes some cell by 4 and more, noise none by 1.
_STILL_LEVELS = 2.0


class Description(pydantic.BaseModel):
    """What a two-view model says of itself, in `model.json` beside its graphs.

    Attributes:
        name: name and version of the model.
        image_size_px: side of the square images it takes.
        spacing_s: seconds between the frames of an episode that it was trained on; it judges no denser ones.
        cameras: the two roles, in the order of the encoder's inputs.
        modes: failure modes, in the order of the output `mode`.
        instructions: per task that it was trained on, the wordings it was trained with.
        training: what it was trained on, in words.
        files: SHA-256 of each graph.
    """

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    name: str
    image_size_px: int = pydantic.Field(gt=0, le=1024)
    spacing_s: float = pydantic.Field(gt=0.0)
    cameras: tuple[str, str]
    modes: tuple[str, ...]
    instructions: dict[str, tuple[str, ...]]
    training: str
    files: dict[str, str]

    @pydantic.field_validator("modes")
    @classmethod
    def _modes_are_known(cls, modes: tuple[str, ...]) -> tuple[str, ...]:
        strange = [mode for mode in modes if mode not in FailureMode.__members__]
        if strange:
            raise ValueError(f"{strange[0]} is not a failure mode")
        return modes


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """Features of pairs of images.

    Attributes:
        features: array of shape (pairs, feature size).
        novelty: per pair, distance from the scenes it was trained on; 1 is the edge. Shape (pairs,).
    """

    features: NDArray[np.float32]
    novelty: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Estimate:
    """What the model makes of a sequence of pairs, about its last one. All are 0 to 1."""

    progress: float
    success_probability: float
    failure_probability: float
    mode_probabilities: dict[FailureMode, float]


def prepare(image: NDArray[np.uint8], size_px: int) -> NDArray[np.uint8]:
    """Squash an image of shape (height, width, 3) into a square by averaging areas, as in training.

    Returns:
        Array of shape (size_px, size_px, 3).
    """
    return np.asarray(cv2.resize(image, (size_px, size_px), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def coarse_colours(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Mean colours of a prepared image in 12 by 12 cells, shape (12, 12, 3), 0 to 255."""
    return np.asarray(cv2.resize(image, (_CELLS, _CELLS), interpolation=cv2.INTER_AREA), dtype=np.float32)


def distinct(pictures: NDArray[np.float32]) -> list[int]:
    """Which pictures differ from the last one before them that did; the first one does.

    A picture differs where the mean colour of some cell does, by more than the noise of a camera. Comparing with the
    last one that differed, and not with the one just before, keeps slow changes from being lost.

    Args:
        pictures: coarse colours of all cameras, oldest first, shape (pictures, ...).
    """
    kept = [0]
    for index in range(1, len(pictures)):
        if np.abs(pictures[index] - pictures[kept[-1]]).max() > _STILL_LEVELS:
            kept.append(index)
    return kept


class TwoViewModel:
    """Runs the two graphs of a two-view model on the CPU.

    Args:
        folder: where `encoder.onnx`, `timeline.onnx` and `model.json` lie.
        threads: threads for one inference.

    Raises:
        ModelBroken: a file is missing, was changed, or cannot be loaded.
    """

    def __init__(self, folder: Path = EMBEDDED_FOLDER, threads: int = 1) -> None:
        self.description = _read_description(folder)
        self._encoder = _load(folder / ENCODER_FILE, self.description, threads)
        self._timeline = _load(folder / TIMELINE_FILE, self.description, threads)
        self._modes = tuple(FailureMode[mode] for mode in self.description.modes)
        self._prove(folder)

    @property
    def file_hash(self) -> str:
        """First 16 hexadecimal digits of the SHA-256 over the hashes of the graphs."""
        digest = hashlib.sha256(
            "".join(self.description.files[name] for name in sorted(self.description.files)).encode()
        )
        return digest.hexdigest()[:16]

    def _prove(self, folder: Path) -> None:
        """Run both graphs once: a judge declines strange scenes before the second one is ever asked."""
        size_px = self.description.image_size_px
        grey = np.full((1, size_px, size_px, 3), 128, dtype=np.uint8)
        try:
            self.estimate(self.encode(grey, grey, "").features, np.zeros(1, dtype=np.float32), [0])
        except Exception as error:  # onnxruntime raises classes of its own that share no base
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise ModelBroken(
                f"The model in {folder} loads but does not run: {reason}; reinstall the package."
            ) from error

    def encode(self, first: NDArray[np.uint8], second: NDArray[np.uint8], instruction: str) -> Encoded:
        """Turn pairs of images into features.

        Args:
            first: images of the first camera role, shape (pairs, size, size, 3), prepared by `prepare`.
            second: images of the second camera role, taken at the same times, of the same shape.
            instruction: the task.
        """
        task = instruction_vector(instruction)[None, :]
        features, novelty = self._encoder.run(None, {"first": first, "second": second, "task": task})
        return Encoded(features, novelty)

    def estimate(
        self, features: NDArray[np.float32], seconds: NDArray[np.float32], differing: Sequence[int]
    ) -> Estimate:
        """Judge a sequence of pairs.

        Args:
            features: from `encode`, oldest first, shape (pairs, feature size).
            seconds: when each pair was seen, relative to the last one, so never above 0. Shape (pairs,).
            differing: which pairs show something new, see `distinct`; progress rests on these alone.
        """
        inputs = {
            "features": features[None],
            "seconds": seconds[None].astype(np.float32),
            "distinct": features[None, list(differing)],
        }
        progress, success, failing, modes = self._timeline.run(None, inputs)
        return Estimate(
            progress=float(progress[0]),
            success_probability=float(success[0]),
            failure_probability=float(failing[0]),
            mode_probabilities={mode: float(value) for mode, value in zip(self._modes, modes[0], strict=True)},
        )


def _read_description(folder: Path) -> Description:
    path = folder / DESCRIPTION_FILE
    try:
        return Description.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ModelBroken(
            f"The model folder {folder} has no readable {DESCRIPTION_FILE}; reinstall the package."
        ) from error
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ModelBroken(
            f"{path} is not a model description: {where}: {first['msg']}; reinstall the package."
        ) from error


def _load(path: Path, description: Description, threads: int) -> onnxruntime.InferenceSession:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelBroken(f"The model file {path} cannot be read; reinstall the package.") from error
    if hashlib.sha256(content).hexdigest() != description.files.get(path.name):
        raise ModelBroken(
            f"The model file {path} is not the one that {DESCRIPTION_FILE} describes; reinstall the package."
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises classes of its own that share no base
        raise ModelBroken(
            f"onnxruntime {onnxruntime.__version__} cannot load {path}: {error}; upgrade onnxruntime."
        ) from error
