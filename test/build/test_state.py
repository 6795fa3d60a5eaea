"""When an environment that is there can be kept, and when it has to be made anew."""

from __future__ import annotations

import sys
import venv
from pathlib import Path

import pytest
from setup_steps.state import State


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    environment = tmp_path / ".venv"
    venv.create(environment, symlinks=True)
    return environment


def complete(environment: Path) -> State:
    return State(prefix=str(environment), python=sys.version, requirements="a", extras=["test"], sources="b")


def test_a_complete_environment_is_kept_and_read_back(environment: Path) -> None:
    complete(environment).save(environment)
    state = State.load(environment)
    assert state == complete(environment)
    assert state.is_usable(environment, python=None)
    assert state.is_usable(environment, python=sys.version)


def test_a_folder_without_a_state_is_made_anew(environment: Path) -> None:
    assert not State.load(environment).is_usable(environment, python=None)


def test_a_damaged_state_is_made_anew(environment: Path) -> None:
    complete(environment).save(environment)
    path = environment / "setup-state.json"
    path.write_text(path.read_text()[:20])
    assert not State.load(environment).is_usable(environment, python=None)


def test_an_interrupted_installation_is_made_anew(environment: Path) -> None:
    state = complete(environment)
    state.installing = True
    state.save(environment)
    assert not State.load(environment).is_usable(environment, python=None)


def test_a_moved_environment_is_made_anew(environment: Path) -> None:
    complete(environment).save(environment)
    moved = environment.rename(environment.with_name("moved"))
    assert not State.load(moved).is_usable(moved, python=None)


def test_an_environment_whose_python_is_gone_is_made_anew(environment: Path) -> None:
    python = environment / "bin" / "python3"
    python.unlink()
    python.symlink_to(environment / "gone")
    assert not complete(environment).is_usable(environment, python=None)


def test_another_python_asked_for_by_name_makes_it_anew(environment: Path) -> None:
    assert not complete(environment).is_usable(environment, python="3.10.0 (another)")
