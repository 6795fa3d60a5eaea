"""Train the embedded judge on simulated episodes.

python -m vlm_judge_ros.simulation.dataset --out episodes ...   # see training/README.md
python -m vlm_judge_ros.closed_loop.decision_dataset --out decisions ...
python training/train.py --episodes episodes --decisions decisions --out run --resume --minutes 480
python training/export.py --run run --out vlm_judge_ros/models/embedded
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from batch import MODES, Batch, make_batch
from checkpoint import Run, load_run, save_run
from decisions import (
    CHUNK_S,
    DecisionBatch,
    RecordedDecisions,
    load_decisions,
    make_decision_batch,
    ordered_rightly,
)
from episodes import HELD_OUT_SEEDS, Episode, load_episodes
from heads import HeadSettings, train_heads
from losses import encode_step, loss_of, settle_norms
from network import Encoder, Timeline, normalise
from novelty import Novelty, thumbnails
from numpy.typing import NDArray
from sampling import RECENT_S, shares
from torch import Tensor

from vlm_judge_ros.models.instruction import instruction_vector
from vlm_judge_ros.simulation.tasks import TASKS

NOVELTY_EPISODES = 3000
NOVELTY_FRAMES = 10
EVALUATED_EPISODES = 300


@torch.no_grad()
def encode(
    encoder: Encoder, episode: Episode, at: NDArray[np.int64], device: torch.device
) -> tuple[Tensor, Tensor, Tensor]:
    """Normalised pictures of both cameras and features of some frames of one episode."""
    first, second = (normalise(torch.from_numpy(view).to(device)) for view in episode.pictures(at))
    vector = torch.from_numpy(instruction_vector(episode.instruction))[None].to(device)
    return first, second, encoder(first, second, vector)


@torch.no_grad()
def fit_novelty(encoder: Encoder, episodes: list[Episode], tasks: list[str], device: torch.device) -> Novelty:
    """Fit on nine tenths of some episodes, and set the limits on the rest."""
    random = np.random.default_rng(0)
    chosen = random.permutation(len(episodes))[:NOVELTY_EPISODES]
    parts: dict[bool, list[list[Tensor]]] = {False: [], True: []}
    scenes: list[Tensor] = []
    for turn, index in enumerate(chosen):
        episode, held_out = episodes[index], turn % 10 == 0
        count = len(episode.seconds)
        at = np.sort(random.choice(count, size=min(count, NOVELTY_FRAMES), replace=False))
        first, second, features = encode(encoder, episode, at, device)
        parts[held_out].append([thumbnails(first), thumbnails(second), features])
        if not held_out:
            scenes.append(torch.full((len(at),), tasks.index(episode.task), device=device))
    novelty = Novelty(features.shape[1], len(tasks)).to(device)
    which = torch.cat(scenes)
    order = torch.randperm(len(which), generator=torch.Generator(device=device).manual_seed(0), device=device)
    for index, space in enumerate((novelty.first, novelty.second, novelty.features)):
        fitted = torch.cat([part[index] for part in parts[False]])
        held_out_vectors = torch.cat([part[index] for part in parts[True]])
        space.fit(fitted[order], which[order], held_out_vectors, 0.999, 1.05)
    return novelty


@torch.no_grad()
def evaluate(encoder: Encoder, timeline: Timeline, episodes: list[Episode], device: torch.device) -> dict[str, float]:
    """Quick figures on whole episodes, for the log; the figures of the documents come from benchmarks/."""
    errors, ends, labels, peaks, hits, modes = [], [], [], [], [], []
    for episode in episodes[:EVALUATED_EPISODES]:
        _, _, features = encode(encoder, episode, np.arange(len(episode.seconds)), device)
        worst = 0.0
        for newest in range(len(episode.seconds)):
            recent = np.flatnonzero(episode.seconds[newest] - episode.seconds[: newest + 1] <= RECENT_S)
            frames = np.unique(np.concatenate([np.linspace(0, newest, 8).round(), recent])).astype(np.int64)
            seconds = torch.from_numpy((episode.seconds[frames] - episode.seconds[newest]).astype(np.float32))[None].to(
                device
            )
            shown = features[torch.from_numpy(frames).to(device)][None]
            progress, success, failing, mode = timeline(shown, seconds, shown)
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


@torch.no_grad()
def evaluate_order(
    encoder: Encoder, timeline: Timeline, decisions: list[RecordedDecisions], device: torch.device
) -> dict[str, float]:
    """Share of the telling pairs of chunks that are ordered rightly, with the number of pairs."""
    right: list[bool] = []
    for episode in decisions:
        count, chunks = episode.way_left.shape
        vector = torch.from_numpy(instruction_vector(TASKS[episode.task].instructions[0]))[None].to(device)
        views = episode.pictures(np.arange(count * (1 + chunks)))
        first, second = (normalise(torch.from_numpy(view).to(device)) for view in views)
        features = encoder(first, second, vector).unflatten(0, (count, 1 + chunks))
        for decision in range(count):
            past = features[: decision + 1, 0].expand(chunks, -1, -1)
            shown = torch.cat([past, features[decision, 1:, None]], dim=1)
            ages = [*(episode.stamps_s[: decision + 1] - episode.stamps_s[decision] - CHUNK_S), 0.0]
            seconds = torch.tensor(ages, dtype=torch.float32, device=device).expand(chunks, -1)
            progress, _, _, _ = timeline(shown, seconds, shown)
            right += ordered_rightly(progress.cpu().numpy(), episode.way_left[decision])
    return {"ordered_rightly": float(np.mean(right)), "pairs": float(len(right))} if right else {}


def batches(
    episodes: list[Episode],
    decisions: list[RecordedDecisions],
    instructions: dict[str, list[str]],
    first_step: int,
    arguments: argparse.Namespace,
    device: torch.device,
) -> Iterator[tuple[Batch, DecisionBatch | None]]:
    """Yield the batch of each step from there on; each depends on its step alone. The next ones are made meanwhile."""
    shown = shares(episodes)

    def make(step: int) -> tuple[Batch, DecisionBatch | None]:
        random = np.random.default_rng([arguments.seed, step])
        chosen = random.choice(len(episodes), min(arguments.batch, len(episodes)), replace=False, p=shown)
        batch = make_batch([episodes[index] for index in chosen], instructions, random, device)
        if not decisions:
            return batch, None
        asked = random.choice(len(decisions), min(arguments.decisions_batch, len(decisions)), replace=False)
        return batch, make_decision_batch([decisions[index] for index in asked], random, device)

    with ThreadPoolExecutor(arguments.loaders) as pool:
        steps = itertools.count(first_step)
        upcoming = deque(pool.submit(make, next(steps)) for _ in range(arguments.loaders))
        while True:
            batch = upcoming.popleft().result()
            upcoming.append(pool.submit(make, next(steps)))
            yield batch


def train(
    run: Run,
    training: list[Episode],
    decisions: list[RecordedDecisions],
    instructions: dict[str, list[str]],
    arguments: argparse.Namespace,
) -> None:
    """Train until the last step or until the time is up, and leave a checkpoint every few minutes and at the end."""
    device = run.device
    started = saved = time.monotonic()
    for batch, asked in batches(training, decisions, instructions, run.step, arguments, device):
        if run.step >= arguments.steps or time.monotonic() - started > 60 * arguments.minutes:
            break
        features = encode_step(run.encoder, batch, asked, arguments.bfloat16)
        loss, parts = loss_of(run.timeline, features, batch.asked, asked and asked.asked)
        run.descent.step(loss, run.step, arguments.steps)
        if run.step % arguments.log_every == 0:
            run.log.append({"step": run.step, "seconds": time.monotonic() - started, **parts})
            print(json.dumps(run.log[-1]), flush=True)
        run.step += 1
        if time.monotonic() - saved > 60 * arguments.save_minutes:
            save_run(run, arguments.out)
            saved = time.monotonic()
    save_run(run, arguments.out)


def finish(
    run: Run,
    episodes: list[Episode],
    decisions: list[RecordedDecisions],
    instructions: dict[str, list[str]],
    arguments: argparse.Namespace,
) -> None:
    """Take the averaged weights, fit what comes after them, measure, and write what `export.py` reads."""
    device = run.device
    training = [episode for episode in episodes if episode.seed not in HELD_OUT_SEEDS]
    held_out = [episode for episode in episodes if episode.seed in HELD_OUT_SEEDS]
    run.descent.settle()
    learnt = [episode for episode in decisions if episode.seed not in HELD_OUT_SEEDS]
    others = [episode for episode in decisions if episode.seed in HELD_OUT_SEEDS]
    fresh = batches(training, learnt, instructions, 10**9, arguments, device)
    settle_norms(run.encoder, itertools.islice(fresh, 40))
    fresh.close()
    run.encoder.eval()
    if arguments.head_steps:
        settings = HeadSettings(
            arguments.head_steps, arguments.looks, arguments.seed, arguments.bfloat16, arguments.log_every
        )
        train_heads(run, training, learnt, instructions, arguments.out, settings)
    run.timeline.eval()
    tasks = sorted(instructions)
    novelty = fit_novelty(run.encoder, training, tasks, device)
    figures = evaluate(run.encoder, run.timeline, held_out, device) if held_out else {}
    figures |= evaluate_order(run.encoder, run.timeline, others, device)
    print(json.dumps(figures), flush=True)
    told = {task: [*instructions[task], *TASKS[task].forbidding] for task in tasks}
    spacings = [float(np.median(np.diff(episode.seconds))) for episode in training]
    torch.save(
        {
            "encoder": run.encoder.cpu().state_dict(),
            "timeline": run.timeline.cpu().state_dict(),
            "novelty": novelty.cpu().state_dict(),
            "tasks": tasks,
            "instructions": told,
            "episodes": len(training),
            "spacing_s": round(float(np.median(spacings)), 3),
            "seed": arguments.seed,
            "steps": run.step,
        },
        arguments.out / "weights.pt",
    )
    (arguments.out / "log.json").write_text(json.dumps({"log": run.log, "held_out": figures}, indent=1))


def main() -> None:
    """Train from the start or from where it stopped; at the end, write weights and description of the run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--episodes", type=Path, required=True, help="folder written by vlm_judge_ros.simulation.dataset"
    )
    parser.add_argument(
        "--decisions", type=Path, help="folder written by vlm_judge_ros.closed_loop.decision_dataset (default: none)"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoint, weights and log")
    parser.add_argument("--steps", type=int, default=20000, help="optimiser steps of the whole schedule")
    parser.add_argument(
        "--head-steps", type=int, default=4000, help="steps after that of what comes after the convolutions; 0 for none"
    )
    parser.add_argument("--looks", type=int, default=4, help="looks at each episode for these")
    parser.add_argument("--batch", type=int, default=20, help="episodes in a step")
    parser.add_argument("--decisions-batch", type=int, default=8, help="decisions in a step")
    parser.add_argument("--loaders", type=int, default=1, help="threads that make batches")
    parser.add_argument("--minutes", type=float, default=math.inf, help="stop after this time, to go on with --resume")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint in --out, if there is one")
    parser.add_argument("--finish", action="store_true", help="write weights even if steps are left")
    parser.add_argument("--save-minutes", type=float, default=5.0, help="time between checkpoints")
    parser.add_argument("--log-every", type=int, default=100, help="steps between lines of the log")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--threads", type=int, default=torch.get_num_threads(), help="threads, where it runs on the CPU"
    )
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument(
        "--bfloat16",
        action=argparse.BooleanOptionalAction,
        default=torch.cuda.is_available(),
        help="encode in bfloat16; of use on a GPU and on a CPU with AMX",
    )
    arguments = parser.parse_args()

    device = torch.device(arguments.device)
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    torch.set_flush_denormal(True)
    episodes = load_episodes(arguments.episodes)
    training = [episode for episode in episodes if episode.seed not in HELD_OUT_SEEDS]
    if not training:
        raise SystemExit(f"{arguments.episodes} holds only held-out episodes; simulate some from seed 0 on.")
    decisions = load_decisions(arguments.decisions) if arguments.decisions else []
    learnt = [episode for episode in decisions if episode.seed not in HELD_OUT_SEEDS]
    instructions = {task: list(TASKS[task].instructions) for task in sorted({episode.task for episode in training})}
    print(
        f"{len(training)} episodes to train on, {len(episodes) - len(training)} held out, decisions of "
        f"{len(learnt)} others and {len(decisions) - len(learnt)} held out, {len(instructions)} tasks, device {device}",
        flush=True,
    )
    run = load_run(arguments.out, device) if arguments.resume else None
    if run is None:
        run = Run(device)
    else:
        print(f"goes on at step {run.step}", flush=True)
    train(run, training, learnt, instructions, arguments)
    if run.step >= arguments.steps or arguments.finish:
        finish(run, episodes, decisions, instructions, arguments)
    else:
        print(f"stopped at step {run.step} of {arguments.steps}; go on with --resume", flush=True)


if __name__ == "__main__":
    main()
