"""Small LeRobot datasets and videos, written as the formats describe them.

Frame k of episode e is a plain grey of level 20 + 40 e + 4 k, 100 more at the wrist: a test sees which frame it has.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

FPS = 10
HIGH, WRIST = "observation.images.cam_high", "observation.images.cam_wrist"
JOINTS = ("shoulder.pos", "elbow.pos", "gripper.pos")
WIDTH, HEIGHT = 64, 48


def level(episode: int, frame: int, wrist: bool) -> int:
    """Grey of a frame."""
    return 20 + 40 * episode + 4 * frame + (100 if wrist else 0)


def write_video(path: Path, levels: Iterable[int], codec: str = "libx264", times_s: Sequence[float] = ()) -> None:
    """Write plain grey frames, at FPS where no times are given."""
    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        options = {"crf": "18", "g": "2", "preset": "8"} if "av1" in codec else {"crf": "10", "g": "2"}
        stream: Any = container.add_stream(codec, rate=FPS, options=options)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for index, grey in enumerate(levels):
            frame = av.VideoFrame.from_ndarray(np.full((HEIGHT, WIDTH, 3), grey % 256, np.uint8), format="rgb24")
            frame.pts = round(1000 * (times_s[index] if times_s else index / FPS))
            frame.time_base = Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


@dataclass
class MadeDataset:
    """A dataset to be written.

    Attributes:
        root: the folder.
        version: "v2.1" or "v3.0".
        lengths: rows of each episode.
        cameras: columns with pictures.
        codec: of the videos.
        tasks: one instruction for each episode.
        columns: further columns of rows, as name to values of all rows.
        further: further columns of the table of episodes.
        state: names of the numbers of `observation.state`; None for info.json without names.
        scale: the state of a row is 0.01 x row x scale.
    """

    root: Path
    version: str = "v3.0"
    lengths: Sequence[int] = (12, 9)
    cameras: Sequence[str] = (HIGH, WRIST)
    codec: str = "libx264"
    tasks: Sequence[str] = ("Pick up the cube.", "Open the drawer.")
    columns: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    further: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    state: Sequence[str] | None = JOINTS
    scale: float = 1.0

    def write(self) -> Path:
        """Write it all; returns the folder."""
        (self.root / "meta").mkdir(parents=True)
        self.write_info()
        if self.version == "v3.0":
            self._write_v3()
        else:
            self._write_v2()
        return self.root

    def write_info(self, **other: Any) -> None:
        """Write info.json, with other fields where some are named."""
        v3 = self.version == "v3.0"
        picture = {"dtype": "video", "shape": [HEIGHT, WIDTH, 3], "names": ["height", "width", "channels"]}
        features: dict[str, Any] = {key: {**picture, "info": {"video.fps": FPS}} for key in self.cameras}
        names = list(self.state) if self.state is not None else None
        for key in ("observation.state", "action"):
            features[key] = {"dtype": "float32", "shape": [3], "names": names}
        for key in ("frame_index", "episode_index", "index", "task_index"):
            features[key] = {"dtype": "int64", "shape": [1], "names": None}
        features["timestamp"] = {"dtype": "float32", "shape": [1], "names": None}
        for key, values in self.columns.items():
            kind = "bool" if isinstance(values[0], bool) else "float32"
            features[key] = {"dtype": kind, "shape": [1], "names": None}
        chunk = "chunk-{chunk_index:03d}/file-{file_index:03d}" if v3 else "chunk-{episode_chunk:03d}"
        info = {
            "codebase_version": self.version,
            "robot_type": "made",
            "total_episodes": len(self.lengths),
            "total_frames": sum(self.lengths),
            "total_tasks": len(set(self.tasks)),
            "chunks_size": 1000,
            "fps": FPS,
            "splits": {"train": f"0:{len(self.lengths)}"},
            "data_path": f"data/{chunk}.parquet" if v3 else f"data/{chunk}/episode_{{episode_index:06d}}.parquet",
            "video_path": (
                f"videos/{{video_key}}/{chunk}.mp4"
                if v3
                else f"videos/{chunk}/{{video_key}}/episode_{{episode_index:06d}}.mp4"
            ),
            "features": features,
            **other,
        }
        (self.root / "meta/info.json").write_text(json.dumps(info, indent=4))

    def rows(self, episode: int) -> dict[str, Any]:
        """The columns of one episode."""
        import pyarrow as pa

        length, first = self.lengths[episode], sum(self.lengths[:episode])
        numbers = [[0.01 * row * self.scale, 0.0, float(row % 2)] for row in range(length)]
        vector = pa.list_(pa.float32(), 3)
        columns: dict[str, Any] = {
            "observation.state": pa.array(numbers, vector),
            "action": pa.array(numbers, vector),
            "timestamp": pa.array([row / FPS for row in range(length)], pa.float32()),
            "frame_index": pa.array(range(length), pa.int64()),
            "episode_index": pa.array([episode] * length, pa.int64()),
            "index": pa.array(range(first, first + length), pa.int64()),
            "task_index": pa.array([self._task_index(episode)] * length, pa.int64()),
        }
        for name, values in self.columns.items():
            columns[name] = pa.array(values[first : first + length])
        return columns

    def levels(self, episode: int, key: str) -> list[int]:
        """Greys of the frames of a camera."""
        return [level(episode, frame, key == WRIST) for frame in range(self.lengths[episode])]

    def _task_index(self, episode: int) -> int:
        return list(dict.fromkeys(self.tasks)).index(self.tasks[episode])

    def _write_v2(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet as parquet

        lines, tasks = [], dict.fromkeys(self.tasks)
        for episode, length in enumerate(self.lengths):
            path = self.root / f"data/chunk-000/episode_{episode:06d}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            parquet.write_table(pa.table(self.rows(episode)), path)
            for key in self.cameras:
                video = self.root / f"videos/chunk-000/{key}/episode_{episode:06d}.mp4"
                write_video(video, self.levels(episode, key), self.codec)
            further = {name: values[episode] for name, values in self.further.items()}
            lines.append({"episode_index": episode, "tasks": [self.tasks[episode]], "length": length, **further})
        (self.root / "meta/episodes.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        numbered = [{"task_index": index, "task": task} for index, task in enumerate(tasks)]
        (self.root / "meta/tasks.jsonl").write_text("".join(json.dumps(line) + "\n" for line in numbered))

    def _write_v3(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet as parquet

        episodes = range(len(self.lengths))
        data = self.root / "data/chunk-000/file-000.parquet"
        data.parent.mkdir(parents=True)
        parquet.write_table(pa.concat_tables(pa.table(self.rows(episode)) for episode in episodes), data)
        ends = [sum(self.lengths[: episode + 1]) for episode in episodes]
        table: dict[str, Any] = {
            "episode_index": list(episodes),
            "tasks": [[self.tasks[episode]] for episode in episodes],
            "length": list(self.lengths),
            "data/chunk_index": [0 for _ in episodes],
            "data/file_index": [0 for _ in episodes],
            "dataset_from_index": [end - length for end, length in zip(ends, self.lengths, strict=True)],
            "dataset_to_index": ends,
            "meta/episodes/chunk_index": [0 for _ in episodes],
            "meta/episodes/file_index": [0 for _ in episodes],
            "stats/action/max": [[1.0, 1.0, 1.0] for _ in episodes],
            **self.further,
        }
        for key in self.cameras:
            video = self.root / f"videos/{key}/chunk-000/file-000.mp4"
            write_video(video, [grey for episode in episodes for grey in self.levels(episode, key)], self.codec)
            table[f"videos/{key}/chunk_index"] = [0 for _ in episodes]
            table[f"videos/{key}/file_index"] = [0 for _ in episodes]
            table[f"videos/{key}/from_timestamp"] = [start / FPS for start in table["dataset_from_index"]]
            table[f"videos/{key}/to_timestamp"] = [end / FPS for end in ends]
        path = self.root / "meta/episodes/chunk-000/file-000.parquet"
        path.parent.mkdir(parents=True)
        parquet.write_table(pa.table(table), path)
        tasks = list(dict.fromkeys(self.tasks))
        # As pandas writes a table whose index are the instructions.
        named = pa.table({"task_index": pa.array(range(len(tasks)), pa.int64()), "__index_level_0__": tasks})
        kinds = (("task_index", "task_index", "int64"), (None, "__index_level_0__", "unicode"))
        pandas_says = {
            "index_columns": ["__index_level_0__"],
            "column_indexes": [],
            "columns": [
                {
                    "name": name,
                    "field_name": column,
                    "pandas_type": kind,
                    "numpy_type": "int64" if kind == "int64" else "object",
                    "metadata": None,
                }
                for name, column, kind in kinds
            ],
            "pandas_version": "2.2.0",
        }
        parquet.write_table(
            named.replace_schema_metadata({"pandas": json.dumps(pandas_says)}), self.root / "meta/tasks.parquet"
        )
