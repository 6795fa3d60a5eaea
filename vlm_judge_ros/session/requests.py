"""What people may ask for: the texts of a task and of an episode's name."""

from __future__ import annotations

from vlm_judge_ros.errors import JudgeError

LONGEST_TASK = 1000
LONGEST_EPISODE_ID = 200


def usable_task(task: str) -> str:
    """The task without blanks around it.

    Raises:
        JudgeError: it is empty, too long, or holds characters that are no text.
    """
    task = task.strip()
    if not task:
        raise JudgeError("The task is empty; say what the robot is to do.")
    if len(task) > LONGEST_TASK:
        raise JudgeError(f"The task has {len(task)} characters; shorten it to {LONGEST_TASK}.")
    if not task.isprintable():
        raise JudgeError(f"The task {task!r} holds characters that are no text; write it on one line.")
    return task


def usable_episode_id(episode_id: str) -> str:
    """The name of an episode without blanks around it; may be empty.

    Raises:
        JudgeError: it is too long, or holds characters that are no text.
    """
    episode_id = episode_id.strip()
    if len(episode_id) > LONGEST_EPISODE_ID:
        raise JudgeError(f"The episode's name has {len(episode_id)} characters; shorten it to {LONGEST_EPISODE_ID}.")
    if not episode_id.isprintable():
        raise JudgeError(f"The episode's name {episode_id!r} holds characters that are no text; leave them out.")
    return episode_id
