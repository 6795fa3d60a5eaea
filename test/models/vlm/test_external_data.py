from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from models.vlm.bare import write_graph
from onnx import TensorProto, helper

from vlm_judge_ros.errors import ModelBroken
from vlm_judge_ros.models.vlm.external_data import check_external_files, external_files


def external_tensor(name: str, location: str, offset: int, length: int) -> TensorProto:
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=[length // 4])
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", offset), ("length", length)):
        entry = tensor.external_data.add()
        entry.key, entry.value = key, str(value)
    return tensor


def test_a_graph_with_its_weights_inside_needs_no_file(tmp_path: Path) -> None:
    write_graph(tmp_path / "graph.onnx")
    assert external_files(tmp_path / "graph.onnx") == {}


def test_files_and_their_least_sizes_are_those_of_onnx(tmp_path: Path) -> None:
    write_graph(tmp_path / "graph.onnx", external="graph.onnx_data")
    assert external_files(tmp_path / "graph.onnx") == {tmp_path / "graph.onnx_data": 1024}
    check_external_files(tmp_path / "graph.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "graph.onnx", providers=["CPUExecutionProvider"])
    (answer,) = session.run(None, {"x": np.zeros(256, dtype=np.float32)})
    assert answer[255] == 255.0


def test_files_of_tensors_inside_branches_and_constants_are_found(tmp_path: Path) -> None:
    """Merged decoders once had both ways of the cache as branches of an If."""
    inner = helper.make_graph([], "branch", [], [], [external_tensor("a", "second.onnx_data_1", 64, 32)])
    constant = helper.make_node("Constant", [], ["c"], value=external_tensor("c", "third", 0, 8))
    node = helper.make_node("If", ["condition"], ["y"], then_branch=inner, else_branch=inner)
    outer = helper.make_graph(
        [node, constant],
        "g",
        [],
        [],
        [external_tensor("b", "first.onnx_data", 0, 16), external_tensor("d", "first.onnx_data", 16, 16)],
    )
    path = tmp_path / "graph.onnx"
    path.write_bytes(helper.make_model(outer).SerializeToString())
    expected = {"first.onnx_data": 32, "second.onnx_data_1": 96, "third": 8}
    assert external_files(path) == {tmp_path / name: size for name, size in expected.items()}


def test_a_missing_weight_file_is_named(tmp_path: Path) -> None:
    write_graph(tmp_path / "graph.onnx", external="graph.onnx_data")
    (tmp_path / "graph.onnx_data").unlink()
    with pytest.raises(ModelBroken, match=r"graph\.onnx_data is missing, which holds weights of graph\.onnx; download"):
        check_external_files(tmp_path / "graph.onnx")


def test_a_weight_file_that_is_cut_short_is_named(tmp_path: Path) -> None:
    write_graph(tmp_path / "graph.onnx", external="graph.onnx_data")
    (tmp_path / "graph.onnx_data").write_bytes(bytes(1000))
    with pytest.raises(ModelBroken, match=r"has 1000 bytes, and graph\.onnx needs 1024 of it"):
        check_external_files(tmp_path / "graph.onnx")


def test_a_pointer_of_git_lfs_is_told_from_a_graph(tmp_path: Path) -> None:
    path = tmp_path / "graph.onnx"
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    with pytest.raises(ModelBroken, match="pointer of Git LFS; run `git lfs pull`"):
        external_files(path)


@pytest.mark.parametrize("location", ["../weights", "/etc/passwd", "a/../../b"])
def test_a_graph_may_not_name_files_outside_its_folder(tmp_path: Path, location: str) -> None:
    graph = helper.make_graph([], "g", [], [], [external_tensor("a", location, 0, 4)])
    (tmp_path / "graph.onnx").write_bytes(helper.make_model(graph).SerializeToString())
    with pytest.raises(ModelBroken, match="outside its folder"):
        external_files(tmp_path / "graph.onnx")


@pytest.mark.parametrize("content", [b"", b"hello, this is text", b"<html>not found</html>", b"\x00" * 100])
def test_what_is_no_graph_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "graph.onnx").write_bytes(content)
    with pytest.raises(ModelBroken, match="cut short or no ONNX file"):
        external_files(tmp_path / "graph.onnx")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("whole") / "graph.onnx"
    write_graph(path)
    return path


@given(length=st.integers(1, 1100))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
def test_a_graph_that_is_cut_short_is_noticed_or_at_a_seam(whole: Path, length: int) -> None:
    content = whole.read_bytes()[:length]
    part = whole.with_name("part.onnx")
    part.write_bytes(content)
    try:
        external_files(part)
    except ModelBroken:
        return
    onnx.load_from_string(content)  # cut between two fields it is still a message


@given(content=st.binary(max_size=300))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_arbitrary_bytes_never_end_in_a_traceback(whole: Path, content: bytes) -> None:
    part = whole.with_name("part.onnx")
    part.write_bytes(content)
    try:
        assert external_files(part) is not None
    except ModelBroken as error:
        assert "\n" not in str(error)
