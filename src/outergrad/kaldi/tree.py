"""Kaldi's decision tree, and what it says about one phone: a tree of our own kind.

Kaldi keeps all phones in one tree, which may also ask for the phone in the middle and share its
leaves among phones (``shared split`` in ``roots.txt``). Asked about one phone, such a tree is a
tree about the neighbours and the hmm_state alone.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from outergrad.errors import InputError
from outergrad.hmm.tying import HMM_STATE, Leaf, Node, Split
from outergrad.kaldi.objects import ObjectReader

PDF_CLASS = -1
"""Key of questions about the pdf class (of a state of the HMM)."""

_DEEPEST = 400
_LARGEST_TABLE = 1 << 20


@dataclass(frozen=True, slots=True)
class Table:
    """A branch for each value of a key; None where no value can lead."""

    key: int
    branches: tuple["KaldiNode | None", ...]


@dataclass(frozen=True, slots=True)
class Question:
    """Is the value of the key among `members`?"""

    key: int
    members: frozenset[int]
    yes: "KaldiNode"
    no: "KaldiNode"


KaldiNode = Leaf | Table | Question


@dataclass(frozen=True, slots=True)
class KaldiTree:
    """A tree with Kaldi's own numbers of phones."""

    path: Path
    """Where it was read from, for messages."""
    context_width: int
    """Phones in a window."""
    central_position: int
    """Which of them emits."""
    root: KaldiNode
    """First question."""

    def about(
        self, phone: int, states: Mapping[int, frozenset[int]], phone_of: Mapping[int, int]
    ) -> Node:
        """What the tree says when `phone` is in the middle.

        Args:
            phone: Kaldi's phone_id.
            states: pdf class → the hmm_states of the phone that have it.
            phone_of: Kaldi's phone_id → ours; 0, no phone, stays 0.

        Raises:
            InputError: the tree has no leaf for one of the states in some context.
        """
        known = {0: 0, **phone_of}
        every = frozenset().union(*states.values())

        def build(node: "KaldiNode | None", left: frozenset[int]) -> Node | None:
            """The tree for the hmm_states `left`; None where the Kaldi tree has no answer."""
            if node is None or isinstance(node, Leaf):
                return node
            if node.key == self.central_position:
                return build(_answer(node, phone), left)
            if node.key != PDF_CLASS:
                # A neighbour without a leaf never occurs: it goes with the last of the others.
                about = [
                    (frozenset(known[value] for value in values), build(branch, left))
                    for values, branch in _branches(node, known)
                ]
                return _chain(node.key, [(m, tree) for m, tree in about if m and tree is not None])
            parts: list[tuple[frozenset[int], Node]] = []
            for classes, branch in _branches(node, states):
                members = left & frozenset().union(*(states[c] for c in classes))
                tree = build(branch, members) if members else None
                if members and tree is None:
                    return None
                if tree is not None:
                    parts.append((members, tree))
            return _chain(HMM_STATE, parts)

        tree = build(self.root, every)
        if tree is None:
            raise InputError(
                f"{self.path}: the tree has no leaf for phone {phone}; does it belong to the model?"
            )
        return tree


def read_tree(path: Path) -> KaldiTree:
    """Read a Kaldi tree (``ContextDependency``), text or binary.

    Raises:
        InputError: the file is damaged or none, or its contexts are not those of triphones or
            monophones.
    """
    reader = ObjectReader(path)
    reader.expect("ContextDependency")
    width, central = reader.integer(), reader.integer()
    if (width, central) not in ((1, 0), (3, 1)):
        raise InputError(
            f"{path}: a window of {width} phones with the {central + 1}. in the middle; monophones "
            "(1) and triphones (3, the 2.) are supported: give a GMM system such as exp/tri3_ali"
        )
    reader.expect("ToPdf")
    root = _node(reader, width, 0)
    reader.expect("EndContextDependency")
    if root is None:
        raise reader.damaged("the tree is empty")
    return KaldiTree(path, width, central, root)


def _node(reader: ObjectReader, width: int, depth: int) -> KaldiNode | None:
    if depth > _DEEPEST:
        raise reader.damaged("the tree is deeper than any real one")
    kind = reader.expect("NULL", "CE", "TE", "SE")
    if kind == "NULL":
        return None
    if kind == "CE":
        pdf = reader.integer()
        if pdf < 0:
            raise reader.damaged(f"pdf_id {pdf}")
        return Leaf(pdf)
    key = reader.integer()
    if not PDF_CLASS <= key < width:
        raise reader.damaged(f"the tree asks for position {key} of the window")
    if kind == "TE":
        size = reader.integer(signed=False)
        if not 0 <= size <= _LARGEST_TABLE:
            raise reader.damaged(f"a table of {size} branches")
        reader.expect("(")
        branches = tuple(_node(reader, width, depth + 1) for _ in range(size))
        reader.expect(")")
        return Table(key, branches)
    members = frozenset(reader.integers())
    reader.expect("{")
    yes, no = _node(reader, width, depth + 1), _node(reader, width, depth + 1)
    reader.expect("}")
    if yes is None or no is None:
        raise reader.damaged("a question without an answer")
    return Question(key, members, yes, no)


def _answer(node: Table | Question, value: int) -> KaldiNode | None:
    if isinstance(node, Question):
        return node.yes if value in node.members else node.no
    return node.branches[value] if value < len(node.branches) else None


def _branches(
    node: Table | Question, values: Mapping[int, object]
) -> Iterator[tuple[list[int], KaldiNode | None]]:
    """Which of the `values` that there are lead where; branches of a table one by one."""
    if isinstance(node, Question):
        yield [value for value in values if value in node.members], node.yes
        yield [value for value in values if value not in node.members], node.no
        return
    for value in values:
        yield [value], _answer(node, value)


def _chain(position: int, branches: list[tuple[frozenset[int], Node]]) -> Node | None:
    if not branches:
        return None
    tree = branches[-1][1]
    for members, node in reversed(branches[:-1]):
        if node != tree:
            tree = Split(position, members, node, tree)
    return tree
