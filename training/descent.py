"""How weights come down: AdamW along a cosine, and the average of what it passes."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor

LEARNING_RATE = 1e-3
WEIGHT_DECAY = 0.02
LARGEST_GRADIENT = 1.0
WARM_UP_STEPS = 200
AVERAGED_SHARE = 0.005


class Descent:
    """An optimiser of some weights, with a moving average of them, which is what is used in the end.

    Attributes:
        weights: what is trained.
        optimiser: of these.
        average: of what they were, in their order.
    """

    def __init__(self, weights: Iterable[torch.nn.Parameter]) -> None:
        self.weights = list(weights)
        self.optimiser = torch.optim.AdamW(self.weights, lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
        self.average = [weight.detach().clone() for weight in self.weights]

    def step(self, loss: Tensor, step: int, steps: int) -> None:
        """Make one step.

        Args:
            loss: of this step.
            step: its number, from 0 on.
            steps: after so many the learning rate is nothing.
        """
        warmth = min(1.0, (step + 1) / min(WARM_UP_STEPS, 1 + steps // 20))
        for group in self.optimiser.param_groups:
            group["lr"] = LEARNING_RATE * warmth * 0.5 * (1 + math.cos(math.pi * step / steps))
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.weights, LARGEST_GRADIENT)
        self.optimiser.step()
        passed = [weight.detach() for weight in self.weights]
        torch._foreach_lerp_(self.average, passed, max(AVERAGED_SHARE, 1 / (step + 1)))

    def settle(self) -> None:
        """Take the average for the weights."""
        for weight, mean in zip(self.weights, self.average, strict=True):
            weight.data.copy_(mean)
