"""Graphs as other exporters write them: what can be run is run alike, and what cannot is refused by name."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
from models.vlm import altered
from models.vlm.shown import Parts, frame, labelled, parts_of

from vlm_judge_ros.errors import Cancelled, ModelBroken
from vlm_judge_ros.models.vlm.decoder import DecoderGraph
from vlm_judge_ros.models.vlm.graphs import Call, Graph, GraphFailed
from vlm_judge_ros.models.vlm.vision import VisionGraph

if TYPE_CHECKING:
    from models.vlm.tiny import TinyModels

CONTENT = labelled([frame(0), frame(1, "wrist")])
Alteration = Callable[[onnx.ModelProto], onnx.ModelProto]


# A child process gives itself little memory and prints what it is told; only so does the memory really run out.
LOADS_WITH_LITTLE_MEMORY = """
import resource, sys
from pathlib import Path
import numpy as np
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.models.vlm.graphs import Call, Graph
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 96 * 2**20,) * 2)
try:
    Graph(Path(sys.argv[1])).run({"shape": np.array([2**int(sys.argv[2])])}, ["filled"], Call())
except JudgeError as error:
    print(error)
"""


def asked(parts: Parts) -> np.ndarray:
    engine = parts.engine
    return engine.logits(engine.append(engine.empty(), parts.pieces(CONTENT), Call()), parts.suffixes(), Call())


@pytest.mark.parametrize(
    ("family", "alteration"),
    [
        ("qwen2_vl", altered.with_all_logits),
        ("smolvlm", altered.with_all_logits),
        ("smolvlm", altered.with_positions_from_the_mask),
    ],
)
def test_inputs_that_some_exports_lack_change_nothing(
    family: str, alteration: Alteration, tiny_models: TinyModels, tmp_path: Path
) -> None:
    folder = tiny_models.get(family).folder
    other = parts_of(altered.with_decoder(folder, tmp_path / "model", alteration))
    np.testing.assert_allclose(asked(other), asked(parts_of(folder)), atol=1e-5, rtol=0)


def test_all_logits_are_read_at_the_right_rows_where_prompts_are_asked_at_once(
    tiny_models: TinyModels, tmp_path: Path
) -> None:
    folder = tiny_models.get("qwen2_vl").folder
    parts = parts_of(altered.with_decoder(folder, tmp_path / "model", altered.with_all_logits))
    prefix = parts.engine.append(parts.engine.empty(), parts.pieces(CONTENT), Call())
    at_once = parts.engine.logits(prefix, parts.suffixes(), Call(), at_once=3)
    np.testing.assert_allclose(at_once, asked(parts), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("alteration", "named"),
    [
        (altered.with_a_convolution_state, "past_conv.0"),
        (altered.with_bfloat16, "scale"),
        (altered.without_present, "present."),
        (altered.without_positions_of_three_axes, "position_ids"),
    ],
)
def test_a_decoder_of_another_kind_is_refused_by_what_is_wrong(
    alteration: Alteration, named: str, tiny_models: TinyModels, tmp_path: Path
) -> None:
    folder = altered.with_decoder(tiny_models.get("qwen2_vl").folder, tmp_path / "model", alteration)
    with pytest.raises(ModelBroken, match=named):
        parts_of(folder)


def test_graphs_that_drop_deepstack_features_are_refused(tiny_models: TinyModels) -> None:
    folder = tiny_models.get("qwen2_5_vl").folder / "onnx"
    with pytest.raises(ModelBroken, match="DeepStack"):
        VisionGraph(Graph(folder / "vision_encoder.onnx"), deepstack_count=2)
    with pytest.raises(ModelBroken, match="DeepStack"):
        DecoderGraph(Graph(folder / "decoder_model_merged.onnx"), 2, 2, 16)


def test_deepstack_features_that_the_configuration_does_not_know_are_refused(tiny_models: TinyModels) -> None:
    with pytest.raises(ModelBroken, match="deepstack_embeds"):
        DecoderGraph(Graph(tiny_models.get("qwen3_vl").folder / altered.DECODER), 0, 2, 32)


def test_a_file_that_is_no_graph_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "vision_encoder.onnx"
    path.write_bytes(b"no graph")
    with pytest.raises(ModelBroken, match=r"vision_encoder\.onnx"):
        Graph(path)


def test_a_graph_that_fails_says_so_in_one_sentence(tiny_models: TinyModels) -> None:
    graph = Graph(tiny_models.get("qwen2_vl").folder / "onnx" / "embed_tokens.onnx")
    with pytest.raises(GraphFailed, match=r"embed_tokens\.onnx failed on cpu") as raised:
        graph.run({"input_ids": np.array([[10**6]])}, ["inputs_embeds"], Call())
    assert "\n" not in str(raised.value)


def test_a_cancelled_call_starts_no_graph(tiny_models: TinyModels) -> None:
    graph = Graph(tiny_models.get("qwen2_vl").folder / "onnx" / "embed_tokens.onnx")
    call = Call()
    call.cancel()
    with pytest.raises(Cancelled):
        graph.run({"input_ids": np.array([[1]])}, ["inputs_embeds"], call)


@pytest.mark.parametrize(
    ("weights", "exponent", "remedy"), [(2**26, 1, "a smaller precision or a smaller"), (1, 30, "or of image tokens")]
)
def test_where_the_memory_runs_out_that_is_said_and_what_helps(
    tmp_path: Path, weights: int, exponent: int, remedy: str
) -> None:
    held = onnx.numpy_helper.from_array(np.zeros(weights, np.float32), "held")
    nodes = [
        onnx.helper.make_node("ReduceMax", ["held"], ["largest"], keepdims=1),
        onnx.helper.make_node("Expand", ["largest", "shape"], ["filled"]),
    ]
    shape = onnx.helper.make_tensor_value_info("shape", onnx.TensorProto.INT64, [1])
    filled = onnx.helper.make_tensor_value_info("filled", onnx.TensorProto.FLOAT, ["count"])
    model = onnx.helper.make_model(
        onnx.helper.make_graph(nodes, "filler", [shape], [filled], [held]),
        opset_imports=[onnx.helper.make_opsetid("", 17)],
        ir_version=8,
    )
    path = tmp_path / "filler.onnx"
    onnx.save(model, path)
    child = subprocess.run(
        [sys.executable, "-c", LOADS_WITH_LITTLE_MEMORY, str(path), str(exponent)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert remedy in child.stdout, child.stdout + child.stderr
    assert "again" not in child.stdout
    assert child.stdout.count("\n") == 1
