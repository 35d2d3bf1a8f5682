"""Fetching a file so that an interruption costs nothing and a wrong byte is noticed."""

import hashlib
import urllib.error
import urllib.request
from collections.abc import Callable
from email.message import Message
from http.client import HTTPException
from pathlib import Path

from outergrad.errors import InputError, RunError

_CHUNK = 1 << 18
_TIMEOUT = 60.0

Advance = Callable[[int, int], None]
"""Called with bytes there are and bytes there will be (0: unknown)."""


def fetch(url: str, destination: Path, checksum: str | None, advance: Advance) -> str:
    """Fetch a file, going on where an earlier attempt stopped.

    What has arrived is in ``NAME.part`` until the checksum agrees; which file of the server's it
    belongs to (its ETag or date), in ``NAME.part.of``, so that a file that changed in the meantime
    is begun anew, also where no checksum is known.

    Args:
        url: http or https.
        destination: where to; a file that is there already is only verified.
        checksum: "md5:…" or "sha256:…"; None verifies nothing.
        advance: called as bytes arrive.

    Returns:
        SHA-256 of the file, hexadecimal.

    Raises:
        RunError: the server cannot be reached or breaks off; the same command goes on later.
        InputError: the checksum differs; a fetched file is then removed, to be fetched anew.
    """
    if not url.startswith(("http://", "https://")):
        raise InputError(f"{url}: only http and https are fetched")
    if destination.exists():
        return verify(destination, checksum)
    partial = destination.with_name(destination.name + ".part")
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        _receive(url, partial, advance)
    except (OSError, HTTPException) as error:
        # OSError covers urllib's own errors, timeouts and a full disk.
        reason = getattr(error, "reason", None) or str(error) or type(error).__name__
        raise RunError(
            f"{url}: {reason}; what has arrived is kept, run the same command again to go on"
        ) from error
    try:
        digest = verify(partial, checksum)
    except InputError:
        partial.unlink()
        raise
    partial.replace(destination)
    return digest


def verify(path: Path, checksum: str | None) -> str:
    """SHA-256 of a file, which must have the given checksum.

    Raises:
        InputError: it has another one.
    """
    with path.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    if checksum is None:
        return sha256
    kind, _, wanted = checksum.partition(":")
    found = sha256
    if kind == "md5":
        with path.open("rb") as stream:
            # The publisher's choice; it guards against broken downloads, not against forgery.
            found = hashlib.file_digest(
                stream, lambda: hashlib.md5(usedforsecurity=False)
            ).hexdigest()
    elif kind != "sha256":
        raise InputError(f"checksum {checksum}: write sha256:… or md5:…")
    if found != wanted.lower():
        raise InputError(
            f"{path}: {kind} is {found}, should be {wanted}: the file is broken or another "
            "one; delete it and fetch it again"
        )
    return sha256


def _receive(url: str, partial: Path, advance: Advance) -> None:
    there = partial.stat().st_size if partial.exists() else 0
    state = partial.with_name(partial.name + ".of")
    request = urllib.request.Request(url, headers={"User-Agent": "outergrad"})
    if there:
        request.add_header("Range", f"bytes={there}-")
        if state.exists():
            # A server that has another file now sends all of it instead of a rest that does not
            # belong to what is here.
            request.add_header("If-Range", state.read_text(encoding="latin-1"))
    try:
        response = urllib.request.urlopen(request, timeout=_TIMEOUT)
    except urllib.error.HTTPError as error:
        with error:
            if error.code != 416 or not there:
                raise
            length = error.headers.get("Content-Range", "").rpartition("/")[2]
        if not length.isdecimal() or int(length) == there:
            state.unlink(missing_ok=True)
            return  # nothing is left to send: the checksum will tell
        partial.unlink()
        _receive(url, partial, advance)
        return
    with response:
        resumed = there > 0 and response.status == 206
        if resumed and not _begins_at(response.headers.get("Content-Range"), there):
            raise ConnectionError(f"the server sent another part than that from byte {there}")
        done = there if resumed else 0
        length = response.headers.get("Content-Length")
        total = done + int(length) if length is not None else 0
        if not resumed:
            _remember(state, response.headers)
        with partial.open("ab" if resumed else "wb") as stream:
            while chunk := response.read(_CHUNK):
                stream.write(chunk)
                done += len(chunk)
                advance(done, total)
        if done < total:
            raise ConnectionError(f"the connection ended after {done} of {total} bytes")
    state.unlink(missing_ok=True)


def _remember(state: Path, headers: Message) -> None:
    """Write down which file it is, as the server tells files apart, for when it is resumed."""
    tag = headers.get("ETag", "")
    # A weak tag promises the same meaning, not the same bytes.
    mark = tag if tag.startswith('"') else headers.get("Last-Modified", "")
    if mark:
        state.write_text(mark, encoding="latin-1")
    else:
        state.unlink(missing_ok=True)


def _begins_at(content_range: str | None, first: int) -> bool:
    """Whether a partial answer is the one that was asked for."""
    return content_range is None or content_range.startswith(f"bytes {first}-")
