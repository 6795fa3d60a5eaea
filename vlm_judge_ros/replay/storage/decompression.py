"""Decompression that takes no more memory than was announced."""

from __future__ import annotations

import sys
import zlib
from pathlib import Path
from typing import BinaryIO

import lz4.frame

from vlm_judge_ros.replay.storage.stored import LARGEST_MESSAGE_BYTES, Damaged, StorageFault, too_large

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_BLOCK_BYTES = 1 << 20
_MOST_GROWTH = 1000
_ALWAYS_BYTES = 1 << 30


def decompressed(data: bytes, compression: str, size: int, crc: int = 0) -> bytes:
    """The content of a compressed block.

    Args:
        data: compressed.
        compression: as MCAP names it: empty, lz4 or zstd.
        size: bytes that the content is said to have.
        crc: CRC-32 of the content; 0 where nobody took it.

    Raises:
        StorageFault: the content has another size or checksum, is too large, or cannot be read.
    """
    if size > LARGEST_MESSAGE_BYTES:
        raise too_large(size)
    if compression == "":
        content = data
    elif compression == "zstd":
        content = zstd_content(data, size)
    elif compression == "lz4":
        content = _lz4(data, size)
    else:
        raise StorageFault(f"is compressed with {compression[:40]!r}", "convert it to zstd or lz4")
    if len(content) != size:
        raise Damaged(f"a block says that it holds {size} bytes and holds {'more' if len(content) > size else 'less'}")
    if crc and zlib.crc32(content) != crc:
        raise Damaged("a block is not what it was when it was written, because its checksum differs")
    return content


def zstd_content(data: bytes, most: int) -> bytes:
    """The content of zstd frames, cut off after one byte more than `most`.

    Raises:
        Damaged: it cannot be read.
    """
    parts: list[bytes] = []
    left = most + 1
    try:
        while data and left > 0:
            reader = zstd.ZstdDecompressor()
            parts.append(reader.decompress(data, max_length=left))
            left -= len(parts[-1])
            if not reader.eof:
                if left > 0:
                    raise Damaged("a block of zstd ends too early")
                break
            data = reader.unused_data
    except zstd.ZstdError as error:
        raise Damaged(f"a block of zstd cannot be read ({error})") from error
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _lz4(data: bytes, size: int) -> bytes:
    reader = lz4.frame.LZ4FrameDecompressor()
    try:
        content: bytes = reader.decompress(data, max_length=size + 1)
    except (RuntimeError, EOFError) as error:
        raise Damaged(f"a block of lz4 cannot be read ({error})") from error
    return content


def decompress_file(compressed: Path, target: BinaryIO) -> None:
    """Write the content of a file that was compressed with zstd as a whole.

    Raises:
        StorageFault: it cannot be read, or grows beyond all measure.
    """
    most = max(_ALWAYS_BYTES, _MOST_GROWTH * compressed.stat().st_size)
    written = 0
    try:
        with zstd.open(compressed, "rb") as content:
            while block := content.read(_BLOCK_BYTES):
                written += len(block)
                if written > most:
                    raise StorageFault(
                        f"grows to more than {_MOST_GROWTH} times its size when decompressed ({compressed.name})",
                        "decompress it yourself if that is right",
                    )
                target.write(block)
    except (zstd.ZstdError, EOFError) as error:
        raise Damaged(f"{compressed.name} cannot be decompressed ({error})") from error
    except OSError as error:
        raise StorageFault(
            f"cannot be decompressed ({error.strerror or error})", "make room in the folder for temporary files"
        ) from error
