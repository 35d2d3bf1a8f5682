"""The network in Kaldi's nnet1 text format, with the counts that give its priors, and the HMM.

nnet1 because it describes exactly this network (affine transforms, activations, softmax) and
nothing else: ``nnet-forward --class-frame-counts=prior.counts final.nnet`` reads it.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from outergrad.arrays import Float32Array
from outergrad.errors import RunError
from outergrad.export.kaldi_hmm import write_kaldi_hmm
from outergrad.export.onnx import layers
from outergrad.features.frontend import FilterbankConfig, GivenConfig
from outergrad.kaldi.system import MODEL, PHONES, TREE
from outergrad.recognizer.model import Model

NETWORK, COUNTS, README = "final.nnet", "prior.counts", "README"
_TOTAL = 1e9
"""What the counts sum to; only their ratios matter."""


def write_kaldi(model: Model, folder: Path) -> None:
    """Write network, counts, tree, transition model, phones and a README into `folder`.

    The folder is made when it is missing.

    Raises:
        RunError: it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / NETWORK).open("w", encoding="ascii") as stream:
            stream.writelines(_network(model))
        (folder / COUNTS).write_text(_counts(model.acoustic.log_priors), encoding="ascii")
        write_kaldi_hmm(model.hmm, folder)
        (folder / README).write_text(_readme(model), encoding="utf-8")
    except OSError as error:
        raise RunError(f"{folder}: cannot be written: {error.strerror}") from error


def _network(model: Model) -> Iterator[str]:
    config = model.acoustic.module.config
    activation = {"relu": "<ParametricRelu>", "sigmoid": "<Sigmoid>"}[config.activation]
    yield "<Nnet>\n"
    for number, (weight, bias) in enumerate(layers(model.acoustic.module)):
        outputs, inputs = weight.shape
        yield f"<AffineTransform> {outputs} {inputs}\n"
        yield "<LearnRateCoef> 1 <BiasLearnRateCoef> 1 <MaxNorm> 0\n"
        yield " [\n"
        for row_number, row in enumerate(weight):
            end = " ]\n" if row_number == outputs - 1 else "\n"
            yield f"  {_numbers(row)}{end}"
        yield f" [ {_numbers(bias)} ]\n"
        yield "<!EndOfComponent>\n"
        if number < config.hidden_layers:
            yield f"{activation} {outputs} {outputs}\n"
            if config.activation == "relu":
                # A parametric ReLU with slopes 1 and 0 is a ReLU; nnet1 has no plain one.
                yield "<AlphaLearnRateCoef> 0 <BetaLearnRateCoef> 0\n"
                yield f" [ {_numbers(np.ones(outputs, np.float32))} ]\n"
                yield f" [ {_numbers(np.zeros(outputs, np.float32))} ]\n"
            yield "<!EndOfComponent>\n"
    yield f"<Softmax> {config.num_pdfs} {config.num_pdfs}\n<!EndOfComponent>\n</Nnet>\n"


def _numbers(values: Float32Array) -> str:
    # Nine digits give every float32 back exactly.
    return " ".join(f"{float(value):.9g}" for value in values)


def _counts(log_priors: Float32Array) -> str:
    counts = np.exp(log_priors.astype(np.float64)) * _TOTAL
    return "[ " + " ".join(str(round(float(count))) for count in counts) + " ]\n"


def _readme(model: Model) -> str:
    front_end = model.front_end
    config = front_end.config
    if isinstance(config, GivenConfig):
        source = "the feats.scp that it was trained with"
    else:
        kind = "log-mel filterbank" if isinstance(config, FilterbankConfig) else "MFCC"
        source = (
            f"{kind} from {front_end.rate} Hz audio without dither, energies floored at "
            f"{config.energy_floor:g}"
        )
    return f"""\
The network of an outergrad model ({model.system}) in Kaldi's nnet1 text format.

Scores: nnet-forward --apply-log=true --class-frame-counts={COUNTS} {NETWORK} ark:in ark:out

Input: {config.dim} values every {config.frame_shift_ms:g} ms: {source};
less the speaker's mean, divided by the deviation (both in acoustic/description.json of the model);
then spliced with {front_end.left} frames before and {front_end.right} after.

pdf_ids and transition_ids are those of {TREE} and {MODEL} here. {MODEL} is a transition model
without acoustic model, all that make-h-transducer, add-self-loops and latgen-faster-mapped read of
it. For a data/lang with the same numbers: prepare_lang.sh --position-dependent-phones false
--phone-symbol-table {PHONES}.
"""
