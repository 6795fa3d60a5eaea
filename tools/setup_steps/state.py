"""What has been set up already, written down inside the virtual environment."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import asdict, dataclass, field
from pathlib import Path

FILE_NAME = "setup-state.json"


@dataclass
class State:
    """How far the set-up of one virtual environment has come.

    Attributes:
        prefix: Folder it was made in; another one means that it was moved or copied, and its scripts point nowhere.
        python: `sys.version` of the Python it was made from.
        requirements: Hash of the requirements that are installed.
        extras: Extras of pyproject.toml that are among them, sorted.
        installing: An installation of packages was begun and not finished.
        sources: Hash of the sources that are installed.
    """

    prefix: str = ""
    python: str = ""
    requirements: str = ""
    extras: list[str] = field(default_factory=list)
    installing: bool = False
    sources: str = ""

    @classmethod
    def load(cls, environment: Path) -> State:
        """Read the state; an empty one where there is none, or none that can be read."""
        try:
            return cls(**json.loads((environment / FILE_NAME).read_text()))
        except (OSError, ValueError, TypeError):
            return cls()

    def is_usable(self, environment: Path, python: str | None) -> bool:
        """Whether this environment can be brought up to date; else it has to be made anew.

        Args:
            environment: Folder of the environment, where it is now.
            python: `sys.version` of the Python it has to be made from; None: any will do.
        """
        return (
            self.prefix == str(environment)
            and not self.installing
            and python in (None, self.python)
            and _interpreter_runs(environment)
        )

    def save(self, environment: Path) -> None:
        """Write the state, whole or not at all."""
        path = environment / FILE_NAME
        unfinished = path.with_suffix(".unfinished")
        unfinished.write_text(json.dumps(asdict(self), indent=2) + "\n")
        unfinished.replace(path)


def _interpreter_runs(environment: Path) -> bool:
    # The Python that it was made from may be gone.
    python = environment / "bin" / "python3"
    if not os.access(python, os.X_OK):
        return False
    done = subprocess.run([str(python), "-S", "-c", ""], stdin=subprocess.DEVNULL, capture_output=True)
    return done.returncode == 0
