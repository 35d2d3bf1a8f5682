"""Recognising recordings that lost their end, which libsndfile reads without complaint.

FLAC needs no such check: its decoder fails. A cut recording with a whole transcript would be a
silent error in training.
"""

import os
import struct
from pathlib import Path
from typing import BinaryIO

# Recorders that count the header into the size are off by a few bytes; that is no lost speech.
_TOLERANCE = 1024
# Programs that write to a pipe do not know the size and put one of these, or more, in its place.
_UNKNOWN_SIZE = 0x7FFF0000
_MAX_CHUNKS = 1000
_OGG_PAGE = 65_307
_OGG_HEADER = 27
_OGG_END_OF_STREAM = 0x04


def lost_end(path: Path) -> str | None:
    """What shows that a wav or ogg file was cut off; None when nothing does.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as stream:
        head = stream.read(12)
        if head[:4] == b"RIFF" and head[8:] == b"WAVE":
            return _lost_wav(stream)
        if head[:4] == b"OggS":
            return _lost_ogg(stream)
    return None


def _lost_wav(stream: BinaryIO) -> str | None:
    size = os.fstat(stream.fileno()).st_size
    position = 12
    for _ in range(_MAX_CHUNKS):
        stream.seek(position)
        header = stream.read(8)
        if len(header) < 8:
            return None
        name, length = struct.unpack("<4sI", header)
        position += 8
        if name == b"data":
            left = size - position
            if length < _UNKNOWN_SIZE and left + _TOLERANCE < length:
                return f"its header announces {length} bytes of samples, the file has {left}"
            return None
        position += length + length % 2
    return None


def _lost_ogg(stream: BinaryIO) -> str | None:
    size = os.fstat(stream.fileno()).st_size
    stream.seek(max(0, size - _OGG_PAGE))
    tail = stream.read()
    page = tail.rfind(b"OggS")
    # 'OggS' may occur inside the data by chance; then one of the pages before has the flag.
    while page >= 0:
        header = tail[page : page + _OGG_HEADER]
        if len(header) == _OGG_HEADER and header[5] & _OGG_END_OF_STREAM:
            body = page + _OGG_HEADER + header[-1]
            end = body + sum(tail[page + _OGG_HEADER : body])
            return None if max(body, end) <= len(tail) else "its last page is incomplete"
        page = tail.rfind(b"OggS", 0, page)
    return "its last page does not end the stream"
