"""Small image encoders of real architectures with random weights, as people have them: ONNX files and model folders."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import pytest

INPUT, OUTPUTS = "pixel_values", ("last_hidden_state", "pooler_output")
KINDS = ("resnet", "vit", "dinov2")
SIDES = {"resnet": 64, "vit": 64, "dinov2": 70}


def save_graph(kind: str, folder: Path) -> Path:
    """Export a model of a kind; ViT and DINOv2 with all axes free and a preprocessor_config.json, as optimum does."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("onnx")
    usual = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    with torch.random.fork_rng():
        torch.manual_seed(20)
        model: Any
        if kind == "resnet":
            sizes = {"embedding_size": 16, "hidden_sizes": [16, 32, 48], "depths": [1, 1, 1]}
            model = transformers.ResNetModel(transformers.ResNetConfig(**sizes))
        elif kind == "vit":
            shape = {"image_size": SIDES[kind], "patch_size": 8, "intermediate_size": 64}
            model = transformers.ViTModel(transformers.ViTConfig(**usual, **shape))
        else:
            model = transformers.Dinov2Model(transformers.Dinov2Config(**usual, image_size=SIDES[kind], patch_size=14))
    model.eval()

    class Outputs(torch.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, pixel_values: Any) -> tuple[Any, ...]:
            return tuple(self.model(pixel_values=pixel_values)[:2])

    folder.mkdir(parents=True, exist_ok=True)
    path, side = folder / "model.onnx", SIDES[kind]
    free = {} if kind == "resnet" else {INPUT: dict(enumerate(("batch_size", "num_channels", "height", "width")))}
    with torch.no_grad(), warnings.catch_warnings():
        # This way of exporting is older than the one that torch recommends, and thirty times as fast.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Outputs().eval(),
            (torch.zeros(1, 3, side, side),),
            str(path),
            input_names=[INPUT],
            output_names=list(OUTPUTS),
            dynamic_axes=free,
            dynamo=False,
        )
    if free:
        config = {"size": {"height": side, "width": side}, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}
        (folder / "preprocessor_config.json").write_text(json.dumps(config))
    return path


def put_weights_beside(path: Path) -> Path:
    """Move the weights of a graph into a file beside it, as large models have them; returns that file."""
    onnx = pytest.importorskip("onnx")
    model = onnx.load(str(path))
    onnx.save_model(model, str(path), save_as_external_data=True, location="model.onnx_data", size_threshold=0)
    return path.parent / "model.onnx_data"
