"""Auxiliary functions: contact at theta', bounds elsewhere, and where there is no bound."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from outergrad.criteria.config import CriterionConfig, Kind, Sum
from outergrad.criteria.criterion import evaluate
from outergrad.criteria.numerator import Numerator
from outergrad.errors import InputError
from outergrad.gradient.anchor import anchored
from outergrad.gradient.auxiliary import (
    AuxiliaryConfig,
    AuxiliaryRows,
    auxiliary_value,
    logit_gradient,
)
from outergrad.lattice.building import LatticeArc, lattice_from_arcs
from outergrad.lattice.path import Path
from outergrad.randomness import rng

KEEP_ALL = CriterionConfig(rejection=0.0, cancellation=0.0)
CONFIGS = {
    "tangential": AuxiliaryConfig(),
    "floor": AuxiliaryConfig(kind="proximal", factor=1.5, ceiling=0.0),
    "guaranteed": AuxiliaryConfig(kind="proximal", proximity="guaranteed"),
    "bounded": AuxiliaryConfig(kind="bounded"),
}


def log_softmax(logits):
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


@dataclass
class Problem:
    """Parallel paths, the first being the reference; theta is the table of logits."""

    paths: np.ndarray  # [paths, frames] pdf_ids
    costs: np.ndarray  # [paths]
    kappa: float
    num_pdfs: int

    def scores(self, log_posteriors):
        frames = np.arange(self.paths.shape[1])
        return self.kappa * log_posteriors[frames, self.paths].sum(axis=1) - self.costs

    def criterion(self, log_posteriors):
        """F by enumeration, float64."""
        scores = self.scores(log_posteriors)
        return scores[0] - np.logaddexp.reduce(scores)

    def sides(self, log_posteriors):
        arcs, nodes = [], 2
        num_frames = self.paths.shape[1]
        for pdfs, cost in zip(self.paths.tolist(), self.costs, strict=True):
            source = 0
            for t, pdf in enumerate(pdfs):
                last = t == num_frames - 1
                target = 1 if last else nodes
                nodes += not last
                score = log_posteriors[t, pdf]
                arcs.append(
                    LatticeArc(source, target, pdf, pdf + 1, 0, cost if last else 0.0, score)
                )
                source = target
        lattice = lattice_from_arcs(nodes, 0, arcs, {1: 0.0}, self.kappa)
        pdfs = self.paths[0].astype(np.int32)
        acoustic = float(log_posteriors[np.arange(num_frames), pdfs].sum())
        path = Path((), (), pdfs, pdfs + np.int32(1), float(self.costs[0]), acoustic, self.kappa)
        made = Numerator.of(path)
        return Numerator(made.alignment, made.occupancies, Sum.ALL_ALIGNMENTS), lattice

    def contact(self, log_posteriors, auxiliary):
        """F(theta') and the rows that touch it there."""
        numerator, lattice = self.sides(log_posteriors)
        outer = evaluate(Kind.MMI, numerator, lattice, KEEP_ALL, utterance="u")
        outer = anchored(
            outer,
            numerator,
            log_posteriors.astype(np.float32),
            Kind.MMI,
            auxiliary,
            self.kappa,
        )
        rows = AuxiliaryRows.of(
            outer.offsets, outer.pdfs, outer.values, outer.anchor, self.num_pdfs
        )
        return outer, rows


def problems(count=25):
    for number in range(count):
        stream = rng(17, "auxiliary", number)
        num_frames, num_pdfs = int(stream.integers(1, 9)), int(stream.integers(2, 6))
        num_paths = int(stream.integers(2, 8))
        paths = stream.integers(0, num_pdfs, (num_paths, num_frames))
        kappa = float(stream.choice([0.1, 0.3, 1.0]))
        problem = Problem(paths, 2.0 * stream.standard_normal(num_paths), kappa, num_pdfs)
        yield problem, log_softmax(2.0 * stream.standard_normal((num_frames, num_pdfs))), stream


def moved(log_posteriors, stream, count):
    """Other parameters: near, far, and with single states driven to nothing."""
    for number in range(count):
        scale = (0.01, 0.3, 2.0, 10.0, 40.0)[number % 5]
        step = scale * stream.standard_normal(log_posteriors.shape)
        if number % 2:
            step *= stream.random(log_posteriors.shape) < 0.3
        yield log_softmax(log_posteriors + step)


@pytest.mark.parametrize("name", CONFIGS)
def test_contact_where_the_outer_gradient_was_computed(name):
    """B(theta') = F(theta'), and equal gradients there."""
    for problem, then, _ in problems():
        outer, rows = problem.contact(then, CONFIGS[name])
        kind = CONFIGS[name].kind
        assert outer.value == pytest.approx(problem.criterion(then), abs=1e-5)  # float32 lattice
        at = then[outer.frames]
        change = auxiliary_value(kind, rows, at, problem.kappa)
        weight = 1.0 + rows.proximity  # anchors are float32, and D multiplies their rounding
        np.testing.assert_allclose(change / weight, 0.0, atol=1e-6)
        gradient = logit_gradient(kind, rows, at, problem.kappa)
        np.testing.assert_allclose((gradient - rows.values) / weight[:, None], 0.0, atol=1e-6)


@pytest.mark.parametrize("name", CONFIGS)
def test_gradients_are_those_of_the_values_everywhere(name):
    """Float64 finite differences of the auxiliary function in the logits."""
    kind, step = CONFIGS[name].kind, 1e-5
    for problem, then, stream in problems(6):
        outer, rows = problem.contact(then, CONFIGS[name])
        for now in moved(then, stream, 3):
            at = now[outer.frames]
            gradient = problem.kappa * logit_gradient(kind, rows, at, problem.kappa)
            for place in np.ndindex(at.shape):
                up, down = at.copy(), at.copy()
                up[place] += step
                down[place] -= step
                values = (
                    auxiliary_value(kind, rows, log_softmax(logits), problem.kappa)[place[0]]
                    for logits in (up, down)
                )
                slope = (next(values) - next(values)) / (2 * step)
                size = 1.0 + problem.kappa * rows.proximity[place[0]]
                assert slope / size == pytest.approx(gradient[place] / size, abs=1e-5)


def test_the_guaranteed_bound_is_below_the_criterion_at_every_sampled_parameter():
    """B(theta) <= F(theta), however far theta is."""
    sampled, tight = 0, 0.0
    for problem, then, stream in problems(60):
        outer, rows = problem.contact(then, CONFIGS["guaranteed"])
        start = problem.criterion(then)
        for now in moved(then, stream, 50):
            change = auxiliary_value("proximal", rows, now[outer.frames], problem.kappa).sum()
            actual = problem.criterion(now) - start
            # Anchors and rows are float32, and D multiplies the rounding of the divergence.
            assert change <= actual + 1e-5 * (1.0 + problem.kappa * rows.proximity.sum())
            sampled += 1
            tight = max(tight, np.exp(-abs(actual - change)) * (abs(actual) > 0.01))
    assert sampled == 3000
    assert tight > 0.5, "the bound must be near the criterion somewhere that matters"


def test_the_tangential_contact_is_no_bound():
    """Three states, one frame, kappa = 1: driving the competitor to nothing promises more than 0.

    At p' = (0.4, 0.4, 0.2) gamma_den = (1/2, 1/2, 0), F = log 1/2. At p = (0.4, 0.001, 0.599) the
    criterion is log(0.4 / 0.401) < 0, but the tangential contact says log 1/2 + 1/2 log 400 = 2.3.
    """
    problem = Problem(np.array([[0], [1]]), np.zeros(2), 1.0, 3)
    then, now = np.log([[0.4, 0.4, 0.2]]), np.log([[0.4, 0.001, 0.599]])
    start, end = problem.criterion(then), problem.criterion(now)
    assert (start, end) == pytest.approx((np.log(0.5), np.log(0.4 / 0.401)))
    promised = {}
    for name, config in CONFIGS.items():
        _, rows = problem.contact(then, config)
        promised[name] = start + auxiliary_value(config.kind, rows, now, 1.0).sum()
    assert promised["tangential"] == pytest.approx(np.log(0.5) + 0.5 * np.log(400.0), abs=1e-5)
    assert promised["tangential"] > 0.0 > end
    assert promised["guaranteed"] <= end
    assert promised["floor"] <= end
    # In one frame the bounded contact is the criterion itself.
    assert promised["bounded"] == pytest.approx(end, abs=1e-5)


def test_the_bounded_contact_stays_bounded_where_the_tangential_one_runs_away():
    for problem, then, stream in problems():
        outer, rows = problem.contact(then, CONFIGS["bounded"])
        for now in moved(then, stream, 10):
            change = auxiliary_value("bounded", rows, now[outer.frames], problem.kappa)
            # Each frame: at most kappa max d of the numerator plus the denominator's bound, which
            # holds as long as one of its states keeps its mass.
            d = np.where(rows.present > 0, now[outer.frames] - rows.anchor, -np.inf)
            best = np.where(
                rows.denominator > 0, d + np.log(rows.denominator + 1e-30) / problem.kappa, -np.inf
            )
            limit = problem.kappa * (d.max(axis=1) - best.max(axis=1))
            assert np.all(change <= limit + 1e-4)


def test_the_floor_keeps_targets_non_negative():
    for problem, then, _ in problems():
        outer, rows = problem.contact(then, AuxiliaryConfig(kind="proximal", ceiling=0.0))
        targets = rows.values + rows.proximity[:, None] * np.exp(then[outer.frames])
        assert targets.min(initial=0.0) > -1e-5
        # One of each frame's targets is zero: nothing smaller would do.
        assert np.all(targets.min(axis=1) < 1e-5)
        np.testing.assert_allclose(targets.sum(axis=1), rows.proximity, rtol=1e-4)


def test_a_ceiling_cuts_the_proximity():
    problem, then, _ = next(problems())
    _, rows = problem.contact(then, AuxiliaryConfig(kind="proximal", ceiling=0.01))
    assert rows.proximity.max() <= np.float32(0.01)


def test_what_does_not_exist_is_refused():
    guaranteed = CONFIGS["guaranteed"]
    with pytest.raises(InputError, match="no guaranteed bound is known for smbr"):
        guaranteed.check(Kind.SMBR, CriterionConfig())
    with pytest.raises(InputError, match="defined for the criterion alone"):
        CONFIGS["bounded"].check(Kind.MMI, CriterionConfig(smoothing=0.1))
    with pytest.raises(InputError, match="factor"):
        AuxiliaryConfig(factor=0.0)
    problem, then, _ = next(problems())
    outer, _ = problem.contact(then, guaranteed)
    with pytest.raises(InputError, match="does not belong"):
        AuxiliaryRows.of(
            outer.offsets[:-1],
            outer.pdfs,
            outer.values,
            replace(outer.anchor, denominator=outer.anchor.denominator[:-1]),
            problem.num_pdfs,
        )
