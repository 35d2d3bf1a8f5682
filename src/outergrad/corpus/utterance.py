"""Utterances and corpora: what was said, by whom, and where the recording is."""

import hashlib
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from urllib.parse import quote

from outergrad.corpus.problems import printable
from outergrad.errors import InputError


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an utterance was described: file and 1-based line of its transcript and its audio."""

    text_file: str | None = None
    text_line: int | None = None
    audio_file: str | None = None
    audio_line: int | None = None


@dataclass(frozen=True, slots=True)
class Utterance:
    """A stretch of one recording with its transcript.

    Args:
        id: Utterance id: any characters but whitespace and control characters. Untrusted: use
            `file_name_for` before it becomes part of a path.
        speaker: Speaker id; the utterance id when the speaker is unknown.
        words: Transcript, may be empty when no transcript was asked for.
        audio: Recording.
        begin: Start of the utterance inside the recording, in seconds.
        end: End inside the recording, in seconds; None means the end of the recording.
        origin: Where it was described, for messages; two utterances may differ in it and be equal.
    """

    id: str
    speaker: str
    words: tuple[str, ...]
    audio: Path
    begin: float = 0.0
    end: float | None = None
    origin: Origin = field(default=Origin(), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Corpus:
    """Utterances sorted by id.

    Args:
        name: Name for messages and reports.
        utterances: Utterances in any order; they are sorted here.

    Raises:
        InputError: Two utterances have the same id.
    """

    name: str
    utterances: tuple[Utterance, ...]

    def __post_init__(self) -> None:
        ordered = tuple(sorted(self.utterances, key=lambda utterance: utterance.id))
        for left, right in pairwise(ordered):
            if left.id == right.id:
                raise InputError(
                    f"corpus {self.name}: two utterances are called {printable(left.id)}; "
                    "give each its own id"
                )
        object.__setattr__(self, "utterances", ordered)

    def __len__(self) -> int:
        return len(self.utterances)

    def __iter__(self) -> Iterator[Utterance]:
        return iter(self.utterances)

    def __contains__(self, utterance_id: object) -> bool:
        return isinstance(utterance_id, str) and self._find(utterance_id) is not None

    def __getitem__(self, utterance_id: str) -> Utterance:
        found = self._find(utterance_id)
        if found is None:
            raise InputError(f"corpus {self.name} has no utterance {printable(utterance_id)}")
        return found

    @property
    def ids(self) -> tuple[str, ...]:
        """Utterance ids, sorted."""
        return tuple(utterance.id for utterance in self.utterances)

    @property
    def speakers(self) -> tuple[str, ...]:
        """Distinct speaker ids, sorted."""
        return tuple(sorted({utterance.speaker for utterance in self.utterances}))

    @property
    def sentences(self) -> list[tuple[str, ...]]:
        """Transcripts in the order of the utterances."""
        return [utterance.words for utterance in self.utterances]

    def select(self, ids: Iterable[str], name: str) -> "Corpus":
        """The part of this corpus with the utterances `ids`.

        Raises:
            InputError: An id is not in this corpus.
        """
        return Corpus(name, tuple(self[utterance_id] for utterance_id in set(ids)))

    def _find(self, utterance_id: str) -> Utterance | None:
        place = bisect_left(self.utterances, utterance_id, key=lambda utterance: utterance.id)
        if place < len(self.utterances) and self.utterances[place].id == utterance_id:
            return self.utterances[place]
        return None


def file_name_for(utterance_id: str, suffix: str = "") -> str:
    """A file name for an untrusted id: percent-encoded, never hidden, at most 200 bytes.

    Different ids get different names; letters, digits and ``_ - . ~`` stay as they are.
    """
    name = quote(utterance_id, safe="", errors="surrogatepass")
    if name.startswith("."):
        name = "%2E" + name[1:]
    if not name or len(name) > 200 - len(suffix):
        digest = hashlib.sha256(utterance_id.encode("utf-8", "surrogatepass")).hexdigest()
        # '%%' cannot come from quoting, so shortened names never meet complete ones.
        name = f"{name[:100]}%%{digest[:32]}"
    return name + suffix
