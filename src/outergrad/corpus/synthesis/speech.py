"""espeak-ng through ctypes: speech synthesis and pronunciations as pure functions of their input.

espeak-ng keeps state from one utterance to the next (phase of the pitch flutter, random noise of
breathy voices, seeded by the clock), so the same call gives different samples each time. `Espeak`
therefore loads a fresh copy of the library for every utterance, which takes about 3 ms.
"""

import ctypes
import shutil
import sys
import tempfile
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from outergrad.errors import InputError, RunError

if sys.platform == "win32":
    from _ctypes import FreeLibrary as _unload
else:
    # ctypes has no public way to unload a library.
    from _ctypes import dlclose as _unload

Int16Array = npt.NDArray[np.int16]

# Constants of espeak-ng's speak_lib.h.
_OUTPUT_SYNCHRONOUS = 2
_DO_NOT_EXIT = 0x8000
_UTF8 = 1
_PARAMETER_RATE = 1
_PARAMETER_PITCH = 3
_PARAMETER_RANGE = 4
_PHONEMES_IPA = 0x02

_SEPARATOR = "_"
_STRESS_AND_PAUSES = str.maketrans("", "", "ˈˌ'|,%=;!")
_RANDOM_SEED = 1

_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


@dataclass(frozen=True, slots=True)
class Voice:
    """How a synthetic speaker speaks.

    Attributes:
        variant: voice variant of espeak-ng, for example `"f3"`.
        rate: words per minute of espeak-ng, 80 to 450.
        pitch: 0 to 99, 50 is the variant's own.
        pitch_range: 0 (monotone) to 99, 50 is the variant's own.
        vocal_tract: factor on all frequencies (and on the tempo), 1 is the variant's own.
    """

    variant: str
    rate: int = 175
    pitch: int = 50
    pitch_range: int = 50
    vocal_tract: float = 1.0


class Espeak:
    """A private copy of the espeak-ng library; not for use by several threads at once.

    Raises:
        InputError: the optional dependency is not installed.
    """

    def __init__(self) -> None:
        try:
            import espeakng_loader
        except ImportError as error:
            raise InputError(
                "demo speech is made with espeak-ng, which is not installed: "
                "pip install '.[demo]' in the clone"
            ) from error
        library = Path(espeakng_loader.get_library_path())
        data = Path(espeakng_loader.get_data_path()).resolve()
        # A copy of our own, for a library that somebody else holds would keep its state; a short
        # link to the data, for espeak-ng cuts paths after 160 bytes.
        folder = Path(tempfile.mkdtemp(prefix="espeak-"))
        self._delete = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self._library = folder / library.name
        shutil.copy(library, self._library)
        self._data = folder / "espeak-ng-data"
        if sys.platform == "win32":
            self._data = data
        else:
            self._data.symlink_to(data, target_is_directory=True)
        self._chunks: list[Int16Array] = []
        self._callback = _Callback(self._receive)

    def close(self) -> None:
        """Delete the copy; the object cannot be used any more."""
        self._delete()

    def synthesise(self, text: str, language: str, voice: Voice) -> tuple[Int16Array, int]:
        """Speech of one utterance.

        Args:
            text: what to say.
            language: language voice of espeak-ng, for example `"is"`.
            voice: who says it; its `vocal_tract` is left to the caller.

        Returns:
            Samples int16 [n] and their rate in Hz. Equal arguments give equal samples.

        Raises:
            InputError: unknown language or variant.
            RunError: espeak-ng fails.
        """
        if not (self._data / "voices" / "!v" / voice.variant).is_file():
            raise InputError(f"espeak-ng has no voice variant {voice.variant!r}")
        with self._fresh(f"{language}+{voice.variant}") as (library, rate):
            library.espeak_SetSynthCallback(self._callback)
            library.espeak_ng_SetRandSeed(ctypes.c_long(_RANDOM_SEED))
            for parameter, value in (
                (_PARAMETER_RATE, voice.rate),
                (_PARAMETER_PITCH, voice.pitch),
                (_PARAMETER_RANGE, voice.pitch_range),
            ):
                if library.espeak_SetParameter(parameter, value, 0) != 0:
                    raise InputError(f"espeak-ng refuses the setting {value} of {voice}")
            encoded = text.encode() + b"\0"
            self._chunks.clear()
            status = library.espeak_Synth(
                encoded, ctypes.c_size_t(len(encoded)), 0, 0, 0, _UTF8, None, None
            )
            if status != 0 or not self._chunks:
                raise RunError(f"espeak-ng could not say {text!r} with {voice} (status {status})")
            samples = np.concatenate(self._chunks)
            self._chunks.clear()
        return samples, rate

    def pronounce(
        self, sentences: Sequence[str], language: str
    ) -> list[tuple[tuple[str, ...], ...]]:
        """Phones of sentences in the International Phonetic Alphabet, without stress.

        Args:
            sentences: what would be said.
            language: language voice of espeak-ng.

        Returns:
            For each sentence its groups of phones. There is one group per word, except where
            espeak-ng joins short words (English "in the").
        """
        mode = _PHONEMES_IPA | ord(_SEPARATOR) << 8
        result = []
        with self._fresh(language) as (library, _):
            translate = library.espeak_TextToPhonemes
            translate.restype = ctypes.c_char_p
            translate.argtypes = [ctypes.POINTER(ctypes.c_char_p), ctypes.c_int, ctypes.c_int]
            for sentence in sentences:
                pointer = ctypes.c_char_p(sentence.encode())
                groups: list[tuple[str, ...]] = []
                while pointer.value:
                    clause = translate(ctypes.byref(pointer), _UTF8, mode).decode()
                    split = (_phones(group) for group in clause.split())
                    groups += [group for group in split if group]
                result.append(tuple(groups))
        return result

    @contextmanager
    def _fresh(self, voice: str) -> Iterator[tuple[ctypes.CDLL, int]]:
        """The library in its initial state, with a voice set."""
        library = ctypes.CDLL(str(self._library))
        try:
            rate = library.espeak_Initialize(
                _OUTPUT_SYNCHRONOUS, 0, str(self._data).encode(), _DO_NOT_EXIT
            )
            if rate <= 0:
                raise RunError(f"espeak-ng could not be started with the data in {self._data}")
            try:
                if library.espeak_SetVoiceByName(voice.encode()) != 0:
                    raise InputError(f"espeak-ng has no voice {voice!r}")
                yield library, rate
            finally:
                library.espeak_Terminate()
        finally:
            _unload(library._handle)

    def _receive(self, samples: "ctypes._Pointer[ctypes.c_short]", count: int, _: object) -> int:
        if samples and count > 0:
            self._chunks.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0


def _phones(group: str) -> tuple[str, ...]:
    """Phones of one group, without stress marks and pauses."""
    phones = (phone.translate(_STRESS_AND_PAUSES) for phone in group.split(_SEPARATOR))
    return tuple(phone for phone in phones if phone and phone != "ː")
