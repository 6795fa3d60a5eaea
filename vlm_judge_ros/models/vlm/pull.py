"""`vlm-judge pull`: downloads a known model."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from vlm_judge_ros.errors import JudgeError, ModelBroken
from vlm_judge_ros.models.vlm.configuration import CONFIG_FILE, PREPROCESSOR_FILE, PROCESSOR_FILE
from vlm_judge_ros.models.vlm.download import Hub, Listing, RemoteFile, check_space, is_here, part_of
from vlm_judge_ros.models.vlm.folder import open_folder
from vlm_judge_ros.models.vlm.known import MARKER_FILE, known_model, mark, usual_folder
from vlm_judge_ros.models.vlm.listing import size_text
from vlm_judge_ros.models.vlm.precision import choose, graph_file
from vlm_judge_ros.models.vlm.tokens import TOKENIZER_CONFIG_FILE, TOKENIZER_FILE

# Licences and notices belong with the weights.
BESIDE_THE_GRAPHS = (
    *(CONFIG_FILE, PREPROCESSOR_FILE, PROCESSOR_FILE, TOKENIZER_FILE, TOKENIZER_CONFIG_FILE),
    *("generation_config.json", "chat_template.j*", "LICENSE*", "NOTICE*", "README.md"),
)
LOCK_FILE = ".pull.lock"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `vlm-judge pull`."""
    parser.add_argument("name", metavar="NAME", help="a model that `vlm-judge models` lists")
    parser.add_argument(
        "--precision",
        default="",
        metavar="WORDS",
        help="such as q4, or vision=fp16,embed=fp16,decoder=q4; default: what suits the model",
    )
    parser.add_argument("--to", type=Path, metavar="DIR", help="folder for the model; default: in the user's cache")


def run(arguments: argparse.Namespace) -> int:
    """Download the model and open it.

    Raises:
        JudgeError: it cannot be had; the message says what to do.
    """
    model = known_model(arguments.name)
    folder: Path = (arguments.to or usual_folder(model.name)).expanduser().absolute()
    precision = arguments.precision or model.precision
    hub = Hub()
    listing = hub.listing(model.repository, model.revision)
    chosen = chosen_files(listing, precision)
    with _locked(folder):
        _fetch_all(hub, listing, chosen, folder)
        opened = open_folder(folder, precision)
        if opened.family is not model.family:
            raise ModelBroken(
                f"{folder} holds a model of the family {opened.family.value}, and {model.name} is of "
                f"{model.family.value}; remove the folder and pull again."
            )
        pulled = ",".join(f"{graph}={name}" for graph, name in opened.precisions.items())
        try:
            mark(folder, model, listing.commit, pulled)
        except OSError as error:
            raise JudgeError(f"{folder} cannot be written ({error.strerror}); mend that and pull again.") from error
    print(f"{model.title} lies in {folder}. Its licence: {model.licence}.")
    place = model.name if folder == usual_folder(model.name) else folder
    print(f"Use it with the parameters judge:=token_reward model:={place}")
    return 0


def chosen_files(listing: Listing, precision: str) -> list[RemoteFile]:
    """The files of a repository that one choice of precisions needs, the small ones first.

    Raises:
        JudgeError: the repository lacks one of them, or the precision is not understood.
    """
    paths = {PurePosixPath(file.path): file for file in listing.files}
    place = PurePosixPath("onnx" if any(path.parts[0] == "onnx" for path in paths) else ".")
    names = {path.name for path in paths if path.parent == place}
    graphs = choose(names, f"The repository {listing.repository}", precision)
    wanted = [place / pattern for graph, name in graphs.items() for pattern in _patterns(graph_file(graph, name))]
    wanted += [PurePosixPath(pattern) for pattern in BESIDE_THE_GRAPHS]
    for needed in (CONFIG_FILE, TOKENIZER_FILE):
        if PurePosixPath(needed) not in paths:
            raise JudgeError(f"The repository {listing.repository} has no {needed}, and cannot be used.")
    chosen = [file for path, file in paths.items() if any(_fits(path, pattern) for pattern in wanted)]
    return sorted(chosen, key=lambda file: file.size)


def _patterns(graph: str) -> tuple[str, ...]:
    """The names of a graph and of the files with its weights."""
    return (graph, f"{graph}_data*", f"{graph}.data*")


def _fits(path: PurePosixPath, pattern: PurePosixPath) -> bool:
    return path.parent == pattern.parent and fnmatch(path.name, pattern.name)


def _fetch_all(hub: Hub, listing: Listing, chosen: list[RemoteFile], folder: Path) -> None:
    missing = [file for file in chosen if not is_here(file, folder / file.path)]
    whole = sum(file.size for file in chosen)
    arrived = sum(_size(part_of(file, folder / file.path)) for file in missing)
    lacking = sum(file.size for file in missing) - arrived
    check_space(folder, lacking)
    if any((folder / file.path).exists() for file in missing):
        # Files of another revision are about to be replaced: until all are, the folder is not whole.
        (folder / MARKER_FILE).unlink(missing_ok=True)
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, TransferSpeedColumn(), TimeRemainingColumn(), console=console) as bar:
        # Nothing moves on a screen that is a file; then one line per file has to do.
        quiet = not console.is_terminal
        task = bar.add_task(listing.repository, total=whole, visible=not quiet)
        here = sum(file.size for file in chosen if file not in missing)
        bar.advance(task, here)
        for file in missing:
            if quiet:
                console.print(f"{file.path}, {size_text(file.size)}", highlight=False, soft_wrap=True)
            bar.update(task, description=PurePosixPath(file.path).name)
            hub.fetch(listing, file, folder / file.path, lambda count: bar.advance(task, count))


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keep two downloads out of one folder."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / LOCK_FILE).open("w")
    except OSError as error:
        raise JudgeError(f"{folder} cannot be written ({error.strerror}); name another folder with --to.") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise JudgeError(f"Another `vlm-judge pull` is writing to {folder}; wait for it.") from None
        yield
