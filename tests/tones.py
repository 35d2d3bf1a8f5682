"""Speech that can be understood without training: every phone is a tone of its own pitch.

The network of `tone_model` is written down, not trained: its single layer compares each
filterbank frame with the mean frame of each phone (a linear classifier with the Euclidean
distance), so that recognition of clean tones must be right.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import soundfile
import torch

from outergrad.arrays import Float32Array
from outergrad.corpus.lexicon import Lexicon, Pronunciation, write_lexicon
from outergrad.features.extract import FrontEnd
from outergrad.features.frontend import FilterbankConfig, filterbank
from outergrad.graph.compile import compile_graph
from outergrad.graph.estimation import estimate
from outergrad.graph.ngram import NgramModel
from outergrad.hmm.model import HmmModel
from outergrad.hmm.phones import PhoneTable
from outergrad.hmm.topology import PhoneHmm, Topology
from outergrad.nnet.acoustic import AcousticModel
from outergrad.nnet.dnn import Dnn, DnnConfig
from outergrad.recognizer.model import DecodingConfig, Model, ModelConfig

RATE = 16_000
PITCH = {"A": 400.0, "B": 900.0, "C": 1800.0, "D": 3200.0}
"""Hz of each phone."""
PHONE_SECONDS = 0.1
LEXICON = Lexicon(
    {
        "ab": (Pronunciation(("A", "B")),),
        "cd": (Pronunciation(("C", "D")),),
        "dað": (Pronunciation(("D", "A", "D")),),
    }
)


def say(words: Sequence[str], rate: int = RATE, pause: float = 0.2) -> Float32Array:
    """Samples of the words, with silence around each; float32 [samples]."""
    noise = np.random.default_rng(1)
    silence = np.zeros(round(pause * rate))
    parts = [silence]
    for word in words:
        for phone in LEXICON[word][0].phones:
            time = np.arange(round(PHONE_SECONDS * rate)) / rate
            parts.append(0.3 * np.sin(2 * np.pi * PITCH[phone] * time))
        parts.append(silence)
    signal = np.concatenate(parts)
    return (signal + 1e-3 * noise.standard_normal(len(signal))).astype(np.float32)


def record(path: Path, words: Sequence[str], rate: int = RATE, pause: float = 0.2) -> Path:
    """Write `say(words)` to a file."""
    soundfile.write(path, say(words, rate, pause), rate)
    return path


def write_corpus(folder: Path, sizes: Mapping[str, tuple[int, int]], seed: int) -> None:
    """A folder of recordings with their words beside them for each part, and ``lexicon.txt``.

    Args:
        folder: where to write.
        sizes: part to its numbers of utterances, of three words each, and of speakers.
        seed: of words and pauses.
    """
    draw = np.random.default_rng(seed)
    for part, (utterances, speakers) in sizes.items():
        for number in range(utterances):
            words = draw.choice(sorted(LEXICON), size=3)
            path = folder / part / f"{part}{number % speakers}" / f"u{number}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            record(path, list(words), pause=float(draw.uniform(0.1, 0.4)))
            path.with_suffix(".txt").write_text(" ".join(words), encoding="utf-8")
    write_lexicon(LEXICON, folder / "lexicon.txt")


def tone_model() -> tuple[Model, NgramModel]:
    """The model that understands `say`, and its language model (all words equally likely)."""
    phones = PhoneTable.from_lexicon(LEXICON)
    topology = Topology(tuple(PhoneHmm.left_to_right(1) for _ in phones.names))
    hmm = HmmModel.monophone(phones, topology)
    front_end = FrontEnd(FilterbankConfig())
    templates = np.zeros((len(phones), front_end.config.dim), dtype=np.float32)
    for number, phone in enumerate(phones.names):
        sound = (
            np.zeros(RATE)
            if phone == "SIL"
            else np.sin(2 * np.pi * PITCH[phone] * np.arange(RATE) / RATE)
        )
        noise = 1e-3 * np.random.default_rng(2).standard_normal(RATE)
        templates[number] = filterbank((0.3 * sound + noise).astype(np.float32), RATE).mean(axis=0)
    module = Dnn(DnnConfig(input_dim=templates.shape[1], hidden_layers=0, num_pdfs=len(phones)))
    # −½‖x − m‖² = m·x − ½‖m‖² plus what all phones share.
    with torch.no_grad():
        module.output.weight.copy_(torch.from_numpy(templates))
        module.output.bias.copy_(torch.from_numpy(-0.5 * (templates**2).sum(axis=1)))
    priors = np.full(len(phones), -np.log(len(phones)), dtype=np.float32)
    acoustic = AcousticModel(module, priors, {"front_end": front_end.to_json()})
    lm = estimate([(word,) for word in LEXICON], 1, "witten-bell", sorted(LEXICON))
    graph = compile_graph(lm, LEXICON, hmm)
    config = ModelConfig(DecodingConfig(lm_weight=10.0))
    return Model.of("tones", acoustic, hmm, LEXICON, graph, config), lm
