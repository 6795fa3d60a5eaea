"""A training run that can be interrupted at any moment and go on where it was."""

from __future__ import annotations

from pathlib import Path

import torch
from batch import MODES
from descent import Descent
from network import Encoder, Timeline

CHECKPOINT = "checkpoint.pt"


class Run:
    """The network in training, how it comes down, and how far it is.

    Attributes:
        device: where all of it is.
        encoder: pictures to features.
        timeline: features over time to answers.
        descent: of all weights.
        step: optimiser steps done.
        log: losses at some steps.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.encoder = Encoder().to(device, memory_format=torch.channels_last)
        self.timeline = Timeline(len(MODES)).to(device)
        self.descent = Descent([*self.encoder.parameters(), *self.timeline.parameters()])
        self.step = 0
        self.log: list[dict[str, float]] = []


def save_run(run: Run, folder: Path) -> None:
    """Write the checkpoint, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = folder / f"{CHECKPOINT}.part"
    torch.save(
        {
            "encoder": run.encoder.state_dict(),
            "timeline": run.timeline.state_dict(),
            "optimiser": run.descent.optimiser.state_dict(),
            "average": run.descent.average,
            "step": run.step,
            "log": run.log,
        },
        unfinished,
    )
    unfinished.replace(folder / CHECKPOINT)


def load_run(folder: Path, device: torch.device) -> Run | None:
    """Read the checkpoint; None where there is none."""
    path = folder / CHECKPOINT
    if not path.exists():
        return None
    content = torch.load(path, map_location=device, weights_only=True)
    run = Run(device)
    run.encoder.load_state_dict(content["encoder"])
    run.timeline.load_state_dict(content["timeline"])
    run.descent.optimiser.load_state_dict(content["optimiser"])
    run.descent.average = list(content["average"])
    run.step, run.log = content["step"], content["log"]
    return run
