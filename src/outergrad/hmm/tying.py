"""State tying: which pdf emits for an hmm_state of a phone in its context."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from outergrad.errors import InputError
from outergrad.hmm.topology import Topology

HMM_STATE = -1
"""The `Split.position` that asks about the hmm_state instead of a phone of the window."""


@dataclass(frozen=True)
class Leaf:
    """A leaf of a decision tree."""

    pdf: int
    """pdf_id of the tied state."""


@dataclass(frozen=True)
class Split:
    """A question about the window: is the phone at `position` (or the hmm_state) in `members`?"""

    position: int
    """Position in the window, or `HMM_STATE`."""
    members: frozenset[int]
    """phone_ids (0 = utterance boundary) or hmm_states for which the answer is yes."""
    yes: Node
    """Where to go when it is."""
    no: Node
    """Where to go when it is not."""


Node = Leaf | Split


@dataclass(frozen=True)
class StateTying:
    """One decision tree per phone: (window of phones, hmm_state) → pdf_id.

    Attributes:
        context_width: phones in a window: 1 (monophones) or 3 (triphones).
        num_pdfs: number of pdfs; every pdf_id below it is the pdf of some leaf.
        roots: tree of phone_id 1, 2, ...

    Raises:
        InputError: trees that ask outside the window or about the phone itself, or leaves whose
            pdf_ids are not exactly 0 ... num_pdfs - 1.
    """

    context_width: int
    num_pdfs: int
    roots: tuple[Node, ...]

    def __post_init__(self) -> None:
        if self.context_width not in (1, 3):
            raise InputError(f"context_width must be 1 or 3, not {self.context_width}")
        seen: set[int] = set()
        allowed = {HMM_STATE, 0, 2} if self.context_width == 3 else {HMM_STATE}
        for root in self.roots:
            for node in _nodes(root):
                if isinstance(node, Leaf):
                    seen.add(node.pdf)
                elif node.position not in allowed:
                    raise InputError(f"a tree asks about position {node.position} of the window")
        # Counted, because a damaged file may say that there are very many.
        if len(seen) != self.num_pdfs or not all(0 <= pdf < self.num_pdfs for pdf in seen):
            raise InputError(f"the trees' leaves must carry the pdf_ids 0 ... {self.num_pdfs - 1}")

    @classmethod
    def monophone(cls, topology: Topology) -> StateTying:
        """A pdf of its own for every hmm_state of every phone, numbered in that order."""
        roots: list[Node] = []
        num_pdfs = 0
        for phone in range(1, topology.num_phones + 1):
            states = topology.num_states(phone)
            roots.append(state_chain([Leaf(num_pdfs + state) for state in range(states)]))
            num_pdfs += states
        return cls(1, num_pdfs, tuple(roots))

    @property
    def central_position(self) -> int:
        """Position in the window of the phone that emits."""
        return self.context_width // 2

    @property
    def num_phones(self) -> int:
        """Number of phones, silence included."""
        return len(self.roots)

    def pdf(self, window: tuple[int, ...], hmm_state: int) -> int:
        """pdf_id of `hmm_state` of the phone in the middle of `window`.

        Args:
            window: `context_width` phone_ids; 0 beyond the ends of the utterance.
            hmm_state: emitting hmm_state of the phone in the middle.

        Raises:
            InputError: the window has another width, or a phone is unknown.
        """
        if len(window) != self.context_width:
            raise InputError(f"window {window} does not hold {self.context_width} phones")
        phone = window[self.central_position]
        if not 1 <= phone <= len(self.roots) or not 0 <= min(window) <= max(window) <= len(
            self.roots
        ):
            raise InputError(f"window {window}: phone_ids must be 1 ... {len(self.roots)}")
        node = self.roots[phone - 1]
        while isinstance(node, Split):
            asked = hmm_state if node.position == HMM_STATE else window[node.position]
            node = node.yes if asked in node.members else node.no
        return node.pdf

    def pdfs(self, phone: int, hmm_state: int) -> tuple[int, ...]:
        """All pdf_ids that `hmm_state` of `phone` can have in some context, ascending."""
        found: set[int] = set()
        stack: list[Node] = [self.roots[phone - 1]]
        while stack:
            node = stack.pop()
            if isinstance(node, Leaf):
                found.add(node.pdf)
            elif node.position == HMM_STATE:
                stack.append(node.yes if hmm_state in node.members else node.no)
            else:
                stack += (node.yes, node.no)
        return tuple(sorted(found))

    def to_json(self) -> dict[str, Any]:
        """This tying as JSON-able objects."""
        return {
            "context_width": self.context_width,
            "num_pdfs": self.num_pdfs,
            "roots": [_node_to_json(root) for root in self.roots],
        }

    @classmethod
    def from_json(cls, stored: Any) -> StateTying:
        """The tying that `to_json` described.

        Raises:
            InputError: `stored` does not describe a state tying.
        """
        try:
            return cls(
                int(stored["context_width"]),
                int(stored["num_pdfs"]),
                tuple(_node_from_json(root) for root in stored["roots"]),
            )
        except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
            raise InputError(f"not a state tying: {error!r}") from error


def state_chain(nodes: list[Node]) -> Node:
    """A tree that leads hmm_state 0 to the first of `nodes`, 1 to the second, and so on."""
    tree = nodes[-1]
    for state in range(len(nodes) - 2, -1, -1):
        tree = Split(HMM_STATE, frozenset({state}), nodes[state], tree)
    return tree


def _nodes(root: Node) -> Iterator[Node]:
    stack = [root]
    while stack:
        node = stack.pop()
        yield node
        if isinstance(node, Split):
            stack += (node.no, node.yes)


def _node_to_json(node: Node) -> dict[str, Any]:
    if isinstance(node, Leaf):
        return {"pdf": node.pdf}
    return {
        "ask": "hmm_state" if node.position == HMM_STATE else node.position,
        "in": sorted(node.members),
        "yes": _node_to_json(node.yes),
        "no": _node_to_json(node.no),
    }


def _node_from_json(stored: Any) -> Node:
    if "pdf" in stored:
        return Leaf(int(stored["pdf"]))
    return Split(
        HMM_STATE if stored["ask"] == "hmm_state" else int(stored["ask"]),
        frozenset(int(member) for member in stored["in"]),
        _node_from_json(stored["yes"]),
        _node_from_json(stored["no"]),
    )
