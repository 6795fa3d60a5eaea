"""The embedded model's files, and what happens when they are not what they should be."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from vlm_judge_ros.errors import ModelBroken
from vlm_judge_ros.models.two_view import (
    DESCRIPTION_FILE,
    EMBEDDED_FOLDER,
    ENCODER_FILE,
    TIMELINE_FILE,
    TwoViewModel,
    prepare,
)

MEBIBYTE = 2**20


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(EMBEDDED_FOLDER, tmp_path / "model"))


def images(model: TwoViewModel, count: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    size = model.description.image_size_px
    return np.random.default_rng(0).integers(0, 256, (count, size, size, 3), dtype=np.uint8)


def test_the_shipped_model_is_small() -> None:
    assert sum(path.stat().st_size for path in EMBEDDED_FOLDER.iterdir()) < 15 * MEBIBYTE


def test_answers_are_probabilities_for_any_number_of_pairs() -> None:
    model = TwoViewModel()
    for count in (1, 2, 19):
        encoded = model.encode(images(model, count), images(model, count), "open the drawer")
        assert encoded.novelty.shape == (count,)
        estimate = model.estimate(encoded.features, np.linspace(-9.0, 0.0, count, dtype=np.float32), range(count))
        assert 0.0 <= estimate.progress <= 1.0
        assert 0.0 <= estimate.success_probability <= 1.0
        assert 0.0 <= estimate.failure_probability <= 1.0
        assert sum(estimate.mode_probabilities.values()) == pytest.approx(1.0, abs=1e-5)


def test_a_pair_gets_the_same_features_alone_and_among_others() -> None:
    model = TwoViewModel()
    many = model.encode(images(model, 5), images(model, 5), "open the drawer")
    alone = model.encode(images(model, 5)[3:4], images(model, 5)[3:4], "open the drawer")
    np.testing.assert_allclose(alone.features[0], many.features[3], atol=1e-4)


def test_prepare_squashes_any_shape_to_a_square() -> None:
    assert prepare(np.zeros((480, 640, 3), dtype=np.uint8), 96).shape == (96, 96, 3)
    assert prepare(np.zeros((50, 30, 3), dtype=np.uint8), 96).shape == (96, 96, 3)


@pytest.mark.parametrize("name", [ENCODER_FILE, TIMELINE_FILE, DESCRIPTION_FILE])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(ModelBroken, match=name):
        TwoViewModel(folder)


@pytest.mark.parametrize("name", [ENCODER_FILE, TIMELINE_FILE])
def test_a_changed_graph_is_refused(folder: Path, name: str) -> None:
    with (folder / name).open("ab") as file:
        file.write(b"x")
    with pytest.raises(ModelBroken, match=f"{name} is not the one"):
        TwoViewModel(folder)


def test_a_graph_that_loads_but_cannot_answer_is_refused_at_once(folder: Path) -> None:
    encoder = (folder / ENCODER_FILE).read_bytes()
    (folder / TIMELINE_FILE).write_bytes(encoder)
    description = json.loads((folder / DESCRIPTION_FILE).read_text())
    description["files"][TIMELINE_FILE] = hashlib.sha256(encoder).hexdigest()
    (folder / DESCRIPTION_FILE).write_text(json.dumps(description))
    with pytest.raises(ModelBroken, match="does not run"):
        TwoViewModel(folder)


def test_a_description_with_a_wrong_value_names_the_field(folder: Path) -> None:
    description = json.loads((folder / DESCRIPTION_FILE).read_text())
    description["image_size_px"] = -1
    (folder / DESCRIPTION_FILE).write_text(json.dumps(description))
    with pytest.raises(ModelBroken, match="image_size_px"):
        TwoViewModel(folder)


def test_a_failure_mode_that_nobody_knows_is_refused(folder: Path) -> None:
    description = json.loads((folder / DESCRIPTION_FILE).read_text())
    description["modes"][0] = "ABDUCTED"
    (folder / DESCRIPTION_FILE).write_text(json.dumps(description))
    with pytest.raises(ModelBroken, match="modes"):
        TwoViewModel(folder)
