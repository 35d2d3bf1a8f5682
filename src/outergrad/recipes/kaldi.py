"""Stage `bootstrap` of a run that starts from a Kaldi system: taken over, not trained."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from outergrad.arrays import Int32Array
from outergrad.bootstrap.aligner import check_failures
from outergrad.bootstrap.em import ALIGNMENTS_FOLDER, HMM_FILE
from outergrad.errors import InputError
from outergrad.features.store import FeatureStore
from outergrad.hmm.alignment import Alignments
from outergrad.hmm.transitions import TransitionModel
from outergrad.kaldi.system import KaldiSystem
from outergrad.progress import Progress
from outergrad.recipes.prepare import Prepared
from outergrad.recipes.settings import RunConfig

MAX_DIFFERENCE = 2
"""Frames that an alignment may be longer or shorter than the features: where a segment ends
depends on how its seconds are rounded."""


def run_kaldi(
    folder: Path, source: Path, prepared: Prepared, config: RunConfig, progress: Progress
) -> Mapping[str, Any]:
    """Write what the bootstrap would have: state tying, transitions, alignments.

    Args:
        folder: the stage's own folder.
        source: directory of the Kaldi system.
        prepared: speech and features.
        config: how many utterances may be without alignment (``bootstrap.alignment.max_failed``).
        progress: notes.

    Raises:
        InputError: a damaged or unsupported system; no alignments of the tuning speech.
        RunError: too many training utterances are without alignment.
    """
    system = KaldiSystem.read(source)
    hmm = system.hmm
    lexicon = prepared.lexicon()
    # Kaldi aligns a word that the lexicon lacks as its word for unknown ones; here such an
    # utterance has no reference, and the tuning speech may have some.
    parts = {
        part: [u.id for u in prepared.corpus(part) if all(word in lexicon for word in u.words)]
        for part in ("train", "tune")
    }
    found = dict(system.alignments())
    failed: dict[str, str] = {}
    adjusted = 0
    for part, utterances in parts.items():
        store = prepared.filterbank(part)
        aligned: dict[str, Int32Array] = {}
        missing: dict[str, str] = {}
        for utterance in utterances:
            fitted = _fit(found.get(utterance), utterance, store, hmm.transitions)
            if isinstance(fitted, str):
                missing[utterance] = fitted
            else:
                aligned[utterance] = fitted
                adjusted += len(fitted) != len(found[utterance])
        if part == "train":
            what = f"no alignment in {source}"
            most = config.bootstrap.alignment.max_failed
            check_failures(missing, len(utterances), most, what)
        elif not aligned:
            raise InputError(
                f"{source}: none of the {len(utterances)} tuning utterances is aligned; align "
                "them too and put their archive there, for example as ali.dev.gz, or leave --dev "
                "away: training speakers are held out then"
            )
        failed |= missing
        target = folder / "tri" / ALIGNMENTS_FOLDER if part == "train" else folder / part
        Alignments.from_mapping(aligned).save(target)
    hmm.save(folder / "tri" / HMM_FILE)
    if adjusted:
        progress.note(
            f"  {adjusted} alignments were up to {MAX_DIFFERENCE} frames longer or shorter than "
            "the features and were fitted"
        )
    return {
        "kaldi": source.name,
        "phones": len(hmm.phones),
        "tied_states": hmm.num_pdfs,
        "adjusted": adjusted,
        "unaligned": failed,
    }


def _fit(
    transition_ids: Int32Array | None,
    utterance: str,
    store: FeatureStore,
    transitions: TransitionModel,
) -> Int32Array | str:
    """The alignment with as many frames as the features, or why there is none."""
    if transition_ids is None:
        return "not aligned"
    wanted = store.num_frames(utterance)
    more = wanted - len(transition_ids)
    if abs(more) > MAX_DIFFERENCE or not len(transition_ids):
        return "of another length than its features (is its frame shift another?)"
    if more <= 0:
        return transition_ids[:wanted]
    loop = int(transitions.self_loop_of[transition_ids[-1]])
    if not loop:
        return "of another length than its features, and its last state cannot go on"
    return np.append(transition_ids, np.full(more, loop, np.int32)).astype(np.int32)
