"""On-robot progress monitoring: how far a task is, whether it fails, and how."""

__version__ = "0.1.0"
