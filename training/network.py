"""The two-view network: one small CNN per camera, FiLM by the instruction, GRUs over keyframes, four heads."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

IMAGE_SIZE_PX = 96
VECTOR_SIZE = 512
TASK_SIZE = 64
VIEW_SIZE = 128
FEATURE_SIZE = 192
STATE_SIZE = 192
MEMORY_SIZE = 128
MOTION_SIZE = 48
MOTION_STEPS = 4
MAP_SIZE = 32 * 6 * 6


class Block(nn.Module):
    """Convolution, batch normalisation, scale and shift by the task where asked (FiLM, Perez et al. 2018), ReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, film: bool) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
        self.norm = nn.BatchNorm2d(outputs)
        self.film = nn.Linear(TASK_SIZE, 2 * outputs) if film else None

    def forward(self, image: Tensor, task: Tensor) -> Tensor:
        """Run the block; `task` has the shape (n, TASK_SIZE) or (1, TASK_SIZE)."""
        image = self.norm(self.convolution(image))
        if self.film is not None:
            scale, shift = self.film(task)[:, :, None, None].chunk(2, dim=1)
            image = image * (1 + scale) + shift
        return functional.relu(image)


class View(nn.Module):
    """One camera: images of shape (n, 3, 96, 96) in -1 to 1 to maps of what is where in them, and those to features."""

    def __init__(self) -> None:
        super().__init__()
        widths = (16, 40, 64, 96)
        self.stem = Block(3, widths[0], 5, 2, film=False)
        self.down = nn.ModuleList(Block(a, b, 3, 2, film=b > widths[1]) for a, b in pairwise(widths))
        self.same = Block(widths[3], widths[3], 3, 1, film=True)
        self.squeeze = nn.Conv2d(widths[3], 32, 1)
        self.out = nn.Linear(MAP_SIZE, VIEW_SIZE)

    def forward(self, image: Tensor, task: Tensor) -> Tensor:
        """Maps of images, shape (n, MAP_SIZE); `task` has the shape (n, TASK_SIZE) or (1, TASK_SIZE)."""
        image = self.stem(image, task)
        for block in self.down:
            image = block(image, task)
        image = image + self.same(image, task)
        return self.squeeze(image).flatten(1)

    def summarise(self, maps: Tensor) -> Tensor:
        """Features of maps of shape (n, MAP_SIZE), shape (n, VIEW_SIZE)."""
        return functional.relu(self.out(maps))


class Encoder(nn.Module):
    """Pairs of images and one instruction to features."""

    def __init__(self) -> None:
        super().__init__()
        self.task = nn.Sequential(nn.Linear(VECTOR_SIZE, TASK_SIZE), nn.ReLU(), nn.Linear(TASK_SIZE, TASK_SIZE))
        self.first, self.second = View(), View()
        self.fuse = nn.Sequential(
            nn.Linear(2 * VIEW_SIZE + TASK_SIZE, FEATURE_SIZE), nn.ReLU(), nn.Linear(FEATURE_SIZE, FEATURE_SIZE)
        )

    def forward(self, first: Tensor, second: Tensor, vector: Tensor) -> Tensor:
        """Encode.

        Args:
            first: shape (n, 3, 96, 96), values -1 to 1.
            second: the same for the other camera.
            vector: instruction vectors, shape (n, 512) or (1, 512).
        """
        return self.summarise(*self.see(first, second, vector))

    def see(self, first: Tensor, second: Tensor, vector: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Do what costs most: maps of both cameras, each of shape (n, MAP_SIZE), and of the task, (n, TASK_SIZE)."""
        task = self.task(vector)
        return self.first(first, task), self.second(second, task), task.expand(first.shape[0], -1)

    def summarise(self, first: Tensor, second: Tensor, task: Tensor) -> Tensor:
        """Turn what `see` returns into features, shape (n, FEATURE_SIZE)."""
        return self.fuse(torch.cat([self.first.summarise(first), self.second.summarise(second), task], dim=1))

    def head_weights(self) -> list[nn.Parameter]:
        """The weights of `summarise`."""
        return [part for module in (self.first.out, self.second.out, self.fuse) for part in module.parameters()]


class Timeline(nn.Module):
    """Features over time to logits of progress, success, failing and failure mode, at the last step of a sequence.

    Progress and success are read from what the pictures show and from their order, never from the clock: a scene in
    which nothing changes keeps the progress that it has, however long it lasts. Failures are read from the time too.
    """

    def __init__(self, modes: int) -> None:
        super().__init__()
        self.memory = nn.GRU(FEATURE_SIZE, MEMORY_SIZE, batch_first=True)
        self.reached = nn.Sequential(nn.Linear(MEMORY_SIZE + 2 * FEATURE_SIZE, 128), nn.ReLU())
        self.progress, self.success = nn.Linear(128, 1), nn.Linear(128, 1)
        self.change = nn.Linear(FEATURE_SIZE, MOTION_SIZE - 3)
        # What moved during the last steps, not only since the last one: a rest, a shaking and a retreat differ there.
        self.motion = nn.Conv1d(MOTION_SIZE, MOTION_SIZE, MOTION_STEPS)
        self.recurrent = nn.GRU(FEATURE_SIZE + 2 + MOTION_SIZE, STATE_SIZE, batch_first=True)
        self.hidden = nn.Sequential(nn.Linear(STATE_SIZE + FEATURE_SIZE, 128), nn.ReLU())
        self.failing, self.mode = nn.Linear(128, 1), nn.Linear(128, modes)

    def forward(
        self,
        features: Tensor,
        seconds: Tensor,
        distinct: Tensor,
        last: Tensor | None = None,
        last_distinct: Tensor | None = None,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return logits for the last step of each sequence: progress, success, failing, mode.

        Args:
            features: shape (n, steps, FEATURE_SIZE).
            seconds: time of each step relative to the last, shape (n, steps), never above 0.
            distinct: the same features without those of pictures like the ones before them, shape
                (n, distinct steps, FEATURE_SIZE).
            last: index of the last step of each sequence, shape (n,); what follows it is padding. None: no padding.
            last_distinct: the same for `distinct`.
        """
        rows = torch.arange(features.shape[0], device=features.device)
        end = torch.full_like(rows, distinct.shape[1] - 1) if last_distinct is None else last_distinct
        remembered, _ = self.memory(distinct)
        reached = self.reached(torch.cat([remembered[rows, end], distinct[rows, end], distinct[:, 0]], dim=1))

        gaps = torch.cat([torch.zeros_like(seconds[:, :1]), seconds[:, 1:] - seconds[:, :-1]], dim=1)
        motion = torch.cat([torch.zeros_like(features[:, :1]), features[:, 1:] - features[:, :-1]], dim=1)
        # A first step has nothing before it: no change, in a second.
        rate = motion / torch.where(gaps > 0.05, gaps, torch.ones_like(gaps))[:, :, None]
        amounts = torch.stack(
            [motion.abs().mean(dim=2), rate.abs().mean(dim=2), torch.log1p(rate.abs().amax(dim=2))], dim=2
        )
        changes = torch.cat([torch.tanh(self.change(rate)), amounts], dim=2).transpose(1, 2)
        moved = functional.relu(self.motion(functional.pad(changes, (MOTION_STEPS - 1, 0)))).transpose(1, 2)
        times = torch.stack([torch.log1p((-seconds).clamp(min=0)), torch.log1p(gaps.clamp(min=0))], dim=2)
        states, _ = self.recurrent(torch.cat([features, times, moved], dim=2))
        end = torch.full_like(rows, features.shape[1] - 1) if last is None else last
        hidden = self.hidden(torch.cat([states[rows, end], features[rows, end]], dim=1))
        return self.progress(reached)[:, 0], self.success(reached)[:, 0], self.failing(hidden)[:, 0], self.mode(hidden)


def normalise(images: Tensor, kind: torch.dtype = torch.float32) -> Tensor:
    """Images of shape (n, 96, 96, 3), 0 to 255, to shape (n, 3, 96, 96), -1 to 1."""
    # In this order bfloat16 rounds once only.
    return (images.permute(0, 3, 1, 2).to(kind) - 127.5) / 127.5
