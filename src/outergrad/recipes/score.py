"""Stage `score`: word errors of the test set with intervals, CE against each criterion, and where
the errors are."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from outergrad.config import to_table
from outergrad.criteria.config import Kind
from outergrad.evaluation.breakdown import confusions, speaker_errors
from outergrad.evaluation.significance import bootstrap_interval, matched_pairs
from outergrad.evaluation.wer import WordErrors, total_errors, utterance_errors
from outergrad.recipes.decode import Recognized
from outergrad.recipes.models import LMS
from outergrad.recipes.prepare import Prepared
from outergrad.recipes.settings import RunConfig


def word_error_table(
    decoded: Mapping[str, Path], prepared: Prepared, config: RunConfig
) -> dict[str, Any]:
    """The entries "test", "comparison" (CE and the first criterion), "comparisons" and "errors"
    (of the system decoded last, by speaker and by word) of results.json.

    Args:
        decoded: system → folder that stage decode wrote.
        prepared: the references.
        config: seed and number of bootstrap samples.
    """
    corpus = prepared.corpus("test")
    references = {utterance.id: utterance.words for utterance in corpus}
    test: dict[str, dict[str, Any]] = {}
    errors: dict[tuple[str, str], dict[str, WordErrors]] = {}
    for system, folder in decoded.items():
        test[system] = {}
        for lm in LMS:
            recognized = Recognized.load(folder / f"{lm}.json")
            counts = utterance_errors(references, recognized.hypotheses)
            errors[system, lm] = counts
            total = total_errors(counts.values())
            low, high = bootstrap_interval(counts, config.seed, config.score.samples)
            test[system][lm] = {
                "wer": round(total.rate, 3),
                "sub": total.substitutions,
                "ins": total.insertions,
                "del": total.deletions,
                "words": total.words,
                "interval": [round(low, 3), round(high, 3)],
                "lm_weight": recognized.lm_weight,
                "insertion_penalty": recognized.insertion_penalty,
                "failed": dict(Counter(recognized.failed.values())),
            }
    comparisons: dict[str, dict[str, Any]] = {}
    for kind in Kind:
        if not {"ce", kind.value} <= decoded.keys():
            continue
        comparisons[kind.value] = {}
        for lm in LMS:
            pairs = matched_pairs(errors["ce", lm], errors[kind.value, lm])
            comparisons[kind.value][lm] = {
                "systems": ["ce", kind.value],
                "difference": round(pairs.difference, 3),
                "p": pairs.p,
            }
    trained = [system for system in decoded if system in comparisons]
    first = comparisons[trained[0]] if trained else {}
    # Of what the loop has looked at last.
    speakers = {utterance.id: utterance.speaker for utterance in corpus}
    where = {
        "system": system,
        "lm": lm,
        "speakers": [
            {
                "speaker": entry.speaker,
                "utterances": entry.utterances,
                "words": entry.errors.words,
                "sub": entry.errors.substitutions,
                "ins": entry.errors.insertions,
                "del": entry.errors.deletions,
            }
            for entry in speaker_errors(errors[system, lm], speakers)
        ],
        **to_table(confusions(references, recognized.hypotheses)),
    }
    return {"test": test, "comparison": first, "comparisons": comparisons, "errors": where}
