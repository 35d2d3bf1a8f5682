"""Stage `ce`: the DNN, trained frame by frame on the triphone GMM's alignments."""

import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from outergrad.arrays import Int32Array
from outergrad.features.extract import FrontEnd
from outergrad.gradient.ce import train_ce
from outergrad.gradient.ce_state import EpochRecord
from outergrad.hmm.alignment import Alignments, log_priors
from outergrad.hmm.transitions import TransitionModel
from outergrad.nnet.acoustic import AcousticModel
from outergrad.nnet.dnn import build
from outergrad.nnet.transfer import transfer
from outergrad.progress import Progress
from outergrad.recipes.models import Bootstrapped
from outergrad.recipes.package import acoustic_model_in
from outergrad.recipes.prepare import Prepared
from outergrad.recipes.recording import recording
from outergrad.recipes.settings import Inputs, RunConfig


def pdf_targets(alignments: Alignments, transitions: TransitionModel) -> dict[str, Int32Array]:
    """utterance id → int32 [T] pdf_ids of its alignment."""
    return {
        utterance: transitions.pdf_of[transition_ids].astype(np.int32)
        for utterance, transition_ids in alignments.items()
    }


def run_ce(
    folder: Path,
    run: Path,
    inputs: Inputs,
    prepared: Prepared,
    bootstrapped: Bootstrapped,
    config: RunConfig,
    progress: Progress,
) -> Mapping[str, Any]:
    """Train from scratch, or from another model's hidden layers; write ``model``.

    Args:
        folder: the stage's own folder.
        run: the run directory, for records.
        inputs: where the run starts from.
        prepared: features.
        bootstrapped: alignments.
        config: all settings.
        progress: bars and notes.
    """
    hmm = bootstrapped.hmm("tri")
    alignments = {part: bootstrapped.alignments(part) for part in ("train", "tune")}
    # Two mappings: training and tuning utterances may have the same ids.
    targets = {part: pdf_targets(found, hmm.transitions) for part, found in alignments.items()}
    source = prepared.filterbank("train")
    network = replace(
        config.dnn,
        input_dim=source.dim * (source.left + 1 + source.right),
        num_pdfs=hmm.num_pdfs,
    )
    if inputs.init is None:
        module = build(network, config.seed)
    else:
        start = AcousticModel.load(acoustic_model_in(Path(inputs.init)))
        module = transfer(start.module, network, config.seed)
        progress.note(f"  hidden layers from {inputs.init}")
    state = folder / "state"
    clock = time.monotonic
    begin = clock()
    with (
        recording(run, "ce", resumed=state.exists(), tensorboard=config.tensorboard) as records,
        progress.task("CE, frames of the epoch") as advance,
    ):

        def on_epoch(epoch: EpochRecord) -> None:
            progress.note(
                f"  epoch {epoch.epoch}: held-out CE {epoch.heldout_ce:.3f}, "
                f"frame error {epoch.heldout_frame_error:.1f} %, rate {epoch.rate:g}"
            )
            records.write("epoch", clock() - begin, **asdict(epoch))

        result = train_ce(
            module,
            source,
            targets["train"],
            tuple(alignments["train"]),
            tuple(alignments["tune"]),
            config.ce,
            seed=config.seed,
            held_out_source=prepared.filterbank("tune"),
            held_out_targets=targets["tune"],
            state=state,
            on_epoch=on_epoch,
            on_frames=advance,
        )
    priors = log_priors(alignments["train"], hmm.transitions).astype(np.float32)
    front_end = FrontEnd.of_store(source).to_json()
    AcousticModel(module, priors, {"front_end": front_end}).save(folder / "model")
    return {
        "epochs": len(result.history),
        "best_epoch": result.best_epoch,
        "heldout_ce": result.heldout_ce,
    }
