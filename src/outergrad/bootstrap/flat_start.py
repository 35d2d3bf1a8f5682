"""Flat start: the first alignment, made without any model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from outergrad.arrays import Int32Array
from outergrad.corpus.lexicon import Lexicon
from outergrad.hmm.model import HmmModel


def equal_alignment(
    words: Sequence[str], lexicon: Lexicon, hmm: HmmModel, num_frames: int
) -> Int32Array | None:
    """Divide an utterance equally among the hmm_states of its transcript.

    Each word is taken in its first pronunciation; there is silence before the first and after
    the last word if the frames suffice for it. (Kaldi's ``align-equal`` draws a random
    path of the utterance's graph instead.)

    Args:
        words: transcript.
        lexicon: pronunciations.
        hmm: a monophone model.
        num_frames: frames of the utterance.

    Returns:
        int32 [num_frames], pdf_ids, or None when there are fewer frames than hmm_states.

    Raises:
        InputError: a word is not in the lexicon or a phone not in the model.
    """
    phones = [hmm.phones.id(phone) for word in words for phone in lexicon[word][0].phones]
    silence = [hmm.phones.silence]
    for sequence in (silence + phones + silence, phones):
        pdfs = [
            hmm.tying.pdf((phone,), state)
            for phone in sequence
            for state in range(hmm.topology.num_states(phone))
        ]
        if 0 < len(pdfs) <= num_frames:
            return np.array(pdfs, dtype=np.int32)[np.arange(num_frames) * len(pdfs) // num_frames]
    return None
