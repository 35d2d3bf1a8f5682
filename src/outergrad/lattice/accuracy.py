"""Frame accuracies of a lattice against a reference alignment: boosting and expected accuracy."""

from dataclasses import dataclass, replace

import numpy as np

from outergrad.arrays import BoolArray, Float64Array, Int32Array, Int64Array
from outergrad.errors import InputError
from outergrad.jit import kernel
from outergrad.lattice import acyclic
from outergrad.lattice.lattice import Lattice
from outergrad.lattice.occupancies import grouped_by_frame
from outergrad.lattice.word_lattice import WordLattice


@dataclass(frozen=True, eq=False)
class PhoneClasses:
    """Which phone a transition belongs to, and which phones are silence.

    Attributes:
        phone_of: int32 [transition_id], phone_id; entry 0 is unused.
        silence: phone_ids of silence.
    """

    phone_of: Int32Array
    silence: tuple[int, ...] = (1,)

    def phones(self, transitions: Int32Array) -> Int32Array:
        """phone_id of each transition_id.

        Raises:
            InputError: a transition_id that is unknown (0: the graph has no transition labels).
        """
        if len(transitions) and not (
            1 <= int(transitions.min()) <= int(transitions.max()) < len(self.phone_of)
        ):
            raise InputError(
                "phone accuracy: the lattice or the alignment has transition_ids outside 1 ... "
                f"{len(self.phone_of) - 1}; was the graph compiled with another model?"
            )
        return self.phone_of[transitions]

    def is_silence(self, phones: Int32Array) -> BoolArray:
        """Whether each phone is a silence."""
        return np.isin(phones, self.silence)


@dataclass(frozen=True, eq=False)
class ExpectedAccuracy:
    """Expected frame accuracy and its derivative in the scaled scores, sparse by frame.

    Attributes:
        log_z: natural log of the sum over all paths.
        value: expected number of correct frames, E[A] = Σ over paths of P(path) A(path).
        offsets: int64 [frame + 1], where each frame's entries begin.
        pdf: int32 [entry], pdf_id, ascending within a frame.
        occupancy: float64 [entry], γ_t(s); those of one frame sum to 1.
        gradient: float64 [entry], γ_t(s) (E[A | s in frame t] − E[A]); a frame's sum to 0.
    """

    log_z: float
    value: float
    offsets: Int64Array
    pdf: Int32Array
    occupancy: Float64Array
    gradient: Float64Array


def _transitions(lattice: Lattice | WordLattice) -> Int32Array:
    if isinstance(lattice, WordLattice):
        return lattice.transition
    return lattice.transition[lattice.pdf >= 0]


def _entry_frames(offsets: Int64Array, begin: Int32Array) -> Int64Array:
    """Frame of each entry of each arc."""
    lengths = np.diff(offsets)
    return np.repeat(begin - offsets[:-1], lengths) + np.arange(offsets[-1])


def boost(
    lattice: Lattice | WordLattice,
    reference: Int32Array,
    classes: PhoneClasses,
    factor: float,
    silence_error: float = 0.0,
) -> Lattice | WordLattice:
    """The lattice with paths made likelier the more frames they get wrong.

    graph cost of an arc −= factor · Σ over its frames of error, where error is 0 for the phone
    of the reference, `silence_error` for a silence that the reference does not have, else 1.

    Args:
        lattice: a lattice of either kind, with transition_ids.
        reference: int32 [frame], transition_ids of the reference alignment.
        classes: phones of the transitions.
        factor: b, nats per wrong frame.
        silence_error: error of a wrong silence.

    Raises:
        InputError: another number of frames, or unknown transition_ids.

    Source: Povey et al., Boosted MMI for model and feature-space discriminative training (2008),
    as in Kaldi's ``lattice-boost-ali``.
    """
    _check_length(lattice, reference)
    offsets, begin, _ = lattice.entries()
    phones = classes.phones(_transitions(lattice))
    wrong = phones != classes.phones(reference)[_entry_frames(offsets, begin)]
    errors = np.where(classes.is_silence(phones), silence_error, 1.0) * wrong
    arc = np.repeat(np.arange(lattice.num_arcs), np.diff(offsets))
    bonus = factor * np.bincount(arc, weights=errors, minlength=lattice.num_arcs)
    cost = lattice.graph_cost - bonus
    if isinstance(lattice, WordLattice):
        return replace(lattice, graph_cost=cost)
    return replace(lattice, graph_cost=cost.astype(np.float32))


def state_accuracies(
    lattice: Lattice | WordLattice,
    pdfs: Int32Array,
    reference: Int32Array,
    classes: PhoneClasses,
    *,
    one_silence_class: bool = True,
) -> Float64Array:
    """1 for each frame of an arc that has the reference's pdf, else 0; float64 [entry].

    Args:
        lattice: a lattice of either kind, with transition_ids.
        pdfs: int32 [frame], pdf_ids of the reference alignment.
        reference: int32 [frame], its transition_ids.
        classes: phones of the transitions.
        one_silence_class: all states of all silences count as one; otherwise a silence is never
            right.

    Raises:
        InputError: another number of frames, or unknown transition_ids.

    Source: Kaldi's ``lattice-to-smbr-post``.
    """
    _check_length(lattice, reference)
    offsets, begin, pdf = lattice.entries()
    same = pdf == pdfs[_entry_frames(offsets, begin)]
    return _with_silence(lattice, same, reference, classes, one_silence_class)


def phone_accuracies(
    lattice: Lattice | WordLattice,
    reference: Int32Array,
    classes: PhoneClasses,
    *,
    one_silence_class: bool = True,
) -> Float64Array:
    """1 for each frame of an arc that has the reference's phone, else 0; float64 [entry].

    Arguments and errors are those of `state_accuracies`.

    Source: Kaldi's ``lattice-to-mpe-post`` (MPFE).
    """
    _check_length(lattice, reference)
    offsets, begin, _ = lattice.entries()
    frames = _entry_frames(offsets, begin)
    same = classes.phones(_transitions(lattice)) == classes.phones(reference)[frames]
    return _with_silence(lattice, same, reference, classes, one_silence_class)


def _with_silence(
    lattice: Lattice | WordLattice,
    same: BoolArray,
    reference: Int32Array,
    classes: PhoneClasses,
    one_silence_class: bool,
) -> Float64Array:
    offsets, begin, _ = lattice.entries()
    silent = classes.is_silence(classes.phones(_transitions(lattice)))
    if not one_silence_class:
        return (same & ~silent).astype(np.float64)
    expected = classes.is_silence(classes.phones(reference))[_entry_frames(offsets, begin)]
    return (same | (silent & expected)).astype(np.float64)


def _check_length(lattice: Lattice | WordLattice, reference: Int32Array) -> None:
    if reference.shape != (lattice.num_frames,):
        raise InputError(
            f"the reference alignment has {len(reference)} frames, the lattice {lattice.num_frames}"
        )


def expected_accuracy(
    lattice: Lattice | WordLattice,
    accuracies: Float64Array,
    acoustic_scale: float | None = None,
) -> ExpectedAccuracy:
    """Expected accuracy under the lattice's distribution, and its derivative.

    E[A] = Σ P(path) A(path),   ∂E[A]/∂a_t(s) = γ_t(s) (E[A | s in frame t] − E[A])

    with scaled scores a: one forward and one backward pass over pairs (probability, accuracy).

    Args:
        lattice: a lattice of either kind.
        accuracies: float64 [frame of an arc], in the order of ``lattice.entries()``.
        acoustic_scale: κ, that of the lattice if not given.

    Raises:
        InputError: no path has a finite score, or not one accuracy per entry.

    Source: Povey, Discriminative training for large vocabulary speech recognition (2003), section
    on MPE; Kaldi's ``LatticeForwardBackwardMpeVariants``.
    """
    scale = lattice.acoustic_scale if acoustic_scale is None else acoustic_scale
    if not 0.0 < scale < np.inf:
        raise InputError(f"acoustic_scale must be positive and finite, got {scale}")
    offsets, begin, pdf = lattice.entries()
    if accuracies.shape != pdf.shape:
        raise InputError(f"{len(accuracies)} accuracies for {len(pdf)} frames of arcs")
    log_z, ends, share = acyclic.forward(
        lattice.first_arc, lattice.source, lattice.score(scale), lattice.final_score
    )
    if log_z == -np.inf:
        raise InputError("the lattice has no path with a finite score, so log Z is -inf")
    arc = np.repeat(np.arange(lattice.num_arcs), np.diff(offsets))
    by_arc = np.bincount(arc, weights=accuracies, minlength=lattice.num_arcs)
    value, occupancy, gradient = _accuracy_passes(
        lattice.first_arc, lattice.source, by_arc.astype(np.float64), ends, share
    )
    num_pdfs = int(pdf.max()) + 1 if len(pdf) else 0
    rows = _sum_by_frame(occupancy, gradient, offsets, begin, pdf, lattice.num_frames, num_pdfs)
    return ExpectedAccuracy(float(log_z), value, *rows)


@kernel
def _accuracy_passes(
    first_arc: Int64Array,
    source: Int32Array,
    accuracy: Float64Array,
    ends: Float64Array,
    share: Float64Array,
) -> tuple[float, Float64Array, Float64Array]:
    """E[A]; float64 [arc], γ(arc); float64 [arc], γ(arc) (E[A | arc] − E[A])."""
    num_nodes = first_arc.shape[0] - 1
    before = np.zeros(num_nodes)  # E[accuracy up to the node | node]
    for node in range(1, num_nodes):
        for arc in range(first_arc[node], first_arc[node + 1]):
            before[node] += share[arc] * (before[source[arc]] + accuracy[arc])
    value = 0.0
    for node in range(num_nodes):
        value += ends[node] * before[node]
    mass = ends.copy()  # γ(node)
    rest = np.zeros(num_nodes)  # γ(node) E[accuracy from the node on | node]
    occupancy = np.empty(source.shape[0])
    gradient = np.empty(source.shape[0])
    for node in range(num_nodes - 1, -1, -1):
        after = rest[node] / mass[node] if mass[node] > 0.0 else 0.0
        for arc in range(first_arc[node], first_arc[node + 1]):
            start = source[arc]
            occupancy[arc] = share[arc] * mass[node]
            onward = accuracy[arc] + after
            gradient[arc] = occupancy[arc] * (before[start] + onward - value)
            mass[start] += occupancy[arc]
            rest[start] += occupancy[arc] * onward
    return value, occupancy, gradient


@kernel
def _sum_by_frame(
    occupancy: Float64Array,
    gradient: Float64Array,
    first_entry: Int64Array,
    begin: Int32Array,
    pdf: Int32Array,
    num_frames: int,
    num_pdfs: int,
) -> tuple[Int64Array, Int32Array, Float64Array, Float64Array]:
    """Both sums by frame and pdf; as the sums of `outergrad.lattice.occupancies`, but signed."""
    first, column, arc_of = grouped_by_frame(first_entry, begin, pdf, num_frames)
    masses = np.empty(pdf.shape[0])
    slopes = np.empty(pdf.shape[0])
    mass = np.zeros(num_pdfs)
    slope = np.zeros(num_pdfs)
    offsets = np.zeros(num_frames + 1, dtype=np.int64)
    out = 0
    for frame in range(num_frames):
        low = num_pdfs
        high = -1
        for entry in range(first[frame], first[frame + 1]):
            mass[column[entry]] += occupancy[arc_of[entry]]
            slope[column[entry]] += gradient[arc_of[entry]]
            low = min(low, column[entry])
            high = max(high, column[entry])
        for candidate in range(low, high + 1):
            if mass[candidate] > 0.0:
                # Merged entries are never more than the entries before them.
                column[out] = candidate
                masses[out] = mass[candidate]
                slopes[out] = slope[candidate]
                out += 1
                mass[candidate] = 0.0
            slope[candidate] = 0.0
        offsets[frame + 1] = out
    return offsets, column[:out].copy(), masses[:out].copy(), slopes[:out].copy()
