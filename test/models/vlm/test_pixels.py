from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from models.vlm.bare import bare_folder, processor_fields
from numpy.typing import NDArray
from PIL import Image

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.models.vlm.families import Family
from vlm_judge_ros.models.vlm.folder import ModelFolder, open_folder
from vlm_judge_ros.models.vlm.pixels import fitted_size, longest_edge_size

SIZES = ((480, 640), (96, 96), (720, 1280), (33, 517), (1000, 17), (1, 1), (5, 3), (3, 3), (30, 29), (1400, 2100))
QWEN = (Family.QWEN2_VL, Family.QWEN2_5_VL, Family.QWEN3_VL)


@pytest.fixture(scope="module", params=list(Family), ids=lambda family: family.value)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ModelFolder:
    return open_folder(bare_folder(tmp_path_factory.mktemp(request.param.value), request.param))


@pytest.fixture(scope="module")
def smolvlm(tmp_path_factory: pytest.TempPathFactory) -> ModelFolder:
    return open_folder(bare_folder(tmp_path_factory.mktemp("smolvlm"), Family.IDEFICS3))


def picture(height: int, width: int) -> NDArray[np.uint8]:
    """Noise over gradients: both sharp and smooth parts."""
    generator = np.random.default_rng(height * 10007 + width)
    rows, columns = np.mgrid[0:height, 0:width]
    smooth = np.stack([rows * 255 // height, columns * 255 // width, (rows + columns) % 256], axis=2)
    noise = generator.integers(0, 256, (height, width, 3))
    return np.where(columns[..., None] % 7 < 3, smooth, noise).astype(np.uint8)


def reference(family: Family, rgb: NDArray[np.uint8], **changes: Any) -> dict[str, Any]:
    """What the processor of transformers makes of the image."""
    fields = processor_fields(family) | changes
    processor: Any
    if family is Family.IDEFICS3:
        module = pytest.importorskip("transformers.models.smolvlm.image_processing_pil_smolvlm")
        processor = module.SmolVLMImageProcessorPil(**{**fields, "do_image_splitting": False})
    else:
        module = pytest.importorskip("transformers.models.qwen2_vl.image_processing_pil_qwen2_vl")
        processor = module.Qwen2VLImageProcessorPil(**fields)
    return dict(processor(images=[Image.fromarray(rgb)], return_tensors="np"))


@pytest.mark.parametrize("size", SIZES, ids=lambda size: "x".join(map(str, size)))
def test_an_image_is_prepared_as_transformers_does(folder: ModelFolder, size: tuple[int, int]) -> None:
    rgb = picture(*size)
    expected = reference(folder.family, rgb)
    prepared = folder.prepare(rgb)
    pixels = np.asarray(expected["pixel_values"])
    wanted = pixels if folder.family in QWEN else pixels[0]
    assert prepared.pixel_values.dtype == np.float32
    assert prepared.pixel_values.shape == wanted.shape
    assert np.abs(prepared.pixel_values - wanted).max() <= 1e-5
    if folder.family in QWEN:
        assert prepared.grid == tuple(expected["image_grid_thw"][0])
        assert prepared.token_count == len(pixels) // 4
    else:
        assert prepared.grid is None
        assert prepared.token_count == 64


def test_the_comparison_notices_another_filter(folder: ModelFolder) -> None:
    rgb = picture(470, 630)
    other = np.asarray(reference(folder.family, rgb, resample=2)["pixel_values"])
    wanted = other if folder.family in QWEN else other[0]
    assert np.abs(folder.prepare(rgb).pixel_values - wanted).max() > 1e-2


@pytest.mark.parametrize("family", QWEN)
@pytest.mark.parametrize("max_tokens", [16, 64, 200])
def test_a_token_budget_is_the_greatest_area_of_transformers(tmp_path: Path, family: Family, max_tokens: int) -> None:
    folder = open_folder(bare_folder(tmp_path, family))
    rgb = picture(480, 640)
    side = folder.config.patch_size * folder.config.merge_size
    size = {"shortest_edge": 3136, "longest_edge": max_tokens * side**2}
    fields = {"size": size, "min_pixels": None, "max_pixels": None}
    expected = reference(family, rgb, **fields)
    prepared = folder.prepare(rgb, max_tokens)
    assert prepared.grid == tuple(expected["image_grid_thw"][0])
    assert np.abs(prepared.pixel_values - expected["pixel_values"]).max() <= 1e-5
    assert prepared.token_count <= max_tokens


@pytest.mark.parametrize("family", QWEN)
def test_a_budget_above_that_of_the_model_changes_nothing(tmp_path: Path, family: Family) -> None:
    folder = open_folder(bare_folder(tmp_path, family))
    rgb = picture(96, 128)
    assert folder.prepare(rgb, 10**6).grid == folder.prepare(rgb).grid


SIDES = st.integers(1, 5000)


@given(height=SIDES, width=SIDES, factor=st.sampled_from([28, 32]), max_tokens=st.integers(1, 2000))
def test_no_image_costs_more_than_its_budget(height: int, width: int, factor: int, max_tokens: int) -> None:
    if max(height, width) > 200 * min(height, width):
        return
    rows, columns = fitted_size(height, width, factor, 65536, 16777216, max_tokens)
    assert rows % factor == columns % factor == 0
    assert factor <= rows
    assert factor <= columns
    assert (rows // factor) * (columns // factor) <= max_tokens


@given(height=SIDES, width=SIDES, factor=st.sampled_from([28, 32]), most=st.integers(4, 20000))
def test_sizes_are_those_of_transformers(height: int, width: int, factor: int, most: int) -> None:
    module = pytest.importorskip("transformers.models.qwen2_vl.image_processing_pil_qwen2_vl")
    limits = (4 * 28 * 28, most * factor**2)
    try:
        expected = module.smart_resize(height, width, factor, *limits)
    except ValueError:
        with pytest.raises(JudgeError, match=f"{width}x{height} pixels is too long"):
            fitted_size(height, width, factor, *limits)
        return
    assert fitted_size(height, width, factor, *limits) == expected


@given(height=SIDES, width=SIDES, longest=st.sampled_from([364, 1456, 1536, 2048, 5000]))
def test_sizes_before_the_tile_are_those_of_transformers(height: int, width: int, longest: int) -> None:
    module = pytest.importorskip("transformers.models.smolvlm.image_processing_pil_smolvlm")
    image = np.broadcast_to(np.uint8(0), (3, height, width))
    assert longest_edge_size(height, width, longest) == module.get_resize_output_image_size(image, longest)


def test_tiles_come_in_the_size_that_the_model_says(tmp_path: Path) -> None:
    """As SmolVLM2 2.2B: 384 pixels, patches of 14, 81 tokens."""
    path = bare_folder(tmp_path, Family.IDEFICS3)
    for name, old, new in (
        ("preprocessor_config.json", '"longest_edge": 512', '"longest_edge": 384'),
        ("preprocessor_config.json", '"longest_edge": 2048', '"longest_edge": 1536'),
        ("config.json", '"patch_size": 16, "image_size": 512', '"patch_size": 14, "image_size": 384'),
        ("config.json", '"scale_factor": 4', '"scale_factor": 3'),
    ):
        text = (path / name).read_text()
        assert old in text
        (path / name).write_text(text.replace(old, new))
    rgb = picture(480, 640)
    prepared = open_folder(path).prepare(rgb)
    changes = {"max_image_size": {"longest_edge": 384}, "size": {"longest_edge": 1536}}
    expected = np.asarray(reference(Family.IDEFICS3, rgb, **changes)["pixel_values"])[0]
    assert prepared.token_count == 81
    assert np.abs(prepared.pixel_values - expected).max() <= 1e-5


def test_a_budget_that_a_tile_does_not_fit_in_is_refused(smolvlm: ModelFolder) -> None:
    assert smolvlm.prepare(picture(96, 96), 64).token_count == 64
    with pytest.raises(JudgeError, match="makes 64 tokens of every image, and 63 are allowed"):
        smolvlm.prepare(picture(96, 96), 63)


def test_a_budget_of_nothing_is_refused(folder: ModelFolder) -> None:
    with pytest.raises(JudgeError, match="cannot cost 0 tokens"):
        folder.prepare(picture(96, 96), 0)


def test_a_view_into_a_larger_image_is_prepared_like_a_copy(folder: ModelFolder) -> None:
    rgb = picture(200, 300)[10:150:2, 250:20:-1]
    view, copy = folder.prepare(rgb), folder.prepare(rgb.copy())
    assert np.array_equal(view.pixel_values, copy.pixel_values)
