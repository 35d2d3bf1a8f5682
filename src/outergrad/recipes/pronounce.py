"""A lexicon for a corpus that has none, or lacks words: espeak-ng's pronunciations."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from outergrad.corpus import Lexicon, Pronunciation, read_lexicon, write_lexicon
from outergrad.corpus.layouts import Layout, read_corpus
from outergrad.corpus.respelling import respell, without_punctuation
from outergrad.corpus.synthesis.pronunciations import standard_phones
from outergrad.corpus.synthesis.speech import Espeak
from outergrad.errors import InputError
from outergrad.progress import Progress

_SHOWN = 10


def pronounce(
    data: Path, language: str, out: Path, lexicon_path: Path | None, progress: Progress
) -> dict[str, Any]:
    """Write a lexicon with a pronunciation of every word of a corpus.

    Args:
        data: corpus in any known layout; in all but Kaldi's, words are written without
            punctuation and in lower case.
        language: language of espeak-ng, for example "en-us" or "is".
        out: file to write.
        lexicon_path: pronunciations to keep; only words that it lacks are added.
        progress: notes.

    Returns:
        Counts of words kept and added, and the words that espeak-ng cannot say.

    Raises:
        InputError: espeak-ng is not installed (extra `demo`) or does not know the language; or
            it has phones that the given lexicon lacks.
    """
    given = read_lexicon(lexicon_path)[0] if lexicon_path is not None else Lexicon({})
    corpus, _, layout = read_corpus(data)
    if layout is Layout.KALDI:
        words = {word for utterance in corpus for word in utterance.words}
    else:
        corpus, _ = respell(corpus, given)
        tokens = {word for utterance in corpus for word in utterance.words}
        words = {
            token if token in given else without_punctuation(token).lower() for token in tokens
        }
    missing = sorted(words - set(given) - {""})
    found, silent = _ask(missing, language)
    if lexicon_path is not None:
        _require_phones(found, given, lexicon_path)
    if not given.entries and not found:
        raise InputError(f"{data}: no word of it has a pronunciation in {language!r}")
    write_lexicon(Lexicon({**given.entries, **found}), out)
    progress.note(f"{out}: {len(given)} words kept, {len(found)} added by espeak-ng ({language})")
    if silent:
        more = ", …" if len(silent) > _SHOWN else ""
        progress.note(f"  without pronunciation: {', '.join(silent[:_SHOWN])}{more}")
    return {"kept": len(given), "added": sorted(found), "without_pronunciation": silent}


def _ask(words: list[str], language: str) -> tuple[dict[str, tuple[Pronunciation, ...]], list[str]]:
    """Pronunciations, and the words that have none."""
    espeak = Espeak()
    try:
        said = espeak.pronounce(words, language)
    finally:
        espeak.close()
    found: dict[str, tuple[Pronunciation, ...]] = {}
    silent = []
    for word, groups in zip(words, said, strict=True):
        phones = standard_phones(tuple(p for group in groups for p in group), language)
        if phones:
            found[word] = (Pronunciation(phones),)
        else:
            silent.append(word)
    return found, silent


def _require_phones(
    found: Mapping[str, tuple[Pronunciation, ...]], given: Lexicon, path: Path
) -> None:
    """A phone that only added words have is most often another name for one of the lexicon's."""
    known = set(given.phones)
    foreign = sorted(
        {phone for ways in found.values() for way in ways for phone in way.phones} - known
    )
    if foreign:
        raise InputError(
            f"{path} lacks phones that espeak-ng has: {' '.join(foreign[:_SHOWN])}. espeak-ng "
            "writes the International Phonetic Alphabet; a lexicon in other phones cannot be "
            "completed by it. Leave the lexicon out to have a new one made"
        )
