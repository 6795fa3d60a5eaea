"""Fetches files of a repository on the Hugging Face hub: only what is missing, each verified, resumed where it stopped.

huggingface_hub lists the repository. Its own downloads neither go on in another run nor check what they got, so the
transfer is done here.
"""

from __future__ import annotations

import contextlib
import hashlib
import http
import http.client
import importlib
import os
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.models.vlm.file_hash import file_sha256, remembered_hashes

DEFAULT_ENDPOINT = "https://huggingface.co"
ANSWER_TIMEOUT_S = 20.0
RETRY_WAITS_S = (1.0, 2.0, 4.0, 8.0)
"""Seconds before each further try, as long as nothing more has arrived."""
BLOCK_BYTES = 1 << 18
GO_ON = "run the same command again to go on from here"


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file in a repository.

    Attributes:
        path: inside the repository.
        size: in bytes.
        sha256: of its content; empty for small files, which the hub knows by `git_hash` alone.
        git_hash: SHA-1 that Git gives it; meaningless where there is a `sha256`.
    """

    path: str
    size: int
    sha256: str
    git_hash: str


@dataclass(frozen=True, slots=True)
class Listing:
    """A repository at one commit."""

    repository: str
    commit: str
    files: tuple[RemoteFile, ...]


Progress = Callable[[int], object]
"""Is told how many bytes were added; a negative number where some have to come again."""


class Hub:
    """The hub that the environment names in `HF_ENDPOINT`, or the public one.

    Raises:
        JudgeError: huggingface_hub is not installed.
    """

    def __init__(self) -> None:
        try:
            self._package: Any = importlib.import_module("huggingface_hub")
            self._utilities: Any = importlib.import_module("huggingface_hub.utils")
        except ModuleNotFoundError as error:
            raise JudgeError(
                "Pulling a model needs the Python package huggingface_hub; install it with "
                "`pip install 'huggingface_hub>=0.25'`, or this package with its extra `hub`."
            ) from error
        self.endpoint = os.environ.get("HF_ENDPOINT", "").rstrip("/") or DEFAULT_ENDPOINT

    def listing(self, repository: str, revision: str) -> Listing:
        """The files of a repository, with sizes and checksums.

        Raises:
            JudgeError: there is no such repository or revision, or the hub cannot be reached.
        """
        with self._explained(f"The repository {repository} at {revision}"):
            found = self._package.HfApi(endpoint=self.endpoint).model_info(
                repository, revision=revision, files_metadata=True, timeout=ANSWER_TIMEOUT_S
            )
        files = tuple(
            RemoteFile(
                path=sibling.rfilename,
                size=int(sibling.size or 0),
                sha256=str(sibling.lfs.sha256) if sibling.lfs else "",
                git_hash=str(sibling.blob_id or ""),
            )
            for sibling in found.siblings or ()
        )
        return Listing(repository, str(found.sha), files)

    def fetch(self, listing: Listing, file: RemoteFile, target: Path, progress: Progress) -> None:
        """Download one file, from where an earlier try stopped.

        What has arrived lies beside the target under a name with the checksum in it, and takes the target's place once
        the checksum is right.

        Raises:
            JudgeError: the hub cannot be reached or stopped sending, the checksum is wrong, or the disk refuses.
        """
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            part = part_of(file, target)
            self._complete(listing, file, part, progress)
            if not matches(file, part):
                part.unlink()
                raise JudgeError(
                    f"{file.path} arrived with another checksum than the hub names, and was thrown away; run the same "
                    "command again, and where that does not help, use another network or mirror."
                )
            part.replace(target)
        except OSError as error:
            raise JudgeError(
                f"{target} cannot be written ({error.strerror or error}); mend that and {GO_ON}."
            ) from error

    def _complete(self, listing: Listing, file: RemoteFile, part: Path, progress: Progress) -> None:
        """Append what is missing, and try again where the connection is lost."""
        have = part.stat().st_size if part.exists() else 0
        if have > file.size:
            part.unlink()
            have = 0
        progress(have)
        part.touch()
        waits_s = iter(RETRY_WAITS_S)
        while have < file.size:
            failure: Exception | None = None
            try:
                self._append(listing, file, part, progress)
            except urllib.error.HTTPError as error:
                if error.code < 500 and error.code not in (408, 429):
                    raise JudgeError(
                        f"{file.path} of {listing.repository}: {self.endpoint} answered with status {error.code}; "
                        "set HF_TOKEN where the owner asks for an agreement, or name a mirror in HF_ENDPOINT."
                    ) from error
                failure = error
            except (OSError, http.client.HTTPException) as error:
                if isinstance(error, _DiskError):
                    raise
                failure = error
            before, have = have, part.stat().st_size
            if have > before:
                waits_s = iter(RETRY_WAITS_S)
            if have < file.size:
                wait_s = next(waits_s, None)
                if wait_s is None:
                    reason = failure or "the connection ended early"
                    raise JudgeError(
                        f"{file.path} stopped at {have} of {file.size} bytes ({reason}); check the network and {GO_ON}."
                    ) from failure
                time.sleep(wait_s)

    def _append(self, listing: Listing, file: RemoteFile, part: Path, progress: Progress) -> None:
        """Ask once for what is missing and write what comes."""
        address = self._package.hf_hub_url(
            listing.repository, file.path, revision=listing.commit, endpoint=self.endpoint
        )
        request = urllib.request.Request(address)
        for name, value in self._utilities.build_hf_headers().items():
            # A token is for the hub and not for the storage that it may redirect to.
            request.add_unredirected_header(name, value)
        have = part.stat().st_size
        if have:
            request.add_header("Range", f"bytes={have}-")
        with urllib.request.urlopen(request, timeout=ANSWER_TIMEOUT_S) as answer:
            if have and answer.status != http.HTTPStatus.PARTIAL_CONTENT:
                # This server sends the whole file whatever it is asked for.
                os.truncate(part, 0)
                progress(-have)
                have = 0
            # Unbuffered, so that whatever ends this process leaves all that had arrived.
            with part.open("ab", buffering=0) as target:
                # Never more than it has to be, whatever the server sends.
                while have < file.size and (block := answer.read1(min(BLOCK_BYTES, file.size - have))):
                    try:
                        target.write(block)
                    except OSError as error:
                        raise _DiskError(*error.args) from error
                    have += len(block)
                    progress(len(block))

    @contextlib.contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        """Turn what the hub's client raises into one sentence."""
        errors: Any = importlib.import_module("huggingface_hub.errors")
        try:
            yield
        except errors.GatedRepoError as error:
            raise JudgeError(
                f"{what} asks for an agreement with its owner; accept it on {self.endpoint} and set HF_TOKEN."
            ) from error
        except errors.HfHubHTTPError as error:
            status = getattr(error.response, "status_code", 0)
            if status in (401, 403, 404):
                raise JudgeError(
                    f"{what} is not on {self.endpoint}, or not for everybody; set HF_TOKEN, or name a mirror in "
                    "HF_ENDPOINT."
                ) from error
            raise JudgeError(
                f"{what}: {self.endpoint} answered with status {status}; wait a while and {GO_ON}."
            ) from error
        except Exception as error:  # httpx, requests or OSError, as the version of the client has it
            reason = (str(error).splitlines() or [""])[0] or type(error).__name__
            raise JudgeError(
                f"{what} cannot be had from {self.endpoint} ({reason}); check the network and the proxy, and {GO_ON}."
            ) from error


def is_here(file: RemoteFile, path: Path) -> bool:
    """Whether a file was downloaded before and is whole. Large files that were seen before are not read again."""
    if not path.is_file() or path.stat().st_size != file.size:
        return False
    return remembered_hashes([path])[0] == file.sha256 if file.sha256 else matches(file, path)


def matches(file: RemoteFile, path: Path) -> bool:
    """Whether the content has the checksum that the hub names."""
    if file.sha256:
        return file_sha256(path) == file.sha256
    content = path.read_bytes()
    digest = hashlib.sha1(f"blob {len(content)}\0".encode() + content, usedforsecurity=False)
    return digest.hexdigest() == file.git_hash


def part_of(file: RemoteFile, target: Path) -> Path:
    """Where a file lies until it is whole."""
    return target.with_name(f"{target.name}.{(file.sha256 or file.git_hash)[:12]}.part")


def check_space(folder: Path, needed: int) -> None:
    """Make sure that the disk has room.

    Args:
        folder: exists, or will be made.
        needed: bytes.

    Raises:
        JudgeError: it has not.
    """
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free = shutil.disk_usage(existing).free
    if free < needed:
        raise JudgeError(
            f"{folder} has room for {free / 1e9:.1f} GB and {needed / 1e9:.1f} GB are missing; free some, or name "
            "another folder with --to."
        )


class _DiskError(OSError):
    """Writing failed, which must not be taken for a failure of the network."""
