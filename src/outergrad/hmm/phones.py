"""Phones and their numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from outergrad.corpus.lexicon import SILENCE_PHONE, Lexicon
from outergrad.errors import InputError

SILENCE = 1


@dataclass(frozen=True)
class PhoneTable:
    """The phones of a model; ``phone_id`` = position in `names` + 1, and phone 1 is silence.

    phone_id 0 is no phone: the boundary of an utterance in a context window.

    Attributes:
        names: names of the phones; the first is ``"SIL"``.

    Raises:
        InputError: no phones, the first is not silence, or a name is empty or occurs twice.
    """

    names: tuple[str, ...]
    _ids: Mapping[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.names or self.names[0] != SILENCE_PHONE:
            raise InputError(f"phone 1 must be {SILENCE_PHONE!r}, found {self.names[:1]}")
        ids = {name: position + 1 for position, name in enumerate(self.names)}
        if len(ids) != len(self.names):
            twice = sorted({name for name in self.names if self.names.count(name) > 1})
            raise InputError(f"phones listed more than once: {' '.join(twice)}")
        if any(not name or name.split() != [name] for name in self.names):
            raise InputError("a phone's name must be one word without white space")
        object.__setattr__(self, "_ids", ids)

    @classmethod
    def from_lexicon(cls, lexicon: Lexicon) -> PhoneTable:
        """Silence first, then the phones of `lexicon` in sorted order."""
        return cls((SILENCE_PHONE, *(p for p in lexicon.phones if p != SILENCE_PHONE)))

    @property
    def silence(self) -> int:
        """phone_id of silence."""
        return SILENCE

    def __len__(self) -> int:
        return len(self.names)

    def __contains__(self, name: object) -> bool:
        return name in self._ids

    def id(self, name: str) -> int:
        """phone_id of the phone called `name`.

        Raises:
            InputError: there is no such phone.
        """
        try:
            return self._ids[name]
        except KeyError:
            raise InputError(
                f"phone {name!r} is not one of the model's {len(self)} phones; "
                "was the lexicon changed after the model was trained?"
            ) from None

    def name(self, phone: int) -> str:
        """Name of phone_id `phone` (1 ... number of phones).

        Raises:
            InputError: there is no such phone.
        """
        if not 1 <= phone <= len(self.names):
            raise InputError(f"phone_id {phone} is outside 1 ... {len(self.names)}")
        return self.names[phone - 1]
