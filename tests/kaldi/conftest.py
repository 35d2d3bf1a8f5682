"""A small Kaldi system, written by hand in Kaldi's text and binary forms."""

import re
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from outergrad.export.kaldi_hmm import write_kaldi_hmm
from outergrad.hmm.model import HmmModel
from outergrad.hmm.phones import PhoneTable
from outergrad.hmm.topology import Topology
from outergrad.kaldi.system import KaldiSystem

# Five phones as prepare_lang.sh numbers them when phones depend on their position: SIL, SPN, then
# A_B and A_E, which share their root and are told apart inside it, and B_S.
PHONES = "<eps> 0\nSIL 1\nSPN 2\nA_B 3\nA_E 4\nB_S 5\n#0 6\n#1 7\n"

TREE = """ContextDependency 3 1 ToPdf SE 1 [ 1 2 ]
{ TE 1 3 ( NULL TE -1 3 ( CE 0 CE 1 CE 2 ) TE -1 3 ( CE 3 CE 3 CE 3 ) )
SE 1 [ 3 4 ]
{ SE -1 [ 0 ]
{ SE 0 [ 0 1 2 ]
{ CE 4 CE 5 }
SE 1 [ 3 ]
{ CE 6 SE 2 [ 5 ]
{ CE 7 CE 8 }
}
}
TE 0 6 ( CE 9 CE 9 CE 9 CE 10 CE 10 CE 9 )
}
}
EndContextDependency """

TOPOLOGY = """<Topology>
<TopologyEntry>
<ForPhones>
3 4 5
</ForPhones>
<State> 0 <PdfClass> 0 <Transition> 0 0.75 <Transition> 1 0.25 </State>
<State> 1 <PdfClass> 1 <Transition> 1 0.75 <Transition> 2 0.25 </State>
<State> 2 </State>
</TopologyEntry>
<TopologyEntry>
<ForPhones>
1 2
</ForPhones>
<State> 0 <PdfClass> 0 <Transition> 0 0.33 <Transition> 1 0.33 <Transition> 2 0.33 </State>
<State> 1 <PdfClass> 1 <Transition> 1 0.5 <Transition> 2 0.5 </State>
<State> 2 <PdfClass> 2 <Transition> 2 0.75 <Transition> 3 0.25 </State>
<State> 3 </State>
</TopologyEntry>
</Topology>
"""

# (phone, state, pdf): what the tree can say of each state, in Kaldi's order.
TRIPLES = [
    *((1, state, state) for state in range(3)),
    *((2, state, 3) for state in range(3)),
    *((3, 0, 4), (3, 0, 5), (3, 1, 6)),
    *((4, 0, 4), (4, 0, 5), (4, 1, 7), (4, 1, 8)),
    *((5, 0, 9), (5, 0, 10), (5, 1, 9), (5, 1, 10)),
]


def log_probs() -> list[float]:
    """Of all transitions in their order, each state's own."""
    found = [0.0]
    for number, (phone, state, _) in enumerate(TRIPLES):
        size = 3 if phone <= 2 and state == 0 else 2
        share = np.arange(1, size + 1) + number
        found += np.log(share / share.sum()).tolist()
    return found


def model_text() -> str:
    triples = "\n".join(" ".join(map(str, triple)) for triple in TRIPLES)
    values = " ".join(f"{value:.9g}" for value in log_probs())
    return (
        f"<TransitionModel>\n{TOPOLOGY}<Triples> {len(TRIPLES)}\n{triples}\n</Triples>\n"
        f"<LogProbs>\n [ {values} ]\n</LogProbs>\n</TransitionModel>\n"
        "<DIMENSION> 39 <NUMPDFS> 11 <DiagGMM>\n"
    )


def token(word: str) -> bytes:
    return word.encode() + b" "


def integer(value: int) -> bytes:
    return b"\4" + struct.pack("<i", value)


def real(value: float) -> bytes:
    return b"\4" + struct.pack("<f", value)


def integers(values: list[int]) -> bytes:
    return b"\4" + struct.pack("<i", len(values)) + np.array(values, "<i4").tobytes()


def binary_tree(text: str) -> bytes:
    """The tree in Kaldi's binary form: the same words, with numbers and sets in their own way."""
    content = b"\0B"
    words = re.findall(r"\[[^\]]*\]|\S+", text)
    for place, word in enumerate(words):
        if place > 1 and words[place - 2] == "TE":  # the size of a table is unsigned
            content += b"\xfc" + struct.pack("<I", int(word))
        elif word.startswith("["):
            content += integers([int(w) for w in word[1:-1].split()])
        elif re.fullmatch(r"-?\d+", word):
            content += integer(int(word))
        else:
            content += token(word)
    return content


def binary_model() -> bytes:
    content = b"\0B" + token("<TransitionModel>") + token("<Topology>")
    content += integers([1, 2, 3, 4, 5]) + integers([-1, 1, 1, 0, 0, 0]) + integer(2)
    for entry in TOPOLOGY.split("<TopologyEntry>")[1:]:
        states = re.findall(r"<State> \d+(.*?)</State>", entry)
        content += integer(len(states))
        for state in states:
            pdf_class = re.search(r"<PdfClass> (\d+)", state)
            arcs = re.findall(r"<Transition> (\d+) (\S+)", state)
            content += integer(int(pdf_class[1]) if pdf_class else -1) + integer(len(arcs))
            content += b"".join(integer(int(to)) + real(float(p)) for to, p in arcs)
    content += token("</Topology>") + token("<Triples>") + integer(len(TRIPLES))
    content += b"".join(integer(value) for triple in TRIPLES for value in triple)
    content += token("</Triples>") + token("<LogProbs>") + token("FV") + integer(len(log_probs()))
    content += np.array(log_probs(), "<f4").tobytes()
    content += token("</LogProbs>") + token("</TransitionModel>")
    return content + token("<DIMENSION>") + integer(39)


@pytest.fixture
def write_system(tmp_path: Path) -> Callable[..., Path]:
    """Writes the small system, text or binary; named files can be given another content."""

    def write(binary: bool = False, **other: str | bytes | None) -> Path:
        folder = tmp_path / "tri3_ali"
        folder.mkdir(exist_ok=True)
        files: dict[str, str | bytes | None] = {
            "phones.txt": PHONES,
            "tree": binary_tree(TREE) if binary else TREE,
            "final.mdl": binary_model() if binary else model_text(),
            **{name.replace("_", "."): content for name, content in other.items()},
        }
        for name, content in files.items():
            if content is None:
                (folder / name).unlink(missing_ok=True)
            elif isinstance(content, bytes):
                (folder / name).write_bytes(content)
            else:
                (folder / name).write_text(content, encoding="utf-8")
        return folder

    return write


@pytest.fixture
def an4(shared: Path, tmp_path: Path) -> KaldiSystem:
    """A real system, AN4 tri: its phones, transition_ids, pdfs and probabilities.

    Its tree is not at hand: one that asks for the left phone only has the same leaves instead.
    """
    graph = shared / "golden" / "graph"
    kaldi = np.load(graph / "transitions.npz")
    names = [line.split()[0] for line in (graph / "phones.txt").read_text().splitlines()]
    shown = (graph / "transitions.txt").read_text()
    found = re.findall(r"phone = (\S+) hmm-state = (\d+) pdf = (\d+)", shown)
    triples = [(names.index(name), int(state), int(pdf)) for name, state, pdf in found]
    phones = [number for number, name in enumerate(names) if number and not name.startswith("#")]
    pdfs: dict[tuple[int, int], list[int]] = {}
    for phone, state, pdf in triples:
        pdfs.setdefault((phone, state), []).append(pdf)
    topology = Topology.default(len(phones))

    def table(key: int, branches: list[str]) -> str:
        return f"TE {key} {len(branches)} ( {' '.join(branches)} )\n"

    def leaves(phone: int, state: int) -> str:
        some = pdfs[phone, state]
        last = len(some) - 1
        return table(0, [f"CE {some[min(left, last)]}" for left in range(len(phones) + 1)])

    roots = [
        table(-1, [leaves(phone, state) for state in range(topology.num_states(phone))])
        for phone in phones
    ]
    folder = tmp_path / "an4"
    folder.mkdir()
    hmm = HmmModel.monophone(PhoneTable(tuple(names[phone] for phone in phones)), topology)
    write_kaldi_hmm(hmm, folder)  # for the topology, which is that of Kaldi's recipes
    written = (folder / "final.mdl").read_text().split("<Triples>")[0]
    listed = "\n".join(" ".join(map(str, triple)) for triple in triples)
    values = " ".join(f"{value:.7g}" for value in kaldi["log_prob"])
    (folder / "final.mdl").write_text(
        f"{written}<Triples> {len(triples)}\n{listed}\n</Triples>\n<LogProbs>\n [ {values} ]\n"
        "</LogProbs>\n</TransitionModel>\n"
    )
    tree = table(1, ["NULL", *roots])
    (folder / "tree").write_text(f"ContextDependency 3 1 ToPdf {tree}EndContextDependency ")
    (folder / "phones.txt").write_text((graph / "phones.txt").read_text())
    return KaldiSystem.read(folder)
