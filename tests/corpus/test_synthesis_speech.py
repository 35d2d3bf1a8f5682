"""espeak-ng as a pure function, the voices and the lexicon."""

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from outergrad.corpus.synthesis.english import ENGLISH
from outergrad.corpus.synthesis.grammar import Grammar
from outergrad.corpus.synthesis.icelandic import ICELANDIC
from outergrad.corpus.synthesis.pronunciations import spoken_lexicon, standard_phones
from outergrad.corpus.synthesis.speech import Espeak, Voice
from outergrad.corpus.synthesis.voices import FAMILIES, VoiceRanges, draw_voice, split_variants
from outergrad.errors import InputError
from outergrad.randomness import rng

VARIANTS = [variant for group in FAMILIES for family in group for variant in family]
QUERY = "hvað er klukkan í reykjavík"


@pytest.fixture(scope="module")
def espeak() -> Iterator[Espeak]:
    pytest.importorskip("espeakng_loader")
    with closing(Espeak()) as opened:
        yield opened


def _digest(samples: np.ndarray) -> str:
    return hashlib.sha256(samples.tobytes()).hexdigest()


def test_a_missing_espeak_names_the_extra_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    with pytest.raises(InputError, match=r"pip install '\.\[demo\]'"):
        Espeak()


def test_no_voice_remembers_what_was_said_before(espeak: Espeak) -> None:
    changed = []
    for variant in VARIANTS:
        voice = Voice(variant, rate=200)
        first, _ = espeak.synthesise(QUERY, "is", voice)
        espeak.synthesise("góðan daginn", "is", Voice("f3"))
        again, _ = espeak.synthesise(QUERY, "is", voice)
        if not np.array_equal(first, again):
            changed.append(variant)
    assert changed == []


def test_another_process_says_the_same(espeak: Espeak) -> None:
    program = f"""
import hashlib
from outergrad.corpus.synthesis.speech import Espeak, Voice
espeak = Espeak()
espeak.synthesise("eitthvað annað", "is", Voice("Alicia"))
for variant in ("m1", "Annie", "klatt4"):
    samples, _ = espeak.synthesise({QUERY!r}, "is", Voice(variant, 190, 40, 60))
    print(hashlib.sha256(samples.tobytes()).hexdigest())
espeak.close()
"""
    other = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    here = [
        _digest(espeak.synthesise(QUERY, "is", Voice(variant, 190, 40, 60))[0])
        for variant in ("m1", "Annie", "klatt4")
    ]
    assert other.stdout.split() == here


def test_rate_pitch_and_variant_are_heard(espeak: Espeak) -> None:
    slow, rate = espeak.synthesise(QUERY, "is", Voice("m3", rate=120))
    fast, _ = espeak.synthesise(QUERY, "is", Voice("m3", rate=240))
    assert rate == 22_050
    assert slow.dtype == np.int16
    assert slow.size > 1.5 * fast.size
    high, _ = espeak.synthesise(QUERY, "is", Voice("m3", rate=120, pitch=90))
    assert _digest(high) != _digest(slow)
    assert _digest(espeak.synthesise(QUERY, "is", Voice("f3", rate=120))[0]) != _digest(slow)


def test_unknown_variants_and_languages_are_errors(espeak: Espeak) -> None:
    with pytest.raises(InputError, match="variant 'nobody'"):
        espeak.synthesise("hello", "en-us", Voice("nobody"))
    with pytest.raises(InputError, match="no voice 'xx-nowhere'"):
        espeak.pronounce(["hello"], "xx-nowhere")


def test_closing_deletes_the_copy() -> None:
    pytest.importorskip("espeakng_loader")
    espeak = Espeak()
    folder: Path = espeak._library.parent
    assert folder.is_dir()
    espeak.close()
    assert not folder.exists()


def test_pronunciations_are_phones_without_stress(espeak: Espeak) -> None:
    (first, second) = espeak.pronounce(["church time", "in the house"], "en-us")
    assert first == (("tʃ", "ɜː", "tʃ"), ("t", "aɪ", "m"))
    # espeak-ng joins the two function words.
    assert second == (("ɪ", "n", "ð", "ə"), ("h", "aʊ", "s"))
    assert standard_phones(("h", "r#", "yɪ"), "is") == ("h", "r̥", "y", "ɪ")


def _distance(first: tuple[str, ...], second: tuple[str, ...]) -> int:
    row = list(range(len(second) + 1))
    for i, left in enumerate(first, 1):
        previous, row[0] = row[0], i
        for j, right in enumerate(second, 1):
            previous, row[j] = (
                row[j],
                min(row[j] + 1, row[j - 1] + 1, previous + (left != right)),
            )
    return row[-1]


@pytest.mark.parametrize("grammar", [ICELANDIC, ENGLISH], ids=["icelandic", "english"])
def test_lexicon_is_complete_small_in_phones_and_close_to_isolated_words(
    espeak: Espeak, grammar: Grammar
) -> None:
    lexicon = spoken_lexicon(espeak, grammar, grammar.sentences(1000, rng(0, "lexicon")))
    assert tuple(lexicon) == grammar.vocabulary()
    assert 30 <= len(lexicon.phones) <= 70
    alone = espeak.pronounce(grammar.vocabulary(), grammar.language)
    far = []
    for word, groups in zip(grammar.vocabulary(), alone, strict=True):
        isolated = standard_phones(sum(groups, ()), grammar.language)
        ways = lexicon[word]
        assert ways[0].probability == 1.0
        # Function words lose a vowel or gain a linking consonant in a sentence, not more.
        if min(_distance(way.phones, isolated) for way in ways) > max(1, len(isolated) // 3):
            far.append(word)
    assert far == []


def test_english_function_words_keep_their_sentence_forms(espeak: Espeak) -> None:
    sentences = [("turn", "it", "off"), ("is", "it", "cold"), ("will", "it", "snow")]
    grammar = Grammar("en-us", {"t": tuple(" ".join(words) for words in sentences)}, {})
    lexicon = spoken_lexicon(espeak, grammar, sentences)
    assert {way.phones for way in lexicon["it"]} == {("ɪ", "t"), ("ɪ", "ɾ")}


def test_variants_are_shared_out_by_family() -> None:
    for seed in range(5):
        parts = split_variants(seed)
        assert sorted(sum(parts.values(), ())) == sorted(VARIANTS)
        for family in (family for group in FAMILIES for family in group):
            assert sum(bool(set(family) & set(part)) for part in parts.values()) == 1
        assert len(parts["train"]) > len(parts["test"]) > len(parts["dev"]) >= 3
    assert split_variants(1) == split_variants(1)
    assert split_variants(1) != split_variants(2)


def test_speakers_stay_inside_their_ranges() -> None:
    ranges = VoiceRanges(rate=(180, 182), pitch=(40, 41), vocal_tract=(0.9, 1.1))
    voices = [draw_voice("m3", ranges, rng(0, "voice", index)) for index in range(200)]
    assert {voice.rate for voice in voices} == {180, 181, 182}
    assert {voice.pitch for voice in voices} == {40, 41}
    assert all(0.9 <= voice.vocal_tract <= 1.1 for voice in voices)
