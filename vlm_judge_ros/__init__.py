"""On-robot progress monitoring: how far a task is, whether it fails, and how."""

from pkgutil import extend_path

__version__ = "0.1.0"

# Python started in a checkout finds this folder first; the compiled messages lie in the installed package of this name.
__path__ = extend_path(__path__, __name__)
