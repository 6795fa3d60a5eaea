"""`report.html`: all judged episodes on one page."""

from __future__ import annotations

import urllib.parse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from vlm_judge_ros.replay.labels.labels import read_labels
from vlm_judge_ros.replay.outputs.episode_file import read_episode
from vlm_judge_ros.replay.outputs.pictures import FOLDER
from vlm_judge_ros.replay.page.reported import PICTURE_BYTES, Reported, Source
from vlm_judge_ros.replay.report import TITLE, write_page
from vlm_judge_ros.replay.trace import Shot

REPORT = "report.html"
LABELS = "labels.csv"


def write(folder: Path, episodes: Sequence[Path]) -> None:
    """See `SpanningKind.write`. Labels in the folder are shown beside the verdicts."""
    labels = folder / LABELS
    write_from_folders(episodes, folder / REPORT, labels=labels if labels.is_file() else None)


def write_from_folders(
    episodes: Sequence[Path],
    path: Path,
    title: str = TITLE,
    labels: Path | None = None,
    picture_bytes: int = PICTURE_BYTES,
) -> Path:
    """Write the page over judged episodes.

    Args:
        episodes: their folders.
        path: of the page; pictures that do not fit into it are linked from there.
        title: heading of the page.
        labels: what people say; None for nothing.
        picture_bytes: what the pictures within the page may take.

    Raises:
        JudgeError: an episode or the labels cannot be read, or the page cannot be written.
    """
    said = read_labels(labels) if labels is not None else ()
    return write_page([_source(episode, path.parent) for episode in episodes], path, title, said, picture_bytes)


def _source(folder: Path, page: Path) -> Source:
    def read(with_pictures: bool) -> Reported:
        scored = read_episode(folder, with_pictures)
        trace, place = scored.trace, _address(folder / FOLDER, page)
        # A name alone: a record that was tampered with leads nowhere else.
        files = {
            (picture.camera, picture.time_s): f"{place}/{urllib.parse.quote(Path(picture.file).name)}"
            for picture in scored.pictures
        }
        if not with_pictures:
            trace = replace(trace, shots=tuple(Shot(one.camera, one.time_s, b"") for one in scored.pictures))
        return Reported(trace, scored.key, scored.origin, files, scored.scores)

    return read


def _address(folder: Path, page: Path) -> str:
    folder, page = folder.resolve(), page.resolve()
    if folder.is_relative_to(page):
        return urllib.parse.quote(folder.relative_to(page).as_posix())
    return folder.as_uri()
