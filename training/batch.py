"""Episodes and questions about them, as one batch of tensors."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from augment import augment
from episodes import Episode
from numpy.typing import NDArray
from sampling import draw, going_back
from torch import Tensor

from vlm_judge_ros.models.instruction import instruction_vector

MODES = (
    "GRASP_MISSED",
    "OBJECT_DROPPED",
    "WRONG_PLACE",
    "STALL",
    "UNDONE",
    "EARLY_STOP",
    "OSCILLATION",
    "UNKNOWN",
)
LONGEST = 24
QUESTIONS_PER_EPISODE = 16
FRAMES_PER_EPISODE = 14
# So many frames of an episode, over so many seconds, follow each other closely: a stall shows only there.
DENSE_FRAMES = 13
DENSE_S = 4.0
FEWEST_OTHERS = 4
WRONG_TASK_SHARE = 0.12
FORGETFUL_SHARE = 0.5
FORGOTTEN_WORDS = 0.15
UNSURE_AFTER_ONSET_S = 0.6


@dataclass(frozen=True, slots=True)
class Frames:
    """Frames of some episodes, one after another.

    Attributes:
        first: images of the front camera, shape (frames, 96, 96, 3), bytes.
        second: images of the wrist camera, of the same shape.
        vectors: instruction vector of each frame, shape (frames, 512).
    """

    first: Tensor
    second: Tensor
    vectors: Tensor


@dataclass(frozen=True, slots=True)
class Questions:
    """Questions about some frames of some episodes, which lie one after another.

    Attributes:
        frames: which frames each question shows, padded, shape (questions, LONGEST).
        seconds: their times relative to the newest, padded, shape (questions, LONGEST).
        last: index of the newest frame in each question, shape (questions,).
        last_distinct: the same where frames are told once that are shown repeatedly, shape (questions,).
        progress: target, 0 to 1, shape (questions,).
        success: target, 0 or 1, shape (questions,).
        failing: target, 0 or 1, shape (questions,).
        failing_weight: 0 where that target is not to be trusted, shape (questions,).
        mode: index into MODES; -1 where it is not failing, shape (questions,).
    """

    frames: Tensor
    seconds: Tensor
    last: Tensor
    last_distinct: Tensor
    progress: Tensor
    success: Tensor
    failing: Tensor
    failing_weight: Tensor
    mode: Tensor


@dataclass(frozen=True, slots=True)
class Batch:
    """Questions with the frames they are about."""

    shown: Frames
    asked: Questions


@dataclass(frozen=True, slots=True, eq=False)
class Excerpt:
    """Some frames of an episode, under one instruction.

    Attributes:
        episode: where they are from.
        at: which of its frames, ascending, shape (frames,).
        run: places in `at` of frames that follow each other closely; None where each question looks for its own.
        is_of_task: False where the instruction is that of another task.
    """

    episode: Episode
    at: NDArray[np.int64]
    run: NDArray[np.int64] | None
    is_of_task: bool


def neighbours(episode: Episode, random: np.random.Generator) -> NDArray[np.int64]:
    """Choose frames that follow each other closely.

    They end after the onset of a failure more often than not, because what happens there is hardest to tell.
    """
    count = len(episode.seconds)
    earliest = 1
    if episode.onset_s is not None and random.random() < 0.7:
        earliest = min(int(np.searchsorted(episode.seconds, episode.onset_s)), count - 1)
    newest = int(random.integers(min(earliest, count - 1), count))
    run = going_back(episode.seconds, newest, DENSE_FRAMES - 1, random)
    return run[episode.seconds[newest] - episode.seconds[run] <= DENSE_S]


def some_frames(episode: Episode, random: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Choose few frames, because encoding costs most: the first, a run of neighbours, and others.

    Returns:
        The frames, and the places of the run among them.
    """
    count = len(episode.seconds)
    run = neighbours(episode, random)
    others = np.setdiff1d(np.arange(1, count), run)
    wanted = max(FEWEST_OTHERS, FRAMES_PER_EPISODE - 1 - len(run))
    more = random.choice(others, size=min(len(others), wanted), replace=False)
    at = np.unique(np.concatenate([[0], run, more])).astype(np.int64)
    return at, np.searchsorted(at, run)


def forgetful(instruction: str, random: np.random.Generator) -> str:
    """Leave out a word here and there: a paraphrase has others, and none may be needed."""
    words = instruction.split()
    if random.random() > FORGETFUL_SHARE:
        return instruction
    kept = [word for word in words if random.random() > FORGOTTEN_WORDS]
    return " ".join(kept or words)


def word(episode: Episode, instructions: Mapping[str, Sequence[str]], random: np.random.Generator) -> tuple[str, bool]:
    """Draw an instruction to show an episode with, now and then one of another task; True where it is its own."""
    others = [task for task in sorted(instructions) if task != episode.task]
    is_of_task = not others or random.random() >= WRONG_TASK_SHARE
    wordings = episode.instructions if is_of_task else instructions[str(random.choice(others))]
    return forgetful(str(random.choice(wordings)), random), is_of_task


def ask(excerpts: Sequence[Excerpt], random: np.random.Generator, device: torch.device) -> Questions:
    """Draw questions about excerpts, QUESTIONS_PER_EPISODE of each.

    An episode shown under the instruction of another task has made no progress in it, whatever the robot does.

    Args:
        excerpts: what to ask about; their frames lie one after another.
        random: source of every draw.
        device: where the tensors go.
    """
    count = len(excerpts) * QUESTIONS_PER_EPISODE
    frames = np.zeros((count, LONGEST), dtype=np.int64)
    seconds = np.zeros((count, LONGEST), dtype=np.float32)
    last, last_distinct = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64)
    mode = np.full(count, -1, dtype=np.int64)
    progress, success, failing, weight = (np.zeros(count, dtype=np.float32) for _ in range(4))
    offset = row = 0
    for excerpt in excerpts:
        episode, at = excerpt.episode, excerpt.at
        for _ in range(QUESTIONS_PER_EPISODE):
            dense = neighbours(episode, random) if excerpt.run is None else excerpt.run
            question = draw(episode.seconds[at], LONGEST, random, dense)
            length, newest = len(question.frames), int(at[question.frames[-1]])
            since_onset_s = episode.seconds[newest] - (math.inf if episode.onset_s is None else episode.onset_s)
            frames[row] = offset
            frames[row, :length] += question.frames
            seconds[row, :length] = question.seconds
            last[row] = length - 1
            # A question shows one frame again and again, or none twice.
            last_distinct[row] = 0 if question.is_frozen else length - 1
            if excerpt.is_of_task:
                progress[row], success[row] = episode.progress[newest], episode.success[newest]
                failing[row] = episode.failing[newest]
                weight[row] = question.trusts_failure and not 0 <= since_onset_s < UNSURE_AFTER_ONSET_S
                if failing[row] and weight[row]:
                    mode[row] = MODES.index(episode.mode)
            row += 1
        offset += len(at)
    numbers = (frames, seconds, last, last_distinct, progress, success, failing, weight, mode)
    return Questions(*(torch.from_numpy(array).to(device) for array in numbers))


def make_batch(
    episodes: Sequence[Episode],
    instructions: Mapping[str, Sequence[str]],
    random: np.random.Generator,
    device: torch.device,
) -> Batch:
    """Draw frames, an instruction, camera and light for each episode, and questions.

    Args:
        episodes: what to ask about.
        instructions: per task, the wordings to train with.
        random: source of every draw.
        device: where the tensors go.
    """
    excerpts, vectors, first, second = [], [], [], []
    for episode in episodes:
        at, run = some_frames(episode, random)
        wording, is_of_task = word(episode, instructions, random)
        excerpts.append(Excerpt(episode, at, run, is_of_task))
        vectors.append(np.repeat(instruction_vector(wording)[None], len(at), axis=0))
        for kept, view in zip((first, second), episode.pictures(at), strict=True):
            kept.append(augment(view, random))
    pictures = (torch.from_numpy(np.concatenate(part)).to(device) for part in (first, second, vectors))
    return Batch(Frames(*pictures), ask(excerpts, random, device))
