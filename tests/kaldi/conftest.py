"""A small Kaldi system, written by hand in Kaldi's text and binary forms."""

import re
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

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
