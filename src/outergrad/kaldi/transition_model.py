"""Kaldi's transition model: what its transition_ids stand for.

It is the begin of a ``final.mdl``, whatever acoustic model follows it, and all of it that a hybrid
system shares with the GMM that it was bootstrapped from.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from outergrad.arrays import Float64Array
from outergrad.errors import InputError
from outergrad.kaldi.objects import ObjectReader

NO_PDF = -1
"""pdf class of a state that does not emit."""

_MOST_STATES = 1000


@dataclass(frozen=True, slots=True)
class KaldiState:
    """An emitting state of a phone's HMM."""

    pdf_class: int
    """What the tree is asked for."""
    arcs: tuple[tuple[int, float], ...]
    """(state it leads to, initial probability), in the order of the transition_ids."""


@dataclass(frozen=True, eq=False)
class KaldiTransitions:
    """A transition model as it stands in the file, with Kaldi's own numbers."""

    path: Path
    """Where it was read from, for messages."""
    topology: Mapping[int, tuple[KaldiState, ...]]
    """Kaldi's phone_id → its emitting states; the state after the last one is the exit."""
    triples: tuple[tuple[int, int, int], ...]
    """(phone_id, state, pdf_id) of transition-state 1, 2, ..."""
    log_probs: Float64Array
    """float64 [transition_id], natural log; entry 0 is not used."""


def read_transition_model(path: Path) -> KaldiTransitions:
    """Read the transition model that a Kaldi model file begins with, text or binary.

    Raises:
        InputError: the file is damaged or none; or its topology is one that is not supported:
            states in the middle that do not emit, or a pdf of their own for self-loops (chain
            models).
    """
    reader = ObjectReader(path)
    reader.expect("<TransitionModel>")
    topology = _topology(reader)
    kind = reader.expect("<Triples>", "<Tuples>")
    if kind == "<Tuples>":
        raise _chain(path)
    count = reader.integer()
    triples = tuple((reader.integer(), reader.integer(), reader.integer()) for _ in range(count))
    reader.expect("</Triples>")
    reader.expect("<LogProbs>")
    log_probs = reader.reals()
    reader.expect("</LogProbs>")
    reader.expect("</TransitionModel>")
    for phone, state, _ in triples:
        if not 0 <= state < len(topology.get(phone, ())):
            raise reader.damaged(f"phone {phone} has no state {state} in the topology")
    transitions = sum(len(topology[phone][state].arcs) for phone, state, _ in triples)
    if len(log_probs) != transitions + 1 or not np.all(np.isfinite(log_probs)):
        raise reader.damaged(f"{len(log_probs)} log probabilities for {transitions} transitions")
    return KaldiTransitions(path, topology, triples, log_probs)


def _topology(reader: ObjectReader) -> dict[int, tuple[KaldiState, ...]]:
    reader.expect("<Topology>")
    listed = _binary_entries(reader) if reader.binary else _text_entries(reader)
    found = {}
    for phone, states in listed.items():
        if len(states) < 2 or states[-1] != KaldiState(NO_PDF, ()):
            raise InputError(
                f"{reader.path}: the HMM of phone {phone} must end with one state that neither "
                "emits nor goes on"
            )
        if any(state.pdf_class == NO_PDF for state in states[:-1]):
            raise InputError(
                f"{reader.path}: the HMM of phone {phone} has a state in its middle that does not "
                "emit; such topologies are not supported"
            )
        found[phone] = states[:-1]
    return found


def _text_entries(reader: ObjectReader) -> dict[int, tuple[KaldiState, ...]]:
    found: dict[int, tuple[KaldiState, ...]] = {}
    while reader.expect("<TopologyEntry>", "</Topology>") == "<TopologyEntry>":
        reader.expect("<ForPhones>")
        phones = []
        while (word := reader.token()) != "</ForPhones>":
            if not word.isdecimal():
                raise reader.damaged(f"expected a phone_id, found {word!r}")
            phones.append(int(word))
        states: list[KaldiState] = []
        while reader.expect("<State>", "</TopologyEntry>") == "<State>":
            if reader.integer() != len(states):
                raise reader.damaged(f"state {len(states)} is expected here")
            states.append(_text_state(reader))
        for phone in phones:
            if phone in found or phone < 1:
                raise reader.damaged(f"phone {phone} is listed twice, or is none")
            found[phone] = tuple(states)
    return found


def _text_state(reader: ObjectReader) -> KaldiState:
    pdf_class, arcs = NO_PDF, []
    while (word := reader.token()) != "</State>":
        if word == "<PdfClass>":
            pdf_class = reader.integer()
        elif word == "<Transition>":
            arcs.append((reader.integer(), reader.real()))
        elif word in ("<ForwardPdfClass>", "<SelfLoopPdfClass>"):
            raise _chain(reader.path)
        else:
            raise reader.damaged(f"{word!r} is not expected in a state")
    return KaldiState(pdf_class, tuple(arcs))


def _binary_entries(reader: ObjectReader) -> dict[int, tuple[KaldiState, ...]]:
    phones, entry_of = reader.integers(), reader.integers()
    count = reader.integer()
    if count == -1:  # Kaldi's mark for self-loops with pdfs of their own
        raise _chain(reader.path)
    entries = [
        tuple(_binary_state(reader) for _ in range(_few(reader)))
        for _ in range(_few(reader, count))
    ]
    reader.expect("</Topology>")
    found = {}
    for phone in phones:
        if not (0 < phone < len(entry_of) and 0 <= entry_of[phone] < len(entries)):
            raise reader.damaged(f"phone {phone} has no HMM")
        found[phone] = entries[entry_of[phone]]
    return found


def _binary_state(reader: ObjectReader) -> KaldiState:
    pdf_class = reader.integer()
    return KaldiState(
        pdf_class, tuple((reader.integer(), reader.real()) for _ in range(_few(reader)))
    )


def _few(reader: ObjectReader, count: int | None = None) -> int:
    count = reader.integer() if count is None else count
    if not 0 <= count <= _MOST_STATES:
        raise reader.damaged(f"a topology with {count} parts is not believable")
    return count


def _chain(path: Path) -> InputError:
    return InputError(
        f"{path}: this is a chain model (self-loops have pdfs of their own), which cannot be the "
        "start of a frame-synchronous hybrid system; give the directory of the GMM that it was "
        "made from, such as exp/tri3_ali"
    )
