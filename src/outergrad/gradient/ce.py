"""Frame training: cross-entropy against a fixed alignment, rate decay on a held-out plateau."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch.nn import functional

from outergrad.arrays import Float32Array, Int32Array
from outergrad.criteria.ce import FrameScore, cross_entropy
from outergrad.errors import DivergedError, InputError
from outergrad.gradient.augmentation import AugmentationConfig, Window, augment
from outergrad.gradient.ce_state import CeState, EpochRecord, read_state, write_state
from outergrad.gradient.frames import FrameSet, FrameSource, Shuffling, batches
from outergrad.gradient.threads import FastestThreads, torch_threads
from outergrad.nnet.acoustic import AcousticModel
from outergrad.nnet.dnn import Dnn
from outergrad.nnet.parameters import flatten, load_flat
from outergrad.nnet.precision import Precision, autocast
from outergrad.randomness import rng


@dataclass(frozen=True, slots=True)
class CeConfig:
    """How to train frame by frame; the defaults are for about an hour of speech."""

    shuffling: Shuffling = "full"
    """Order of frames: "none", "on-the-fly" (slots, Fig. 2) or "full"."""
    batch_size: int = 256
    """Frames per update; also the number of slots."""
    optimizer: Literal["sgd", "adam"] = "sgd"
    """Update rule."""
    rate: float = 0.05
    """Initial learning rate, per update of the mean gradient over a batch."""
    momentum: float = 0.9
    """Momentum of SGD."""
    weight_decay: float = 0.0
    """L2 penalty on weights and biases, times the rate at each update (decoupled with Adam)."""
    label_smoothing: float = 0.0
    """Share of each target spread evenly over all states."""
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    """What is done to inputs so that few speakers are worth more."""
    max_epochs: int = 20
    """Passes over the training frames at most."""
    plateau: float = 0.01
    """Relative improvement of held-out cross-entropy below which the rate decays."""
    rate_decay: float = 0.5
    """Factor on the rate at each decay."""
    max_decays: int = 4
    """Training stops when the rate would decay once more."""
    precision: Precision = "float32"
    """Arithmetic of forward and backward passes."""
    threads: int = 0
    """torch threads while training; 0: torch's own number, or one while that is faster because
    other programs want the cores."""

    def __post_init__(self) -> None:
        positive = ("batch_size", "rate", "max_epochs")
        for name in positive:
            if not getattr(self, name) > 0:
                raise InputError(f"CE: {name} is {getattr(self, name)}, must be positive")
        for name in ("momentum", "label_smoothing", "plateau"):
            if not 0.0 <= getattr(self, name) < 1.0:
                raise InputError(f"CE: {name} is {getattr(self, name)}, must be in [0, 1)")
        for name in ("weight_decay", "max_decays", "threads"):
            if not getattr(self, name) >= 0:
                raise InputError(f"CE: {name} is {getattr(self, name)}, must not be negative")
        if not 0.0 < self.rate_decay < 1.0:
            raise InputError(f"CE: rate_decay is {self.rate_decay}, must be between 0 and 1")
        if self.optimizer not in ("sgd", "adam"):
            raise InputError(f"CE: unknown optimizer {self.optimizer!r}, choose sgd or adam")


@dataclass(frozen=True, slots=True)
class CeResult:
    """What frame training did; the network holds the best epoch's parameters."""

    history: tuple[EpochRecord, ...]
    """One record per epoch."""
    best_epoch: int
    """Epoch with the lowest held-out cross-entropy; 0 = before training."""
    heldout_ce: float
    """Held-out cross-entropy of that epoch, nats per frame."""


def train_ce(
    module: Dnn,
    source: FrameSource,
    targets: Mapping[str, Int32Array],
    training: Sequence[str],
    held_out: Sequence[str],
    config: CeConfig,
    *,
    seed: int,
    held_out_source: FrameSource | None = None,
    held_out_targets: Mapping[str, Int32Array] | None = None,
    state: Path | None = None,
    on_epoch: Callable[[EpochRecord], None] | None = None,
    on_frames: Callable[[int, int], None] | None = None,
) -> CeResult:
    """Maximise F_CE (Eq. 1) by stochastic gradient ascent.

    After each epoch held-out cross-entropy is measured. When it improves by less than
    `config.plateau` relative, the rate is multiplied by `config.rate_decay`; when it got worse,
    training goes on from the best parameters. The best parameters are kept.

    Args:
        module: network, trained in place; starts from the parameters it has.
        source: stacked features.
        targets: utterance id to int32 ``[frames]`` pdf_ids.
        training: ids to train on.
        held_out: ids to measure on; of other speakers if possible.
        config: how to train.
        seed: decides the order of frames and dropout.
        held_out_source: stacked features of the held-out utterances; None: those of `source`.
        held_out_targets: their targets, whose ids may be those of other training utterances; None:
            those of `targets`.
        state: directory to keep the state in after each epoch; if it holds the state of this very
            training, training goes on from there and ends with the same bits.
        on_epoch: called with each epoch's record as it is made.
        on_frames: called with frames done and frames of the epoch, about a hundred times.

    Returns:
        The history; `module` holds the best parameters.

    Raises:
        InputError: data that do not fit each other or the network, or a state of another training.
        RunError: the criterion became nan or inf in the first epoch: the rate is too high.
    """
    num_pdfs = module.config.num_pdfs
    frames = FrameSet.of(source, targets, training, num_pdfs)
    held_out_source = held_out_source or source
    held_out_targets = targets if held_out_targets is None else held_out_targets
    FrameSet.of(held_out_source, held_out_targets, held_out, num_pdfs)  # checks that side, too
    if not frames.num_frames or not held_out:
        raise InputError("CE: training needs frames, and held-out utterances to stop by")
    with torch_threads(config.threads):
        measured = _HeldOut(held_out_source, held_out_targets, tuple(held_out))
        trainer = _Trainer(module, source, frames, measured, config, seed)
        current = None if state is None else read_state(state, trainer.fingerprint)
        if current is None:
            current = trainer.initial()
        else:
            trainer.restore(current)
        while not current.finished:
            current = trainer.epoch(current, on_frames)
            if state is not None:
                write_state(state, trainer.fingerprint, current)
            if on_epoch is not None:
                on_epoch(current.history[-1])
    load_flat(module, current.best)
    module.eval()
    return CeResult(current.history, current.best_epoch, current.best_ce)


def frame_score(
    module: Dnn, source: FrameSource, targets: Mapping[str, Int32Array], utterances: Sequence[str]
) -> FrameScore:
    """Frame criterion and frame errors of a network on `utterances`, without dropout."""
    model = AcousticModel(module, np.zeros(module.config.num_pdfs, dtype=np.float32))
    score = FrameScore()
    for utterance in utterances:
        posteriors = model.log_posteriors(source.stacked(utterance))
        score += cross_entropy(posteriors, targets[utterance])
    return score


@dataclass(frozen=True, slots=True)
class _HeldOut:
    """What is measured after each epoch."""

    source: FrameSource
    targets: Mapping[str, Int32Array]
    utterances: tuple[str, ...]

    def score(self, module: Dnn) -> FrameScore:
        return frame_score(module, self.source, self.targets, self.utterances)


class _Trainer:
    """One training: everything that does not change between epochs."""

    def __init__(
        self,
        module: Dnn,
        source: FrameSource,
        frames: FrameSet,
        held_out: _HeldOut,
        config: CeConfig,
        seed: int,
    ):
        self.module = module
        self.source = source
        self.frames = frames
        self.held_out = held_out
        self.config = config
        self.seed = seed
        self.fingerprint = {
            "config": repr(config),
            "network": repr(module.config),
            "seed": seed,
            "data": _digest(*frames.utterances, frames.targets.tobytes(), *held_out.utterances),
            "start": _digest(flatten(module).tobytes()),
        }
        self.optimizer: torch.optim.Optimizer = self._fresh_optimizer()
        self.threads = None if config.threads else FastestThreads(torch.get_num_threads())

    def _fresh_optimizer(self) -> torch.optim.Optimizer:
        config, parameters = self.config, self.module.parameters()
        if config.optimizer == "adam":
            return torch.optim.AdamW(
                parameters, lr=config.rate, weight_decay=config.weight_decay, fused=True
            )
        return torch.optim.SGD(
            parameters,
            lr=config.rate,
            momentum=config.momentum,
            weight_decay=config.weight_decay,
            fused=True,
        )

    def initial(self) -> CeState:
        """State before the first epoch: the parameters at hand are the best so far."""
        score = self.held_out.score(self.module)
        vector = flatten(self.module)
        return CeState(
            epoch=0,
            rate=self.config.rate,
            decays=0,
            finished=False,
            best_epoch=0,
            best_ce=score.cross_entropy,
            history=(),
            parameters=vector,
            best=vector,
            optimizer={},
        )

    def restore(self, state: CeState) -> None:
        """Go on from a stored state."""
        load_flat(self.module, state.parameters)
        for name, value in state.optimizer.items():
            index, _, key = name.partition(".")
            tensor = list(self.module.parameters())[int(index)]
            self.optimizer.state[tensor][key] = torch.from_numpy(value.copy())

    def _optimizer_state(self) -> dict[str, Float32Array]:
        return {
            f"{index}.{key}": value.numpy().copy()
            for index, tensor in enumerate(self.module.parameters())
            for key, value in self.optimizer.state[tensor].items()
            if isinstance(value, torch.Tensor)
        }

    def epoch(self, state: CeState, on_frames: Callable[[int, int], None] | None) -> CeState:
        """One pass over the training frames, held-out measurement, decision about the rate."""
        epoch = state.epoch + 1
        for group in self.optimizer.param_groups:
            group["lr"] = state.rate
        train_ce = self._pass(epoch, on_frames)
        diverged = not np.isfinite(train_ce) or not np.all(np.isfinite(flatten(self.module)))
        if diverged and epoch == 1:
            raise DivergedError(
                f"CE: the criterion became {train_ce} in the first epoch; "
                f"lower the learning rate ({state.rate:g})"
            )
        score = FrameScore()
        if not diverged:
            score = self.held_out.score(self.module)
        record = EpochRecord(epoch, train_ce, score.cross_entropy, score.errors.rate, state.rate)
        better = score.cross_entropy < state.best_ce
        if not better:  # nan included
            load_flat(self.module, state.best)
            self.optimizer.state.clear()
        enough = score.cross_entropy < state.best_ce * (1.0 - self.config.plateau)
        decays = state.decays + (not enough)
        vector = flatten(self.module)
        return CeState(
            epoch=epoch,
            rate=state.rate if enough else state.rate * self.config.rate_decay,
            decays=decays,
            finished=decays > self.config.max_decays or epoch >= self.config.max_epochs,
            best_epoch=epoch if better else state.best_epoch,
            best_ce=score.cross_entropy if better else state.best_ce,
            history=(*state.history, record),
            parameters=vector,
            best=vector if better else state.best,
            optimizer=self._optimizer_state(),
        )

    def _pass(self, epoch: int, on_frames: Callable[[int, int], None] | None) -> float:
        """Update on every training frame once; mean cross-entropy on the way."""
        config, windows, total = self.config, self.source.windows, self.frames.num_frames
        self.module.train()
        self.module.dropout_stream = rng(self.seed, "ce", "dropout", epoch)
        draws = rng(self.seed, "ce", "augmentation", epoch)
        left, dim = self.source.left, self.source.dim
        window = Window(frames=windows.shape[1] // dim, channels=dim, centre=left)
        done, value, reported = 0, 0.0, 0
        if self.threads is not None:
            self.threads.resume()
        for positions in batches(
            self.frames, config.shuffling, config.batch_size, self.seed, epoch
        ):
            x = torch.from_numpy(windows[self.frames.rows[positions]])
            x = augment(x, window, config.augmentation, draws)
            y = torch.from_numpy(self.frames.targets[positions]).long()
            with autocast(config.precision):
                logits = self.module(x)
            # Divided by the full batch size: each frame weighs the same in smaller batches.
            loss = functional.cross_entropy(
                logits.float(), y, reduction="sum", label_smoothing=config.label_smoothing
            )
            self.optimizer.zero_grad(set_to_none=True)
            (loss / config.batch_size).backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()
            value += loss.item()
            if self.threads is not None:
                self.threads.batch_done()
            done += len(positions)
            if on_frames is not None and (done - reported) * 100 >= total:
                on_frames(done, total)
                reported = done
        self.module.dropout_stream = None
        self.module.eval()
        return value / total


def _digest(*parts: str | bytes) -> str:
    """SHA-256 of texts and bytes, with their borders."""
    digest = hashlib.sha256()
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        digest.update(len(raw).to_bytes(8, "little") + raw)
    return digest.hexdigest()
