"""What tests of the simulator need; where it is not there, the file that imports this is skipped."""

from __future__ import annotations

import os

import pytest

os.environ.setdefault("MUJOCO_GL", "egl")
pytest.importorskip("metaworld", reason="the extra `simulate` is not installed", exc_type=ImportError)

from vlm_judge_ros.simulation.world import SimulatorMissing, load_simulator

try:
    load_simulator()
except SimulatorMissing as missing:
    pytest.skip(str(missing), allow_module_level=True)

# The experts ask for more than the arm gives, at each step.
experts_ask_for_too_much = pytest.mark.filterwarnings(r"ignore:Constant\(s\) may be too high")
