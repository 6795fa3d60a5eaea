"""The places in braces that a text of a prompt file has."""

from __future__ import annotations

import string
from collections.abc import Set


def check_places(text: str, known: Set[str]) -> set[str]:
    """The names in braces of a text.

    Raises:
        ValueError: one is not known or says how it is to be formatted, or the braces do not match.
    """
    places = set()
    for _, name, form, conversion in string.Formatter().parse(text):
        if name is None:
            continue
        if name not in known:
            listed = ", ".join(f"{{{entry}}}" for entry in sorted(known))
            raise ValueError(f'"{text}" has {{{name}}}; known are {listed}')
        if form or conversion:
            raise ValueError(f'"{text}" formats {{{name}}}; write the name in braces alone')
        places.add(name)
    return places
