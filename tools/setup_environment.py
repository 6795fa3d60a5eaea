"""Makes the virtual environment that `make install`, `make test` and `make demo` run in, or brings it up to date.

Only the standard library is used, because nothing else is installed yet. Each finished step is written down, so that
the next call does what is missing and no more.
"""

from __future__ import annotations

import argparse
import fcntl
import shutil
import sys
from pathlib import Path

from setup_steps import installation, prerequisites
from setup_steps.command import Commands, StepFailedError
from setup_steps.progress import Progress
from setup_steps.state import State

ROOT = Path(__file__).resolve().parent.parent


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--distro", default="kilted", choices=("kilted", "jazzy"), help="ROS 2 distribution of the wheels"
    )
    parser.add_argument("--environment", type=Path, default=Path(".venv"), help="folder of the virtual environment")
    parser.add_argument(
        "--extras", action="append", default=[], help="extras of pyproject.toml to install, too, separated by commas"
    )
    parser.add_argument("--python-given", action="store_true", help="this Python was asked for by name: use no other")
    return parser.parse_args()


def set_up(environment: Path, distro: str, wanted_extras: set[str], python_given: bool) -> None:
    """Do the steps that are not done yet.

    Raises:
        MissingPrerequisiteError: Something that only the user can install is not there.
        StepFailedError: A step failed.
    """
    state = State.load(environment)
    wanted_requirements = installation.requirements_hash(ROOT, distro)
    known_extras = installation.known_extras(ROOT)
    prerequisites.check_extras(wanted_extras, known_extras)
    extras = sorted(wanted_extras | set(state.extras) & known_extras)
    wanted_sources = installation.sources_hash(ROOT)
    usable = state.is_usable(environment, sys.version if python_given else None)
    need_packages = not usable or state.requirements != wanted_requirements or state.extras != extras
    if not need_packages and state.sources == wanted_sources:
        return

    prerequisites.check(environment, not usable, set(extras) - (set(state.extras) if usable else set()))
    commands = Commands(log=ROOT / "build" / f"setup-{distro}.log")
    with Progress(steps=1 + need_packages + (not usable)) as progress:
        if not usable:
            progress.step("virtual environment", seconds=8)
            if environment.exists():
                shutil.rmtree(environment)
            commands.run([sys.executable, "-m", "venv", str(environment)], progress)
            state = State(prefix=str(environment), python=sys.version)
        if need_packages:
            progress.step("packages from PyPI", seconds=90)
            state.installing = True
            state.save(environment)
            installation.install_packages(ROOT, environment, distro, extras, commands, progress)
            state.requirements, state.extras, state.installing = wanted_requirements, extras, False
            state.save(environment)
        progress.step("messages and package", seconds=60)
        state.sources = ""
        state.save(environment)
        installation.install_package(ROOT, environment, commands, progress)
        state.sources = wanted_sources
        state.save(environment)


def main() -> int:
    """Set up, one process at a time; what goes wrong is one sentence."""
    arguments = parse_arguments()
    environment = ROOT / arguments.environment
    extras = {extra for listed in arguments.extras for extra in listed.replace(",", " ").split()}
    lock_path = ROOT / "build" / "setup.lock"
    try:
        lock_path.parent.mkdir(exist_ok=True)
        with lock_path.open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print("Another set-up of this checkout is running; waiting for it.", file=sys.stderr)
                fcntl.flock(lock, fcntl.LOCK_EX)
            set_up(environment, arguments.distro, extras, arguments.python_given)
    except (prerequisites.MissingPrerequisiteError, StepFailedError) as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"Set-up cannot write in {ROOT}: {error}. Free it, or use a checkout you own.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Set-up stopped; the next call continues.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
