"""The parameter lockstep, and a player that nobody answers."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from bench import PATIENCE_S, Bench
from judge_process import JudgeProcess
from replay.episode_bag import EpisodeBag

from vlm_judge_ros import msg, srv
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.node.handshake import Handshake
from vlm_judge_ros.node.player import Player
from vlm_judge_ros.replay.bag import Bag


def test_lockstep_without_the_clock_of_a_recording_is_refused(start: Callable[..., JudgeProcess]) -> None:
    judge = start("lockstep_refused", ready=False, lockstep=True)
    assert judge.process.wait(PATIENCE_S) == 1
    assert "Parameter lockstep is true and use_sim_time is false; set use_sim_time to true" in judge.said()
    assert "Traceback" not in judge.said()


def test_a_node_in_lockstep_says_that_it_is_for_no_robot_and_steers_none(
    bench: Bench, start: Callable[..., JudgeProcess]
) -> None:
    judge = start("lockstep_warned", lockstep=True, use_sim_time=True)
    judge.until(lambda: "This is for recordings, never for a robot." in judge.said(), "a warning")
    answer = bench.call(srv.ScoreCandidates, f"/{judge.name}/score_candidates", candidates=[msg.Candidate()])
    assert (answer.success, answer.chosen) == (False, -1)
    assert "in lockstep with a recording" in answer.message


def test_a_player_whom_no_heartbeat_answers_says_so_and_stops(bench: Bench, tmp_path: Path) -> None:
    with Bag(EpisodeBag(duration_s=0.2).write(tmp_path)) as bag:
        player = Player(bench.node, bag, {})
        handshake = Handshake(bench.node, "/nobody", patience_s=0.3)
        with pytest.raises(JudgeError, match=r"/nobody has not told that its clock shows .* within 0\.3 s"):
            handshake.play(player, threading.Event())
