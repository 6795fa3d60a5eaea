"""What the convolutions make of all pictures, computed once, so that what comes after them can be trained on it.

Everything that is drawn for a picture, wording, camera and light, is drawn before the convolutions see it; so each
episode is looked at several times, with draws of its own each time.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from augment import augment
from batch import word
from decisions import RecordedDecisions
from episodes import Episode
from losses import last_channels
from network import MAP_SIZE, TASK_SIZE, Encoder
from numpy.typing import NDArray
from torch import Tensor

from vlm_judge_ros.models.instruction import instruction_vector


@dataclass(frozen=True, slots=True)
class Look:
    """All pictures of one episode, under one instruction, from one camera, in one light.

    Attributes:
        first_row: where its maps begin in the file.
        is_of_task: False where the instruction is that of another task.
    """

    first_row: int
    is_of_task: bool


@dataclass(frozen=True, slots=True, eq=False)
class Maps:
    """Maps of episodes on disk.

    Attributes:
        looks: the looks at each episode, in their order.
        rows: per pair of pictures, maps of the front and the wrist camera and of the task, half precision, shape
            (pairs, 2 * MAP_SIZE + TASK_SIZE).
    """

    looks: tuple[tuple[Look, ...], ...]
    rows: NDArray[np.float16]

    def look(self, episode: int, random: np.random.Generator) -> Look:
        """Draw one of the looks at an episode."""
        looks = self.looks[episode]
        return looks[int(random.integers(len(looks)))]

    def features(self, encoder: Encoder, wanted: Sequence[tuple[Look, NDArray[np.int64]]], bfloat16: bool) -> Tensor:
        """Features of some frames of some looks, one after another, shape (frames, FEATURE_SIZE)."""
        device = encoder.fuse[0].weight.device
        rows = np.concatenate([self.rows[look.first_row + at] for look, at in wanted])
        first, second, task = torch.from_numpy(rows).to(device).float().split([MAP_SIZE, MAP_SIZE, TASK_SIZE], dim=1)
        with torch.autocast(device.type, torch.bfloat16, enabled=bfloat16):
            return encoder.summarise(first, second, task).float()


@dataclass(frozen=True, slots=True, eq=False)
class _Shown:
    """What one look shows to the convolutions."""

    first: NDArray[np.uint8]
    second: NDArray[np.uint8]
    vector: NDArray[np.float32]
    is_of_task: bool


def record_episodes(
    encoder: Encoder,
    episodes: Sequence[Episode],
    instructions: Mapping[str, Sequence[str]],
    looks: int,
    path: Path,
    bfloat16: bool = False,
) -> Maps:
    """Look at episodes of training, each so many times, and write their maps to a file that is about to be used.

    Args:
        encoder: ready for use.
        episodes: at what.
        instructions: per task, the wordings to train with.
        looks: how often at each.
        path: the file; 4736 bytes for each pair of pictures and look.
        bfloat16: whether to compute in it.
    """

    def show(index: int, turn: int) -> _Shown:
        episode = episodes[index]
        random = np.random.default_rng([episode.seed, turn])
        wording, is_of_task = word(episode, instructions, random)
        first, second = (augment(view, random) for view in episode.pictures(np.arange(len(episode.seconds))))
        return _Shown(first, second, instruction_vector(wording), is_of_task)

    return _record(encoder, show, len(episodes), looks, path, bfloat16)


def record_decisions(
    encoder: Encoder, decisions: Sequence[RecordedDecisions], looks: int, path: Path, bfloat16: bool = False
) -> Maps:
    """Do the same with recorded decisions."""

    def show(index: int, turn: int) -> _Shown:
        episode = decisions[index]
        random = np.random.default_rng([episode.seed, turn])
        count, chunks = episode.way_left.shape
        first, second = (augment(view, random) for view in episode.pictures(np.arange(count * (1 + chunks))))
        return _Shown(first, second, instruction_vector(episode.wording(random)), is_of_task=True)

    return _record(encoder, show, len(decisions), looks, path, bfloat16)


def _record(
    encoder: Encoder, show: Callable[[int, int], _Shown], episodes: int, looks: int, path: Path, bfloat16: bool
) -> Maps:
    device = encoder.fuse[0].weight.device

    @torch.no_grad()
    def see(index: int, turn: int) -> tuple[NDArray[np.float16], bool]:
        shown = show(index, turn)
        with torch.autocast(device.type, torch.bfloat16, enabled=bfloat16):
            views = [last_channels(torch.from_numpy(view).to(device)) for view in (shown.first, shown.second)]
            maps = torch.cat(encoder.see(*views, torch.from_numpy(shown.vector)[None].to(device)), dim=1)
        return maps.half().cpu().numpy(), shown.is_of_task

    turns = list(itertools.product(range(episodes), range(looks)))
    kept: list[list[Look]] = [[] for _ in range(episodes)]
    rows = 0
    # The few pictures of a look are too little work to be shared: each thread sees looks of its own.
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(threads) as pool, path.open("wb") as file:
            waiting = iter(turns)
            upcoming = deque(pool.submit(see, *turn) for turn in itertools.islice(waiting, 2 * threads))
            for index, _ in turns:
                maps, is_of_task = upcoming.popleft().result()
                upcoming.extend(pool.submit(see, *turn) for turn in itertools.islice(waiting, 1))
                file.write(maps.tobytes())
                kept[index].append(Look(rows, is_of_task))
                rows += len(maps)
    finally:
        torch.set_num_threads(threads)
    width = 2 * MAP_SIZE + TASK_SIZE
    return Maps(tuple(map(tuple, kept)), np.memmap(path, np.float16, "r", shape=(rows, width)))
