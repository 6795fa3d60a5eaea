"""Errors that a person is meant to read."""

from __future__ import annotations


class JudgeError(Exception):
    """Something a person can mend.

    The message is one sentence: what is wrong, which value, what to do. Programs print it without a traceback.
    """
