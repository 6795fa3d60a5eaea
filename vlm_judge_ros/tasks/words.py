"""Tasks as they are compared: what a person would call the same words."""

from __future__ import annotations


def same_words(task: str) -> str:
    """The task without what makes no difference: case, white space, and a full stop at the end."""
    return " ".join(task.casefold().split()).rstrip(". ")
