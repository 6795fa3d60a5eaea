"""The places in braces that a text of a prompt file has."""

from __future__ import annotations

import string
from collections.abc import Iterable, Set


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


def check_wordings(what: str, wordings: Iterable[str], needed: str, known: Set[str]) -> None:
    """Make sure that texts after which the answer token is scored say what they are about, and leave it its space.

    Args:
        what: what they are, for people.
        wordings: the texts.
        needed: the name in braces that each has to have.
        known: all names that they may have.

    Raises:
        ValueError: one does not.
    """
    for wording in wordings:
        if needed not in check_places(wording, known):
            raise ValueError(f'the {what} "{wording}" has no {{{needed}}}')
        if wording != wording.rstrip():
            raise ValueError(f'the {what} "{wording}" ends in white space, which belongs to the answer')
