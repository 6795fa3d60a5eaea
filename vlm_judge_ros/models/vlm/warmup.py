"""`vlm-judge warmup`: proves a model on this machine and builds ahead of time what TensorRT needs."""

from __future__ import annotations

import argparse
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.models.vlm.arguments import add_model_arguments
from vlm_judge_ros.models.vlm.engines import engines_folder
from vlm_judge_ros.models.vlm.folder import ModelFolder
from vlm_judge_ros.models.vlm.graphs import Call, Graph
from vlm_judge_ros.models.vlm.loading import LoadedModel, asked_for, load
from vlm_judge_ros.models.vlm.memory import megabytes
from vlm_judge_ros.models.vlm.placing import engine_of, is_built, open_graph, sample_image
from vlm_judge_ros.models.vlm.providers import choose
from vlm_judge_ros.models.vlm.vision import VisionGraph

Result = TypeVar("Result")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `vlm-judge warmup`."""
    add_model_arguments(parser)
    parser.add_argument("model", metavar="MODEL", help="folder of a model, or the name of a known one")


def run(arguments: argparse.Namespace) -> int:
    """Warm a model up.

    Raises:
        ModelBroken: its files do not belong together, or do not run.
        JudgeError: nothing that was asked for runs here, or a setting cannot be met.
    """
    folder, settings = asked_for(arguments)
    with _Screen() as screen:
        choice = screen.step("trying the providers", lambda: choose(settings.providers))
        print("\n".join(choice.refusals) or "All providers run.")
        proved = replace(settings, providers=choice.names)
        if "tensorrt" in choice.names:
            tokens = settings.image_tokens[""]
            print(screen.step("building the engine of the vision graph", lambda: built(folder, tokens)))
        loaded = screen.step("loading and proving the model", lambda: load(folder, proved))
    print(summary(loaded))
    return 0


def summary(loaded: LoadedModel) -> str:
    """What a loaded model runs on and what it costs, in sentences."""
    model = loaded.model
    return f"{model.name} {model.file_hash} really runs on {model.provider}: {loaded.cost}. {model.proof.status}"


def built(folder: ModelFolder, image_tokens: int) -> str:
    """Build the engine of the vision graph where there is none, and say what was built, where and in what time.

    The engine is built aside and put in place when it is whole.

    Raises:
        JudgeError: there is no GPU or no TensorRT, or the engine cannot be built.
    """
    image = sample_image(folder, image_tokens)
    key = engine_of(folder, image)
    root = engines_folder()
    place = root / key.folder
    if is_built(place):
        return f"The engine for frames of {image.token_count} tokens is there already, in {place}."
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root, prefix=".building-") as name:
        aside = Path(name)
        timings = root / key.device_folder
        if timings.is_dir():
            # What TensorRT measured for other engines shortens the building of this one.
            shutil.copytree(timings, aside / key.device_folder, ignore=lambda path, _: _folders(Path(path)))
        began_s = time.perf_counter()
        graph = open_graph(folder, "vision", ["tensorrt"], image_tokens=image_tokens, engines=aside)
        deepstack = len(folder.config.deepstack_indexes)
        features = VisionGraph(graph, deepstack).see(image, Call()).features
        build_s = time.perf_counter() - began_s
        if not is_built(aside / key.folder):
            raise JudgeError(
                f"TensorRT built no engine for {folder.vision}: it takes none of its operations; leave tensorrt out of "
                "the providers."
            )
        exact = VisionGraph(Graph(folder.vision), deepstack).see(image, Call()).features
        _put_in_place(aside, root)
    files = list(place.iterdir())
    size = megabytes(sum(file.stat().st_size for file in files))
    deviation = float(np.abs(features - exact).max() / max(float(np.std(exact)), 1e-9))
    return (
        f"Built the engine for frames of {image.token_count} tokens in {build_s:.0f} s: {len(files)} files, {size}, in "
        f"{place}. Its features differ from those of the CPU by at most {deviation:.2g} of their spread."
    )


def _folders(folder: Path) -> list[str]:
    return [entry.name for entry in folder.iterdir() if entry.is_dir()]


def _put_in_place(aside: Path, root: Path) -> None:
    for file in sorted(path for path in aside.rglob("*") if path.is_file()):
        target = root / file.relative_to(aside)
        target.parent.mkdir(parents=True, exist_ok=True)
        file.replace(target)


class _Screen:
    """Shows what is being done and for how long, on a terminal."""

    def __init__(self) -> None:
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        self._progress = Progress(*columns, console=Console(stderr=True), transient=True)

    def __enter__(self) -> _Screen:
        self._progress.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._progress.stop()

    def step(self, description: str, work: Callable[[], Result]) -> Result:
        task = self._progress.add_task(description, total=None)
        try:
            return in_background(work)
        finally:
            self._progress.remove_task(task)


def in_background(work: Callable[[], Result]) -> Result:
    """Do something in a thread, so that this one hears Ctrl-C: the runtime does not, for minutes.

    Raises:
        BaseException: whatever the work raised.
    """
    results: list[Result] = []
    errors: list[BaseException] = []

    def target() -> None:
        try:
            results.append(work())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=target, daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(0.1)
    if errors:
        raise errors[0]
    return results[0]
