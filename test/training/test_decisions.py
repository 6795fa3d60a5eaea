from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")

CHUNKS = 3


def test_each_question_shows_what_went_before_and_then_the_end_of_its_chunk(
    scripts: SimpleNamespace, write_decisions: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scripts.decisions, "augment", lambda images, random: images)
    for seed in range(3):
        write_decisions(tmp_path, seed, decisions=12, chunks=CHUNKS)
    recorded = scripts.decisions.load_decisions(tmp_path)
    for draw in range(10):
        batch = scripts.decisions.make_decision_batch(recorded, np.random.default_rng(draw), torch.device("cpu"))
        numbers = torch.round((250 - batch.shown.first[:, 48, 48, 0].float()) / 4).long()
        for question, (frames, last) in enumerate(zip(batch.asked.frames, batch.asked.last, strict=True)):
            episode, chunk = divmod(question, CHUNKS)
            shown = numbers[frames[: last + 1]].tolist()
            *history, end = shown
            decision = history[-1] // (1 + CHUNKS)
            assert history[0] == 0
            assert all(number % (1 + CHUNKS) == 0 for number in history)
            assert history == sorted(set(history))
            assert end == decision * (1 + CHUNKS) + 1 + chunk
            assert batch.asked.seconds[question, : last + 1].tolist() == [
                *(number // (1 + CHUNKS) - decision - 1.0 for number in history),
                0.0,
            ]
            assert batch.asked.way_left[episode, chunk] == pytest.approx(recorded[episode].way_left[decision, chunk])


def test_an_order_costs_least_where_it_is_right_and_most_where_it_is_reversed(scripts: SimpleNamespace) -> None:
    way_left = torch.tensor([[0.2, 0.5, 0.9], [0.0, 1.4, 0.1]])
    right = scripts.decisions.order_loss(4 * (1 - way_left), way_left)
    none = scripts.decisions.order_loss(torch.zeros_like(way_left), way_left)
    reversed_ = scripts.decisions.order_loss(-4 * (1 - way_left), way_left)
    assert right < none < reversed_
    assert none == pytest.approx(np.log(2.0))


def test_chunks_that_lead_equally_far_are_not_to_be_told_apart(scripts: SimpleNamespace) -> None:
    logits = torch.tensor([[0.3, -0.2]], requires_grad=True)
    scripts.decisions.order_loss(logits, torch.tensor([[0.4, 0.4]])).backward()
    assert logits.grad is not None
    assert logits.grad[0, 0] > 0 > logits.grad[0, 1]


def test_pairs_that_lead_equally_far_are_not_counted(scripts: SimpleNamespace) -> None:
    way_left = np.array([0.5, 0.51, 0.9])
    assert scripts.decisions.ordered_rightly(np.array([0.3, 0.1, 0.2]), way_left) == [True, False]
    assert scripts.decisions.ordered_rightly(np.array([0.1, 0.1, 0.1]), way_left) == [False, False]


def test_only_success_is_the_whole_way(scripts: SimpleNamespace) -> None:
    after = scripts.decisions.progress_after(torch.tensor([0.0, 0.001, 0.25, 1.0, 2.5]))
    assert after.tolist() == pytest.approx([1.0, 0.98, 0.75, 0.0, 0.0])


def test_training_learns_the_order_of_chunks(
    scripts: SimpleNamespace, write_decisions: Callable[..., Path], folder: Path, tmp_path: Path
) -> None:
    for seed in range(2):
        write_decisions(tmp_path, seed, decisions=3, chunks=CHUNKS)
    random, device = np.random.default_rng(0), torch.device("cpu")
    episodes = scripts.episodes.load_episodes(folder)
    told = {"push": ["push the puck"], "reach": ["reach the target"]}
    batch = scripts.batch.make_batch(episodes, told, random, device)
    asked = scripts.decisions.make_decision_batch(scripts.decisions.load_decisions(tmp_path), random, device)
    torch.manual_seed(0)
    run = scripts.checkpoint.Run(device)
    orders = []
    for _ in range(15):
        features = scripts.losses.encode_step(run.encoder, batch, asked)
        loss, parts = scripts.losses.loss_of(run.timeline, features, batch.asked, asked.asked)
        run.descent.step(loss, 100, 1000)
        orders.append(parts["order"])
    assert orders[-1] < 0.8 * orders[0]


def test_held_out_decisions_are_measured(
    scripts: SimpleNamespace, write_decisions: Callable[..., Path], tmp_path: Path
) -> None:
    write_decisions(tmp_path, scripts.episodes.HELD_OUT_SEEDS[0], decisions=4, chunks=CHUNKS)
    torch.manual_seed(0)
    run = scripts.checkpoint.Run(torch.device("cpu"))
    run.encoder.eval()
    (recorded,) = scripts.decisions.load_decisions(tmp_path)
    found = scripts.train.evaluate_order(run.encoder, run.timeline, [recorded], torch.device("cpu"))
    apart = np.abs(recorded.way_left[:, :, None] - recorded.way_left[:, None, :]) >= scripts.decisions.TELLING
    assert found["pairs"] == apart.sum() / 2
    assert 0.0 <= found["ordered_rightly"] <= 1.0
    assert scripts.train.evaluate_order(run.encoder, run.timeline, [], torch.device("cpu")) == {}


def test_a_folder_without_decisions_says_how_to_make_some(scripts: SimpleNamespace, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="decision_dataset"):
        scripts.decisions.load_decisions(tmp_path)
