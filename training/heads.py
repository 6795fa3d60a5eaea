"""Training of what comes after the convolutions alone, at the end of a run.

A step costs a tenth of one of the whole network, and is asked about all frames of an episode, as a keyframe buffer
would pick them. Sequences of keyframes are what a run has seen least of when its convolutions have learnt all they can.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from batch import Excerpt, Questions, ask
from checkpoint import Run
from decisions import DecisionQuestions, RecordedDecisions, ask_decisions
from descent import Descent
from episodes import Episode
from losses import Features, loss_of
from maps import Maps, record_decisions, record_episodes
from sampling import shares

EPISODES = 40
DECISIONS = 12
LOOKS_AT_DECISIONS = 2


@dataclass(frozen=True, slots=True)
class HeadSettings:
    """How the heads are trained.

    Attributes:
        steps: optimiser steps; the learning rate comes down to nothing over them.
        looks: how often each episode is looked at, with another wording, camera and light each time.
        seed: of every draw.
        bfloat16: whether to compute maps and features in it.
        log_every: steps between lines of the log.
    """

    steps: int
    looks: int
    seed: int
    bfloat16: bool
    log_every: int


def train_heads(
    run: Run,
    episodes: Sequence[Episode],
    decisions: Sequence[RecordedDecisions],
    instructions: Mapping[str, Sequence[str]],
    folder: Path,
    settings: HeadSettings,
) -> None:
    """Train the heads of the encoder and the timeline, and leave the average of their weights in the run.

    Args:
        run: its convolutions are ready for use, and stay as they are.
        episodes: to train on.
        decisions: to train on, or none.
        instructions: per task, the wordings to train with.
        folder: for the maps, which are deleted in the end; 4736 bytes for each pair of pictures and look.
        settings: how.
    """
    paths = folder / "episodes.maps", folder / "decisions.maps"
    try:
        seen = record_episodes(run.encoder, episodes, instructions, settings.looks, paths[0], settings.bfloat16)
        reached = (
            record_decisions(run.encoder, decisions, LOOKS_AT_DECISIONS, paths[1], settings.bfloat16)
            if decisions
            else None
        )
        _train(run, _Recorded(episodes, seen, decisions, reached), settings)
    finally:
        for path in paths:
            path.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True, eq=False)
class _Recorded:
    episodes: Sequence[Episode]
    seen: Maps
    decisions: Sequence[RecordedDecisions]
    reached: Maps | None


def _train(run: Run, recorded: _Recorded, settings: HeadSettings) -> None:
    descent = Descent([*run.encoder.head_weights(), *run.timeline.parameters()])
    shown = shares(recorded.episodes)
    for step in range(settings.steps):
        random = np.random.default_rng([settings.seed, step, 1])
        count = min(EPISODES, len(recorded.episodes))
        chosen = random.choice(len(recorded.episodes), count, replace=False, p=shown)
        features, asked, decided = _questions(run, recorded, chosen.tolist(), random, settings.bfloat16)
        loss, parts = loss_of(run.timeline, features, asked, decided)
        descent.step(loss, step, settings.steps)
        if step % settings.log_every == 0:
            run.log.append({"head_step": step, **parts})
            print(json.dumps(run.log[-1]), flush=True)
    descent.settle()


def _questions(
    run: Run, recorded: _Recorded, chosen: Sequence[int], random: np.random.Generator, bfloat16: bool
) -> tuple[Features, Questions, DecisionQuestions | None]:
    """Draw questions about some episodes, and about as many decisions as a step has."""
    looks = [recorded.seen.look(index, random) for index in chosen]
    excerpts = [
        Excerpt(recorded.episodes[index], np.arange(len(recorded.episodes[index].seconds)), None, look.is_of_task)
        for index, look in zip(chosen, looks, strict=True)
    ]
    shown = [(look, excerpt.at) for look, excerpt in zip(looks, excerpts, strict=True)]
    features = recorded.seen.features(run.encoder, shown, bfloat16)
    asked = ask(excerpts, random, run.device)
    if recorded.reached is None:
        return Features(features, features[:0]), asked, None
    some = random.choice(len(recorded.decisions), min(DECISIONS, len(recorded.decisions)), replace=False).tolist()
    decided, at = ask_decisions([recorded.decisions[index] for index in some], random, run.device)
    shown = [(recorded.reached.look(index, random), which) for index, which in zip(some, at, strict=True)]
    return Features(features, recorded.reached.features(run.encoder, shown, bfloat16)), asked, decided
