"""A reference judge of its own for each task, fitted to a few episodes of the clean expert."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from vlm_judge_ros.closed_loop.loop import HEIGHT, WIDTH
from vlm_judge_ros.judges.reference_file import header_of, write_references
from vlm_judge_ros.judges.reference_fit import ReferenceEpisode, fit
from vlm_judge_ros.models.appearance.encoder import AppearanceEncoder, open_encoder
from vlm_judge_ros.simulation.camera import CAMERAS, Variation
from vlm_judge_ros.simulation.episode import EpisodeSpec, simulate_episode
from vlm_judge_ros.simulation.tasks import task_named

_FIRST_SEED = 600_000
"""Others than those that are evaluated."""

_FRAME_STEPS = 5


def fit_references(task: str, count: int, encoder_name: str, look: Variation, path: Path) -> None:
    """Fit and write a file.

    Args:
        task: name of the task.
        count: successful episodes of the clean expert, 1 to 20.
        encoder_name: what looks at the pictures, as for `vlm-judge fit`.
        look: what differs from the standard look of the scenes.
        path: where to write it.

    Raises:
        JudgeError: the simulator or the encoder cannot be used, or the file cannot be written.
    """
    encoder = open_encoder(encoder_name)
    seeds = range(_FIRST_SEED, _FIRST_SEED + count)
    fitted = fit(
        [_encoded(EpisodeSpec(task, seed, width=WIDTH, height=HEIGHT, variation=look), encoder) for seed in seeds]
    )
    names = tuple(f"{task}-{seed}" for seed in seeds)
    # A user has a few episodes of one task and tells it in other words all the same.
    header = header_of(fitted, task_named(task).instructions, CAMERAS, (encoder.name, encoder.file_hash), names)
    write_references(path, header, fitted)


def _encoded(spec: EpisodeSpec, encoder: AppearanceEncoder) -> ReferenceEpisode:
    episode = simulate_episode(replace(spec, samples=0, frame_steps=_FRAME_STEPS))
    pictures = [
        {camera: episode.frames[camera][index] for camera in CAMERAS} for index in range(len(episode.frame_indices))
    ]
    return ReferenceEpisode(
        episode.stamps_s[episode.frame_indices], encoder.encode(pictures), episode.progress[episode.frame_indices]
    )
