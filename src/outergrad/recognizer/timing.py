"""When words and phones were said: from an alignment's transition_ids to seconds."""

from collections.abc import Sequence
from dataclasses import dataclass

from outergrad.arrays import Int32Array
from outergrad.corpus.lexicon import Lexicon
from outergrad.errors import InputError
from outergrad.hmm.alignment import phone_segments
from outergrad.hmm.model import HmmModel


@dataclass(frozen=True, slots=True)
class Interval:
    """Something that was said from `begin` to `end`, in seconds."""

    label: str
    begin: float
    end: float

    def shifted(self, seconds: float) -> "Interval":
        """The same, later by `seconds`."""
        return Interval(self.label, round(self.begin + seconds, 3), round(self.end + seconds, 3))


@dataclass(frozen=True, slots=True)
class Timing:
    """Words and phones of an utterance; silences are phones but no words."""

    words: tuple[Interval, ...]
    phones: tuple[Interval, ...]


def time_words(
    words: Sequence[str],
    transition_ids: Int32Array,
    lexicon: Lexicon,
    hmm: HmmModel,
    frame_shift: float,
) -> Timing:
    """Where each word of a path begins and ends.

    The path's phones are the words' pronunciations with silences in between. Laying the words on
    the phones is exact where word labels of a decoding graph are not: composition moves labels
    towards the begin, and silence has none. Frame t stands for t … t + 1 frame shifts.

    Args:
        words: words along the path.
        transition_ids: int32 `[frames]`, of the path.
        lexicon: pronunciations.
        hmm: what the transition_ids stand for.
        frame_shift: seconds from frame to frame.

    Raises:
        InputError: the path is not one of these words.
    """
    segments = phone_segments(transition_ids, hmm.transitions)
    names = [hmm.phones.name(int(phone)) for phone in segments.phones]
    silence = hmm.phones.name(hmm.phones.silence)
    times = [round(float(frame) * frame_shift, 3) for frame in segments.offsets]
    phones = tuple(Interval(name, times[i], times[i + 1]) for i, name in enumerate(names))
    spans = _lay(words, names, silence, lexicon)
    said = tuple(
        Interval(word, times[first], times[end])
        for word, (first, end) in zip(words, spans, strict=True)
    )
    return Timing(said, phones)


def _lay(
    words: Sequence[str], names: list[str], silence: str, lexicon: Lexicon
) -> list[tuple[int, int]]:
    """First phone and the one after the last of each word.

    reached[i] maps each place where word i can begin to how word i − 1 got there.
    """
    reached: list[dict[int, tuple[int, int]]] = [dict.fromkeys(_starts(0, names, silence), (0, 0))]
    for word in words:
        following: dict[int, tuple[int, int]] = {}
        for begin in reached[-1]:
            for way in lexicon[word]:
                end = begin + len(way.phones)
                if tuple(names[begin:end]) == way.phones:
                    for place in _starts(end, names, silence):
                        following.setdefault(place, (begin, end))
        reached.append(following)
    if len(names) not in reached[-1]:
        raise InputError("the alignment's phones are not those of its words")
    spans: list[tuple[int, int]] = []
    place = len(names)
    for ways in reversed(reached[1:]):
        begin, end = ways[place]
        spans.append((begin, end))
        place = begin
    return spans[::-1]


def _starts(place: int, names: list[str], silence: str) -> tuple[int, ...]:
    """Where the next word can begin: here, or after a silence."""
    return (place, place + 1) if place < len(names) and names[place] == silence else (place,)
