"""Write the ONNX graphs and the description of a trained embedded judge, and check them against PyTorch."""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from batch import LONGEST, MODES
from network import FEATURE_SIZE, IMAGE_SIZE_PX, VECTOR_SIZE, Encoder, Timeline, normalise
from novelty import Novelty
from torch import Tensor, nn

from vlm_judge_ros.models.two_view import DESCRIPTION_FILE, ENCODER_FILE, TIMELINE_FILE, Description

TOLERANCE = 1e-4


class EncoderGraph(nn.Module):
    """Bytes in, features and novelty out."""

    def __init__(self, encoder: Encoder, novelty: Novelty) -> None:
        super().__init__()
        self.encoder, self.novelty = encoder, novelty

    def forward(self, first: Tensor, second: Tensor, task: Tensor) -> tuple[Tensor, Tensor]:
        """Return features and novelty of pairs of images of shape (n, 96, 96, 3)."""
        front, wrist = normalise(first), normalise(second)
        features = self.encoder(front, wrist, task)
        return features, self.novelty(front, wrist, features)


class TimelineGraph(nn.Module):
    """Features in, probabilities out."""

    def __init__(self, timeline: Timeline) -> None:
        super().__init__()
        self.timeline = timeline

    def forward(self, features: Tensor, seconds: Tensor, distinct: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return progress, success, failing and failure modes of one sequence."""
        progress, success, failing, mode = self.timeline(features, seconds, distinct)
        return progress.sigmoid(), success.sigmoid(), failing.sigmoid(), mode.softmax(dim=1)


def without_traces(model: onnx.ModelProto) -> onnx.ModelProto:
    """Drop what the exporter notes of the machine it ran on: stack traces with paths."""
    graph = model.graph
    for part in (model, graph, *graph.node, *graph.value_info, *graph.input, *graph.output, *graph.initializer):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    return model


def write(
    graph: nn.Module,
    path: Path,
    inputs: tuple[Tensor, ...],
    others: tuple[Tensor, ...],
    names: tuple[list[str], list[str]],
    dynamic: dict[str, dict[int, object]],
) -> float:
    """Export to ONNX; return the largest difference from PyTorch on inputs of another length.

    Raises:
        SystemExit: the graph differs from PyTorch by more than the tolerance.
    """
    graph.eval()
    program = torch.onnx.export(
        graph, inputs, input_names=names[0], output_names=names[1], dynamic_shapes=dynamic, dynamo=True
    )
    assert program is not None
    onnx.save(without_traces(program.model_proto), path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    with torch.no_grad():
        expected = graph(*others)
    answered = session.run(None, {name: value.numpy() for name, value in zip(names[0], others, strict=True)})
    error = max(float(np.abs(mine - theirs.numpy()).max()) for mine, theirs in zip(answered, expected, strict=True))
    if error > TOLERANCE:
        raise SystemExit(
            f"{path.name} differs from PyTorch by {error:.1e}, more than {TOLERANCE:.0e}; try another opset."
        )
    return error


def main() -> None:
    """Read a run, write a model folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, required=True, help="folder written by train.py")
    parser.add_argument("--out", type=Path, required=True, help="model folder to write")
    parser.add_argument("--name", default="embedded-1", help="name and version of the model")
    arguments = parser.parse_args()

    run = torch.load(arguments.run / "weights.pt", map_location="cpu", weights_only=True)
    encoder, timeline, novelty = Encoder(), Timeline(len(MODES)), Novelty(FEATURE_SIZE, len(run["tasks"]))
    encoder.load_state_dict(run["encoder"])
    timeline.load_state_dict(run["timeline"])
    novelty.load_state_dict(run["novelty"])
    arguments.out.mkdir(parents=True, exist_ok=True)

    def images(count: int) -> Tensor:
        return torch.randint(0, 256, (count, IMAGE_SIZE_PX, IMAGE_SIZE_PX, 3), dtype=torch.uint8)

    torch.manual_seed(0)
    pairs = torch.export.Dim("pairs", min=1, max=256)
    steps, distinct = torch.export.Dim("steps", min=1, max=256), torch.export.Dim("distinct", min=1, max=256)
    task = torch.randn(1, VECTOR_SIZE)
    errors = {
        ENCODER_FILE: write(
            EncoderGraph(encoder, novelty),
            arguments.out / ENCODER_FILE,
            (images(3), images(3), task),
            (images(5), images(5), task),
            (["first", "second", "task"], ["features", "novelty"]),
            {"first": {0: pairs}, "second": {0: pairs}, "task": {}},
        ),
        TIMELINE_FILE: write(
            TimelineGraph(timeline),
            arguments.out / TIMELINE_FILE,
            (torch.randn(1, 4, FEATURE_SIZE), -torch.arange(4).flip(0)[None].float(), torch.randn(1, 3, FEATURE_SIZE)),
            (
                torch.randn(1, LONGEST, FEATURE_SIZE),
                -torch.arange(LONGEST).flip(0)[None].float(),
                torch.randn(1, 5, FEATURE_SIZE),
            ),
            (["features", "seconds", "distinct"], ["progress", "success", "failing", "mode"]),
            {"features": {1: steps}, "seconds": {1: steps}, "distinct": {1: distinct}},
        ),
    }
    files = {name: hashlib.sha256((arguments.out / name).read_bytes()).hexdigest() for name in errors}
    description = Description(
        name=arguments.name,
        image_size_px=IMAGE_SIZE_PX,
        spacing_s=run["spacing_s"],
        cameras=("front", "wrist"),
        modes=MODES,
        instructions={task: tuple(wordings) for task, wordings in run["instructions"].items()},
        training=f"{run['episodes']} simulated Meta-World episodes, {run['steps']} steps, seed {run['seed']}",
        files=files,
    )
    (arguments.out / DESCRIPTION_FILE).write_text(description.model_dump_json(indent=1) + "\n")
    print(
        json.dumps(
            {"largest_difference_from_pytorch": errors, "bytes": {n: (arguments.out / n).stat().st_size for n in files}}
        )
    )


if __name__ == "__main__":
    main()
