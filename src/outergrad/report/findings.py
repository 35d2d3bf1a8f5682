"""What the results say: scores in order, the headline, how frames and utterances fared."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from outergrad.report.formatting import NBSP, clean, fixed, probability, short_name, signed
from outergrad.report.run import Record, Training, number, table

SIGNIFICANT = 0.05
"""Differences with a larger p are called noise."""

_SYSTEM_ORDER = ("mono", "tri", "ce", "mmi", "bmmi", "smbr", "mpe")
_LM_ORDER = ("unigram", "bigram", "trigram")


@dataclass(frozen=True, slots=True)
class Score:
    """Word errors of one system with one language model on the test set; rates in %."""

    system: str
    lm: str
    wer: float
    substitutions: float | None
    insertions: float | None
    deletions: float | None
    words: float | None
    low: float | None
    high: float | None
    lm_weight: float | None
    insertion_penalty: float | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two systems with one language model; p is None if the difference was not tested."""

    lm: str
    first: Score
    second: Score
    p: float | None

    @property
    def relative(self) -> float | None:
        """Change from the first to the second, % of the first; None if the first has no error."""
        if self.first.wer == 0:
            return None
        return 100.0 * (self.second.wer - self.first.wer) / self.first.wer


@dataclass(frozen=True, slots=True)
class FrameCounts:
    """Frames of the outer gradients: all, and what became of them."""

    total: float
    kept: float
    cancelled: float
    rejected: float


@dataclass(frozen=True, slots=True)
class Visits:
    """Visits to utterances in sequence training.

    Args:
        total: visits, failed ones included.
        utterances: different utterances visited; None if not every visit was recorded.
        fewest: visits to the least visited of them.
        most: visits to the most visited of them.
        failed: reason → failed visits, most frequent first.
        examples: reason → ids of utterances that failed for it.
    """

    total: float | None
    utterances: int | None
    fewest: int | None
    most: int | None
    failed: dict[str, float]
    examples: dict[str, tuple[str, ...]]


def scores(results: Mapping[str, Any]) -> list[Score]:
    """The scored systems: by language model (weakest first), then in the order of training."""
    found = [
        _score(system, lm, entry)
        for system, lms in table(results.get("test")).items()
        for lm, entry in table(lms).items()
        if number(table(entry).get("wer")) is not None
    ]
    return sorted(found, key=lambda s: (_rank(s.lm, _LM_ORDER), _rank(s.system, _SYSTEM_ORDER)))


def comparisons(results: Mapping[str, Any]) -> list[Comparison]:
    """Each criterion against CE (or what the run compared), weakest language model first.

    With one language model they are in the order in which the run has its criteria.
    """
    scored = scores(results)
    by_id = {(score.system, score.lm): score for score in scored}
    compared = table(results.get("comparisons"))
    order = list(table(results.get("sequence")))
    groups = [table(compared[name]) for name in sorted(compared, key=lambda n: _rank(n, order))]
    found = []
    for lm in dict.fromkeys(score.lm for score in scored):
        for group in groups or [table(results.get("comparison"))]:
            entry = table(group.get(lm))
            systems = entry.get("systems", ["ce", "mmi"])
            if not isinstance(systems, list) or len(systems) != 2:
                continue
            first, second = (by_id.get((str(system), lm)) for system in systems)
            if first and second:
                found.append(Comparison(lm, first, second, number(entry.get("p"))))
    return found


def headline(results: Mapping[str, Any]) -> tuple[str, list[str]]:
    """The result in one sentence, and a sentence for each other criterion and language model.

    The headline is about the run's first criterion and the strongest language model (trigram
    before bigram before unigram), whatever it says: the choice does not depend on the outcome.
    """
    compared = comparisons(results)
    if compared:
        lms = list(dict.fromkeys(comparison.lm for comparison in compared))
        compared.sort(key=lambda comparison: -lms.index(comparison.lm))
        first, *others = [_sentence(comparison) for comparison in compared]
        return first, others
    scored = scores(results)
    if scored:
        last = max(scored, key=lambda score: _rank(score.system, _SYSTEM_ORDER))
        final = [score for score in scored if score.system == last.system]
        name = short_name(last.system)
        text = f"{name} reaches a word error of {fixed(final[-1].wer)}{NBSP}%{_with(final[-1].lm)}"
        rest = "Sequence training has not been scored yet."
        trained = last.system in _SYSTEM_ORDER[_SYSTEM_ORDER.index("ce") + 1 :]
        return text, [] if trained else [rest]
    return "No test results yet", ["The run has not come to scoring its systems."]


def _sentence(comparison: Comparison) -> str:
    before, after = comparison.first, comparison.second
    old, new = short_name(before.system), short_name(after.system)
    was, now = fixed(before.wer), fixed(after.wer)
    where = _with(comparison.lm)
    p = comparison.p
    test = "not tested for significance" if p is None else probability(p)
    if after.wer == before.wer:
        return f"{new} and {old} make the same word error{where}, {now}{NBSP}% ({test})"
    change = comparison.relative
    relative = "" if change is None else f"{signed(change)}{NBSP}% relative, "
    if p is not None and p >= SIGNIFICANT:
        direction = "lower" if after.wer < before.wer else "higher"
        return (
            f"The word error of {new} is {direction} than that of {old}{where}, {was} → "
            f"{now}{NBSP}%, but the difference is within the noise ({relative}{test})"
        )
    verb = "lowers" if after.wer < before.wer else "raises"
    return f"{new} {verb} the word error from {was} to {now}{NBSP}%{where} ({relative}{test})"


def _with(lm: str) -> str:
    return f" with the {clean(lm)} language model"


def frame_counts(training: Training) -> FrameCounts | None:
    """Frames kept, cancelled and rejected; from the summary, else summed over the records."""
    counts = table(training.summary.get("frames"))
    if not counts:
        summed: Counter[str] = Counter()
        for record in training.all("outer"):
            for key in ("frames", "kept", "cancelled", "rejected"):
                summed[key] += number(record.get(key)) or 0  # type: ignore[assignment]
        counts = {**summed, "total": summed["frames"]}
    kept, cancelled, rejected = (
        number(counts.get(key)) or 0.0 for key in ("kept", "cancelled", "rejected")
    )
    total = max(number(counts.get("total")) or 0.0, kept + cancelled + rejected)
    return FrameCounts(total, kept, cancelled, rejected) if total > 0 else None


def visits(training: Training) -> Visits | None:
    """How often utterances were visited and why visits failed."""
    per_utterance: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    examples: dict[str, dict[str, None]] = {}
    for record in training.all("outer"):
        utterance = clean(record.get("utterance", "?"))
        per_utterance[utterance] += 1
        if record.get("reason"):
            reason = clean(record["reason"])
            failed[reason] += 1
            examples.setdefault(reason, {})[utterance] = None
    summary = table(training.summary.get("utterances"))
    if not per_utterance and not summary:
        return None
    counted = {
        clean(reason): value
        for reason, entry in table(summary.get("failed")).items()
        if (value := number(entry)) is not None
    }
    recorded = float(per_utterance.total())
    given = number(summary.get("visits"))
    total = given if given is not None else recorded or None
    # Records may hold fewer visits than there were; then they say nothing about each utterance.
    complete = recorded > 0 and total == recorded
    return Visits(
        total=total,
        utterances=len(per_utterance) if complete else None,
        fewest=min(per_utterance.values()) if complete else None,
        most=max(per_utterance.values()) if complete else None,
        failed=dict(_most_first((counted or failed).items())),
        examples={reason: tuple(ids) for reason, ids in examples.items()},
    )


def stage_seconds(results: Mapping[str, Any]) -> dict[str, float]:
    """Stage → seconds, in the order of the run."""
    return {
        clean(stage): seconds
        for stage, value in table(results.get("seconds")).items()
        if (seconds := number(value)) is not None
    }


def _score(system: str, lm: str, entry: Record) -> Score:
    interval = entry.get("interval")
    ends = interval if isinstance(interval, list) and len(interval) == 2 else [None, None]
    low, high = (number(end) for end in ends)
    value = {key: number(entry.get(key)) for key in entry}
    return Score(
        system=system,
        lm=lm,
        wer=value["wer"] or 0.0,
        substitutions=value.get("sub"),
        insertions=value.get("ins"),
        deletions=value.get("del"),
        words=value.get("words"),
        low=low,
        high=high,
        lm_weight=value.get("lm_weight"),
        insertion_penalty=value.get("insertion_penalty"),
    )


def _rank(name: str, order: Sequence[str]) -> int:
    return order.index(name) if name in order else len(order)


def _most_first(items: Iterable[tuple[str, float]]) -> list[tuple[str, float]]:
    return sorted(items, key=lambda item: (-item[1], item[0]))
