from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlm_judge_ros.models.vlm.engines import EngineKey, engines_folder, profile

KEY = EngineKey(
    model_hash="0123456789abcdef",
    shapes=(("image_grid_thw", (1, 3)), ("pixel_values", (256, 1176))),
    device="NVIDIA GeForce RTX 4090",
    compute_capability=(8, 9),
    tensorrt="10.16.1",
    runtime="1.31.1",
)


@pytest.mark.parametrize(
    ("field", "other"),
    [
        ("model_hash", "fedcba9876543210"),
        ("shapes", (("image_grid_thw", (1, 3)), ("pixel_values", (1024, 1176)))),
        ("device", "Orin"),
        ("compute_capability", (8, 7)),
        ("tensorrt", "10.3.0"),
        ("runtime", "1.23.2"),
    ],
)
def test_an_engine_is_never_found_for_something_else(field: str, other: Any) -> None:
    assert replace(KEY, **{field: other}).folder != KEY.folder


def test_engines_of_one_device_share_their_timings() -> None:
    other = replace(KEY, model_hash="fedcba9876543210")
    assert other.device_folder == KEY.device_folder
    assert replace(KEY, tensorrt="10.3.0").device_folder != KEY.device_folder


def test_a_folder_tells_a_person_what_it_is_for() -> None:
    folder, name = KEY.folder.parts
    assert folder == "NVIDIA-GeForce-RTX-4090-sm_89-tensorrt-10.16.1"
    assert name.startswith("0123456789abcdef-")


@given(device=st.text(max_size=60), version=st.text(max_size=20))
def test_no_name_of_a_device_leads_out_of_the_folder(device: str, version: str) -> None:
    folder = replace(KEY, device=device, tensorrt=version).folder
    assert not folder.is_absolute()
    assert ".." not in folder.parts
    assert len(folder.parts) == 2


def test_engines_lie_in_the_cache_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert engines_folder() == tmp_path / "vlm_judge_ros" / "engines"


def test_shapes_are_written_as_the_provider_reads_them() -> None:
    assert profile({"pixel_values": (256, 1176), "image_grid_thw": (1, 3)}) == (
        "image_grid_thw:1x3,pixel_values:256x1176"
    )
