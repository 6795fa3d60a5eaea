from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")

STEPS = 400


def descended(scripts: SimpleNamespace, steps: int) -> tuple[SimpleNamespace, list[float], list[float]]:
    """A descent on a noisy bowl whose bottom is at 3; the learning rate and the weight after each step."""
    random = np.random.default_rng(0)
    weight = torch.nn.Parameter(torch.zeros(1))
    descent = scripts.descent.Descent([weight])
    descent.optimiser.param_groups[0]["weight_decay"] = 0.0
    rates, passed = [], []
    for step in range(steps):
        loss = ((weight - 3.0 - float(random.normal(0.0, 30.0))) ** 2).sum()
        descent.step(loss, step, steps)
        rates.append(descent.optimiser.param_groups[0]["lr"])
        passed.append(float(weight.detach()))
    return descent, rates, passed


def test_the_learning_rate_rises_at_first_and_comes_down_to_nothing(scripts: SimpleNamespace) -> None:
    _, rates, _ = descended(scripts, STEPS)
    highest = int(np.argmax(rates))
    assert 0 < highest < STEPS // 10
    assert (np.diff(rates[: highest + 1]) > 0).all()
    assert (np.diff(rates[highest:]) < 0).all()
    assert rates[-1] < 1e-3 * max(rates)


def test_it_settles_on_the_average_of_what_it_passed(scripts: SimpleNamespace) -> None:
    descent, _, passed = descended(scripts, 150)
    descent.settle()
    # So far every step counts alike.
    assert float(descent.weights[0]) == pytest.approx(np.mean(passed), abs=1e-4)


def test_it_survives_a_gradient_out_of_all_bounds(scripts: SimpleNamespace) -> None:
    weight = torch.nn.Parameter(torch.zeros(1))
    descent = scripts.descent.Descent([weight])
    descent.step((1e30 * weight).sum(), 50, 100)
    assert abs(float(weight.detach())) < 0.01
