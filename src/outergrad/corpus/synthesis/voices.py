"""Synthetic speakers, and which of them speak in training, development and test.

Variants that sound nearly the same (measured by their average log spectra) form a family, and a
family speaks in one part only; of large families two are enough. Left out are whispers, robots,
joke voices, `anika` and `zac`, whom no model trained on the others understands, and `Reed` and
`caleb`, whose samples differ from call to call.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from outergrad.corpus.synthesis.speech import Voice
from outergrad.randomness import rng

_HIGH = """
f1
f2
f3
f4 linda
f5
belinda
Annie
Alicia
Andrea
steph
grandma
"""

_LOW = """
m1
m2 Alex
m3 Mike
m4
m5
m7 Nguyen
m8
Gene Gene2
Denis victor
Diogo Hugo
Mario
Michael gustave
Andy
Jacky
Lee
Marco
john pedro
norbert
pablo
paul
ed
edward
klatt klatt2
klatt4 klatt5
adam benjamin
mike2
announcer
david
iven iven2
max grandpa
RicishayMax2 RicishayMax3
boris
rob robert
quincy
marcelo
antonio
travis
ian
sandro
Storm
Tweaky
shelby
"""

FAMILIES: tuple[tuple[tuple[str, ...], ...], ...] = tuple(
    tuple(tuple(line.split()) for line in group.split("\n") if line) for group in (_HIGH, _LOW)
)
"""Families of similar variants, women's voices and others."""

_TEST_SHARE = 0.24
_DEV_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class VoiceRanges:
    """What differs between the speakers, drawn uniformly from these ranges.

    Attributes:
        rate: speaking rate in words per minute of espeak-ng.
        pitch: 0 to 99, 50 is the variant's own.
        pitch_range: 0 to 99, 50 is the variant's own.
        vocal_tract: factor on all frequencies.
    """

    rate: tuple[int, int] = (175, 240)
    pitch: tuple[int, int] = (30, 70)
    pitch_range: tuple[int, int] = (30, 75)
    vocal_tract: tuple[float, float] = (0.94, 1.06)


def split_variants(seed: int) -> Mapping[str, tuple[str, ...]]:
    """Variants of the parts `train`, `dev` and `test`, in random order; families stay together."""
    generator = rng(seed, "synthesis", "variants")
    parts: dict[str, list[str]] = {"train": [], "dev": [], "test": []}
    for group in FAMILIES:
        shuffled = [group[index] for index in generator.permutation(len(group))]
        first_dev = max(1, round(_TEST_SHARE * len(group)))
        first_train = first_dev + max(1, round(_DEV_SHARE * len(group)))
        for part, families in (
            ("test", shuffled[:first_dev]),
            ("dev", shuffled[first_dev:first_train]),
            ("train", shuffled[first_train:]),
        ):
            parts[part] += [variant for family in families for variant in family]
    return {
        part: tuple(variants[index] for index in generator.permutation(len(variants)))
        for part, variants in parts.items()
    }


def draw_voice(variant: str, ranges: VoiceRanges, generator: np.random.Generator) -> Voice:
    """A speaker with the timbre of `variant` and random habits."""
    rate, pitch, pitch_range = (
        int(generator.integers(low, high, endpoint=True))
        for low, high in (ranges.rate, ranges.pitch, ranges.pitch_range)
    )
    return Voice(variant, rate, pitch, pitch_range, float(generator.uniform(*ranges.vocal_tract)))
