"""Lattices as text, in the layout of Kaldi's `lattice-copy … ark,t:`.

State-level: ``source destination label word graph_cost,acoustic_cost``; final nodes
``node graph_cost,acoustic_cost``. Word lattices (Kaldi's compact lattices):
``source destination word graph_cost,acoustic_cost,tid_tid_…``; final nodes
``node graph_cost,acoustic_cost,tid_tid_…``. Costs are negated natural logs, acoustic costs are
unscaled, a missing weight is 0, the start is the first node named.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from outergrad.arrays import Int32Array
from outergrad.errors import InputError
from outergrad.lattice.building import (
    LatticeArc,
    WordArc,
    lattice_from_arcs,
    word_lattice_from_arcs,
)
from outergrad.lattice.lattice import Lattice
from outergrad.lattice.word_lattice import WordLattice

Labels = Literal["transitions", "pdfs"]


def _word(word: int, words: Sequence[str] | None) -> str:
    return str(word) if words is None else words[word]


def format_lattice(
    lattice: Lattice, *, labels: Labels = "transitions", words: Sequence[str] | None = None
) -> str:
    """A state-level lattice as text.

    Args:
        lattice: the lattice.
        labels: what the label column holds, transition_ids or pdf_ids + 1; 0 for epsilon arcs.
        words: word of each word_id, to print words instead of ids.
    """
    label = lattice.transition if labels == "transitions" else lattice.pdf + 1
    lines = [[] for _ in range(lattice.num_nodes)]  # type: list[list[str]]
    targets = lattice.destination
    for arc in range(lattice.num_arcs):
        weight = f"{float(lattice.graph_cost[arc]):.9g},{-float(lattice.acoustic_score[arc]):.9g}"
        source = int(lattice.source[arc])
        lines[source].append(
            f"{source}\t{targets[arc]}\t{label[arc]}\t{_word(lattice.word[arc], words)}\t{weight}\n"
        )
    for node in np.flatnonzero(lattice.final_cost < np.inf):
        lines[node].append(f"{node}\t{float(lattice.final_cost[node]):.9g},0\n")
    return "".join(line for group in lines for line in group)


def format_word_lattice(lattice: WordLattice, *, words: Sequence[str] | None = None) -> str:
    """A word lattice as text in the layout of Kaldi's compact lattices.

    Args:
        lattice: the lattice.
        words: word of each word_id, to print words instead of ids.
    """
    lines = [[] for _ in range(lattice.num_nodes)]  # type: list[list[str]]
    targets = lattice.destination
    end = lattice.num_nodes - 1
    for arc in range(lattice.num_arcs):
        span = slice(lattice.first_entry[arc], lattice.first_entry[arc + 1])
        weight = f"{lattice.graph_cost[arc]:.9g},{-lattice.acoustic_score[arc]:.9g}," + "_".join(
            map(str, lattice.transition[span])
        )
        source = int(lattice.source[arc])
        word = int(lattice.word[arc])
        if targets[arc] == end and not word:
            lines[source].append(f"{source}\t{weight}\n")
        else:
            lines[source].append(f"{source}\t{targets[arc]}\t{_word(word, words)}\t{weight}\n")
    return "".join(line for group in lines for line in group)


class _Names:
    """Numbers nodes in order of appearance."""

    def __init__(self) -> None:
        self._numbers: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._numbers)

    def __call__(self, text: str) -> int:
        return self._numbers.setdefault(int(text), len(self._numbers))


def _weight(text: str) -> tuple[float, float]:
    graph, acoustic = (float(part) for part in text.split(","))
    if not (np.isfinite(graph) and np.isfinite(acoustic)):
        raise ValueError(f"weight {text} is not finite")
    return graph, acoustic


def parse_lattice(
    text: str,
    *,
    labels: Labels = "transitions",
    pdf_of: Int32Array | None = None,
    acoustic_scale: float = 0.1,
) -> Lattice:
    """Read a state-level lattice.

    Args:
        text: lines of one lattice, without its utterance id.
        labels: what the label column holds, transition_ids or pdf_ids + 1.
        pdf_of: int32 [transition_id], pdf of each transition_id; needed for transition_ids.
        acoustic_scale: κ that the lattice counts as made with.

    Raises:
        InputError: the text is not a lattice; the message names the line.
    """
    if labels == "transitions" and pdf_of is None:
        raise InputError("a lattice with transition_ids needs `pdf_of` to know their pdfs")
    names = _Names()
    arcs: list[LatticeArc] = []
    finals: dict[int, float] = {}
    ends: list[tuple[int, float, float]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        fields = line.split()
        try:
            if len(fields) in (4, 5):
                source, destination = names(fields[0]), names(fields[1])
                label, word = int(fields[2]), int(fields[3])
                graph, acoustic = _weight(fields[4]) if len(fields) == 5 else (0.0, 0.0)
                pdf, transition = _label(label, pdf_of if labels == "transitions" else None)
                if word < 0:
                    raise ValueError(f"word_id {word} is negative")
                arcs.append(
                    LatticeArc(source, destination, pdf, transition, word, graph, -acoustic)
                )
            elif len(fields) in (1, 2):
                node = names(fields[0])
                ends.append((node, *(_weight(fields[1]) if len(fields) == 2 else (0.0, 0.0))))
            elif fields:
                raise ValueError(f"{len(fields)} fields")
        except ValueError as error:
            raise InputError(f"line {number} of the lattice: {error}") from error
    if not len(names):
        raise InputError("the lattice is empty")
    num_nodes = len(names)
    for node, graph, acoustic in ends:
        if acoustic:
            # Ending has an acoustic cost of its own: an epsilon arc to a new final node has it.
            arcs.append(LatticeArc(node, num_nodes, -1, 0, 0, graph, -acoustic))
            finals[num_nodes] = 0.0
            num_nodes += 1
        else:
            finals[node] = graph
    return lattice_from_arcs(num_nodes, 0, arcs, finals, acoustic_scale)


def _label(label: int, pdf_of: Int32Array | None) -> tuple[int, int]:
    """pdf_id and transition_id of a label."""
    if label < 0:
        raise ValueError(f"label {label} is negative")
    if pdf_of is None:
        return label - 1, 0
    return (_pdf(label, pdf_of) if label else -1), label


def _pdf(transition: int, pdf_of: Int32Array) -> int:
    if not 0 < transition < len(pdf_of):
        raise ValueError(f"transition_id {transition} does not exist")
    return int(pdf_of[transition])


def parse_word_lattice(
    text: str, *, pdf_of: Int32Array, acoustic_scale: float = 0.1
) -> WordLattice:
    """Read a word lattice (Kaldi's compact lattice); see `parse_lattice`.

    Raises:
        InputError: the text is not a word lattice; the message names the line.
    """
    names = _Names()
    arcs: list[WordArc] = []
    ends: list[WordArc] = []
    for number, line in enumerate(text.splitlines(), start=1):
        fields = line.split()
        try:
            if len(fields) in (3, 4):
                source, destination, word = names(fields[0]), names(fields[1]), int(fields[2])
                if word < 0:
                    raise ValueError(f"word_id {word} is negative")
                weight = fields[3] if len(fields) == 4 else "0,0,"
                arcs.append(WordArc(source, destination, word, *_segment(weight, pdf_of)))
            elif len(fields) in (1, 2):
                weight = fields[1] if len(fields) == 2 else "0,0,"
                ends.append(WordArc(names(fields[0]), -1, 0, *_segment(weight, pdf_of)))
            elif fields:
                raise ValueError(f"{len(fields)} fields")
        except ValueError as error:
            raise InputError(f"line {number} of the word lattice: {error}") from error
    if not ends:
        raise InputError("the word lattice has no final node")
    end = len(names)
    arcs += [arc._replace(destination=end) for arc in ends]
    return word_lattice_from_arcs(end + 1, 0, end, arcs, acoustic_scale)


def _segment(weight: str, pdf_of: Int32Array) -> tuple[float, float, list[int], list[int]]:
    costs, _, ids = weight.rpartition(",")
    graph, acoustic = _weight(costs)
    transitions = [int(part) for part in ids.split("_")] if ids else []
    return graph, -acoustic, [_pdf(tid, pdf_of) for tid in transitions], transitions


def parse_archive(text: str) -> dict[str, str]:
    """Split a text archive of lattices: utterance id → lines of its lattice.

    Each lattice follows a line with its utterance id and ends with an empty line.

    Raises:
        InputError: an utterance id is given twice.
    """
    lattices: dict[str, str] = {}
    utterance = None
    for line in text.splitlines():
        if not line.strip():
            utterance = None
        elif utterance is not None:
            lattices[utterance] += f"{line}\n"
        else:
            utterance = line.strip()
            if utterance in lattices:
                raise InputError(f"utterance {utterance} occurs twice in the lattice archive")
            lattices[utterance] = ""
    return lattices


def format_archive(lattices: dict[str, str]) -> str:
    """Join texts of lattices by utterance id into one text archive."""
    return "".join(f"{utterance}\n{text}\n" for utterance, text in lattices.items())
