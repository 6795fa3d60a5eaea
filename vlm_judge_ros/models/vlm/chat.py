"""A question in the words in which a model was trained to be asked: its chat template."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

from vlm_judge_ros.errors import ModelBroken
from vlm_judge_ros.models.scorer import Content
from vlm_judge_ros.models.vlm.configuration import GET_AGAIN, TEMPLATE_FILE, TEMPLATE_JSON_FILE, read_fields
from vlm_judge_ros.models.vlm.families import Family
from vlm_judge_ros.models.vlm.runtime import first_line
from vlm_judge_ros.models.vlm.tokens import TOKENIZER_CONFIG_FILE, Tokens

_IMAGE = object()


class Chat:
    """Puts content into the chat template of a model.

    What stands in the content is text only: where it spells a special token, the model reads the letters.

    Args:
        folder: files of the model.
        family: its architecture.
        tokens: its tokenizer.

    Raises:
        ModelBroken: there is no template, or it cannot show texts and images as the family does.
    """

    def __init__(self, folder: Path, family: Family, tokens: Tokens) -> None:
        self._path, source = _read_template(folder)
        self._tokens = tokens
        markers = family.markers
        # The Qwen templates border an image themselves, those of Idefics3 leave it to the processor.
        self._placeholder = f"{markers.before}{markers.image}{markers.after}" if family.is_qwen else markers.image
        self._special = _special_tokens(folder)
        try:
            self._template = _environment().from_string(source)
        except jinja2.TemplateError as error:
            raise ModelBroken(f"{self._path} is no chat template ({first_line(error)}); {GET_AGAIN}.") from error
        self._try_out()

    def content(self, content: Sequence[Content], instruction: str = "") -> list[Content]:
        """All that the model is to read before it answers.

        Args:
            content: what it is shown and asked.
            instruction: what it is told beforehand; empty for none.

        Returns:
            Texts for `Tokens.encode`, and the frames of the content between them; a text comes last.

        Raises:
            ModelBroken: the template fails, or shows another number of images than the content has.
        """
        frames = [item for item in content if not isinstance(item, str)]
        texts = self._texts([item if isinstance(item, str) else _IMAGE for item in content], instruction)
        if len(texts) != len(frames) + 1:
            raise ModelBroken(f"{self._path} shows {len(texts) - 1} of {len(frames)} images; {GET_AGAIN}.")
        read: list[Content] = [texts[0]]
        for frame, text in zip(frames, texts[1:], strict=True):
            read += [frame, text]
        return read

    def _texts(self, content: Sequence[object], instruction: str) -> list[str]:
        """The texts before, between and after the images."""
        messages = [_message("system", [instruction], self._tokens)] if instruction else []
        messages.append(_message("user", content, self._tokens))
        try:
            text = self._template.render(
                messages=messages, tools=None, documents=None, add_generation_prompt=True, **self._special
            )
        except Exception as error:  # a template can fail in any way that a program can
            raise ModelBroken(f"{self._path} cannot show a question ({first_line(error)}); {GET_AGAIN}.") from error
        # The tokens of the beginning are read anyway.
        return text.removeprefix(self._tokens.begin_text).split(self._placeholder)

    def _try_out(self) -> None:
        texts = self._texts(["first", _IMAGE, "second", _IMAGE, "third"], "instruction")
        shown = len(texts) == 3 and all(
            word in text for word, text in zip(("instruction", "second", "third"), texts, strict=True)
        )
        if not shown or "first" not in texts[0]:
            raise ModelBroken(
                f"{self._path} does not show texts and images in their order, each image as {self._placeholder!r}; "
                "take the chat template of the original model."
            )


def _message(role: str, content: Sequence[object], tokens: Tokens) -> dict[str, Any]:
    shown: list[dict[str, str]] = []
    for item in content:
        if not isinstance(item, str):
            shown.append({"type": "image"})
        elif shown and shown[-1]["type"] == "text":
            shown[-1]["text"] += item
        else:
            shown.append({"type": "text", "text": item})
    # Only when neighbours are joined: two harmless texts may spell a special token together.
    for entry in shown:
        if entry["type"] == "text":
            entry["text"] = tokens.shielded(entry["text"])
    return {"role": role, "content": shown}


def _environment() -> ImmutableSandboxedEnvironment:
    """What templates are written for, as transformers defines it. They come with a model, so they get no access."""

    def raise_exception(message: str) -> None:
        raise jinja2.TemplateError(message)

    def strftime_now(form: str) -> str:
        return datetime.datetime.now().strftime(form)

    def tojson(
        value: object,
        ensure_ascii: bool = False,
        indent: int | None = None,
        separators: tuple[str, str] | None = None,
        sort_keys: bool = False,
    ) -> str:
        return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
    # That of jinja2 escapes what HTML gives a meaning.
    environment.filters["tojson"] = tojson
    environment.globals["raise_exception"] = raise_exception
    environment.globals["strftime_now"] = strftime_now
    return environment


def _read_template(folder: Path) -> tuple[Path, str]:
    """The template, from the first of the places in which models have it."""
    path = folder / TEMPLATE_FILE
    if path.exists():
        try:
            return path, path.read_text(encoding="utf-8")
        except OSError as error:
            raise ModelBroken(f"{path} cannot be read ({error.strerror}); mend its permissions.") from error
        except ValueError as error:
            raise ModelBroken(f"{path} is no text in UTF-8; {GET_AGAIN}.") from error
    for name in (TEMPLATE_JSON_FILE, TOKENIZER_CONFIG_FILE):
        path = folder / name
        source = _default(read_fields(path).get("chat_template")) if path.exists() else None
        if source is not None:
            return path, source
    raise ModelBroken(
        f"{folder} has no chat template, so the model can score answers but writes none; put {TEMPLATE_FILE} of the "
        "original model there, or take a model that was trained for conversations."
    )


def _default(template: object) -> str | None:
    """One of several templates with names, or the only one."""
    if isinstance(template, list):
        template = {entry.get("name"): entry.get("template") for entry in template if isinstance(entry, Mapping)}
    if isinstance(template, Mapping):
        template = template.get("default")
    return template if isinstance(template, str) else None


def _special_tokens(folder: Path) -> dict[str, str]:
    """Special tokens by what they are for, such as `bos_token`; templates may ask for them."""
    path = folder / TOKENIZER_CONFIG_FILE
    found = {}
    for name, value in (read_fields(path) if path.exists() else {}).items():
        text = value.get("content") if isinstance(value, Mapping) else value
        if name.endswith("_token") and isinstance(text, str):
            found[name] = text
    return found
