"""What a model wrote, in a form in which people may be shown it."""

from __future__ import annotations

import unicodedata

MOST_CHARACTERS = 300
"""Characters of a sentence of a model that are passed on."""


def told(text: str, most: int = MOST_CHARACTERS) -> str:
    """Text of a model on one line: without control characters and such as change the direction of writing, shortened.

    Args:
        text: what it wrote.
        most: most characters of the result, at least 1.
    """
    # No more is looked at than could be shown, however long the text is.
    looked_at = text[: 4 * most]
    shown = "".join(" " if character.isspace() else character for character in looked_at if _is_shown(character))
    line = " ".join(shown.split())
    if len(line) > most or len(text) > len(looked_at):
        return f"{line[: most - 1].rstrip()}…"
    return line


def _is_shown(character: str) -> bool:
    # Category C holds control and format characters, halves of pairs, and code points that nobody has assigned.
    return character.isspace() or not unicodedata.category(character).startswith("C")
