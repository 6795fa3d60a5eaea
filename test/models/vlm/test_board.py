from __future__ import annotations

from pathlib import Path

import pytest

from vlm_judge_ros.models.vlm.board import detect

# In the form in which the boards have them.
RELEASE = "# R{} (release), REVISION: {}, GCID: 1, BOARD: generic, EABI: aarch64, DATE: Wed Jan  8 01:49:37 UTC 2025\n"
ORIN = "NVIDIA Jetson Orin Nano Engineering Reference Developer Kit Super\0"
THOR = "NVIDIA Jetson AGX Thor Developer Kit\0"


def board(root: Path, model: str = "", release: str = "") -> Path:
    for path, text in ((root / "proc/device-tree/model", model), (root / "etc/nv_tegra_release", release)):
        if text:
            path.parent.mkdir(parents=True)
            path.write_text(text)
    return root


@pytest.mark.parametrize(
    ("model", "release", "family", "capability", "linux", "jetpack"),
    [
        (ORIN, RELEASE.format(36, "4.3"), "Orin", (8, 7), "36.4.3", 6),
        (ORIN, RELEASE.format(39, "2.0"), "Orin", (8, 7), "39.2.0", 7),
        (THOR, RELEASE.format(38, "2.0"), "Thor", (11, 0), "38.2.0", 7),
    ],
)
def test_a_jetson_is_told_by_its_device_tree_and_release_file(
    tmp_path: Path, model: str, release: str, family: str, capability: tuple[int, int], linux: str, jetpack: int
) -> None:
    found = detect(board(tmp_path, model, release))
    assert found is not None
    assert (found.family, found.compute_capability, found.linux, found.jetpack) == (family, capability, linux, jetpack)
    assert found.description == f"{model[:-1]}, Jetson Linux {linux} (JetPack {jetpack})"


def test_a_container_without_the_release_file_still_tells_the_board(tmp_path: Path) -> None:
    found = detect(board(tmp_path, model=ORIN))
    assert found is not None
    assert (found.family, found.linux, found.jetpack) == ("Orin", "", None)
    assert "unknown release" in found.description


def test_a_board_newer_than_this_code_is_a_jetson_of_no_known_family(tmp_path: Path) -> None:
    found = detect(board(tmp_path, "NVIDIA Jetson Zebra\0", "# R50 (release), REVISION: 1.0, GCID: 1\n"))
    assert found is not None
    assert (found.family, found.compute_capability, found.linux, found.jetpack) == ("", None, "50.1.0", None)


@pytest.mark.parametrize("model", ["", "Raspberry Pi 5 Model B Rev 1.0\0"])
def test_what_is_no_jetson_is_none(tmp_path: Path, model: str) -> None:
    assert detect(board(tmp_path, model)) is None
