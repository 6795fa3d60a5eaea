"""Recorded decisions between chunks: which of several futures of one state is the better one."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from augment import augment
from batch import Frames, forgetful
from episodes import pictures_in
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from vlm_judge_ros.closed_loop.noisy_expert import HORIZON
from vlm_judge_ros.models.instruction import instruction_vector
from vlm_judge_ros.simulation.tasks import TASKS
from vlm_judge_ros.simulation.world import STEP_S

CHUNK_S = HORIZON * STEP_S
HISTORY = 5
NEARLY = 0.98
# Values that differ by less than this share of the clean expert's way are all but the same.
TELLING = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class RecordedDecisions:
    """The decisions of one episode. The pictures stay in its file.

    Attributes:
        path: its file.
        task: name of the task.
        seed: seed it was played from; tells training from held-out decisions as for episodes.
        stamps_s: seconds from the start at each decision, shape (D,).
        way_left: share of the clean expert's way that is left after each chunk, shape (D, K); above 1 where it is
            longer than from the start.
    """

    path: Path
    task: str
    seed: int
    stamps_s: NDArray[np.float64]
    way_left: NDArray[np.float64]

    def pictures(self, at: NDArray[np.int64]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Decode some pictures of the front and of the wrist camera, each of shape (len(at), 96, 96, 3), bytes."""
        return pictures_in(self.path, at)

    def wording(self, random: np.random.Generator) -> str:
        """Draw an instruction to show it with."""
        return forgetful(str(random.choice(TASKS[self.task].instructions)), random)


@dataclass(frozen=True, slots=True)
class DecisionQuestions:
    """Some decisions between K chunks each; one question for every chunk.

    Attributes:
        frames: which frames each question shows, padded, shape (decisions * K, HISTORY + 1).
        seconds: their times relative to the newest, padded, of the same shape.
        last: index of the newest frame in each question, shape (decisions * K,).
        way_left: after each chunk, shape (decisions, K).
    """

    frames: Tensor
    seconds: Tensor
    last: Tensor
    way_left: Tensor


@dataclass(frozen=True, slots=True)
class DecisionBatch:
    """Decisions with the frames they are about."""

    shown: Frames
    asked: DecisionQuestions


def load_decisions(folder: Path) -> list[RecordedDecisions]:
    """Read what `vlm_judge_ros.closed_loop.decision_dataset` wrote, in the order of seeds.

    Raises:
        SystemExit: the folder holds no decisions.
    """
    with ThreadPoolExecutor() as pool:
        read = list(pool.map(_read, sorted(folder.glob("*.npz"))))
    if not read:
        raise SystemExit(f"{folder} holds no decisions; make some with vlm_judge_ros.closed_loop.decision_dataset.")
    return read


def _read(path: Path) -> RecordedDecisions:
    with np.load(path) as file:
        way_left = file["left"] / float(file["clean_steps"])
        return RecordedDecisions(path, str(file["task"]), int(file["seed"]), file["stamps_s"], way_left)


def ask_decisions(
    episodes: Sequence[RecordedDecisions], random: np.random.Generator, device: torch.device
) -> tuple[DecisionQuestions, list[NDArray[np.int64]]]:
    """Draw one decision of each episode, and frames of what went before.

    Args:
        episodes: all with the same number of chunks in a decision.
        random: source of every draw.
        device: where the tensors go.

    Returns:
        The questions, and the pictures of each episode that they are about, in the order in which they count them.
    """
    chunks = episodes[0].way_left.shape[1]
    frames = np.zeros((len(episodes), chunks, HISTORY + 1), dtype=np.int64)
    seconds = np.zeros(frames.shape, dtype=np.float32)
    last = np.zeros(frames.shape[:2], dtype=np.int64)
    way_left, pictures = [], []
    offset = 0
    for row, episode in enumerate(episodes):
        decision = int(random.integers(len(episode.stamps_s)))
        between = np.arange(1, decision)
        some = random.choice(between, size=min(len(between), int(random.integers(HISTORY - 1))), replace=False)
        history = np.unique([0, decision, *some]).astype(np.int64)
        ends = decision * (1 + chunks) + 1 + np.arange(chunks)
        length = len(history)
        frames[row] = offset
        frames[row, :, :length] += np.arange(length)
        frames[row, :, length] += length + np.arange(chunks)
        seconds[row, :, :length] = episode.stamps_s[history] - episode.stamps_s[decision] - CHUNK_S
        last[row] = length
        way_left.append(episode.way_left[decision])
        pictures.append(np.concatenate([history * (1 + chunks), ends]))
        offset += length + chunks
    asked = (frames.reshape(-1, HISTORY + 1), seconds.reshape(-1, HISTORY + 1), last.ravel())
    tensors = (torch.from_numpy(array).to(device) for array in (*asked, np.stack(way_left).astype(np.float32)))
    return DecisionQuestions(*tensors), pictures


def make_decision_batch(
    episodes: Sequence[RecordedDecisions], random: np.random.Generator, device: torch.device
) -> DecisionBatch:
    """Draw one decision of each episode, a wording, camera and light. Arguments as for `ask_decisions`."""
    asked, chosen = ask_decisions(episodes, random, device)
    vectors, first, second = [], [], []
    for episode, at in zip(episodes, chosen, strict=True):
        for kept, view in zip((first, second), episode.pictures(at), strict=True):
            kept.append(augment(view, random))
        vectors.append(np.repeat(instruction_vector(episode.wording(random))[None], len(at), axis=0))
    pictures = (torch.from_numpy(np.concatenate(part)).to(device) for part in (first, second, vectors))
    return DecisionBatch(Frames(*pictures), asked)


def order_loss(logits: Tensor, way_left: Tensor) -> Tensor:
    """How badly logits of progress order the chunks of each decision (Bradley and Terry, 1952, with soft outcomes).

    Args:
        logits: shape (decisions, K).
        way_left: of the same shape.
    """
    first, second = torch.triu_indices(logits.shape[1], logits.shape[1], 1)
    nearer = (way_left[:, second] - way_left[:, first]) / TELLING
    # In its middle a logistic function rises by a quarter: there a difference of logits is four times one of progress.
    apart = (logits[:, first] - logits[:, second]) / (4 * TELLING)
    return functional.binary_cross_entropy_with_logits(apart, nearer.sigmoid())


def ordered_rightly(scores: NDArray[np.float32], way_left: NDArray[np.float64]) -> list[bool]:
    """Of each telling pair of the chunks of one decision, whether the nearer one has the higher score.

    Args:
        scores: shape (K,).
        way_left: of the same shape.
    """
    first, second = np.triu_indices(len(scores), 1)
    telling = np.abs(way_left[first] - way_left[second]) >= TELLING
    right = np.sign(way_left[second] - way_left[first]) == np.sign(scores[first] - scores[second])
    return [bool(one) for one in right[telling]]


def progress_after(way_left: Tensor) -> Tensor:
    """Progress, 0 to 1, as the ground truth of an episode has it: only success is the whole way."""
    return torch.where(way_left == 0, 1.0, (1 - way_left).clamp(0.0, NEARLY))
