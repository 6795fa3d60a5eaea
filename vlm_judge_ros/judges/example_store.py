"""Examples as folders: each is there whole or not at all, and what is broken says so."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pydantic
import yaml

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.example import Example, ExampleFrame
from vlm_judge_ros.judges.named_file import first_fault

FILE = "example.yaml"
LARGEST_FILE_BYTES = 256_000
LARGEST_FRAME_BYTES = 4_000_000
UNFINISHED = "."
"""Folders of names that begin so are being written or removed, and are no examples."""


class BrokenExample(JudgeError):
    """An example that cannot be used."""


class KnownExample(JudgeError):
    """An example that is to be added is in the bank already."""


def write_example(bank: Path, example: Example, files: Mapping[str, bytes]) -> None:
    """Write an example beside the others, under a temporary name first.

    Args:
        bank: folder of the bank; it is made where it is missing.
        example: what goes into `example.yaml`.
        files: content of its frames by the name of the file.

    Raises:
        JudgeError: there is one of this id, or the folder cannot be written.
    """
    place = bank / example.id
    text = yaml.safe_dump(example.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=120)
    try:
        bank.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(dir=bank, prefix=f"{UNFINISHED}adding-"))
        try:
            for name, content in files.items():
                _write(unfinished / name, content)
            _write(unfinished / FILE, text.encode())
            # The temporary folder is its owner's alone; a bank may be for everybody.
            unfinished.chmod(0o755)
            if place.exists():
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
            unfinished.rename(place)
        except BaseException:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise
    except OSError as error:
        if error.errno in (errno.EEXIST, errno.ENOTEMPTY):
            raise KnownExample(
                f"The bank {bank} has the example {example.id} already, with the same content."
            ) from error
        raise JudgeError(
            f"The example {example.id} cannot be written to {bank} ({error.strerror}); name another folder."
        ) from error


def read_example(bank: Path, name: str) -> Example:
    """Read `example.yaml` of one example.

    Raises:
        BrokenExample: it cannot be used.
    """
    content = _read(bank / name, FILE, LARGEST_FILE_BYTES)
    try:
        example = Example.model_validate(yaml.safe_load(content))
    except pydantic.ValidationError as error:
        raise BrokenExample(
            f"The example {name} cannot be used: {first_fault(error)}; mend {bank / name / FILE}, or remove it."
        ) from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise BrokenExample(
            f"The example {name} cannot be used: its {FILE} is no YAML ({' '.join(str(error).split())[:200]}); "
            "mend the file, or remove the example."
        ) from error
    if example.id != name:
        raise BrokenExample(f'The example {name} calls itself "{example.id}"; give its folder and its id one name.')
    return example


def read_frame(bank: Path, name: str, frame: ExampleFrame) -> bytes:
    """Read the JPEG of one frame.

    Raises:
        BrokenExample: it is not there, or is not the file that was added.
    """
    content = _read(bank / name, frame.file, LARGEST_FRAME_BYTES)
    if hashlib.sha256(content).hexdigest() != frame.sha256:
        raise BrokenExample(
            f"The example {name} cannot be used: {frame.file} is not the file that was added; add the example anew."
        )
    return content


def remove_example(bank: Path, name: str) -> None:
    """Remove the folder of one example for good; it vanishes at once.

    Raises:
        JudgeError: it cannot be removed.
    """
    place = bank / name
    try:
        vanishing = Path(tempfile.mkdtemp(dir=bank, prefix=f"{UNFINISHED}removing-"))
        # Within it even a link can be moved; what a link points to is never touched.
        place.rename(vanishing / name)
        shutil.rmtree(vanishing)
    except OSError as error:
        raise JudgeError(f"The example {name} cannot be removed from {bank} ({error.strerror}); mend that.") from error


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _read(folder: Path, file: str, most_bytes: int) -> bytes:
    """Read an ordinary file of bounded size; links are not followed, pipes not waited for."""
    try:
        if folder.is_symlink():
            raise BrokenExample(f"The example {folder.name} cannot be used: its folder is a link; copy it instead.")
        descriptor = os.open(folder / file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as opened:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise BrokenExample(f"The example {folder.name} cannot be used: {file} is no file; remove the example.")
            content = opened.read(most_bytes + 1)
    except OSError as error:
        raise BrokenExample(
            f"The example {folder.name} cannot be used: {file} cannot be read ({error.strerror}); remove the example."
        ) from error
    if len(content) > most_bytes:
        raise BrokenExample(
            f"The example {folder.name} cannot be used: {file} is larger than {most_bytes} bytes; remove the example."
        )
    return content
