"""A concave stand-in for speech: multinomial logistic regression, one "utterance" a few frames.

The outer gradient of a frame is (one-hot target) - (posterior at the decoder's parameters): it
depends on the parameters, can be negative and sums to zero, like that of MMI.
"""

import math

import numpy as np

from outergrad.criteria.outcome import FrameCounts, OuterGradient
from outergrad.gradient.gap import Gap, Probe
from outergrad.workers.messages import HeldOut
from outergrad.workers.program import Factory, Program

DIM, PDFS = 5, 4
UTTERANCES = tuple(f"utterance-{k:02d}" for k in range(24))
HARD = "utterance-03"
"""Always fails, for a reason."""
EASY = "utterance-07"
"""All its frames cancel."""


def frames_of(utterance):
    """Features float32 [T, DIM] and targets int [T] of an utterance."""
    stream = np.random.default_rng(list(utterance.encode()))
    truth = np.random.default_rng(7).normal(size=(DIM, PDFS))
    x = stream.normal(size=(int(stream.integers(4, 9)), DIM)).astype(np.float32)
    noisy = x @ truth + stream.gumbel(size=(len(x), PDFS))
    return x, noisy.argmax(axis=1)


def posteriors(parameters, x):
    logits = x.astype(np.float64) @ parameters.reshape(DIM, PDFS).astype(np.float64)
    logits -= logits.max(axis=1, keepdims=True)
    p = np.exp(logits)
    # A floor far below any posterior of a healthy run keeps logarithms of diverged ones finite.
    return np.maximum(p / p.sum(axis=1, keepdims=True), 1e-300)


def outer_gradient(parameters, utterance):
    x, targets = frames_of(utterance)
    count = len(x)
    if utterance == HARD:
        return OuterGradient.failure(utterance, count, "no final state reached")
    p = posteriors(parameters, x)
    kept = 0 if utterance == EASY else count
    rows = (np.eye(PDFS)[targets] - p).astype(np.float32)[:kept]
    return OuterGradient(
        utterance=utterance,
        num_frames=count,
        frames=np.arange(kept, dtype=np.int32),
        offsets=np.arange(kept + 1, dtype=np.int64) * PDFS,
        pdfs=np.tile(np.arange(PDFS, dtype=np.int32), kept),
        values=rows.ravel(),
        counts=FrameCounts(count, kept, count - kept, 0),
        value=float(np.log(p[np.arange(count), targets]).sum()),
    )


def inner_gradient(utterances, frames, rows):
    """Ascent direction float32 [DIM * PDFS] of frames with outer gradients `rows` [N, PDFS]."""
    x = np.stack([frames_of(u)[0][t] for u, t in zip(utterances, frames, strict=True)])
    return (x.T @ rows).ravel()


class ToyOuter:
    def load(self, parameters):
        self.parameters = parameters

    def compute(self, utterance):
        return outer_gradient(self.parameters, utterance)


class ToyGap(ToyOuter):
    """Its outer gradients are off by a half per frame whenever that is looked at."""

    def probe(self, utterance):
        outer = self.compute(utterance)
        return None if outer.failed else Probe((), outer)

    def gap(self, probe):
        outer, now = probe.outer, self.probe(probe.outer.utterance).outer.value
        auxiliary = now + 0.5 * outer.num_frames
        return Gap(outer.utterance, outer.num_frames, outer.value, now, auxiliary)


class ToyAged(ToyOuter):
    """Keeps outer gradients for so many updates, as decoders keep lattices."""

    def __init__(self, updates):
        self._updates = updates
        self._now = 0
        self._kept = {}

    @property
    def kept(self):
        return self._kept

    @kept.setter
    def kept(self, kept):
        self._kept = {} if kept is None else kept

    def seen(self, updates):
        self._now = updates

    def compute(self, utterance):
        made, outer = self._kept.get(utterance, (-math.inf, None))
        if self._now - made >= self._updates:
            outer = super().compute(utterance)
            self._kept[utterance] = self._now, outer
        return outer


class ToyInner:
    def load(self, parameters):
        self.parameters = parameters

    def gradient(self, batch):
        rows = batch.values.reshape(-1, PDFS)
        assert np.array_equal(batch.pdfs.reshape(-1, PDFS), [range(PDFS)] * len(rows))
        return inner_gradient(batch.utterances, batch.frames, rows)


class ToyEvaluator:
    def load(self, parameters):
        self.parameters = parameters

    def evaluate(self):
        return held_out(self.parameters)


def held_out(parameters):
    criterion = []
    for k in range(12):
        x, targets = frames_of(f"held-out-{k}")
        criterion.extend(np.log(posteriors(parameters, x)[np.arange(len(x)), targets]))
    errors = int(np.sum(np.array(criterion) < np.log(0.5)))
    return HeldOut(float(np.mean(criterion)), errors, 0, 1, len(criterion), 10.0)


def program(**changes):
    """The toy as a program; `changes` replace its parts."""
    parts = {
        "outer": Factory.of(ToyOuter),
        "inner": Factory.of(ToyInner),
        "evaluator": Factory.of(ToyEvaluator),
        "parameters": np.zeros(DIM * PDFS, np.float32),
        "utterances": UTTERANCES,
    }
    return Program(**parts | changes)
