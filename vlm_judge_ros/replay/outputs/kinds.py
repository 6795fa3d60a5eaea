"""The kinds of output that can be asked for by name; their modules are opened only then."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.replay.outputs.output import OutputKind


class SpanningKind(Protocol):
    """Writes what spans episodes, from the folders of finished episodes alone."""

    def write(self, folder: Path, episodes: Sequence[Path]) -> None:
        """Write it anew; an older one is replaced only by a whole one.

        Args:
            folder: of all results; what is written lies in it.
            episodes: folders of episodes in it, in order of name; `episode_file.read_episode` reads one.

        Raises:
            JudgeError: it cannot be written, or what it needs is not installed.
        """


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of output.

    Attributes:
        name: what it is called behind `--with`.
        place: what makes it, as module:attribute, or the module alone: an `OutputKind`, or a `SpanningKind`.
        text: what it is, in a few words; empty for the second half of a kind that is made of each episode and of all.
        spans: it is a `SpanningKind`: made at the end from all episodes.
        extra: the extra of this package that it needs; empty for none.
    """

    name: str
    place: str
    text: str
    spans: bool = False
    extra: str = ""


_TABLES_TEXT = "tables of progress, rewards and judged failures, of each episode and of all"
KINDS: tuple[Kind, ...] = (
    Kind("verdicts", "vlm_judge_ros.replay.outputs.verdict_lines:VerdictLines", "verdicts.jsonl, a verdict a line"),
    Kind("mcap", "vlm_judge_ros.replay.outputs.scored_mcap:ScoredMcap", "scored/, the bag again with what was judged"),
    Kind(
        "rerun",
        "vlm_judge_ros.replay.outputs.rerun_recording:RerunRecording",
        "episode.rrd, for the viewer of Rerun",
        extra="rerun",
    ),
    Kind("report", "vlm_judge_ros.replay.outputs.report_page", "report.html, a page to look at", spans=True),
    # One name for what is made of each episode and then of all.
    Kind("parquet", "vlm_judge_ros.replay.outputs.episode_tables:EpisodeTables", _TABLES_TEXT, extra="datasets"),
    Kind("parquet", "vlm_judge_ros.replay.outputs.dataset_tables", "", spans=True, extra="datasets"),
)

DEFAULT_KINDS = ("verdicts", "report")


def kinds_named(names: Iterable[str]) -> tuple[Kind, ...]:
    """The kinds of these names, each once, in the order of the table.

    Raises:
        JudgeError: there is none of a name.
    """
    wanted = set(names)
    known = dict.fromkeys(kind.name for kind in KINDS)
    for name in sorted(wanted - known.keys()):
        raise JudgeError(f"There is no output called {name!r}; choose among {', '.join(known)}.")
    return tuple(kind for kind in KINDS if kind.name in wanted)


def output_kind(kind: Kind) -> OutputKind:
    """What makes an output of one episode.

    Raises:
        JudgeError: what it needs is not installed.
    """
    return cast(OutputKind, _open(kind))


def spanning_kind(kind: Kind) -> SpanningKind:
    """What makes an output over all episodes.

    Raises:
        JudgeError: what it needs is not installed.
    """
    return cast(SpanningKind, _open(kind))


def _open(kind: Kind) -> object:
    module, _, attribute = kind.place.partition(":")
    try:
        found: object = importlib.import_module(module)
    except ModuleNotFoundError as error:
        # A missing part of our own package is a bug and deserves its traceback.
        if error.name is None or error.name.startswith("vlm_judge_ros"):
            raise
        remedy = f"install it with pip install 'vlm_judge_ros[{kind.extra}]'" if kind.extra else "install it"
        raise JudgeError(
            f"The output {kind.name} needs the Python module {error.name!r}, which is not installed; {remedy}, or "
            f"leave {kind.name} out of --with."
        ) from error
    return getattr(found, attribute) if attribute else found
