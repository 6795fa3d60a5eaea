"""The budget of a server, kept where all judges of a user find it: a judge that crashed has not spent nothing."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import time
import uuid
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import pydantic

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.models.cache import cache_folder
from vlm_judge_ros.models.remote.budget import Exhausted, Expense, Ledger, Spent
from vlm_judge_ros.models.remote.settings import Budget

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_LOCK_TIMEOUT_S = 2.0
_LOCK_AGAIN_S = 0.005


class _Entry(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    key: str
    began_s: pydantic.FiniteFloat
    tokens: int = pydantic.Field(ge=0)
    money: pydantic.FiniteFloat = pydantic.Field(ge=0.0)


class _Book(pydantic.BaseModel):
    """The file.

    Attributes:
        boot: which start of the machine the seconds count from.
        entries: attempts of the last hour.
    """

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    boot: str = ""
    entries: tuple[_Entry, ...] = ()


class Account:
    """A ledger in a file, shared by all processes that ask the same server.

    The file is read and written for every attempt, which costs some milliseconds with a few thousand calls an hour.
    Seconds are those since the machine was started, which all its processes share; after a restart of the machine the
    hour begins anew.

    Args:
        limits: what an hour may cost.
        file: where that is kept; None to keep it in this process, as where nothing is limited.
    """

    def __init__(self, limits: Budget, file: Path | None = None) -> None:
        self._ledger = Ledger(limits)
        self._file = file
        self._boot = _boot()

    def exhausted(self, now_s: float) -> Exhausted | None:
        """Which limit is reached, and until when; None where one more attempt may be made.

        Raises:
            JudgeError: the file cannot be used.
        """
        with self._opened(write=False) as ledger:
            return ledger.exhausted(now_s)

    def reserve(self, now_s: float) -> Expense | None:
        """Enter an attempt that is about to be sent; None where the budget has no room for it.

        Raises:
            JudgeError: the file cannot be used.
        """
        with self._opened() as ledger:
            return ledger.reserve(now_s, uuid.uuid4().hex)

    def settle(self, expense: Expense, input_tokens: int, output_tokens: int) -> Expense:
        """Enter what an attempt has cost, and return it.

        Raises:
            JudgeError: the file cannot be used.
        """
        with self._opened() as ledger:
            return ledger.settle(expense, input_tokens, output_tokens)

    def spent(self, now_s: float) -> Spent:
        """The cost of the hour before now.

        Raises:
            JudgeError: the file cannot be used.
        """
        with self._opened(write=False) as ledger:
            return ledger.spent(now_s)

    @contextlib.contextmanager
    def _opened(self, write: bool = True) -> Iterator[Ledger]:
        if self._file is None:
            yield self._ledger
            return
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with self._file.with_suffix(".lock").open("w") as lock:
                self._take(lock.fileno())
                self._ledger.expenses = self._read(self._file)
                yield self._ledger
                if write:
                    self._write(self._file)
        except OSError as error:
            raise JudgeError(
                f"What was spent on the server cannot be kept in {self._file} ({error.strerror}); make that possible, "
                "or set XDG_CACHE_HOME to a folder that can be written."
            ) from error

    def _take(self, lock: int) -> None:
        end_s = time.monotonic() + _LOCK_TIMEOUT_S
        while True:
            try:
                return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                if time.monotonic() >= end_s:
                    raise JudgeError(
                        f"Another process has held {self._file} for more than {_LOCK_TIMEOUT_S:g} s; end it."
                    ) from error
            time.sleep(_LOCK_AGAIN_S)

    def _read(self, file: Path) -> deque[Expense]:
        try:
            book = _Book.model_validate_json(file.read_bytes())
        except FileNotFoundError:
            return deque()
        except pydantic.ValidationError as error:
            raise JudgeError(
                f"{file}, which tells what was spent on the server, cannot be read; delete it, for a new hour."
            ) from error
        if book.boot != self._boot:
            return deque()
        return deque(Expense(entry.began_s, entry.tokens, entry.money, entry.key) for entry in book.entries)

    def _write(self, file: Path) -> None:
        entries = tuple(
            _Entry(key=one.key, began_s=one.began_s, tokens=one.tokens, money=one.money)
            for one in self._ledger.expenses
        )
        part = file.with_suffix(".part")
        part.write_text(_Book(boot=self._boot, entries=entries).model_dump_json())
        part.replace(file)


def account_of(base_url: str, limits: Budget) -> Account:
    """The account of a server; kept in the user's cache folder where a limit is set."""
    if limits.calls is None and limits.tokens is None and limits.money is None:
        return Account(limits)
    name = hashlib.sha256(base_url.encode()).hexdigest()[:16]
    return Account(limits, cache_folder() / "servers" / f"{name}.json")


def _boot() -> str:
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""
