from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.simulation.seed_files import joined

SCRIPTS = Path(__file__).parents[2] / "training"
FRAMES = 16


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """The modules of training/, which import each other by their bare names."""
    names = {path.stem for path in SCRIPTS.glob("*.py")} - {"export"}
    monkeypatch.syspath_prepend(SCRIPTS)
    before = {name: sys.modules.pop(name) for name in names if name in sys.modules}
    torch = pytest.importorskip("torch", reason="the extra `train` is not installed")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield SimpleNamespace(**{name: __import__(name) for name in sorted(names)})
    torch.set_num_threads(threads)
    for name in names:
        sys.modules.pop(name, None)
    sys.modules.update(before)


def write_episode(folder: Path, seed: int, task: str, disturbance: str, mode: FailureMode, instruction: str) -> None:
    random = np.random.default_rng(seed)
    encoded = [cv2.imencode(".jpg", random.integers(0, 255, (96, 96, 3), np.uint8))[1].ravel() for _ in range(FRAMES)]
    failing = np.arange(FRAMES) >= 10 if mode else np.zeros(FRAMES, dtype=bool)
    np.savez(
        folder / f"{seed:06d}.npz",
        **joined("front", encoded),
        **joined("wrist", encoded),
        stamps_s=np.arange(FRAMES, dtype=np.float32) / 2,
        progress=np.linspace(0.0, 1.0, FRAMES, dtype=np.float32),
        success=~failing & (np.arange(FRAMES) > 12),
        failing=failing,
        task=np.array(task),
        instruction=np.array(instruction),
        disturbance=np.array(disturbance),
        mode=np.array(int(mode)),
        onset_s=np.array(5.0 if mode else np.nan),
        seed=np.array(seed),
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    episodes = tmp_path / "episodes"
    episodes.mkdir()
    write_episode(episodes, 0, "push", "none", FailureMode.NONE, "push the puck to the green target")
    write_episode(episodes, 1, "reach", "noise", FailureMode.OSCILLATION, "reach the red target with the hand")
    write_episode(episodes, 2, "push", "shortcut", FailureMode.UNKNOWN, "never slide it")
    write_episode(episodes, 3, "push", "wander", FailureMode.UNKNOWN, "a kind that is left out")
    write_episode(episodes, 4, "sweep", "none", FailureMode.NONE, "a task that is left out")
    return episodes


def _write_decisions(folder: Path, seed: int, decisions: int, chunks: int = 3) -> Path:
    """Pictures are grey, and darker from one to the next, so that each can be told."""
    count = decisions * (1 + chunks)
    levels = 250 - 4 * np.arange(count)
    encoded = [cv2.imencode(".jpg", np.full((96, 96, 3), level, np.uint8))[1].ravel() for level in levels]
    path = folder / f"{seed:06d}.npz"
    np.savez(
        path,
        **joined("front", encoded),
        **joined("wrist", encoded),
        left=np.random.default_rng(seed).integers(1, 90, (decisions, chunks)),
        longest=np.array(90),
        clean_steps=np.array(30),
        stamps_s=np.arange(decisions, dtype=np.float64),
        task=np.array("push"),
        instruction=np.array("push the puck to the green target"),
        seed=np.array(seed),
    )
    return path


@pytest.fixture
def write_decisions() -> Callable[..., Path]:
    return _write_decisions
