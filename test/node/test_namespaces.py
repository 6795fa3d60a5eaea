"""Names: two judges beside each other, and topics that are called otherwise."""

from __future__ import annotations

from collections.abc import Callable

from bench import Bench, Robot
from judge_process import JudgeProcess

from vlm_judge_ros import msg

UNKNOWN, PROGRESSING = msg.Verdict.STATE_UNKNOWN, msg.Verdict.STATE_PROGRESSING


def test_two_judges_in_two_namespaces_do_not_hear_each_other(bench: Bench, start: Callable[..., JudgeProcess]) -> None:
    judges = [start(name, ready=False, period_s=0.3, task=f"watch {name}") for name in ("left", "right")]
    left, right = Robot(bench, "left"), Robot(bench, "right")
    try:
        for judge, name in zip(judges, ("left", "right"), strict=True):
            judge.await_verdict(PROGRESSING)
            assert {verdict.task for verdict in judge.verdicts} <= {"", f"watch {name}"}
            assert judge.await_value("camera front", "topic") == f"/{name}/front/image"
        before = len(judges[1].verdicts)
        left.close()
        judges[0].await_verdict(UNKNOWN, "silent")
        judges[1].await_progress(2)
        assert UNKNOWN not in {verdict.state for verdict in judges[1].verdicts[before:]}
    finally:
        left.close()
        right.close()


def test_topics_can_be_remapped_and_cameras_named_at_will(bench: Bench, start: Callable[..., JudgeProcess]) -> None:
    robot = Robot(bench, "elsewhere")
    remaps = ("-r", "overhead/image:=/elsewhere/front/image", "-r", "joint_states:=/elsewhere/joint_states")
    judge = start(
        "renamed", *remaps, cameras="[overhead]", task="watch", period_s=0.3, overhead__reliability="reliable"
    )
    try:
        judge.await_verdict(PROGRESSING)
        assert judge.await_value("camera overhead", "topic") == "/elsewhere/front/image"
    finally:
        robot.close()
