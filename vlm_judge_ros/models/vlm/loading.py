"""Loads a model and measures what that costs."""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass

from vlm_judge_ros.models.vlm.folder import ModelFolder, open_folder
from vlm_judge_ros.models.vlm.known import locate
from vlm_judge_ros.models.vlm.limits import usual_image_tokens
from vlm_judge_ros.models.vlm.local import LocalModel, LocalSettings
from vlm_judge_ros.models.vlm.memory import device_bytes, in_words, megabytes, process_bytes


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model that has been proved, and what it took.

    Attributes:
        model: the model.
        load_s: seconds for all of it, the proof with it.
        process_bytes: memory by which this process grew; 0 where that cannot be told.
        device_bytes: memory by which the use of the GPU grew; 0 where there is none or it cannot be told.
    """

    model: LocalModel
    load_s: float
    process_bytes: int
    device_bytes: int

    @property
    def cost(self) -> str:
        """Time and memory in words."""
        taken = in_words(self.process_bytes, self.device_bytes)
        bound = megabytes(self.model.memory_bound_bytes)
        return f"{self.load_s:.1f} s to load, {taken}; key/values take at most {bound} more"


def asked_for(arguments: argparse.Namespace) -> tuple[ModelFolder, LocalSettings]:
    """The model that a command is asked for, and how it is to be run.

    Args:
        arguments: those of `add_model_arguments`, and `model`, a path or name.

    Raises:
        ModelBroken: its files do not belong together.
        JudgeError: there is no such model.
    """
    located = locate(arguments.model)
    folder = open_folder(located.folder, arguments.precision or (located.known.precision if located.known else ""))
    usual = located.known.image_tokens if located.known else usual_image_tokens(folder)
    settings = LocalSettings(
        providers=tuple(name.strip() for name in arguments.providers.split(",")),
        threads=arguments.threads,
        image_tokens={"": arguments.image_tokens or usual},
        max_images=arguments.max_images,
    )
    return folder, settings


def load(folder: ModelFolder, settings: LocalSettings) -> LoadedModel:
    """Load a model as the judge does.

    Raises:
        ModelBroken: its files do not belong together, or do not run.
        JudgeError: a setting cannot be met.
    """
    process, device = process_bytes(), device_bytes()
    began_s = time.perf_counter()
    model = LocalModel(folder, settings)
    load_s = time.perf_counter() - began_s
    return LoadedModel(model, load_s, max(0, process_bytes() - process), max(0, device_bytes() - device))
