from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")

TOLD = {"push": ["push the puck"], "reach": ["reach the target"]}


def a_run(scripts: SimpleNamespace) -> SimpleNamespace:
    torch.manual_seed(0)
    run = scripts.checkpoint.Run(torch.device("cpu"))
    run.encoder.eval()
    return run


def settings(scripts: SimpleNamespace, **changes: object) -> SimpleNamespace:
    usual = {"steps": 12, "looks": 2, "seed": 0, "bfloat16": False, "log_every": 1}
    return scripts.heads.HeadSettings(**{**usual, **changes})


def test_maps_give_the_features_of_the_pictures(
    scripts: SimpleNamespace,
    folder: Path,
    tmp_path: Path,
    write_decisions: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(scripts.maps, "augment", lambda images, random: images)
    monkeypatch.setattr(scripts.batch, "forgetful", lambda wording, random: wording)
    monkeypatch.setattr(scripts.decisions, "TASKS", {"push": SimpleNamespace(instructions=("push the puck",))})
    episodes, run = scripts.episodes.load_episodes(folder), a_run(scripts)
    seen = scripts.maps.record_episodes(run.encoder, episodes, {}, 2, tmp_path / "maps")
    assert [len(looks) for looks in seen.looks] == [2, 2, 2]
    at = np.array([1, 4, 9])
    for episode, looks in zip(episodes, seen.looks, strict=True):
        pictures = [scripts.losses.last_channels(torch.from_numpy(view)) for view in episode.pictures(at)]
        with torch.no_grad():
            wanted = [
                run.encoder(*pictures, torch.from_numpy(scripts.maps.instruction_vector(wording))[None])
                for wording in episode.instructions
            ]
        for look in looks:
            assert look.is_of_task
            features = seen.features(run.encoder, [(look, at)], bfloat16=False)
            assert min(float((features - one).abs().max()) for one in wanted) < 5e-3

    write_decisions(tmp_path, 500_000, decisions=3)
    (decided,) = scripts.decisions.load_decisions(tmp_path)
    reached = scripts.maps.record_decisions(run.encoder, [decided], 1, tmp_path / "maps of decisions")
    pictures = [scripts.losses.last_channels(torch.from_numpy(view)) for view in decided.pictures(at)]
    vector = torch.from_numpy(scripts.maps.instruction_vector("push the puck"))[None]
    torch.testing.assert_close(
        reached.features(run.encoder, [(reached.looks[0][0], at)], bfloat16=False),
        run.encoder(*pictures, vector),
        atol=5e-3,
        rtol=0.0,
    )


def test_heads_learn_while_the_convolutions_stay_as_they_are(
    scripts: SimpleNamespace, folder: Path, tmp_path: Path, write_decisions: Callable[..., Path]
) -> None:
    episodes, run = scripts.episodes.load_episodes(folder), a_run(scripts)
    write_decisions(tmp_path, 500_000, decisions=3)
    decisions = scripts.decisions.load_decisions(tmp_path)
    heads = {id(weight) for weight in run.encoder.head_weights()}
    before = {name: (weight, weight.clone()) for name, weight in run.encoder.named_parameters()}
    out = tmp_path / "run"
    out.mkdir()
    scripts.heads.train_heads(run, episodes, decisions, TOLD, out, settings(scripts, steps=30))
    for weight, old in before.values():
        assert torch.equal(weight, old) == (id(weight) not in heads)
    assert not list(out.iterdir())
    assert [line["head_step"] for line in run.log] == list(range(30))
    for part in ("success", "mode", "after"):
        told = [line[part] for line in run.log]
        assert np.mean(told[-5:]) < np.mean(told[:5])


def test_heads_are_trained_the_same_again(scripts: SimpleNamespace, folder: Path, tmp_path: Path) -> None:
    episodes = scripts.episodes.load_episodes(folder)
    runs = [a_run(scripts) for _ in range(2)]
    for run in runs:
        scripts.heads.train_heads(run, episodes, [], TOLD, tmp_path, settings(scripts, steps=2))
    for one, other in zip(runs[0].descent.weights, runs[1].descent.weights, strict=True):
        torch.testing.assert_close(one, other)
