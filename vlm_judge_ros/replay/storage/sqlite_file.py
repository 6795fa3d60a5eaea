"""sqlite3 files as ROS 2 recorded them by default before MCAP."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from vlm_judge_ros.replay.storage.stored import (
    LARGEST_MESSAGE_BYTES,
    Damaged,
    StorageFault,
    StoredMessage,
    StoredTopic,
    full_type_name,
    too_large,
)

_MAGIC = b"SQLite format 3\0"


class SqliteFile:
    """A `.db3` file, open for reading; see `Storage`. Nothing is ever written beside it.

    Args:
        path: the file.

    Raises:
        StorageFault: it is no whole recording.
    """

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            start = file.read(len(_MAGIC))
        if start != _MAGIC:
            raise Damaged("it is empty") if not start else StorageFault("is no sqlite3 file, whatever its name says")
        for ending in ("-wal", "-journal"):
            beside = path.with_name(path.name + ending)
            if beside.exists() and beside.stat().st_size > 0:
                raise StorageFault(
                    f"is still being recorded, or its recorder did not end well ({beside.name} lies beside it)",
                    "end the recorder, or close the file with `sqlite3 FILE 'PRAGMA wal_checkpoint(TRUNCATE)'`",
                )
        with _damage():
            self._database = sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro&immutable=1", uri=True)
        try:
            with _damage():
                self._topics = tuple(self._read_topics())
                self._span_ns = self._read_span()
        except BaseException:
            self._database.close()
            raise

    @property
    def topics(self) -> tuple[StoredTopic, ...]:
        """What was recorded."""
        return self._topics

    @property
    def span_ns(self) -> tuple[int, int] | None:
        """Time of the first and of the last message."""
        return self._span_ns

    def messages(
        self, topics: Collection[int], start_ns: int | None = None, stop_ns: int | None = None
    ) -> Iterator[StoredMessage]:
        """The messages of the numbered topics from `start_ns` to before `stop_ns`, in order of time."""
        # Without the bytes of what is too large: its length is known without reading it.
        what = f"CASE WHEN length(data) > {LARGEST_MESSAGE_BYTES} THEN length(data) ELSE data END"
        for time_ns, topic, data in self._rows(what, topics, start_ns, stop_ns):
            if isinstance(data, int):
                raise too_large(data)
            if not isinstance(data, bytes) or not isinstance(time_ns, int):
                raise Damaged("a message is no message")
            yield StoredMessage(time_ns, topic, data)

    def times(
        self, topics: Collection[int], start_ns: int | None = None, stop_ns: int | None = None
    ) -> Iterator[tuple[int, int]]:
        """Time and topic of each of these messages, in order of time."""
        for time_ns, topic, _ in self._rows("NULL", topics, start_ns, stop_ns):
            yield time_ns, topic

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _rows(
        self, what: str, topics: Collection[int], start_ns: int | None, stop_ns: int | None
    ) -> Iterator[tuple[int, int, object]]:
        numbers = ",".join(str(number) for number in sorted(topics))
        query = f"SELECT timestamp, topic_id, {what} FROM messages WHERE topic_id IN ({numbers})"
        bounds: list[int] = []
        for bound, comparison in ((start_ns, ">="), (stop_ns, "<")):
            if bound is not None:
                query += f" AND timestamp {comparison} ?"
                bounds.append(bound)
        with _damage():
            yield from self._database.execute(f"{query} ORDER BY timestamp, id", bounds)

    def _read_topics(self) -> Iterator[StoredTopic]:
        tables = {str(name) for (name,) in self._database.execute("SELECT name FROM sqlite_master")}
        if not {"messages", "topics"} <= tables:
            raise StorageFault("is an sqlite3 file, but no recording of ROS 2", "check the path")
        counts = dict(self._database.execute("SELECT topic_id, count(*) FROM messages GROUP BY topic_id"))
        definitions: dict[str, tuple[str, str]] = {}
        if "message_definitions" in tables:
            rows = self._database.execute(
                "SELECT topic_type, encoding, encoded_message_definition FROM message_definitions"
            )
            definitions = {str(name): (str(language), str(text)) for name, language, text in rows}
        columns = {str(row[1]) for row in self._database.execute("PRAGMA table_info(topics)")}
        # Older recorders had fewer columns.
        further = [name if name in columns else "''" for name in ("type_description_hash", "offered_qos_profiles")]
        for number, name, kind, encoding, type_hash, qos in self._database.execute(
            f"SELECT id, name, type, serialization_format, {', '.join(further)} FROM topics ORDER BY id"
        ):
            language, text = definitions.get(kind, ("", ""))
            texts = (str(name), full_type_name(str(kind)), str(encoding), text, language)
            yield StoredTopic(int(number), *texts, counts.get(number, 0), str(type_hash), str(qos))

    def _read_span(self) -> tuple[int, int] | None:
        (first,) = self._database.execute("SELECT min(timestamp) FROM messages").fetchone()
        (last,) = self._database.execute("SELECT max(timestamp) FROM messages").fetchone()
        return None if first is None else (int(first), int(last))


@contextmanager
def _damage() -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, ValueError, TypeError) as error:
        raise Damaged(f"{error}".rstrip("."), "repair it with `sqlite3 FILE .recover`, or record it again") from error
