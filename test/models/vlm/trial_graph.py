"""Makes the graph with which providers are tried; run as a program, it writes it into the package."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vlm_judge_ros.models.vlm.trial import GRAPH, INPUT_SHAPE


def trial_graph() -> bytes:
    """A convolution, a matrix product in half precision and a softmax: what vision-language models are made of."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    random = np.random.default_rng(0)
    weights = {
        "kernel": random.normal(0.0, 0.2, (8, 3, 4, 4)).astype(np.float32),
        "shape": np.array([1, 8, 16], np.int64),
        "matrix": random.normal(0.0, 0.5, (16, 16)).astype(np.float16),
    }
    nodes = [
        helper.make_node("Conv", ["image", "kernel"], ["patches"], strides=[4, 4]),
        helper.make_node("Reshape", ["patches", "shape"], ["rows"]),
        helper.make_node("Cast", ["rows"], ["half"], to=TensorProto.FLOAT16),
        helper.make_node("MatMul", ["half", "matrix"], ["product"]),
        helper.make_node("Cast", ["product"], ["single"], to=TensorProto.FLOAT),
        helper.make_node("Softmax", ["single"], ["shares"], axis=-1),
    ]
    graph = helper.make_graph(
        nodes,
        "trial",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, INPUT_SHAPE)],
        [helper.make_tensor_value_info("shares", TensorProto.FLOAT, [1, 8, 16])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    content: bytes = model.SerializeToString()
    return content


if __name__ == "__main__":
    Path(GRAPH).write_bytes(trial_graph())
