"""Puts the graphs of a model on providers, with the engine that TensorRT keeps for its vision graph."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from vlm_judge_ros.errors import ModelBroken
from vlm_judge_ros.models.vlm.engines import EngineKey, engines_folder
from vlm_judge_ros.models.vlm.folder import ModelFolder
from vlm_judge_ros.models.vlm.graphs import Graph
from vlm_judge_ros.models.vlm.prepared import PreparedImage
from vlm_judge_ros.models.vlm.providers import Placement, engine_key, resolve
from vlm_judge_ros.models.vlm.runtime import PROVIDERS
from vlm_judge_ros.models.vlm.vision import VisionGraph

FRAME_SIZE_PX = (480, 640)
"""Height and width of the frames that an engine is built for, unless it is told otherwise."""

_log = logging.getLogger(__name__)


def open_graph(
    folder: ModelFolder,
    graph: str,
    names: Sequence[str],
    threads: int = 1,
    image_tokens: int | None = None,
    engines: Path | None = None,
    gpu_memory_mb: int = 0,
) -> Graph:
    """Load one graph of a model on the providers that suit it.

    Where it cannot be loaded on a GPU and "cpu" is among the names, it runs on the CPU, and that is logged.

    Args:
        folder: files of the model.
        graph: "vision", "embed" or "decoder".
        names: proved providers, the preferred one first.
        threads: threads for one inference on the CPU.
        image_tokens: most tokens of a frame, which decide the shape that TensorRT builds an engine for.
        engines: where TensorRT keeps its engines; None for the user's cache.
        gpu_memory_mb: most memory that the graph takes on the GPU, in MiB; 0 for no limit.

    Raises:
        ModelBroken: the graph cannot be loaded.
    """
    placement = Placement(memory_limit_mb=gpu_memory_mb, engines=engines)
    if graph == "vision" and "tensorrt" in names:
        engine = engine_of(folder, sample_image(folder, image_tokens))
        placement = replace(placement, engine=engine)
        place = (engines or engines_folder()) / engine.folder
        place.mkdir(parents=True, exist_ok=True)
        if engines is None and not is_built(place):
            _log.warning(
                "TensorRT builds an engine for %s first, which takes minutes; run `vlm-judge warmup` ahead of time.",
                folder.path,
            )
    if graph == "embed":
        # Looking up rows of a table is no work to share.
        threads = 1
    path: Path = getattr(folder, graph)
    wanted = resolve(names, graph, placement)
    try:
        opened = Graph(path, wanted, threads)
    except ModelBroken as error:
        if "cpu" not in names or wanted[0][0] == PROVIDERS["cpu"]:
            raise
        # For example, it does not fit into the memory of the GPU.
        opened = Graph(path, resolve(["cpu"], graph), threads)
        _log.warning("%s The graph runs on the CPU.", error)
        return opened
    if PROVIDERS[opened.provider] != wanted[0][0]:
        _log.warning("The graph %s runs on %s and not on %s.", path, opened.provider, wanted[0][0])
    return opened


def sample_image(
    folder: ModelFolder, image_tokens: int | None, size_px: tuple[int, int] = FRAME_SIZE_PX
) -> PreparedImage:
    """A frame of noise as the model would get it."""
    frame = np.random.default_rng(0).integers(0, 256, (*size_px, 3), dtype=np.uint8)
    return folder.prepare(frame, image_tokens)


def engine_of(folder: ModelFolder, image: PreparedImage) -> EngineKey:
    """What an engine for images of this shape belongs to.

    Raises:
        ModelBroken: the vision graph cannot be loaded.
        JudgeError: there is no GPU, or no TensorRT.
    """
    # On the CPU, for the names and the number of axes of its inputs only.
    feeds = VisionGraph(Graph(folder.vision), len(folder.config.deepstack_indexes)).feeds(image)
    return engine_key(folder.file_hash, {name: value.shape for name, value in feeds.items()})


def is_built(place: Path) -> bool:
    """Whether there is an engine in a folder."""
    return any(place.glob("*.engine"))
