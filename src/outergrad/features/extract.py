"""From a corpus to a feature store, and from new audio to the same kind of features."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np

from outergrad.arrays import Float32Array
from outergrad.corpus.audio import (
    SAMPLE_RATE,
    AudioError,
    audio_problem,
    conversion_notices,
    read_audio,
)
from outergrad.corpus.parallel import Progress, map_in_threads
from outergrad.corpus.problems import Kind, Problem
from outergrad.corpus.utterance import Corpus, Utterance
from outergrad.errors import InputError
from outergrad.features.frontend import (
    ComputedConfig,
    FeatureConfig,
    FilterbankConfig,
    GivenConfig,
    MfccConfig,
    compute_features,
    from_audio,
    stack,
)
from outergrad.features.normalisation import Normalisation, Statistics, StatisticsAccumulator
from outergrad.features.store import FeatureStore, StoreWriter

_KINDS: Mapping[str, type[FeatureConfig]] = {
    "filterbank": FilterbankConfig,
    "mfcc": MfccConfig,
    "given": GivenConfig,
}


@dataclass(frozen=True, eq=False)
class FrontEnd:
    """Everything needed to turn new audio into the features a model was trained on.

    Args:
        config: Kind of features.
        statistics: Normalisation, None when there is none.
        left: Context frames before.
        right: Context frames after.
        rate: Samples per second of the audio.
    """

    config: FeatureConfig
    statistics: Statistics | None = None
    left: int = 0
    right: int = 0
    rate: int = SAMPLE_RATE

    def features(self, samples: Float32Array, speaker: str | None = None) -> Float32Array:
        """Normalised features, float32 `[frames, dim]`.

        Args:
            samples: float32 `[samples]` at `rate`, full scale ±1.
            speaker: Who speaks; somebody unknown is normalised by the mean of this audio.

        Raises:
            InputError: The audio is shorter than one frame.
        """
        config = from_audio(self.config)
        computed = compute_features(samples, self.rate, config)
        if not len(computed):
            raise InputError(
                f"{len(samples) / self.rate:.3f} s of audio are shorter than one frame "
                f"({config.frame_length_ms:g} ms)"
            )
        return computed if self.statistics is None else self.statistics.apply(computed, speaker)

    def stacked(self, samples: Float32Array, speaker: str | None = None) -> Float32Array:
        """Normalised features with context, float32 `[frames, (left+1+right)·dim]`."""
        return stack(self.features(samples, speaker), self.left, self.right)

    def to_json(self) -> dict[str, Any]:
        """Plain values, for a model description or the attributes of a store."""
        return {
            "kind": next(kind for kind, known in _KINDS.items() if isinstance(self.config, known)),
            "config": asdict(self.config),
            "rate": self.rate,
            "left": self.left,
            "right": self.right,
            "statistics": None if self.statistics is None else self.statistics.to_json(),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """The front end that `to_json` described.

        Raises:
            InputError: The description is damaged.
        """
        try:
            kind = _KINDS[values["kind"]]
            known = {entry.name for entry in fields(kind)}
            options = dict(values["config"])
            if set(options) != known:
                raise InputError(f"options differ: {sorted(set(options) ^ known)}")
            statistics = values["statistics"]
            return cls(
                kind(**options),
                None if statistics is None else Statistics.from_json(statistics),
                int(values["left"]),
                int(values["right"]),
                int(values["rate"]),
            )
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise InputError(f"damaged description of features: {error!r}") from error

    @classmethod
    def of_store(cls, store: FeatureStore) -> Self:
        """The front end that made a store written by `extract`.

        Raises:
            InputError: The store was not written by `extract`.
        """
        if "front_end" not in store.attributes:
            raise InputError(f"the feature store {store.path} does not say how it was made")
        return cls.from_json(store.attributes["front_end"])


def extract(
    corpus: Corpus,
    config: ComputedConfig,
    store_path: Path,
    normalisation: Normalisation | None = None,
    left: int = 0,
    right: int = 0,
    *,
    reference: Statistics | None = None,
    progress: Progress | None = None,
    workers: int = 2,
) -> list[Problem]:
    """Compute the features of a corpus and write them to a store, see `store_features`.

    Args:
        corpus: Utterances to read.
        config: Kind of features.
        store_path: File to write; it appears when it is complete.
        normalisation: Which normalisation; None for none.
        left: Context frames before each frame in the store's `stacked`.
        right: Context frames after each frame.
        reference: Statistics of the training data, needed for other data than that: its global
            mean and deviation are used, with the means of this corpus's own speakers. Its
            normalisation must equal `normalisation`.
        progress: Called after each utterance.
        workers: Threads; reading and feature computation release the interpreter lock.

    Returns:
        Utterances that have no features, with reasons, and notices of conversions.

    Raises:
        InputError: No utterance has features, or options contradict each other.
        RunError: The store cannot be written.
    """
    if workers < 1:
        raise InputError(f"extract: workers must be at least 1, not {workers}")
    # Bad options must fail here and not once per utterance.
    compute_features(np.zeros(0, dtype=np.float32), SAMPLE_RATE, config)
    formats: list[tuple[int, int]] = []

    def computed() -> Iterator[tuple[Utterance, Problem | Float32Array]]:
        results = map_in_threads(partial(_features_of, config=config), corpus, workers)
        for utterance, result in results:
            if isinstance(result, Problem):
                yield utterance, result
            else:
                formats.append(result[1])
                yield utterance, result[0]

    problems = store_features(
        corpus,
        config,
        computed(),
        store_path,
        normalisation,
        left,
        right,
        reference=reference,
        progress=progress,
    )
    return problems + conversion_notices(formats)


def store_features(
    corpus: Corpus,
    config: FeatureConfig,
    results: Iterable[tuple[Utterance, Problem | Float32Array]],
    store_path: Path,
    normalisation: Normalisation | None = None,
    left: int = 0,
    right: int = 0,
    *,
    reference: Statistics | None = None,
    progress: Progress | None = None,
) -> list[Problem]:
    """Normalise features and write them to a store.

    They go to the store's temporary file as they come and are normalised there, so memory does not
    grow with the corpus. `FrontEnd.of_store` tells what was done.

    Args:
        corpus: Whose features these are.
        config: What kind they are.
        results: Each utterance with its features, float32 `[frames, dim]`, or with the reason why
            it has none.
        store_path, normalisation, left, right, reference, progress: See `extract`.

    Returns:
        Utterances without features, with reasons.

    Raises:
        InputError: No utterance has features, or options contradict each other.
        RunError: The store cannot be written.
    """
    normalisation = normalisation or Normalisation(speaker_mean=False, global_variance=False)
    if reference is not None and reference.normalisation != normalisation:
        raise InputError(
            f"the reference was made for {reference.normalisation}, asked for is {normalisation}"
        )
    if reference is not None and len(reference.mean) != config.dim:
        raise InputError(
            f"the reference has dimension {len(reference.mean)}, the features {config.dim}"
        )
    problems: list[Problem] = []
    sums = StatisticsAccumulator()
    with StoreWriter(store_path, left=left, right=right) as writer:
        for done, (utterance, result) in enumerate(results, start=1):
            if isinstance(result, Problem):
                problems.append(result)
            else:
                writer.append(utterance.id, result)
                sums.add(utterance.speaker, result)
            if progress is not None:
                progress(done, len(corpus))
        if len(problems) == len(corpus):
            first = f" The first problem: {problems[0]}" if problems else ""
            raise InputError(f"no utterance of corpus {corpus.name} has features.{first}")
        statistics = None
        if not normalisation.changes_nothing:
            statistics = _normalise(corpus, writer, sums, normalisation, reference)
        front_end = FrontEnd(config, statistics, left, right)
        writer.finish({"front_end": front_end.to_json(), "corpus": corpus.name})
    return problems


def _normalise(
    corpus: Corpus,
    writer: StoreWriter,
    sums: StatisticsAccumulator,
    normalisation: Normalisation,
    reference: Statistics | None,
) -> Statistics:
    """Normalise what was written in place; returns statistics for new audio."""
    own = sums.statistics(normalisation)
    basis = own if reference is None else reference
    for utterance_id, rows in writer.rows():
        shift, scale = basis.shift_and_scale(own.speakers[corpus[utterance_id].speaker])
        rows[:] = (rows - shift) * scale
    # A speaker who is one utterance has nothing else to be recognized by: keeping such means
    # would make the index as long as the corpus when speakers are unknown.
    kept = {
        speaker: mean
        for speaker, mean in own.speakers.items()
        if normalisation.speaker_mean and speaker not in corpus
    }
    return Statistics(basis.mean, basis.deviation, kept, normalisation)


_Result = Problem | tuple[Float32Array, tuple[int, int]]


def _features_of(utterance: Utterance, config: ComputedConfig) -> _Result:
    try:
        audio = read_audio(utterance)
    except AudioError as error:
        return audio_problem(utterance, error)
    features = compute_features(audio.samples, audio.rate, config)
    if not len(features):
        message = (
            f"{audio.seconds:.3f} s of audio are shorter than one frame "
            f"({config.frame_length_ms:g} ms)"
        )
        origin = utterance.origin
        return Problem(Kind.TOO_SHORT, message, origin.audio_file, origin.audio_line, utterance.id)
    return features, (audio.source_rate, audio.channels)
