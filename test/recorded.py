"""Recorded material for development, which lies outside the project and may not be there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

DATA = Path(os.environ.get("VLM_JUDGE_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))
BAGS = DATA / "rosbags_rs" / "tests" / "test_bags"
"""Bags written by other software; the images in them have 30 bytes of the 921600 that they claim."""

needs_recordings = pytest.mark.skipif(not DATA.is_dir(), reason="the recorded data is not here")
