"""State tying and transitions as Kaldi's ``tree``, ``final.mdl`` and ``phones.txt``, in text.

``final.mdl`` holds the transition model and no acoustic model: it is what Kaldi's programs for
graphs and for decoding with a network read of it (``make-h-transducer``, ``add-self-loops``,
``latgen-faster-mapped``).
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from outergrad.hmm.model import HmmModel
from outergrad.hmm.topology import Topology
from outergrad.hmm.transitions import TransitionModel
from outergrad.hmm.tying import HMM_STATE, Leaf, Node, StateTying
from outergrad.kaldi.system import MODEL, PHONES, TREE
from outergrad.kaldi.tree import PDF_CLASS


def write_kaldi_hmm(hmm: HmmModel, folder: Path) -> None:
    """Write ``tree``, ``final.mdl`` and ``phones.txt`` into a folder that exists.

    Numbers of phones, pdfs and transitions are those of `hmm`.

    Raises:
        OSError: they cannot be written.
    """
    (folder / TREE).write_text("".join(_tree(hmm.tying)), encoding="ascii")
    (folder / MODEL).write_text("".join(_transition_model(hmm.transitions)), encoding="ascii")
    names = ["<eps>", *hmm.phones.names]
    lines = [f"{name} {number}\n" for number, name in enumerate(names)]
    (folder / PHONES).write_text("".join(lines), encoding="utf-8")


def _tree(tying: StateTying) -> Iterator[str]:
    central = tying.central_position
    yield f"ContextDependency {tying.context_width} {central} "
    yield f"ToPdf TE {central} {tying.num_phones + 1} ( NULL "
    for root in tying.roots:
        yield _node(root)
    yield ")\nEndContextDependency "


def _node(node: Node) -> str:
    if isinstance(node, Leaf):
        return f"CE {node.pdf} "
    # A state's pdf class is its number.
    key = PDF_CLASS if node.position == HMM_STATE else node.position
    members = " ".join(map(str, sorted(node.members)))
    return f"SE {key} [ {members} ]\n{{ {_node(node.yes)}{_node(node.no)}}} \n"


def _transition_model(transitions: TransitionModel) -> Iterator[str]:
    yield "<TransitionModel> \n"
    yield from _topology(transitions.topology)
    yield f"<Triples> {transitions.num_transition_states} \n"
    first = np.flatnonzero(np.diff(transitions.transition_state_of)) + 1
    for transition in first:
        phone, state = transitions.phone_of[transition], transitions.hmm_state_of[transition]
        yield f"{phone} {state} {transitions.pdf_of[transition]} \n"
    values = " ".join(f"{value:.9g}" for value in transitions.log_prob)
    yield f"</Triples> \n<LogProbs> \n [ {values} ]\n</LogProbs> \n</TransitionModel> \n"


def _topology(topology: Topology) -> Iterator[str]:
    yield "<Topology> \n"
    for kind in dict.fromkeys(topology.phones):
        phones = [str(p) for p in range(1, topology.num_phones + 1) if topology.hmm(p) == kind]
        yield f"<TopologyEntry> \n<ForPhones> \n{' '.join(phones)} \n</ForPhones> \n"
        for state, arcs in enumerate(kind.states):
            leads = " ".join(f"<Transition> {to} {p:.9g}" for to, p in arcs)
            yield f"<State> {state} <PdfClass> {state} {leads} </State> \n"
        yield f"<State> {len(kind.states)} </State> \n</TopologyEntry> \n"
    yield "</Topology> \n"
