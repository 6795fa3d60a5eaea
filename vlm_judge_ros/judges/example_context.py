"""From an example bank to what a model is told before an episode."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from vlm_judge_ros.episode.compressed_image import CompressedImage
from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.context import Demonstration, ExampleContext, PromptNames
from vlm_judge_ros.judges.example import Example, ExampleFrame, ExampleKind
from vlm_judge_ros.judges.example_bank import BankContent, ExampleBank
from vlm_judge_ros.judges.example_choice import ChosenExample, TokenEstimate, choose
from vlm_judge_ros.judges.factory import JudgeOptions
from vlm_judge_ros.judges.model_access import named_model
from vlm_judge_ros.judges.written_prompt import WrittenPrompt
from vlm_judge_ros.models.scorer import Content

TOKENS_OF_WRITTEN_METHODS = 3072
"""Question, schema and repair of the method that tells most."""

LabelOf = Callable[[str, float], str]
"""From camera and seconds to the text before an image."""


class ExampleSource:
    """Chooses from a bank what a model is told of a task; a `ContextSource`.

    The bank is read once, so that what is added to it later changes nothing. The choice for a task is kept, with the
    same frames, so that models which keep what they have read need not read it again.

    Args:
        bank: the bank.
        most_tokens: the budget of one question, as estimated.
        estimate: of tokens.
        label_of: from camera and seconds to the text before an image.

    Raises:
        JudgeError: the bank cannot be read, or holds nothing that can be used.
    """

    def __init__(self, bank: ExampleBank, most_tokens: int, estimate: TokenEstimate, label_of: LabelOf) -> None:
        self._bank = bank
        self._content: BankContent = bank.read()
        if not self._content.examples:
            first = f" ({self._content.faults[0]})" if self._content.faults else ""
            raise JudgeError(
                f"The example bank {bank.folder} holds no example that can be used{first}; add one with `vlm-judge "
                "examples add`, or leave the parameter examples empty."
            )
        self._most_tokens = most_tokens
        self._estimate = estimate
        self._label_of = label_of
        self._known: dict[str, ExampleContext] = {}

    def __call__(self, task: str) -> ExampleContext:
        """What is told before an episode of a task.

        Raises:
            JudgeError: an example has been changed or removed meanwhile.
        """
        if task not in self._known:
            chosen = choose(self._content.examples, task, self._most_tokens, self._estimate)
            self._known[task] = context_of(chosen, self._bank.frame, self._label_of)
        return self._known[task]

    @property
    def most_images(self) -> int:
        """Most images that the examples of one question can have."""
        cameras = {frame.camera for example in self._content.examples for frame in example.frames}
        return self._most_tokens // min((self._estimate.of_image(camera) for camera in cameras), default=1 << 30)

    @property
    def status(self) -> str:
        """One sentence about the bank, with what is wrong with it."""
        content = self._content
        count = len(content.examples)
        counted = f"Examples that can be shown from the bank {self._bank.folder} ({content.content_hash}): {count}."
        return " ".join([counted, *content.faults[:3]])

    def names(self, prompt: PromptNames) -> PromptNames:
        """How a prompt with these examples is named: " examples " and the hash of the bank follow its name.

        The budget and the estimate, which take part in the choice, are in the hash alone.
        """
        bank_hash = self._content.content_hash
        images = sorted(self._estimate.image_tokens.items())
        whole = f"{prompt.prompt_hash} {bank_hash} {self._most_tokens} {images}"
        return PromptNames(f"{prompt.prompt_set} examples {bank_hash}", hashlib.sha256(whole.encode()).hexdigest()[:16])


def open_examples(options: JudgeOptions, method: str, prompt: WrittenPrompt) -> ExampleSource | None:
    """The examples that a judge's options name; None where they name none.

    Args:
        options: of the judge.
        method: name of the judge, for people.
        prompt: has the words around them.

    Raises:
        JudgeError: the prompt has no words for examples, the bank cannot be read, or holds nothing that can be used.
    """
    if not options.examples:
        return None
    words = prompt.require_context()
    known = named_model(options, method)
    image_tokens = {**({"": known.image_tokens} if known is not None else {}), **options.image_tokens}
    bank = ExampleBank(Path(options.examples).expanduser())
    return ExampleSource(bank, options.example_tokens, TokenEstimate(image_tokens), words.label_of)


def most_images(options: JudgeOptions, examples: ExampleSource | None) -> int:
    """Most images of one question: those of the episode, and those of the examples."""
    own = options.images_per_camera * len(options.cameras)
    return own + (examples.most_images if examples is not None else 0)


def text_tokens(options: JudgeOptions, examples: ExampleSource | None) -> int:
    """Tokens for all that a model is told beside the images and their labels, where it writes the answer."""
    return TOKENS_OF_WRITTEN_METHODS + (options.example_tokens if examples is not None else 0)


def status_of(model_status: str, examples: ExampleSource | None) -> str:
    """What a judge says of its model and of its examples."""
    return model_status if examples is None else f"{model_status} {examples.status}".strip()


def context_of(
    chosen: tuple[ChosenExample, ...], read: Callable[[Example, ExampleFrame], bytes], label_of: LabelOf
) -> ExampleContext:
    """Chosen examples in the form in which a model is told them, each kind in the order of the choice.

    Good ones are references, words about failures are cues, and images of failures are failures, with their rewards
    where these are known.

    Args:
        chosen: the choice.
        read: from an example and one of its frames to the JPEG.
        label_of: from camera and seconds to the text before an image.

    Raises:
        JudgeError: a frame cannot be read.
    """
    reference: list[Demonstration] = []
    cues: list[str] = []
    failures: list[Demonstration] = []
    for one in chosen:
        if one.example.kind is ExampleKind.TEXT and one.example.is_negative:
            cues.append(_cue(one.example))
        else:
            into = failures if one.example.is_negative else reference
            into.append(_demonstration(one, read, label_of))
    return ExampleContext(tuple(reference), tuple(cues), tuple(failures))


def _cue(example: Example) -> str:
    text = " ".join(example.text.split())
    if example.failure_mode is FailureMode.UNKNOWN:
        return text
    return f"{example.failure_mode.name.lower().replace('_', ' ')}: {text}"


def _demonstration(
    chosen: ChosenExample, read: Callable[[Example, ExampleFrame], bytes], label_of: LabelOf
) -> Demonstration:
    content: list[Content] = []
    for frame in chosen.frames:
        label = label_of(frame.camera, frame.time_s)
        if label:
            content.append(label)
        image = CompressedImage(read(chosen.example, frame))
        content.append(Frame(frame.camera, round(frame.time_s * 1e9), image, image.thumbnail))
    return Demonstration(
        task=chosen.example.task,
        frames=tuple(content),
        rewards=tuple(frame.reward for frame in chosen.frames if frame.reward is not None),
        failure_mode=chosen.example.failure_mode,
        note=" ".join(chosen.example.text.split()),
    )
