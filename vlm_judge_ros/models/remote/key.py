"""The key of a server: read where the settings say, sent, and shown nowhere."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any, NoReturn

from vlm_judge_ros.errors import JudgeError

_LONGEST_KEY = 4096
_SHORTEST_SECRET = 8
"""Shorter keys, such as the "EMPTY" that some servers want, are words of the language and hide nothing."""

HIDDEN = "[key]"


class Key:
    """A key that no printing, formatting, logging, copying to JSON or pickling shows.

    Args:
        text: the key.
        warning: one sentence about how it is kept; empty where nothing is wrong.

    Raises:
        JudgeError: the text cannot be sent as a key. The message does not show it.
    """

    __slots__ = ("_text", "warning")

    def __init__(self, text: str, warning: str = "") -> None:
        if not 0 < len(text) <= _LONGEST_KEY or not all("!" <= character <= "~" for character in text):
            raise JudgeError(
                f"The key has {len(text)} characters, or some that no key has (spaces, line breaks, letters beyond "
                "ASCII); copy it anew."
            )
        self._text = text
        self.warning = warning

    def reveal(self) -> str:
        """The key itself, to be sent and nothing else."""
        return self._text

    def scrub(self, value: Any) -> Any:
        """A JSON value in which every occurrence of the key, in texts and in names, is replaced."""
        if len(self._text) < _SHORTEST_SECRET:
            return value
        return self._scrubbed(value)

    def _scrubbed(self, value: Any) -> Any:
        if isinstance(value, str):
            return value.replace(self._text, HIDDEN)
        if isinstance(value, dict):
            return {self._scrubbed(name): self._scrubbed(entry) for name, entry in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._scrubbed(entry) for entry in value]
        return value

    def __repr__(self) -> str:
        return "Key([hidden])"

    __str__ = __repr__

    def __format__(self, _: str) -> str:
        return repr(self)

    def __copy__(self) -> Key:
        return self

    def __deepcopy__(self, _: dict[int, Any]) -> Key:
        return self

    def __reduce_ex__(self, _: Any) -> NoReturn:
        raise TypeError("A key is not pickled; read it anew where it is needed.")


def read_key(variable: str, file: Path | None) -> Key | None:
    """Read a key; None where the settings name none.

    Args:
        variable: environment variable that holds it; empty for none.
        file: whose first line it is; used where the variable is not set.

    Raises:
        JudgeError: there is no key where the settings say.
    """
    text = os.environ.get(variable, "").strip() if variable else ""
    if text:
        return _named(text, "", f"in the environment variable {variable}")
    if file is not None:
        return _read_file(file.expanduser())
    if variable:
        raise JudgeError(
            f"The environment variable {variable} has no key of the server; set it where the program is started, or "
            "name a key_file."
        )
    return None


def _read_file(file: Path) -> Key:
    try:
        with file.open("rb") as opened:
            mode = os.fstat(opened.fileno()).st_mode
            first = opened.read(_LONGEST_KEY + 2).split(b"\n")[0]
    except OSError as error:
        raise JudgeError(f"The key_file {file} cannot be read ({error.strerror}).") from error
    warning = ""
    if mode & stat.S_IROTH:
        warning = f"Everybody on this machine can read the key in {file}; run chmod 600 on it."
    return _named(first.decode("utf-8", "replace").strip(), warning, f"in the first line of {file}")


def _named(text: str, warning: str, where: str) -> Key:
    try:
        return Key(text, warning)
    except JudgeError as error:
        raise JudgeError(f"What is {where} is no key: {error}") from None
