from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from models.image_encoders import KINDS, SIDES, put_weights_beside, save_graph
from numpy.typing import NDArray

from vlm_judge_ros.errors import ModelBroken
from vlm_judge_ros.models.appearance.cells import CELLS, in_cells
from vlm_judge_ros.models.appearance.encoder import AppearanceEncoder, open_encoder

if TYPE_CHECKING:
    from models.vlm.tiny import TinyModels


@pytest.fixture(scope="module", params=KINDS)
def graph(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_graph(request.param, tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="module")
def vit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_graph("vit", tmp_path_factory.mktemp("vit"))


def picture(seed: int = 0, height: int = 48, width: int = 96) -> NDArray[np.uint8]:
    random = np.random.default_rng(seed)
    return np.asarray(cv2.resize(random.integers(0, 255, (6, 6, 3), dtype=np.uint8), (width, height)), dtype=np.uint8)


def seen(encoder: AppearanceEncoder, image: NDArray[np.uint8]) -> NDArray[np.float32]:
    (vector,) = encoder.encode([{"front": image}])[0]
    return np.asarray(vector, dtype=np.float32)


def test_an_exported_encoder_gives_a_vector_of_length_1_for_each_camera(graph: Path) -> None:
    encoder = open_encoder(str(graph))
    # Cameras may differ in shape.
    moments = [{"front": picture(1), "wrist": picture(2, 80, 80)}, {"front": picture(3), "wrist": picture(4, 80, 80)}]
    encoded = encoder.encode(moments)
    assert encoded.shape[:2] == (2, 2)
    assert np.linalg.norm(encoded, axis=2) == pytest.approx(np.ones((2, 2)), abs=1e-5)
    assert np.linalg.norm(encoded[0, 0] - encoded[1, 0]) > 1e-3
    assert (encoded == encoder.encode(moments)).all()


def test_what_is_fed_and_how_it_is_averaged_is_as_by_hand(graph: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    side = SIDES["resnet"] if not (graph.parent / "preprocessor_config.json").exists() else None
    mean, deviation = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]) if side else ([0.5] * 3, [0.5] * 3)
    side = side or json.loads((graph.parent / "preprocessor_config.json").read_text())["size"]["height"]
    image = picture(5, side, side)
    fed = ((image / 255.0 - mean) / deviation).transpose(2, 0, 1)[None].astype(np.float32)
    features = onnxruntime.InferenceSession(str(graph)).run(None, {"pixel_values": fed})[0][0]
    if features.ndim == 2:  # without the class token
        rows = int(np.sqrt(len(features) - 1))
        features = features[1:].reshape(rows, rows, -1).transpose(2, 0, 1)
    edges = [
        (int(np.floor(i * features.shape[1] / CELLS)), int(np.ceil((i + 1) * features.shape[1] / CELLS)))
        for i in range(CELLS)
    ]
    cells = [features[:, top:bottom, left:right].mean(axis=(1, 2)) for top, bottom in edges for left, right in edges]
    expected = np.concatenate(cells) / np.linalg.norm(np.concatenate(cells))
    assert seen(open_encoder(str(graph)), image) == pytest.approx(expected, abs=1e-5)


def test_features_tell_where_something_is() -> None:
    left, right = np.zeros((8, 6, 6)), np.zeros((8, 6, 6))
    left[:, 2, 1], right[:, 2, 4] = 1.0, 1.0
    assert in_cells(left) @ in_cells(right) == pytest.approx(0.0)
    tokens = left.transpose(1, 2, 0).reshape(36, 8)
    assert in_cells(np.vstack([np.ones((5, 8)), tokens])) == pytest.approx(in_cells(left))


@pytest.mark.parametrize("shape", [(7,), (30, 7), (1, 7), (7, 1, 1), (7, 3, 50)])
def test_features_of_any_shape_become_a_vector(shape: tuple[int, ...]) -> None:
    assert np.linalg.norm(in_cells(np.ones(shape))) == pytest.approx(1.0)


def test_another_working_folder_changes_nothing(vit: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(vit.parent)
    encoder = open_encoder(vit.name)
    monkeypatch.chdir(os.sep)
    assert open_encoder(encoder.name).file_hash == encoder.file_hash


def test_weights_beside_the_graph_and_the_form_of_pictures_are_part_of_its_hash(tmp_path: Path) -> None:
    path = save_graph("vit", tmp_path)
    image, told = picture(), open_encoder(str(path))
    before = seen(told, image)
    weights = put_weights_beside(path)
    beside = open_encoder(str(path))
    assert seen(beside, image) == pytest.approx(before, abs=1e-5)
    content = bytearray(weights.read_bytes())
    content[: len(content) // 2] = bytes(len(content) // 2)
    weights.write_bytes(content)
    assert open_encoder(str(path)).file_hash != beside.file_hash
    weights.unlink()
    with pytest.raises(ModelBroken, match=r"model\.onnx_data is missing"):
        open_encoder(str(path))


def test_the_form_of_pictures_decides_what_is_seen_and_the_hash(tmp_path: Path) -> None:
    path = save_graph("vit", tmp_path / "onnx")
    config = path.parent / "preprocessor_config.json"
    before = open_encoder(str(path))
    # Above the folder, as repositories of models have it.
    text = config.read_text().replace("0.5", "0.4")
    config.unlink()
    (tmp_path / "preprocessor_config.json").write_text(text)
    after = open_encoder(str(path))
    assert after.file_hash != before.file_hash
    assert np.abs(seen(after, picture()) - seen(before, picture())).max() > 1e-4


@pytest.mark.parametrize(
    ("config", "reason"),
    [("{", "cannot be used"), ('{"image_std": [0, 1, 1]}', "above 0"), ('{"size": {"height": 0}}', "greater than")],
)
def test_a_broken_form_is_a_sentence(config: str, reason: str, tmp_path: Path) -> None:
    path = save_graph("vit", tmp_path)
    (tmp_path / "preprocessor_config.json").write_text(config)
    with pytest.raises(ModelBroken, match=reason):
        open_encoder(str(path))


def test_a_free_size_that_the_model_cannot_take_is_a_sentence(tmp_path: Path) -> None:
    path = save_graph("vit", tmp_path)
    (tmp_path / "preprocessor_config.json").unlink()  # 224 pixels then, for position embeddings of 64
    with pytest.raises(ModelBroken, match="failed"):
        open_encoder(str(path))


@pytest.mark.parametrize("content", [None, b"", b"no graph", b"version https://git-lfs.github.com/spec/v1\n"])
def test_what_is_no_graph_is_a_sentence(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "encoder.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelBroken) as caught:
        open_encoder(str(path))
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("family", ["qwen2_vl", "smolvlm"])
def test_the_vision_encoder_of_a_language_model_tells_pictures_apart(tiny_models: TinyModels, family: str) -> None:
    encoder = open_encoder(str(tiny_models.get(family).folder))
    encoded = encoder.encode([{"front": picture(1), "wrist": picture(2, 80, 80)}])
    assert encoded.shape[:2] == (1, 2)
    assert np.linalg.norm(encoded, axis=2) == pytest.approx(np.ones((1, 2)), abs=1e-5)
    assert np.linalg.norm(encoded[0, 0] - encoded[0, 1]) > 1e-3
    assert encoder.file_hash == open_encoder(encoder.name).file_hash
