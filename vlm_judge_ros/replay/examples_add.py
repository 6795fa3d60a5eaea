"""`vlm-judge examples add`: from a recorded bag, from images, or in words."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import cv2

from vlm_judge_ros.clips.clip_record import ClipRecord, read_record
from vlm_judge_ros.episode.compressed_image import CompressedImage
from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.episode.fault import BrokenImage
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.example_bank import ExampleBank, NewExample, NewFrame, usual_folder
from vlm_judge_ros.replay.bag import Bag, BagError
from vlm_judge_ros.replay.recording import Recording
from vlm_judge_ros.replay.stills import moments, stills
from vlm_judge_ros.replay.trace import Curve

_NUMBERS = ("std_msgs/msg/Float32", "std_msgs/msg/Float64")
_JPEG_QUALITY = 90
# How much before the failure an example of a clip shows, so that one sees what was to be done.
_BEFORE_ONSET_S = 3.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `vlm-judge examples add`."""
    parser.add_argument("bag", type=Path, nargs="?", metavar="BAG", help="a recorded episode, or the clip of a failure")
    parser.add_argument("--task", default="", metavar="TEXT", help="the instruction (default: the one in the bag)")
    modes = ", ".join(FailureMode.__members__)
    parser.add_argument(
        "--mode",
        default="",
        metavar="MODE",
        help=f"how it failed: {modes}; NONE for good behaviour (default: what the bag says)",
    )
    parser.add_argument(
        "--text", "--note", dest="text", default="", metavar="TEXT", help="what is to be seen, or what to look for"
    )
    parser.add_argument("--from", dest="begin_s", type=float, metavar="S", help="seconds from the start of the bag")
    parser.add_argument("--to", dest="end_s", type=float, metavar="S", help="seconds from the start of the bag")
    parser.add_argument(
        "--frames", type=int, default=6, metavar="N", help="images of each camera (default: %(default)s)"
    )
    parser.add_argument(
        "--camera", action="append", default=[], metavar="NAME=TOPIC", help="a camera (default: all topics with images)"
    )
    parser.add_argument(
        "--image",
        action="append",
        default=[],
        metavar="CAMERA:SECONDS:FILE",
        help="an image, in the place of a bag; may be given several times",
    )
    rewards = parser.add_mutually_exclusive_group()
    rewards.add_argument(
        "--rewards",
        default="",
        metavar="NUMBERS",
        help="how far the task was, 0 to 1, with commas: one for each moment of a bag, or for each --image",
    )
    rewards.add_argument("--reward-topic", default="", metavar="TOPIC", help="topic of the bag with these numbers")


def add(bank: ExampleBank, arguments: argparse.Namespace) -> int:
    """Add one example.

    Raises:
        JudgeError: something does not fit together, or cannot be read or written.
    """
    if arguments.bag is not None and arguments.image:
        raise JudgeError("Both a bag and --image are named; choose one.")
    new = _by_hand(arguments) if arguments.bag is None else _from_bag(arguments)
    example = bank.add(new, time.time_ns())
    print(f"Added {example.id} to {bank.folder}.")
    place = "" if bank.folder == usual_folder() else f" --bank {bank.folder}"
    print(f"See it with `vlm-judge examples show {example.id}{place}`.")
    print(f"Judges are shown it with the parameter examples:={bank.folder.absolute()}")
    return 0


def cameras_named(words: Sequence[str]) -> dict[str, str] | None:
    """Name of each camera to its topic, from `--camera`; None where none was given.

    Raises:
        JudgeError: one is not written as NAME=TOPIC.
    """
    cameras: dict[str, str] = {}
    for word in words:
        name, equals, topic = word.partition("=")
        if not (name and equals and topic.startswith("/")):
            raise JudgeError(f"--camera {word} is not NAME=TOPIC; write for example front=/front/image.")
        cameras[name] = topic
    return cameras or None


def _from_bag(arguments: argparse.Namespace) -> NewExample:
    clip = read_record(arguments.bag)
    with Bag(arguments.bag) as bag:
        recording = _recording(bag, arguments, clip)
        begin_s = _shown_from_s(clip, recording) if arguments.begin_s is None else arguments.begin_s
        end_s = recording.duration_s if arguments.end_s is None else arguments.end_s
        wanted_s = moments(recording, begin_s, end_s, arguments.frames)
        shown = stills(bag, recording, wanted_s)
        rewards: list[float | None] = [None] * len(shown)
        if arguments.reward_topic:
            rewards = _recorded_rewards(bag, recording, arguments.reward_topic, [shots[0].time_s for shots in shown])
        elif arguments.rewards:
            rewards = _written_rewards(arguments.rewards, len(shown))
    told = clip.failures[0].code if clip is not None else ""
    mode = arguments.mode or (recording.truth.failure_mode if recording.truth is not None else told)
    return NewExample(
        task=recording.task,
        failure_mode=mode_named(mode),
        text=arguments.text,
        frames=[
            NewFrame(shot.camera, shot.time_s, shot.jpeg, reward)
            for shots, reward in zip(shown, rewards, strict=True)
            for shot in shots
        ],
        origin=f"{recording.name}, {begin_s:.1f} s to {end_s:.1f} s",
    )


def _recording(bag: Bag, arguments: argparse.Namespace, clip: ClipRecord | None) -> Recording:
    task, cameras = arguments.task, cameras_named(arguments.camera)
    if clip is not None:
        # Its topics are as on the robot, and need not be named after the cameras.
        task, cameras = task or clip.task, cameras or clip.cameras
    return Recording.read(bag, task, cameras)


def _shown_from_s(clip: ClipRecord | None, recording: Recording) -> float:
    """From when on a clip shows the failure and little else, in seconds from its beginning."""
    if clip is None:
        return 0.0
    failure = clip.failures[0]
    since_ns = failure.confirmed_ns if failure.onset_ns is None else failure.onset_ns
    return min(max(0.0, (since_ns - recording.started_ns) * 1e-9 - _BEFORE_ONSET_S), recording.duration_s / 2)


def _by_hand(arguments: argparse.Namespace) -> NewExample:
    if arguments.reward_topic or arguments.begin_s is not None or arguments.end_s is not None or arguments.camera:
        raise JudgeError("--reward-topic, --from, --to and --camera need a bag; name one.")
    if not arguments.task:
        raise JudgeError("The example has no task; give the instruction with --task.")
    rewards: list[float | None] = [None] * len(arguments.image)
    if arguments.rewards:
        rewards = _written_rewards(arguments.rewards, len(arguments.image))
    frames = [_frame(word, reward) for word, reward in zip(arguments.image, rewards, strict=True)]
    return NewExample(arguments.task, mode_named(arguments.mode), arguments.text, frames, origin="")


def mode_named(name: str) -> FailureMode:
    """The failure mode of a name, in whatever case.

    Raises:
        JudgeError: there is none.
    """
    if name.upper() not in FailureMode.__members__:
        what = f'"{name}" is no failure mode' if name else "Nothing says how this failed"
        raise JudgeError(f"{what}; give --mode with one of {', '.join(FailureMode.__members__)}.")
    return FailureMode[name.upper()]


def _written_rewards(text: str, count: int) -> list[float | None]:
    try:
        rewards: list[float | None] = [float(word) for word in text.split(",")]
    except ValueError:
        raise JudgeError(f"--rewards {text} is not numbers with commas; write for example 0,0.2,0.4.") from None
    if len(rewards) != count:
        raise JudgeError(f"--rewards has {len(rewards)} numbers for {count} moments; give one for each.")
    return rewards


def _recorded_rewards(bag: Bag, recording: Recording, topic: str, times_s: Sequence[float]) -> list[float | None]:
    if bag.topics.get(topic) not in _NUMBERS:
        found = bag.topics.get(topic, "nothing")
        raise BagError(f"The topic {topic} of {bag.path} holds {found}; name one of {' or '.join(_NUMBERS)}.")
    messages = list(bag.messages({topic}))
    curve = Curve(
        tuple((message.time_ns - recording.started_ns) * 1e-9 for message in messages),
        tuple(float(bag.decode(message).data) for message in messages),
    )
    rewards: list[float | None] = []
    for time_s in times_s:
        reward = curve.at(time_s + 1e-6)
        if not 0.0 <= reward <= 1.0:
            told = f"says {reward:g}" if reward == reward else "has said nothing"
            raise BagError(f"The topic {topic} {told} at {time_s:.1f} s, and a reward is 0 to 1; name another one.")
        rewards.append(reward)
    return rewards


def _frame(word: str, reward: float | None) -> NewFrame:
    camera, _, rest = word.partition(":")
    seconds, _, file = rest.partition(":")
    try:
        time_s = float(seconds)
    except ValueError:
        raise JudgeError(f"--image {word} is not CAMERA:SECONDS:FILE; write for example front:1.5:image.jpg.") from None
    try:
        return NewFrame(camera, time_s, _as_jpeg(Path(file).expanduser().read_bytes()), reward)
    except OSError as error:
        raise JudgeError(f"The image {file} cannot be read ({error.strerror}); check the path.") from error
    except BrokenImage as error:
        raise JudgeError(f"The image {file} cannot be used: {error}") from error


def _as_jpeg(content: bytes) -> bytes:
    image = CompressedImage(content)
    if image.form.endswith(" jpeg"):
        return content
    picture = cv2.cvtColor(image.rgb(), cv2.COLOR_RGB2BGR)
    _, jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    return jpeg.tobytes()
