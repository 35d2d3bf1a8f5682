"""Outer gradients against finite differences, through softmax and fixed lattices."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from outergrad.criteria.config import CriterionConfig, Kind
from outergrad.criteria.criterion import evaluate
from outergrad.criteria.numerator import Numerator, sum_of

KEEP_ALL = CriterionConfig(rejection=0.0, cancellation=0.0, boost=0.5)
NUM_PDFS = 5


def rescored(lattice, scores):
    """The lattice with float64 scores, so that differences of values are not of rounding."""
    offsets, begin, pdf = lattice.entries()
    frame = np.repeat(begin - offsets[:-1], np.diff(offsets)) + np.arange(len(pdf))
    arc = np.repeat(np.arange(lattice.num_arcs), np.diff(offsets))
    sums = np.bincount(arc, weights=scores[frame, pdf], minlength=lattice.num_arcs)
    return replace(lattice, acoustic_score=sums)


class Criterion(torch.autograd.Function):
    """A criterion of scores on fixed paths, with the package's outer gradient as derivative."""

    @staticmethod
    def forward(ctx, scores, kind, lattice, reference, classes):
        table = scores.detach().numpy()
        acoustic = float(table[np.arange(len(table)), reference.pdfs].sum())
        numerator = Numerator.of(replace(reference, acoustic_score=acoustic))
        outer = evaluate(
            kind,
            replace(numerator, sum=sum_of(lattice)),
            rescored(lattice, table),
            KEEP_ALL,
            utterance="u",
            classes=classes,
        )
        gradient = np.zeros_like(table)
        gradient[np.repeat(outer.frames, np.diff(outer.offsets)), outer.pdfs] = outer.values
        ctx.save_for_backward(torch.from_numpy(lattice.acoustic_scale * gradient))
        return scores.new_tensor(outer.value)

    @staticmethod
    def backward(ctx, outside):
        return ctx.saved_tensors[0] * outside, None, None, None, None


@pytest.mark.parametrize("kind", list(Kind))
def test_gradcheck_through_lattice_and_softmax(cases, classes, kind):
    generator = torch.Generator().manual_seed(3)
    priors = torch.log_softmax(torch.randn(NUM_PDFS, generator=generator, dtype=torch.double), 0)
    for lattice, _, reference in cases[:24]:
        logits = torch.randn(
            lattice.num_frames, NUM_PDFS, generator=generator, dtype=torch.double
        ).requires_grad_()

        def value(logits, lattice=lattice, reference=reference):
            scores = torch.log_softmax(logits, dim=1) - priors
            return Criterion.apply(scores, kind, lattice, reference, classes)

        # Rows are float32: derivatives are good to some 1e-6.
        assert torch.autograd.gradcheck(value, (logits,), eps=1e-6, atol=1e-5, rtol=1e-4)
