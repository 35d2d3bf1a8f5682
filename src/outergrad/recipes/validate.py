"""What is wrong with a corpus, before an hour is spent on it."""

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from outergrad.corpus import (
    Problem,
    bad_fraction,
    bad_utterances,
    check_corpus,
    read_lexicon,
)
from outergrad.corpus.layouts import Layout, read_corpus
from outergrad.corpus.respelling import respell
from outergrad.corpus.survey import durations, missing_words, odd_speaking_rates, spread_of
from outergrad.progress import Progress
from outergrad.recipes.estimate import estimate_run
from outergrad.recipes.settings import RunConfig

STAGES = ("prepare", "bootstrap", "graph", "ce", "mmi")
"""Of a run on this corpus alone, before a test set is decoded."""


def validate(
    data: Path, lexicon_path: Path, config: RunConfig, progress: Progress
) -> tuple[dict[str, Any], list[Problem]]:
    """Read everything and judge it.

    Args:
        data: corpus in any known layout.
        lexicon_path: pronunciations.
        config: limits (`corpus`), and what a run would do, for the estimate.
        progress: bars.

    Returns:
        The report, JSON values; and all problems.

    Raises:
        InputError: nothing can be read at all.
    """
    lexicon, problems = read_lexicon(lexicon_path)
    corpus, wrong, layout = read_corpus(data)
    if layout is not Layout.KALDI:
        corpus, notices = respell(corpus, lexicon)
        wrong += notices
    with progress.task("reading audio") as advance:
        good, more = check_corpus(corpus, lexicon, config.corpus.check, progress=advance)
    seconds = durations(corpus)
    rate, odd = odd_speaking_rates(corpus, seconds, lexicon)
    of_corpus = [*wrong, *more, *odd]
    fraction = bad_fraction(len(good), of_corpus)
    usable = len(good) > 0 and fraction <= config.corpus.max_bad
    kept = {utterance.id: seconds[utterance.id] for utterance in good if utterance.id in seconds}
    minutes = sum(kept.values()) / 60
    speakers = Counter(utterance.speaker for utterance in good)
    report = {
        "path": str(data),
        "layout": layout.value,
        "usable": usable,
        "utterances": len(good),
        "left_out": len(bad_utterances(of_corpus)),
        "left_out_share": round(fraction, 4),
        "seconds": spread_of(kept.values()),
        "speakers": {
            "count": len(speakers),
            "known": any(u.speaker != u.id for u in good),
            "fewest_utterances": min(speakers.values(), default=0),
            "most_utterances": max(speakers.values(), default=0),
        },
        "phones_per_second": None if rate is None else round(rate, 2),
        "lexicon": {
            "path": str(lexicon_path),
            "words": len(lexicon),
            "phones": list(lexicon.phones),
            "phones_without_speech": sorted(
                set(lexicon.phones)
                - {
                    phone
                    for word in {word for utterance in good for word in utterance.words}
                    for way in lexicon[word]
                    for phone in way.phones
                }
            ),
        },
        "missing_words": [asdict(word) for word in missing_words(corpus, lexicon)],
        "problems": dict(Counter(p.kind.value for p in (*problems, *of_corpus))),
        "estimate": estimate_run(minutes, 0.0, STAGES, config).to_json(),
    }
    return report, [*problems, *of_corpus]
