"""The example bank: a folder of examples of good and bad behaviour, which judges can be shown."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pydantic

from vlm_judge_ros import __version__
from vlm_judge_ros.episode.compressed_image import CompressedImage
from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.episode.fault import BrokenImage
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.example import CAMERA, ID, MOST_FRAMES, Example, ExampleFrame, ExampleKind
from vlm_judge_ros.judges.example_store import (
    LARGEST_FRAME_BYTES,
    UNFINISHED,
    BrokenExample,
    read_example,
    read_frame,
    remove_example,
    write_example,
)
from vlm_judge_ros.judges.named_file import first_fault

MOST_EXAMPLES = 5000


@dataclass(frozen=True, slots=True)
class NewFrame:
    """An image of an example that is to be added.

    Attributes:
        camera: name of the camera.
        time_s: seconds from the start of the episode.
        jpeg: the image as a JPEG file.
        reward: how far the task was then, 0 to 1; None where that is not known. All frames of an example have one, or
            none has.
    """

    camera: str
    time_s: float
    jpeg: bytes
    reward: float | None = None


@dataclass(frozen=True, slots=True)
class NewExample:
    """An example that is to be added; its kind follows from what it has.

    Attributes:
        task: the instruction that the robot had.
        failure_mode: how it failed; NONE for good behaviour.
        text: what is to be seen in it, or what to look for.
        frames: its images, in any order.
        origin: where it comes from; for people.
        made_by: who or what made it; for people.
    """

    task: str
    failure_mode: FailureMode
    text: str = ""
    frames: Sequence[NewFrame] = ()
    origin: str = ""
    made_by: str = "a person"


@dataclass(frozen=True, slots=True)
class BankContent:
    """What a bank holds.

    Attributes:
        examples: those that can be used, in the order of their ids.
        faults: a sentence for each of the others.
    """

    examples: tuple[Example, ...]
    faults: tuple[str, ...] = ()

    @property
    def content_hash(self) -> str:
        """First 16 hexadecimal digits of the SHA-256 over all usable examples; says which bank a judge was shown."""
        lines = "".join(f"{example.id} {example.content_hash}\n" for example in self.examples)
        return hashlib.sha256(lines.encode()).hexdigest()[:16]


class ExampleBank:
    """A folder with one folder for each example.

    Args:
        folder: need not exist until something is added.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self) -> BankContent:
        """Read all examples and check that their files are those that were added; a broken one spares the others.

        Raises:
            JudgeError: there is no such folder, or it holds too many.
        """
        try:
            names = sorted(entry.name for entry in self.folder.iterdir() if not entry.name.startswith(UNFINISHED))
        except OSError as error:
            raise JudgeError(
                f"The example bank {self.folder} cannot be read ({error.strerror}); add an example with `vlm-judge "
                "examples add`, or name another folder."
            ) from error
        if len(names) > MOST_EXAMPLES:
            raise JudgeError(
                f"The example bank {self.folder} holds {len(names)} entries, more than {MOST_EXAMPLES}; split it."
            )
        examples: list[Example] = []
        faults: list[str] = []
        for name in names:
            try:
                example = read_example(self.folder, name)
                for frame in example.frames:
                    _check_jpeg(self.frame(example, frame), f"The example {name} cannot be used: {frame.file}")
            except JudgeError as error:
                faults.append(str(error))
            else:
                examples.append(example)
        return BankContent(tuple(examples), tuple(faults))

    def get(self, name: str) -> Example:
        """Read one example.

        Raises:
            JudgeError: there is none of exactly this id, or it is broken.
        """
        self.check_there(name)
        return read_example(self.folder, name)

    def frame(self, example: Example, frame: ExampleFrame) -> bytes:
        """The JPEG of one frame of an example.

        Raises:
            BrokenExample: it is not there any more, or another one.
        """
        return read_frame(self.folder, example.id, frame)

    def add(self, new: NewExample, created_ns: int) -> Example:
        """Add an example; it is in the bank whole, or not at all.

        Args:
            new: what it consists of.
            created_ns: the time now, nanoseconds since 1970.

        Returns:
            The example with its id.

        Raises:
            JudgeError: it is not as an example has to be, it is in the bank already, or the folder cannot be written.
        """
        example, files = _checked(new, created_ns)
        write_example(self.folder, example, files)
        return example

    def remove(self, name: str) -> None:
        """Remove an example for good, also a broken one.

        Raises:
            JudgeError: there is none of exactly this id, or it cannot be removed.
        """
        self.check_there(name)
        remove_example(self.folder, name)

    def check_there(self, name: str) -> None:
        """Make sure that there is an example of exactly this id, broken or not.

        Raises:
            JudgeError: there is none.
        """
        # Whatever else is in a folder, such as "..", is never touched by name.
        if not re.fullmatch(ID, name) or not os.path.lexists(self.folder / name):
            raise JudgeError(
                f'The bank {self.folder} has no example "{name}"; `vlm-judge examples list` names those that it has.'
            )


def usual_folder() -> Path:
    """The bank of the user, by the XDG rules; it need not exist yet."""
    base = os.environ.get("XDG_DATA_HOME", "")
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".local" / "share") / "vlm_judge_ros" / "examples"


def _checked(new: NewExample, created_ns: int) -> tuple[Example, dict[str, bytes]]:
    """The example with its id, and its files by name."""
    if len(new.frames) > MOST_FRAMES:
        raise JudgeError(f"An example has at most {MOST_FRAMES} frames, not {len(new.frames)}; choose fewer.")
    rewarded = any(frame.reward is not None for frame in new.frames)
    kind = (ExampleKind.REWARDED if rewarded else ExampleKind.FRAMES) if new.frames else ExampleKind.TEXT
    files: dict[str, bytes] = {}
    frames: list[dict[str, object]] = []
    counts: dict[str, int] = {}
    for frame in sorted(new.frames, key=lambda frame: (frame.time_s, frame.camera)):
        if not re.fullmatch(CAMERA, frame.camera):
            raise JudgeError(f'"{frame.camera}" is no name of a camera; write for example front or wrist_left.')
        what = f"The image of the camera {frame.camera} at {frame.time_s:g} s"
        if len(frame.jpeg) > LARGEST_FRAME_BYTES:
            raise JudgeError(f"{what} has {len(frame.jpeg)} bytes, more than {LARGEST_FRAME_BYTES}; scale it down.")
        image = _check_jpeg(frame.jpeg, what)
        try:
            image.rgb()
        except BrokenImage as error:
            raise BrokenExample(f"{what}: {error}") from error
        number = counts.get(frame.camera, 0)
        counts[frame.camera] = number + 1
        file = f"{frame.camera}_{number:03d}.jpg"
        files[file] = frame.jpeg
        frames.append(
            {
                "camera": frame.camera,
                "time_s": round(frame.time_s, 3),
                "file": file,
                "sha256": hashlib.sha256(frame.jpeg).hexdigest(),
                "reward": frame.reward,
            }
        )
    fields = {
        "id": "unnamed",
        "task": " ".join(new.task.split()),
        "failure_mode": new.failure_mode,
        "kind": kind.value,
        "text": new.text.strip(),
        "outcome": "success" if new.failure_mode is FailureMode.NONE else "failure",
        "frames": frames,
        "origin": new.origin,
        "made_by": new.made_by,
        "version": __version__,
        "created_ns": created_ns,
    }
    try:
        example = Example.model_validate(fields)
    except pydantic.ValidationError as error:
        raise JudgeError(f"This cannot be an example: {first_fault(error)}.") from error
    return example.model_copy(update={"id": _id(example)}), files


def _id(example: Example) -> str:
    """What a person can read and type, and what tells examples apart."""
    words = re.findall(r"[a-z0-9]+", example.task.lower())
    mode = "good" if example.failure_mode is FailureMode.NONE else example.failure_mode.name.lower()
    return "-".join(["-".join(words)[:24].strip("-") or "task", mode, example.content_hash[:8]])


def _check_jpeg(content: bytes, what: str) -> CompressedImage:
    """Make sure of its kind and that it is whole; nothing is decoded."""
    try:
        image = CompressedImage(content)
    except BrokenImage as error:
        raise BrokenExample(f"{what}: {error}") from error
    if not image.form.endswith(" jpeg"):
        raise BrokenExample(f"{what} is {image.form}, no JPEG; convert it.")
    return image
