"""Train the embedded judge on simulated episodes.

python -m vlm_judge_ros.simulation.dataset --out episodes ...   # see training/README.md
python training/train.py --episodes episodes --out run
python training/export.py --run run --out vlm_judge_ros/models/embedded
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from augment import augment
from batch import MODES, Batch, make_batch
from episodes import Episode, load_episodes
from network import Encoder, Timeline, normalise
from novelty import Novelty, thumbnails
from torch import Tensor
from torch.nn import functional

from vlm_judge_ros.models.instruction import instruction_vector

HELD_OUT_SEEDS = range(600_000, 700_000)


def loss_of(
    encoder: Encoder, timeline: Timeline, batch: Batch, generator: torch.Generator
) -> tuple[Tensor, dict[str, float]]:
    """Sum of the losses of the four heads, and each of them for the log."""
    first = augment(normalise(batch.first), batch.owner, generator)
    second = augment(normalise(batch.second), batch.owner, generator)
    with torch.autocast(first.device.type, torch.bfloat16, enabled=first.device.type == "cuda"):
        features = encoder(first, second, batch.vectors)
    progress, success, failing, mode = timeline(features.float()[batch.frames], batch.seconds, batch.last)
    parts = {
        "progress": functional.binary_cross_entropy_with_logits(progress, batch.progress)
        + 4 * functional.smooth_l1_loss(progress.sigmoid(), batch.progress, beta=0.05),
        "success": functional.binary_cross_entropy_with_logits(success, batch.success),
        "failing": functional.binary_cross_entropy_with_logits(failing, batch.failing, batch.failing_weight),
        "mode": 0.5
        * functional.cross_entropy(mode, batch.mode, ignore_index=-1, reduction="sum")
        / max(1, int((batch.mode >= 0).sum())),
    }
    return torch.stack(list(parts.values())).sum(), {name: float(value.detach()) for name, value in parts.items()}


@torch.no_grad()
def settle_norms(encoder: Encoder, batches: Iterable[Batch], generator: torch.Generator) -> None:
    """Measure the statistics of the batch normalisation anew: those of training belong to weights before averaging."""
    for module in encoder.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None
    encoder.train()
    for batch in batches:
        first = augment(normalise(batch.first), batch.owner, generator)
        second = augment(normalise(batch.second), batch.owner, generator)
        encoder(first, second, batch.vectors)


@torch.no_grad()
def encode(encoder: Encoder, episode: Episode, instruction: str, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Normalised pictures of both cameras and features of one episode."""
    first, second = normalise(episode.first.to(device)), normalise(episode.second.to(device))
    vector = torch.from_numpy(instruction_vector(instruction))[None].to(device)
    return first, second, encoder(first, second, vector)


@torch.no_grad()
def fit_novelty(encoder: Encoder, episodes: list[Episode], device: torch.device) -> Novelty:
    """Fit on nine tenths of the episodes, and set the limits on the rest."""
    parts: dict[bool, list[list[Tensor]]] = {False: [], True: []}
    for index, episode in enumerate(episodes):
        first, second, features = encode(encoder, episode, episode.instruction, device)
        parts[index % 10 == 0].append([thumbnails(first), thumbnails(second), features])
    novelty = Novelty(features.shape[1]).to(device)
    spaces = (novelty.first, novelty.second, novelty.features)
    shuffle = torch.Generator(device=device).manual_seed(0)
    for index, space in enumerate(spaces):
        fitted = torch.cat([part[index] for part in parts[False]])
        order = torch.randperm(len(fitted), generator=shuffle, device=device)
        space.fit(fitted[order], torch.cat([part[index] for part in parts[True]]), 0.999, 1.05)
    return novelty


@torch.no_grad()
def evaluate(encoder: Encoder, timeline: Timeline, episodes: list[Episode], device: torch.device) -> dict[str, float]:
    """Quick figures on whole episodes, for the log; the figures of the documents come from benchmarks/."""
    errors, ends, labels, peaks, hits, modes = [], [], [], [], [], []
    for episode in episodes:
        _, _, features = encode(encoder, episode, episode.instruction, device)
        worst = 0.0
        for newest in range(len(episode.seconds)):
            frames = np.unique(np.concatenate([np.linspace(0, newest, 10).round(), [max(newest - 1, 0)]])).astype(
                np.int64
            )
            seconds = torch.from_numpy((episode.seconds[frames] - episode.seconds[newest]).astype(np.float32))[None].to(
                device
            )
            progress, success, failing, mode = timeline(features[torch.from_numpy(frames).to(device)][None], seconds)
            errors.append(abs(float(progress.sigmoid()) - float(episode.progress[newest])))
            worst = max(worst, float(failing.sigmoid()))
        ends.append(float(success))
        good = episode.mode == "NONE"
        labels.append(good)
        peaks.append(worst)
        if not good:
            hits.append(worst > 0.5)
            modes.append(MODES[int(mode.argmax())] == episode.mode)
    good, bad = np.array(ends)[np.array(labels)], np.array(ends)[~np.array(labels)]
    return {
        "success_auroc": float((good[:, None] > bad[None]).mean() + 0.5 * (good[:, None] == bad[None]).mean()),
        "progress_error": float(np.mean(errors)),
        "failures_found": float(np.mean(hits)),
        "false_alarms": float(np.mean(np.array(peaks)[np.array(labels)] > 0.5)),
        "mode_right": float(np.mean(modes)),
    }


def main() -> None:
    """Train, log every thousand steps, and write weights and description of the run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--episodes", type=Path, required=True, help="folder written by vlm_judge_ros.simulation.dataset"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for weights and log")
    parser.add_argument("--steps", type=int, default=3000, help="optimiser steps")
    parser.add_argument("--batch", type=int, default=24, help="episodes in a step")
    parser.add_argument("--minutes", type=float, default=math.inf, help="end the schedule early after this time")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--threads", type=int, default=torch.get_num_threads(), help="threads, where it runs on the CPU"
    )
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    arguments = parser.parse_args()

    device = torch.device(arguments.device)
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    random = np.random.default_rng(arguments.seed)
    generator = torch.Generator(device=device).manual_seed(arguments.seed)
    episodes, instructions = load_episodes(arguments.episodes, device if device.type == "cuda" else torch.device("cpu"))
    training = [episode for episode in episodes if episode.seed not in HELD_OUT_SEEDS]
    held_out = [episode for episode in episodes if episode.seed in HELD_OUT_SEEDS]
    print(
        f"{len(training)} episodes to train on, {len(held_out)} held out, {len(instructions)} tasks, device {device}",
        flush=True,
    )

    encoder = Encoder().to(device, memory_format=torch.channels_last)
    timeline = Timeline(len(MODES)).to(device)
    weights = [*encoder.parameters(), *timeline.parameters()]
    average = [weight.detach().clone() for weight in weights]
    optimiser = torch.optim.AdamW(weights, lr=1e-3, weight_decay=0.02)
    started, log = time.monotonic(), []

    def next_batch() -> Batch:
        chosen = random.choice(len(training), min(arguments.batch, len(training)), replace=False)
        return make_batch([training[index] for index in chosen], instructions, random, device)

    for step in range(arguments.steps):
        spent = max(step / arguments.steps, (time.monotonic() - started) / (60 * arguments.minutes))
        if spent >= 1:
            break
        for group in optimiser.param_groups:
            group["lr"] = 1e-3 * min(1.0, (step + 1) / 200) * 0.5 * (1 + math.cos(math.pi * spent))
        loss, parts = loss_of(encoder, timeline, next_batch(), generator)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimiser.step()
        torch._foreach_lerp_(average, [weight.detach() for weight in weights], max(0.005, 1 / (step + 1)))
        if step % 100 == 0:
            log.append({"step": step, "seconds": time.monotonic() - started, **parts})
            print(json.dumps(log[-1]), flush=True)
    for weight, mean in zip(weights, average, strict=True):
        weight.data.copy_(mean)
    settle_norms(encoder, (next_batch() for _ in range(40)), generator)
    encoder.eval()
    timeline.eval()
    novelty = fit_novelty(encoder, training, device)
    figures = evaluate(encoder, timeline, held_out, device) if held_out else {}
    print(json.dumps(figures), flush=True)
    arguments.out.mkdir(parents=True, exist_ok=True)
    torch.save(
        {
            "encoder": encoder.cpu().state_dict(),
            "timeline": timeline.cpu().state_dict(),
            "novelty": novelty.cpu().state_dict(),
            "instructions": instructions,
            "episodes": len(training),
            "spacing_s": float(np.median(np.concatenate([np.diff(episode.seconds) for episode in training]))),
            "seed": arguments.seed,
            "steps": step + 1,
        },
        arguments.out / "weights.pt",
    )
    (arguments.out / "log.json").write_text(json.dumps({"log": log, "held_out": figures}, indent=1))


if __name__ == "__main__":
    main()
