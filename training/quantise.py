"""Write a smaller variant of a trained embedded judge: the encoder's weights and activations in eight bits.

python training/quantise.py --model vlm_judge_ros/models/embedded --episodes episodes --out int8

Ranges of activations are measured on pictures of training episodes. Distances to known scenes stay in single precision,
and so does the timeline, which is small and feeds back into itself. Printed are sizes, how far the answers of both
variants lie apart on other episodes, and the time of one relative to the other on this machine.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import onnx
from episodes import HELD_OUT_SEEDS, Episode, load_episodes
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from vlm_judge_ros.models.instruction import instruction_vector
from vlm_judge_ros.models.two_view import (
    DESCRIPTION_FILE,
    ENCODER_FILE,
    TIMELINE_FILE,
    Description,
    Estimate,
    TwoViewModel,
    coarse_colours,
    distinct,
)

PAIRS_AT_ONCE = 8
NEWEST_FRAMES = 14
TURNS = 40

Shown = tuple[NDArray[np.uint8], NDArray[np.uint8], str]
"""Pictures of both cameras, each of shape (pairs, size, size, 3), and the instruction."""


class Pictures(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime has no types
    """Hands pictures to the quantiser, some pairs at a time."""

    def __init__(self, shown: Sequence[Shown]) -> None:
        self._inputs: Iterator[dict[str, NDArray[np.generic]]] = iter(
            {"first": first, "second": second, "task": instruction_vector(instruction)[None]}
            for first, second, instruction in shown
        )

    def get_next(self) -> dict[str, NDArray[np.generic]] | None:
        """The next inputs; None after the last."""
        return next(self._inputs, None)


def quantise(source: Path, target: Path, shown: Sequence[Shown]) -> None:
    """Write a model folder whose encoder computes in eight bits.

    Args:
        source: a model folder.
        target: the folder to write; other files of it are overwritten.
        shown: pictures to measure the ranges of activations on.

    Raises:
        SystemExit: the model is quantised.
    """
    if any(node.op_type == "DequantizeLinear" for node in onnx.load(source / ENCODER_FILE).graph.node):
        raise SystemExit(f"The model {source} computes in eight bits already; name the one that export.py wrote.")
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        inferred = Path(folder) / ENCODER_FILE
        quant_pre_process(str(source / ENCODER_FILE), str(inferred), skip_symbolic_shape=True)
        quantize_static(
            str(inferred),
            str(target / ENCODER_FILE),
            Pictures(shown),
            quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
            # Without instructions for sums of 8-bit products 7 bits keep these from overflowing.
            reduce_range=True,
            op_types_to_quantize=["Conv", "Gemm"],
        )
    shutil.copyfile(source / TIMELINE_FILE, target / TIMELINE_FILE)
    description = Description.model_validate_json((source / DESCRIPTION_FILE).read_bytes())
    files = {name: hashlib.sha256((target / name).read_bytes()).hexdigest() for name in (ENCODER_FILE, TIMELINE_FILE)}
    quantised = description.model_copy(update={"name": f"{description.name}-int8", "files": files})
    (target / DESCRIPTION_FILE).write_text(quantised.model_dump_json(indent=1) + "\n")


def apart(one: TwoViewModel, other: TwoViewModel, episodes: Sequence[Episode]) -> dict[str, float]:
    """How far the answers of two models lie apart at the end of episodes: mean and largest differences."""
    differences: dict[str, list[float]] = {"progress": [], "success": [], "failure": [], "novelty": []}
    for episode in episodes:
        first, second, instruction = pictures_of(episode, np.arange(len(episode.seconds))[-NEWEST_FRAMES:])
        seconds = (episode.seconds[-NEWEST_FRAMES:] - episode.seconds[-1]).astype(np.float32)
        views = np.stack([np.stack([coarse_colours(image) for image in view]) for view in (first, second)], axis=1)
        answers: list[tuple[Estimate, float]] = []
        for model in (one, other):
            encoded = model.encode(first, second, instruction)
            answers.append((model.estimate(encoded.features, seconds, distinct(views)), float(encoded.novelty[-1])))
        (mine, near), (theirs, far) = answers
        differences["progress"].append(abs(mine.progress - theirs.progress))
        differences["success"].append(abs(mine.success_probability - theirs.success_probability))
        differences["failure"].append(abs(mine.failure_probability - theirs.failure_probability))
        differences["novelty"].append(abs(near - far))
    return {
        f"{name}_{kind}": round(float(of(values)), 5)
        for name, values in differences.items()
        for kind, of in (("mean", np.mean), ("largest", np.max))
    }


def time_ratio(one: TwoViewModel, other: TwoViewModel, shown: Shown) -> tuple[float, float, float]:
    """Median, least and largest ratio of the time of `other` to that of `one`, to encode one new pair, in turns."""
    first, second, instruction = shown
    ratios = []
    for _ in range(TURNS):
        spent = []
        for model in (one, other):
            began = time.perf_counter()
            for _ in range(5):
                model.encode(first[:1], second[:1], instruction)
            spent.append(time.perf_counter() - began)
        ratios.append(spent[1] / spent[0])
    return float(np.median(ratios)), min(ratios), max(ratios)


def pictures_of(episode: Episode, at: NDArray[np.int64]) -> Shown:
    """Some frames of an episode, and its instruction."""
    first, second = episode.pictures(at)
    return first, second, episode.instruction


def main() -> None:
    """Quantise, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="model folder that export.py wrote")
    parser.add_argument("--episodes", type=Path, required=True, help="folder of simulated episodes")
    parser.add_argument("--out", type=Path, required=True, help="model folder to write")
    parser.add_argument("--measured", type=int, default=200, help="episodes to measure ranges on (default: 200)")
    parser.add_argument("--compared", type=int, default=200, help="episodes to compare answers on (default: 200)")
    arguments = parser.parse_args()

    episodes = load_episodes(arguments.episodes)
    random = np.random.default_rng(0)
    training = [episode for episode in episodes if episode.seed not in HELD_OUT_SEEDS]
    others = [episode for episode in episodes if episode.seed in HELD_OUT_SEEDS]
    chosen = [training[index] for index in random.permutation(len(training))[: arguments.measured]]
    shown = [
        pictures_of(episode, np.sort(random.permutation(len(episode.seconds))[:PAIRS_AT_ONCE])) for episode in chosen
    ]
    quantise(arguments.model, arguments.out, shown)
    exact, small = TwoViewModel(arguments.model), TwoViewModel(arguments.out)
    median, least, largest = time_ratio(exact, small, shown[0])
    print(
        json.dumps(
            {
                "bytes": {
                    name: [(folder / name).stat().st_size for folder in (arguments.model, arguments.out)]
                    for name in (ENCODER_FILE, TIMELINE_FILE)
                },
                "episodes": len(others[: arguments.compared]),
                "apart": apart(exact, small, others[: arguments.compared]) if others else None,
                "time_ratio": {"median": median, "least": least, "largest": largest, "turns": TURNS},
            }
        )
    )


if __name__ == "__main__":
    main()
