from __future__ import annotations

import argparse
import importlib.util
import sys
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from vlm_judge_ros.models.two_view import TwoViewModel
from vlm_judge_ros.simulation.dataset import spec_of
from vlm_judge_ros.simulation.disturbance import Disturbance

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")

SCRIPTS = Path(__file__).parents[2] / "training"


def settings(out: Path, **changes: object) -> argparse.Namespace:
    usual = {
        "seed": 3,
        "batch": 1,
        "steps": 2,
        "minutes": 1e9,
        "save_minutes": 1e9,
        "log_every": 1,
        "loaders": 2,
        "bfloat16": False,
        "head_steps": 2,
        "looks": 1,
        "out": out,
    }
    return argparse.Namespace(**{**usual, **changes})


def test_what_is_left_out_of_training_is_not_read(scripts: SimpleNamespace, folder: Path) -> None:
    assert [episode.seed for episode in scripts.episodes.load_episodes(folder)] == [0, 1, 2]


def test_a_shortcut_is_told_in_words_that_forbid_it(scripts: SimpleNamespace, folder: Path) -> None:
    episodes = scripts.episodes.load_episodes(folder)
    assert set(episodes[2].instructions).isdisjoint(episodes[0].instructions)


def test_failures_are_shown_as_often_as_what_is_benign(scripts: SimpleNamespace) -> None:
    kinds = [spec_of(seed).disturbance for seed in range(21 * 100)]
    shares = scripts.sampling.shares([SimpleNamespace(disturbance=kind.value) for kind in kinds])
    assert shares.sum() == pytest.approx(1.0)
    assert shares[[not kind.is_benign for kind in kinds]].sum() == pytest.approx(0.5, abs=0.02)
    assert shares[kinds.index(Disturbance.DETOUR)] > shares[kinds.index(Disturbance.NONE)]


def test_some_frames_follow_each_other_closely(scripts: SimpleNamespace, folder: Path) -> None:
    episode = scripts.episodes.load_episodes(folder)[1]
    for seed in range(20):
        at, run = scripts.batch.some_frames(episode, np.random.default_rng(seed))
        assert at[0] == 0
        assert (np.diff(at) > 0).all()
        assert len(at) <= scripts.batch.FRAMES_PER_EPISODE
        assert (np.diff(at[run]) == 1).all()
        assert len(run) >= 2


@pytest.mark.parametrize("spacing_s", [0.2, 0.5])
def test_what_happened_just_now_is_told_as_keyframes_tell_it(scripts: SimpleNamespace, spacing_s: float) -> None:
    seconds = spacing_s * np.arange(60)
    widest = set()
    for seed in range(60):
        told = scripts.sampling.going_back(seconds, 55, 12, np.random.default_rng(seed))
        assert told[-1] == 55
        assert len(told) == 13
        gaps = np.diff(told)
        assert gaps.min() >= 1
        widest.add(int(gaps.max()))
    # Keyframes come at many rates; what lies half a second apart anyway is not thinned out.
    assert widest == ({1, 2} if spacing_s == 0.2 else {1})
    assert scripts.sampling.going_back(seconds, 0, 12, np.random.default_rng(0)).tolist() == [0]
    assert scripts.sampling.going_back(seconds, 3, 12, np.random.default_rng(0))[-1] == 3


@pytest.mark.parametrize("spacing_s", [0.2, 0.5])
def test_most_questions_show_the_last_seconds_closely(scripts: SimpleNamespace, spacing_s: float) -> None:
    seconds = spacing_s * np.arange(60)
    closely = []
    for seed in range(200):
        question = scripts.sampling.draw(seconds, 24, np.random.default_rng(seed), np.arange(60))
        assert len(question.frames) <= 24
        assert question.seconds[-1] == 0.0
        if not question.is_frozen and (np.diff(question.frames) > 0).all():
            ages = -question.seconds[question.seconds > -2.01]
            closely.append(ages.max() > 1.7 and np.diff(ages).min() > -0.6)
    assert np.mean(closely) > 0.6


def test_training_goes_on_where_it_was_stopped_as_if_it_had_not_been(
    scripts: SimpleNamespace, folder: Path, tmp_path: Path
) -> None:
    episodes, device = scripts.episodes.load_episodes(folder), torch.device("cpu")
    told = {"push": ["push the puck"], "reach": ["reach the target"]}

    def start() -> SimpleNamespace:
        torch.manual_seed(0)
        return scripts.checkpoint.Run(device)

    whole = start()
    scripts.train.train(whole, episodes, [], told, settings(tmp_path / "whole"))
    halves = start()
    # Its time is up after one step: the schedule of the learning rate hangs on the last step, not on the time.
    clock = scripts.train.time
    scripts.train.time = SimpleNamespace(monotonic=lambda: 1e12 if halves.step >= 1 else 0.0)
    try:
        scripts.train.train(halves, episodes, [], told, settings(tmp_path / "halves", minutes=1.0))
    finally:
        scripts.train.time = clock
    assert halves.step == 1
    resumed = scripts.checkpoint.load_run(tmp_path / "halves", device)
    scripts.train.train(resumed, episodes, [], told, settings(tmp_path / "halves"))
    assert resumed.step == whole.step == 2
    for one, other in zip(resumed.descent.average, whole.descent.average, strict=True):
        torch.testing.assert_close(one, other)


def test_novelty_is_high_for_scenes_far_from_all_that_were_seen_and_low_for_each_of_them(
    scripts: SimpleNamespace,
) -> None:
    random = torch.Generator().manual_seed(0)
    scenes = torch.arange(600) % 3
    centres = 10 * torch.randn(3, 64, generator=random)
    vectors = centres[scenes] + torch.randn(600, 64, generator=random)
    space = scripts.novelty.Scenes(64, 3)
    space.fit(vectors[:500], scenes[:500], vectors[500:], 0.99, 1.05)
    seen = centres[scenes] + torch.randn(600, 64, generator=random)
    between = centres.mean(dim=0) + torch.randn(100, 64, generator=random)
    assert (space(seen) < 1.0).float().mean() > 0.9
    assert (space(between) > 1.0).float().mean() > 0.9


def test_an_answer_does_not_depend_on_what_follows_it(scripts: SimpleNamespace) -> None:
    timeline = scripts.network.Timeline(3).eval()
    features, seconds = torch.randn(1, 6, scripts.network.FEATURE_SIZE), -torch.arange(6).flip(0)[None] / 2.0
    short = timeline(features[:, :4], seconds[:, :4], features[:, :4])
    padded = timeline(features, seconds, features, torch.tensor([3]), torch.tensor([3]))
    for one, other in zip(short, padded, strict=True):
        torch.testing.assert_close(one, other)


def test_progress_cannot_be_read_from_the_clock(scripts: SimpleNamespace) -> None:
    timeline = scripts.network.Timeline(3).eval()
    features = torch.randn(1, 1, scripts.network.FEATURE_SIZE)
    early = timeline(features, torch.zeros(1, 1), features)
    waited = features.repeat(1, 5, 1)
    late = timeline(waited, -torch.arange(5).flip(0)[None].float(), features)
    torch.testing.assert_close(early[:2], late[:2])
    assert not torch.isclose(early[2], late[2])


def test_a_frozen_question_is_one_picture_to_whom_asks_for_progress(scripts: SimpleNamespace, folder: Path) -> None:
    episodes = scripts.episodes.load_episodes(folder)
    told = {"push": ["push the puck"], "reach": ["reach the target"]}
    asked = scripts.batch.make_batch(episodes * 20, told, np.random.default_rng(0), torch.device("cpu")).asked
    frozen = [len(set(shown[: last + 1].tolist())) == 1 for shown, last in zip(asked.frames, asked.last, strict=True)]
    assert any(last for last, alone in zip(asked.last, frozen, strict=True) if alone)
    for alone, last, last_distinct in zip(frozen, asked.last, asked.last_distinct, strict=True):
        assert last_distinct == (0 if alone else last)


def test_an_episode_is_changed_as_a_whole(scripts: SimpleNamespace) -> None:
    image = cv2.GaussianBlur(np.random.default_rng(1).integers(0, 255, (96, 96, 3), np.uint8), (0, 0), 6)
    for seed in range(10):
        one, other = scripts.augment.augment(np.stack([image, image]), np.random.default_rng(seed)).astype(float)
        # Noise alone differs between the two, and it is small.
        assert np.abs(one - other).mean() < 12.0
        assert np.abs(one - image).mean() > 0.5


def test_a_run_becomes_a_model_and_a_smaller_one_that_says_nearly_the_same(
    scripts: SimpleNamespace, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    episodes, run = scripts.episodes.load_episodes(folder), scripts.checkpoint.Run(torch.device("cpu"))
    told = {"push": ["push the puck"], "reach": ["reach the target"]}
    scripts.train.train(run, episodes, [], told, settings(tmp_path / "run"))
    scripts.train.finish(run, episodes, [], told, settings(tmp_path / "run"))
    # By its path: a folder of tests has its name.
    known = importlib.util.spec_from_file_location("export_of_a_run", SCRIPTS / "export.py")
    assert known is not None and known.loader is not None
    export = importlib.util.module_from_spec(known)
    known.loader.exec_module(export)
    arguments = ["export.py", "--run", str(tmp_path / "run"), "--out", str(tmp_path / "exact"), "--name", "tiny"]
    monkeypatch.setattr(sys, "argv", arguments)
    export.main()

    shown = [scripts.quantise.pictures_of(episode, np.arange(6)) for episode in episodes]
    scripts.quantise.quantise(tmp_path / "exact", tmp_path / "int8", shown)
    exact, small = TwoViewModel(tmp_path / "exact"), TwoViewModel(tmp_path / "int8")
    assert (exact.description.name, small.description.name) == ("tiny", "tiny-int8")
    assert small.description.instructions == exact.description.instructions
    assert small.file_hash != exact.file_hash
    sizes = [(tmp_path / name / "encoder.onnx").stat().st_size for name in ("exact", "int8")]
    assert sizes[1] < 0.6 * sizes[0]
    differences = scripts.quantise.apart(exact, small, episodes)
    assert 0.0 < differences["progress_mean"] < 0.1
    with pytest.raises(SystemExit, match="eight bits already"):
        scripts.quantise.quantise(tmp_path / "int8", tmp_path / "again", shown)
