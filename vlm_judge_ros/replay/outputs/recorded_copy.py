"""Copies the messages of a stretch of a bag, in step with something else that is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from contextlib import ExitStack

from vlm_judge_ros.replay.bag import Bag, RecordedMessage
from vlm_judge_ros.replay.events import Event
from vlm_judge_ros.replay.outputs.bag_writer import BagWriter
from vlm_judge_ros.replay.outputs.judge_topics import BagMessages
from vlm_judge_ros.replay.sources.recorded_episode import Stretch


class RecordedCopy:
    """Reads the bag a second time beside the one who judges it, so that nothing has to wait in memory.

    Args:
        stretch: what is copied.
        writer: takes it.
        messages: knows the definitions of the usual types.
        without: topics that are not copied.

    Raises:
        BagError: the bag cannot be read.
    """

    def __init__(self, stretch: Stretch, writer: BagWriter, messages: BagMessages, without: Collection[str]) -> None:
        self._writer = writer
        self._left_out: Counter[str] = Counter()
        self._open = ExitStack()
        bag = self._open.enter_context(Bag(stretch.path))
        self._channels = {
            topic.id: writer.add_topic(messages.completed(topic))
            for topic in bag.recorded_topics
            if topic.topic not in without
        }
        self._messages = bag.messages(start_ns=stretch.start_ns, stop_ns=stretch.stop_ns)
        self._next = next(self._messages, None)

    @property
    def left_out(self) -> dict[str, int]:
        """Messages that were not copied, by topic."""
        return dict(sorted(self._left_out.items()))

    def see(self, event: Event) -> None:
        """Copy up to the time of an event."""
        self.go_to(event.time_ns)

    def go_to(self, time_ns: int) -> None:
        """Copy up to a time."""
        while self._next is not None and self._next.time_ns <= time_ns:
            self._copy(self._next)
            self._next = next(self._messages, None)

    def finish(self) -> None:
        """Copy the rest."""
        while self._next is not None:
            self._copy(self._next)
            self._next = next(self._messages, None)

    def close(self) -> None:
        """Close the bag."""
        self._open.close()

    def _copy(self, message: RecordedMessage) -> None:
        channel = self._channels.get(message.topic_id)
        if channel is None:
            self._left_out[message.topic] += 1
        else:
            self._writer.write(channel, message.time_ns, message.cdr)
