"""A session draws the paths of candidates, for a judge that can read them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from node.told_by_grey import frame
from session.live_session import Session

from vlm_judge_ros.session.candidate_scoring import ScoringOptions
from vlm_judge_ros.steering.candidate import Candidate, EndEffectorPath
from vlm_judge_ros.steering.drawing.geometry_file import read_cameras
from vlm_judge_ros.steering.drawn_paths import Canvas
from vlm_judge_ros.steering.questions import SteeringSettings
from vlm_judge_ros.steering.request import ScoringAnswer
from vlm_judge_ros.steering.scored import CandidateState

CAMERAS = """
cameras:
  front:
    width: 32
    height: 24
    distortion_model: ""
    d: []
    k: [25.0, 0.0, 16.0, 0.0, 25.0, 12.0, 0.0, 0.0, 1.0]
    pose: {frame_id: base, position: [0.0, 0.0, 0.0], orientation: [0.0, 0.0, 0.0, 1.0]}
"""


def going_to(x: float) -> Candidate:
    return Candidate(path=EndEffectorPath("base", np.array([0.0, 1.0]), np.array([[0.0, 0.0, 1.0], [x, 0.0, 1.0]])))


def test_the_path_that_leads_furthest_is_chosen_by_where_it_is_drawn(tmp_path: Path) -> None:
    file = tmp_path / "cameras.yaml"
    file.write_text(CAMERAS)
    canvas = Canvas.for_judge("token_reward", read_cameras(str(file)))
    session = Session("node.reader_of_drawings:create", ScoringOptions(SteeringSettings(canvas=canvas)))
    try:
        session.begin()
        session.now_ns += 100_000_000
        session.judging.add_frame(frame("front", session.now_ns, 10), session.now_ns)
        answer = session.until(session.ask_about(going_to(-0.3), going_to(0.4), going_to(0.1)))
    finally:
        session.judging.close()
    assert isinstance(answer, ScoringAnswer)
    assert [each.state for each in answer.candidates] == [CandidateState.SCORED] * 3
    assert answer.choice.index == 1
