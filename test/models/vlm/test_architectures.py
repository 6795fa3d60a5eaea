from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlm_judge_ros.models.vlm.architectures import Target, described, targets

PORTABLE, BINARY = 1, 2


def bundle(*pieces: tuple[int, int]) -> bytes:
    """A bundle of CUDA code as compilers write it: kind and target of each piece."""
    content = b""
    for kind, number in pieces:
        header = struct.pack("<HHIQ", kind, 0x101, 64, 40).ljust(28, b"\0") + struct.pack("<I", number)
        content += header.ljust(64, b"\0") + bytes(40)
    return struct.pack("<IHHQ", 0xBA55ED50, 1, 16, len(content)) + content


def library(folder: Path, *bundles: bytes) -> Path:
    path = folder / "library.so"
    path.write_bytes(b"\x7fELF" + bytes(99) + bytes(7).join(bundles) + bytes(50))
    return path


def test_the_targets_of_a_library_are_read_from_its_code(tmp_path: Path) -> None:
    path = library(tmp_path, bundle((BINARY, 80), (BINARY, 90)), bundle((BINARY, 120), (PORTABLE, 90)))
    assert described(targets(path)) == "sm_80, sm_90, compute_90, sm_120"


def test_a_library_without_code_for_gpus_has_no_targets(tmp_path: Path) -> None:
    assert targets(library(tmp_path)) == frozenset()


@given(noise=st.binary(max_size=80))
def test_what_only_looks_like_a_bundle_is_passed_over(tmp_path_factory: pytest.TempPathFactory, noise: bytes) -> None:
    path = library(tmp_path_factory.mktemp("noise"), b"\x50\xed\x55\xba" + noise)
    assert all(2 <= target.capability[0] < 100 for target in targets(path))


@pytest.mark.parametrize(
    ("target", "capability", "integrated", "covers"),
    [
        (Target((8, 0), False), (8, 6), False, True),
        (Target((8, 6), False), (8, 0), False, False),
        (Target((8, 0), False), (9, 0), False, False),
        (Target((8, 0), False), (8, 7), True, False),
        (Target((8, 7), False), (8, 7), True, True),
        (Target((9, 0), True), (11, 0), True, True),
        (Target((9, 0), True), (8, 7), True, False),
    ],
)
def test_machine_code_does_not_run_on_a_jetson_that_it_was_not_made_for(
    target: Target, capability: tuple[int, int], integrated: bool, covers: bool
) -> None:
    assert target.covers(capability, integrated) is covers
