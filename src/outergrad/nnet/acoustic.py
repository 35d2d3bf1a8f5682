"""From network outputs to acoustic scores: the hybrid emission model."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np
import torch

from outergrad.arrays import Float32Array
from outergrad.errors import InputError, RunError
from outergrad.nnet.dnn import Dnn
from outergrad.nnet.model import read_model, write_model
from outergrad.nnet.parameters import load_flat

# Frames per forward pass: large enough for full speed, small enough that activations stay in cache.
CHUNK_FRAMES = 512


@dataclass(frozen=True, slots=True)
class AcousticModel:
    """DNN and state priors: log p(x|s) = log p(s|x) - log p(s) + a constant of the frame."""

    module: Dnn
    """The network."""
    log_priors: Float32Array
    """float32 ``[num_pdfs]``: log relative frequency of each tied state in the alignments."""
    attributes: Mapping[str, object] = field(default_factory=dict)
    """What the model was made for (feature settings and the like), JSON values; saved along."""

    def __post_init__(self) -> None:
        expected = (self.module.config.num_pdfs,)
        if self.log_priors.shape != expected:
            raise InputError(
                f"acoustic model: log priors {list(self.log_priors.shape)} do not fit "
                f"{expected[0]} network outputs"
            )
        if not np.all(np.isfinite(self.log_priors)):
            raise InputError(
                "acoustic model: every log prior must be finite; floor the counts of states "
                "that no alignment visits"
            )

    def scores(self, stacked: Float32Array) -> Float32Array:
        """Acoustic scores of one utterance.

        a_t(s) = log p_theta(s|x_t) - log p(s)    (hybrid emission; unscaled)

        Args:
            stacked: float32 ``[frames, input_dim]``, may be a strided read-only view; only
                `CHUNK_FRAMES` frames of it are ever copied.

        Returns:
            float32 ``[frames, num_pdfs]``, natural log.

        Raises:
            InputError: the frames do not fit the network.
            RunError: the network returned something that is not finite (training diverged).
        """
        log_posteriors = self.log_posteriors(stacked)
        log_posteriors -= self.log_priors
        return log_posteriors

    def log_posteriors(self, stacked: Float32Array) -> Float32Array:
        """log p_theta(s|x_t) as float32 ``[frames, num_pdfs]``; arguments as in `scores`."""
        config = self.module.config
        if stacked.ndim != 2 or stacked.shape[1] != config.input_dim:
            raise InputError(
                f"the network takes [frames, {config.input_dim}], got {list(stacked.shape)}: "
                "were the features made with other settings (channels, left and right context)?"
            )
        num_frames = stacked.shape[0]
        out = np.empty((num_frames, config.num_pdfs), dtype=np.float32)
        training = self.module.training
        if training:  # otherwise untouched, so that threads may share a model
            self.module.eval()
        try:
            with torch.inference_mode():
                for begin in range(0, num_frames, CHUNK_FRAMES):
                    end = min(begin + CHUNK_FRAMES, num_frames)
                    chunk = np.array(stacked[begin:end], dtype=np.float32, order="C")
                    logits = self.module(torch.from_numpy(chunk))
                    out[begin:end] = torch.log_softmax(logits, dim=1).numpy()
        finally:
            if training:
                self.module.train()
        if not np.all(np.isfinite(out)):
            raise RunError(
                "the network returned posteriors that are not finite: its parameters or the "
                "features contain nan or inf (lower the learning rate if training made them)"
            )
        return out

    def save(self, directory: Path) -> None:
        """Write the model directory (see `outergrad.nnet.model`); replaces an older one whole."""
        tensors = {name: p.detach().numpy() for name, p in self.module.named_parameters()}
        write_model(directory, self.module.config, tensors, self.log_priors, self.attributes)

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read a model directory.

        Raises:
            InputError: missing, truncated, altered or written by a newer version.
        """
        stored = read_model(directory)
        module = Dnn(stored.config)
        vector = np.concatenate(
            [stored.tensors[name].ravel() for name, _ in module.named_parameters()]
        )
        load_flat(module, vector)
        module.eval()
        return cls(module, stored.log_priors, stored.attributes)
