"""The tasks that a node knows: several files together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.tasks.task import Task
from vlm_judge_ros.tasks.task_file import TaskFile, load_task
from vlm_judge_ros.tasks.wording import either, shown
from vlm_judge_ros.tasks.words import same_words


class TaskSet:
    """Task files, and which of them a text means.

    Args:
        files: as they were read; none is allowed.

    Raises:
        JudgeError: two files say the same words for different tasks, or give one topic two types.
    """

    def __init__(self, files: Iterable[TaskFile] = ()) -> None:
        self.files = tuple(files)
        self._by_words: dict[str, TaskFile] = {}
        for file in self.files:
            for words in _all_words(file.task):
                other = self._by_words.setdefault(words, file)
                if other is not file:
                    raise JudgeError(
                        f"Both {other.path} and {file.path} declare the task {shown(words)}; change one of them, or "
                        "load one of them alone."
                    )
        self._check_types()

    def __bool__(self) -> bool:
        return bool(self.files)

    def find(self, text: str) -> Task:
        """The task that is meant.

        Args:
            text: name, instruction or one of the wordings of a task, in capitals or not, with any blanks.

        Raises:
            JudgeError: no file declares it.
        """
        return self.find_file(text).task

    def find_file(self, text: str) -> TaskFile:
        """The file of the task that is meant; see `find`.

        Raises:
            JudgeError: no file declares it.
        """
        found = self._by_words.get(same_words(text))
        if found is None:
            known = [f'"{file.task.instruction}"' for file in self.files]
            set_known = f"set {either(known)}, or " if known else ""
            raise JudgeError(f"No task file declares the task {shown(text)}; {set_known}add its file to task_files.")
        return found

    def check_cameras(self, cameras: Sequence[str]) -> None:
        """Make sure that every task has the cameras that it needs.

        Args:
            cameras: names of those that there are.

        Raises:
            JudgeError: one is missing.
        """
        for file in self.files:
            for camera in file.task.cameras:
                if camera not in cameras:
                    raise JudgeError(
                        f"The task file {file.path} needs the camera {camera}, and there are "
                        f"{', '.join(cameras) or 'none'}; add it to the parameter cameras, or take it out of the file."
                    )

    def _check_types(self) -> None:
        types: dict[str, tuple[str, TaskFile]] = {}
        for file in self.files:
            for signal in file.task.signals.values():
                kind, first = types.setdefault(signal.topic, (signal.type, file))
                if kind != signal.type:
                    raise JudgeError(
                        f"Topic {signal.topic} is of type {kind} in {first.path} and of type {signal.type} in "
                        f"{file.path}; mend one of them."
                    )


def load_tasks(names: Iterable[str]) -> TaskSet:
    """Read task files.

    Args:
        names: of shipped ones, or paths.

    Raises:
        JudgeError: one cannot be used, or two contradict each other.
    """
    files = (load_task(name) for name in names)
    # A file that is named twice, by its name and by its path, is still one.
    return TaskSet({file.path.resolve(): file for file in files}.values())


def _all_words(task: Task) -> tuple[str, ...]:
    return tuple(dict.fromkeys(map(same_words, (task.name, task.instruction, *task.wordings))))
