"""Errors that a person is meant to read."""

from __future__ import annotations


class JudgeError(Exception):
    """Something a person can mend.

    The message is one sentence: what is wrong, which value, what to do. Programs print it without a traceback.
    """


class ModelBroken(JudgeError):
    """The files of a model are missing, do not belong together, or cannot be run."""


class JudgeLost(JudgeError):
    """The judge's process ended over a question each time it was asked."""


class Cancelled(JudgeError):
    """The answer is no longer wanted, and the model stopped working on it."""
