"""From features and transcripts to aligned, tied triphone states."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from outergrad.arrays import Float32Array
from outergrad.bootstrap.config import BootstrapConfig
from outergrad.bootstrap.em import TrainedGmm
from outergrad.bootstrap.frames import GmmFrames, MfccSource
from outergrad.bootstrap.monophone import train_monophone
from outergrad.bootstrap.triphone import train_triphone
from outergrad.corpus.lexicon import Lexicon
from outergrad.corpus.utterance import Corpus
from outergrad.progress import Progress, Silent

MONOPHONE_FOLDER = "mono"
TRIPHONE_FOLDER = "tri"


@dataclass(frozen=True, eq=False)
class BootstrapResult:
    """Both models; the alignments and the state tying of the DNN are those of the triphones."""

    monophone: TrainedGmm
    """Context-independent model."""
    triphone: TrainedGmm
    """Context-dependent model."""

    def save(self, directory: Path | str) -> None:
        """Write both models into the folders ``mono`` and ``tri`` of `directory`."""
        self.monophone.save(Path(directory) / MONOPHONE_FOLDER)
        self.triphone.save(Path(directory) / TRIPHONE_FOLDER)


def bootstrap(
    features: MfccSource | Mapping[str, Float32Array],
    corpus: Corpus,
    lexicon: Lexicon,
    config: BootstrapConfig | None = None,
    progress: Progress | None = None,
) -> BootstrapResult:
    """Train a monophone and from it a triphone GMM-HMM, from transcripts alone.

    Args:
        features: utterance id → MFCC, float32 [T, 13], without any normalisation.
        corpus: utterances with transcripts.
        lexicon: pronunciations of all their words.
        config: settings.
        progress: where to say how far it is.

    Raises:
        InputError: words outside the lexicon, or utterances without features.
        RunError: too many utterances cannot be aligned.
    """
    config = config or BootstrapConfig()
    progress = progress or Silent()
    frames = GmmFrames.of(features, {utterance.id: utterance.speaker for utterance in corpus})
    transcripts = {utterance.id: utterance.words for utterance in corpus}
    monophone = train_monophone(frames, transcripts, lexicon, config, progress)
    triphone = train_triphone(frames, transcripts, lexicon, monophone, config, progress)
    return BootstrapResult(monophone, triphone)
