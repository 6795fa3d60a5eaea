"""What the parameters of ~/score_candidates make of drawn paths."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from steering.test_arm import ARM
from steering.test_geometry_file import FILE

from vlm_judge_ros.episode.drawing import DrawnAs
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.parameters.given import GivenParameters
from vlm_judge_ros.parameters.steering import scoring_options


@pytest.fixture
def values(tmp_path: Path) -> Mapping[str, Any]:
    (tmp_path / "cameras.yaml").write_text(FILE)
    (tmp_path / "arm.urdf").write_text(ARM)
    return {
        **GivenParameters().for_cameras(("front", "wrist")),
        "judge": "token_reward",
        "steering_cameras": str(tmp_path / "cameras.yaml"),
        "steering_urdf": str(tmp_path / "arm.urdf"),
        "steering_link": "hand",
    }


def test_paths_are_drawn_as_the_judge_can_read_them(values: Mapping[str, Any]) -> None:
    alone = scoring_options(values).settings.canvas
    assert alone is not None
    assert (alone.drawn_as, alone.cameras.names) == (DrawnAs.ALONE, ("front",))
    assert alone.arm is not None
    assert alone.arm.drivers == ("shoulder", "elbow", "slide")
    together = scoring_options({**values, "judge": "path_choice", "steering_urdf": "", "steering_link": ""})
    assert together.settings.canvas is not None
    assert (together.settings.canvas.drawn_as, together.settings.canvas.arm) == (DrawnAs.TOGETHER, None)


def test_by_itself_the_embedded_judge_is_shown_no_drawing() -> None:
    assert scoring_options(GivenParameters().for_cameras(("front", "wrist"))).settings.canvas is None


@pytest.mark.parametrize("judge", ["embedded", "token_reward"])
def test_joints_are_held_against_the_workspace_whatever_the_judge(
    values: Mapping[str, Any], tmp_path: Path, judge: str
) -> None:
    limits = tmp_path / "limits.yaml"
    box = "workspace: {frame_id: FRAME, lowest: [-1, -1, 0], highest: [1, 1, 1]}"
    limits.write_text(box.replace("FRAME", "base"))
    given = {**values, "judge": judge, "steering_cameras": "", "steering_limits": str(limits)}
    arm = scoring_options(given).settings.arm
    assert arm is not None
    assert arm.drivers == ("shoulder", "elbow", "slide")
    limits.write_text(box.replace("FRAME", "world"))
    with pytest.raises(JudgeError, match="in the frame world, and the first link"):
        scoring_options(given)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"judge": "embedded"}, "steering_cameras .* the judge embedded cannot read drawn paths"),
        ({"steering_cameras": ""}, "steering_urdf .* nothing needs it"),
        ({"steering_link": ""}, "steering_urdf and steering_link is empty"),
        ({"steering_link": "foot"}, "no link 'foot'"),
        ({"steering_cameras": "none.yaml"}, "none.yaml cannot be read"),
    ],
)
def test_parameters_that_contradict_each_other_are_refused(
    values: Mapping[str, Any], changed: Mapping[str, str], message: str
) -> None:
    with pytest.raises(JudgeError, match=message):
        scoring_options({**values, **changed})
