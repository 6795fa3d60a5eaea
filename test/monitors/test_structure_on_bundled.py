"""Monitors of structure, with limits as they come, on the bundled episodes."""

from __future__ import annotations

from collections import defaultdict
from functools import cache

import pytest

from vlm_judge_ros.episode.chunk import Chunk
from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.episode.joint import JointSample
from vlm_judge_ros.monitors.action_reversal import ActionReversal
from vlm_judge_ros.monitors.chunk_consistency import ChunkConsistency
from vlm_judge_ros.monitors.finding import Effect, Finding
from vlm_judge_ros.monitors.jerk import Jerk
from vlm_judge_ros.monitors.monitor import EpisodeContext, ProgressSample
from vlm_judge_ros.monitors.monitor_set import MonitorSet
from vlm_judge_ros.monitors.oscillation import Oscillation
from vlm_judge_ros.monitors.policy_certainty import PolicyCertainty
from vlm_judge_ros.monitors.sample_spread import SampleSpread
from vlm_judge_ros.monitors.stall import Stall
from vlm_judge_ros.monitors.undone import Undone
from vlm_judge_ros.replay.bag import Bag
from vlm_judge_ros.replay.bundled import bundled_episodes
from vlm_judge_ros.replay.events import TrueProgress, events
from vlm_judge_ros.replay.recording import Recording

SPECS = (
    ActionReversal(kind="action_reversal", name="action_reversal"),
    ChunkConsistency(kind="chunk_consistency", name="chunk_consistency"),
    Jerk(kind="jerk", name="jerk"),
    Oscillation(kind="oscillation", name="oscillation"),
    PolicyCertainty(kind="policy_certainty", name="policy_certainty"),
    SampleSpread(kind="sample_spread", name="sample_spread"),
    Stall(kind="stall", name="stall"),
    Undone(kind="undone", name="undone"),
)
EPISODES = bundled_episodes()


@cache
def spoken(name: str) -> tuple[str, dict[str, list[Finding]]]:
    """How an episode really went, and what each monitor spoke for, in order of time."""
    said = defaultdict(list)
    with Bag(EPISODES[name]) as bag:
        recording = Recording.read(bag)
        cameras = tuple(camera.camera for camera in recording.topics.cameras)
        monitors = MonitorSet(SPECS, EpisodeContext(recording.started_ns, cameras))
        for event in events(bag, recording.topics):
            match event.content:
                case Frame() as frame:
                    monitors.add_frame(frame)
                case JointSample() as sample:
                    monitors.add_joints(sample)
                case Chunk() as chunk:
                    monitors.add_chunk(chunk)
                case TrueProgress(progress):
                    monitors.add_progress(ProgressSample(event.time_ns, progress))
            for finding in monitors.findings(event.time_ns):
                if finding.effect not in (Effect.NEUTRAL, Effect.BLIND):
                    said[finding.name].append(finding)
    assert recording.truth is not None
    return recording.truth.label, said


@pytest.mark.parametrize("name", EPISODES)
def test_nothing_is_said_of_an_episode_that_is_not_so(name: str) -> None:
    truth, said = spoken(name)
    lost = {"undone"} if truth in ("UNDONE", "OBJECT_DROPPED", "EARLY_STOP") else set()
    still = {"stall"} if truth == "STALL" else set()
    assert set(said) <= lost | still


def test_the_stall_is_found_after_it_began_and_is_no_failure_yet() -> None:
    truth, said = spoken("drawer-close_stall_900005")
    assert truth == "STALL"
    assert {finding.effect for finding in said["stall"]} == {Effect.STALL}
    onset_ns = said["stall"][0].onset_ns
    with Bag(EPISODES["drawer-close_stall_900005"]) as bag:
        recording = Recording.read(bag)
    assert recording.truth is not None
    assert recording.truth.onset_s is not None
    assert onset_ns is not None
    assert (onset_ns - recording.started_ns) * 1e-9 == pytest.approx(recording.truth.onset_s, abs=1.0)


def test_what_was_undone_is_found() -> None:
    assert {finding.effect for finding in spoken("door-open_undone_900006")[1]["undone"]} == {Effect.FAILURE}
