"""One step of training: pictures to features, features to answers, answers to losses."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from batch import Batch, Frames, Questions
from decisions import DecisionBatch, DecisionQuestions, order_loss, progress_after
from network import Encoder, Timeline, normalise
from torch import Tensor
from torch.nn import functional

AFTER_WEIGHT = 0.3


@dataclass(frozen=True, slots=True)
class Features:
    """What the encoder makes of the pictures of a step.

    Attributes:
        episodes: of the frames of the episodes, shape (frames, FEATURE_SIZE).
        decisions: of the frames of the decisions, of the same kind; none where there are no decisions.
    """

    episodes: Tensor
    decisions: Tensor


def encode_step(encoder: Encoder, batch: Batch, decisions: DecisionBatch | None, bfloat16: bool = False) -> Features:
    """Encode all frames of a step at once."""
    parts: list[Frames] = [batch.shown] if decisions is None else [batch.shown, decisions.shown]
    first, second = torch.cat([part.first for part in parts]), torch.cat([part.second for part in parts])
    vectors = torch.cat([part.vectors for part in parts])
    with torch.autocast(first.device.type, torch.bfloat16, enabled=bfloat16):
        features = encoder(last_channels(first), last_channels(second), vectors).float()
    return Features(features[: len(batch.shown.first)], features[len(batch.shown.first) :])


def loss_of(
    timeline: Timeline, features: Features, asked: Questions, decisions: DecisionQuestions | None = None
) -> tuple[Tensor, dict[str, float]]:
    """Sum of the losses of the four heads and of the order of chunks, and each of them for the log."""
    shown = features.episodes[asked.frames]
    progress, success, failing, mode = timeline(shown, asked.seconds, shown, asked.last, asked.last_distinct)
    parts = {
        "progress": functional.binary_cross_entropy_with_logits(progress, asked.progress)
        + 4 * functional.smooth_l1_loss(progress.sigmoid(), asked.progress, beta=0.05),
        "success": functional.binary_cross_entropy_with_logits(success, asked.success),
        "failing": functional.binary_cross_entropy_with_logits(failing, asked.failing, asked.failing_weight),
        "mode": 0.5
        * functional.cross_entropy(mode, asked.mode, ignore_index=-1, reduction="sum")
        / max(1, int((asked.mode >= 0).sum())),
    }
    if decisions is not None:
        shown = features.decisions[decisions.frames]
        reached, done, _, _ = timeline(shown, decisions.seconds, shown, decisions.last, decisions.last)
        truth = progress_after(decisions.way_left).flatten()
        parts["order"] = order_loss(reached.view_as(decisions.way_left), decisions.way_left)
        parts["after"] = AFTER_WEIGHT * (
            functional.binary_cross_entropy_with_logits(reached, truth)
            + 4 * functional.smooth_l1_loss(reached.sigmoid(), truth, beta=0.05)
            + functional.binary_cross_entropy_with_logits(done, (truth == 1.0).float())
        )
    return torch.stack(list(parts.values())).sum(), {name: float(value.detach()) for name, value in parts.items()}


@torch.no_grad()
def settle_norms(encoder: Encoder, batches: Iterable[tuple[Batch, DecisionBatch | None]]) -> None:
    """Measure the statistics of the batch normalisation anew: those of training belong to weights before averaging."""
    for module in encoder.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None
    encoder.train()
    for batch, decisions in batches:
        encode_step(encoder, batch, decisions)


def last_channels(images: Tensor) -> Tensor:
    """Images as `normalise` makes them, as convolutions take them fastest: in the type that they compute in."""
    device = images.device.type
    kind = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else torch.float32
    return normalise(images, kind).contiguous(memory_format=torch.channels_last)
