"""Tree, transition model and phones of a Kaldi system in both forms, and what can be wrong."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from outergrad.corpus.lexicon import Lexicon, Pronunciation
from outergrad.errors import InputError
from outergrad.export.kaldi_hmm import write_kaldi_hmm
from outergrad.kaldi.system import KaldiSystem

Write = Callable[..., Path]


def expected_pdf(left: int, phone: int, right: int, state: int) -> int:
    """What conftest's tree says, worked out by hand."""
    match phone:
        case 1:
            return state
        case 2:
            return 3
        case 3 | 4 if state == 0:
            return 4 if left in (0, 1, 2) else 5
        case 3:
            return 6
        case 4:
            return 7 if right == 5 else 8
    return 10 if left in (3, 4) else 9


@pytest.mark.parametrize("binary", [False, True])
def test_the_tree_is_asked_as_kaldi_asks_it(write_system: Write, binary: bool) -> None:
    hmm = KaldiSystem.read(write_system(binary)).hmm
    assert hmm.phones.names == ("SIL", "SPN", "A_B", "A_E", "B_S")
    assert (hmm.num_pdfs, hmm.tying.context_width) == (11, 3)
    for phone in range(1, 6):
        for state in range(hmm.topology.num_states(phone)):
            for left in range(6):
                for right in range(6):
                    found = hmm.tying.pdf((left, phone, right), state)
                    assert found == expected_pdf(left, phone, right, state)


@pytest.mark.parametrize("binary", [False, True])
def test_transitions_keep_their_numbers_and_probabilities(
    write_system: Write, binary: bool
) -> None:
    system = KaldiSystem.read(write_system(binary))
    transitions = system.hmm.transitions
    assert transitions.num_transition_ids == 36
    np.testing.assert_array_equal(system.transition_ids, np.arange(37))
    # The third of state 0 of SPN (pdf 3), the self-loop of state 1 of B_S with pdf 10.
    assert (transitions.phone_of[10], transitions.pdf_of[10]) == (2, 3)
    assert transitions.next_hmm_state_of[10] == 2
    assert (transitions.phone_of[35], transitions.hmm_state_of[35]) == (5, 1)
    assert (transitions.pdf_of[35], transitions.is_self_loop[35]) == (10, True)
    # Of the fourth transition-state: 4, 5 and 6 of 15.
    np.testing.assert_allclose(np.exp(transitions.log_prob[8:11]), np.array([4, 5, 6]) / 15, 1e-6)
    np.testing.assert_allclose(np.exp(transitions.log_prob[35:]), np.array([17, 18]) / 35, 1e-6)


def test_the_model_is_written_back_and_read_again(write_system: Write, tmp_path: Path) -> None:
    hmm = KaldiSystem.read(write_system()).hmm
    (tmp_path / "again").mkdir()
    write_kaldi_hmm(hmm, tmp_path / "again")
    again = KaldiSystem.read(tmp_path / "again")
    assert again.hmm.tying == hmm.tying
    assert again.hmm.phones == hmm.phones
    np.testing.assert_array_equal(again.transition_ids, np.arange(37))
    np.testing.assert_allclose(again.hmm.transitions.log_prob, hmm.transitions.log_prob, atol=1e-8)
    for name in ("phone_of", "pdf_of", "transition_state_of", "is_self_loop", "is_exit"):
        ours, theirs = (getattr(found.transitions, name) for found in (hmm, again.hmm))
        np.testing.assert_array_equal(ours, theirs)


def test_silence_of_another_name_and_number(write_system: Write) -> None:
    """Here SPN is the optional silence: it becomes phone 1, and transition_ids are renumbered."""
    folder = write_system(optional_silence_txt=None)
    (folder / "phones").mkdir()
    (folder / "phones" / "optional_silence.txt").write_text("SPN\n")
    named = PHONES_WITHOUT_SIL
    (folder / "phones.txt").write_text(named)
    system = KaldiSystem.read(folder)
    assert system.hmm.phones.names == ("SIL", "NSN", "A_B", "A_E", "B_S")
    # Kaldi's first seven transitions are those of its phone 1, ours are those of its phone 2.
    assert system.transition_ids[1:16].tolist() == [*range(8, 15), *range(1, 8), 15]
    transitions = system.hmm.transitions
    assert transitions.pdf_of[system.transition_ids[[1, 8]]].tolist() == [0, 3]
    np.testing.assert_allclose(np.exp(transitions.log_prob[1:4]), np.array([4, 5, 6]) / 15, 1e-6)
    (folder / "ali.ark").write_text("u1 1 8 8 15\n")
    assert dict(system.alignments())["u1"].tolist() == [8, 1, 1, 15]
    # The tree asks whether the left phone is one of the silences: both still are.
    assert system.hmm.tying.pdf((1, 3, 0), 0) == system.hmm.tying.pdf((2, 3, 0), 0) == 4


PHONES_WITHOUT_SIL = "<eps> 0\nNSN 1\nSPN 2\nA_B 3\nA_E 4\nB_S 5\n#0 6\n"


def test_lexicons_get_the_marks_that_the_phones_have(write_system: Write) -> None:
    system = KaldiSystem.read(write_system())
    plain = Lexicon({"aa": (Pronunciation(("A", "A"), 0.5),), "b": (Pronunciation(("B",)),)})
    marked = system.lexicon(plain, "lexicon.txt")
    assert marked["aa"] == (Pronunciation(("A_B", "A_E"), 0.5),)
    assert marked["b"] == (Pronunciation(("B_S",)),)
    assert system.lexicon(marked, "lexicon.txt") is marked
    long = Lexicon({"aba": (Pronunciation(("A", "B", "A")),)})
    with pytest.raises(InputError, match=r"lexicon\.txt: phones that the Kaldi system lacks: B_I"):
        system.lexicon(long, "lexicon.txt")
    with pytest.raises(InputError, match=r"lacks: Q; .*phones\.txt has SIL SPN A_B"):
        system.lexicon(Lexicon({"q": (Pronunciation(("Q",)),)}), "lexicon.txt")


def test_the_systems_own_name_of_silence_in_its_lexicon(write_system: Write) -> None:
    """TIMIT and others have ``sil sil`` in the lexicon of a system whose silence is sil."""
    folder = write_system()
    (folder / "phones.txt").write_text("<eps> 0\nsil 1\nspn 2\na 3\nb 4\nc 5\n#0 6\n")
    system = KaldiSystem.read(folder)
    assert system.hmm.phones.names == ("SIL", "spn", "a", "b", "c")
    given = {
        "sil": (Pronunciation(("sil",)),),
        "ab": (Pronunciation(("a", "sil", "b")), Pronunciation(("sil",), 0.1)),
        "c": (Pronunciation(("c",)),),
    }
    found = system.lexicon(Lexicon(given), "lexicon.txt")
    assert dict(found.entries) == {
        "ab": (Pronunciation(("a", "SIL", "b")),),
        "c": (Pronunciation(("c",)),),
    }
    with pytest.raises(InputError, match=r"lacks: q; .*phones\.txt has sil spn a b c\."):
        system.lexicon(Lexicon({"q": (Pronunciation(("q",)),)}), "lexicon.txt")


def test_a_second_phone_called_sil_is_refused(write_system: Write) -> None:
    folder = write_system()
    (folder / "optional_silence.txt").write_text("SPN\n")
    with pytest.raises(InputError, match=r"optional silence is SPN, and another phone is called"):
        KaldiSystem.read(folder)


CHAIN_STATE = "<State> 0 <ForwardPdfClass> 0 <SelfLoopPdfClass> 1 <Transition> 0 0.5 </State>"


def text(name: str) -> str:
    from importlib import util

    spec = util.spec_from_file_location("kaldi_conftest", Path(__file__).parent / "conftest.py")
    assert spec is not None
    assert spec.loader is not None
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {"tree": module.TREE, "model": module.model_text()}[name]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"final_mdl": None}, "there is no final.mdl; give a directory with a model"),
        ({"tree": None}, "there is no tree; copy it from the directory of the model"),
        ({"phones_txt": None}, r"there is no phones\.txt; copy data/lang/phones\.txt there"),
        ({"final_mdl": ""}, r"final\.mdl is empty; copy it again"),
        ({"final_mdl": "<Nnet3>"}, r"final\.mdl: expected <TransitionModel>, found '<Nnet3>'"),
        ({"phones_txt": "<eps> 0\nSIL 1\n"}, r"phones\.txt: no names for the phones \[3, 4, 5, 2"),
        ({"phones_txt": PHONES_WITHOUT_SIL}, "which phone is the optional silence"),
        ({"tree": "ContextDependency 2 1 ToPdf CE 0"}, "a window of 2 phones .*tri3_ali"),
        ({"tree": "ContextDependency 3 1 ToPdf SE 7 [ 1 ]"}, "asks for position 7"),
        ({"tree": "ContextDependency 3 1 ToPdf CE 0 EndContextDependency "}, "belong together"),
        ({"tree": "ContextDependency 3 1 ToPdf NULL EndContextDependency"}, "the tree is empty"),
    ],
)
def test_what_cannot_be_used_is_named(write_system: Write, changed: dict, said: str) -> None:
    folder = write_system(**changed)
    with pytest.raises(InputError, match=said):
        KaldiSystem.read(folder)


@pytest.mark.parametrize(
    ("pattern", "replacement", "said"),
    [
        (r"<State> 0 <PdfClass> 0 .*?</State>", CHAIN_STATE, "this is a chain model"),
        ("<Triples>", "<Tuples>", "this is a chain model"),
        (r"<State> 1 <PdfClass> 1", "<State> 1", "a state in its middle that does not emit"),
        (r"\n3 0 4\n", "\n3 0 8\n", "the model has pdf 8 for state 0 of phone 3, the tree has not"),
        (r"\n5 1 10\n", "\n5 2 10\n", "phone 5 has no state 2"),
        (r"<LogProbs>\n \[ 0 ", "<LogProbs>\n [ ", "36 log probabilities for 36 transitions"),
        (r"<LogProbs>\n \[ 0 \S+", "<LogProbs>\n [ 0 -9", "must sum to 1"),
        (r"<Transition> 1 0.25", "<Transition> one 0.25", "expected an integer, found 'one'"),
        (r"<Transition> 2 0.25 ", "<Transition> 2 0 ", "phone 3: .*probabilities must be in"),
        (r"<Transition> 2 0.25 ", "<Transition> 9 0.25 ", r"phone 3: .*outside 0 \.\.\. 2"),
        (r"</LogProbs>[\s\S]*", "", "the file ends too early"),
    ],
)
def test_a_model_that_is_damaged_or_of_another_kind(
    write_system: Write, pattern: str, replacement: str, said: str
) -> None:
    changed = re.sub(pattern, replacement, text("model"), count=1)
    assert changed != text("model")
    with pytest.raises(InputError, match=said):
        KaldiSystem.read(write_system(final_mdl=changed))


def test_every_truncation_of_binary_files_is_an_error(write_system: Write) -> None:
    folder = write_system(binary=True)
    for name in ("final.mdl", "tree"):
        whole = (folder / name).read_bytes()
        useful = len(whole) - (len(b"<DIMENSION> ") + 5 if name == "final.mdl" else 0)
        for size in range(0, useful - 1, 7):
            (folder / name).write_bytes(whole[:size])
            with pytest.raises(InputError, match=name.replace(".", r"\.")):
                KaldiSystem.read(folder)
        (folder / name).write_bytes(whole)
    KaldiSystem.read(folder)


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such directory; give one such as exp/tri3_ali"):
        KaldiSystem.read(tmp_path / "none")


def test_a_deep_tree_is_refused_before_python_gives_up(write_system: Write) -> None:
    deep = "SE 0 [ 1 ] { CE 0 " * 100_000
    with pytest.raises(InputError, match="deeper than any real one"):
        KaldiSystem.read(write_system(tree=f"ContextDependency 3 1 ToPdf {deep}"))


def test_a_real_systems_numbers(shared: Path, an4: KaldiSystem) -> None:
    golden = shared / "golden"
    kaldi = np.load(golden / "graph" / "transitions.npz")
    transitions = an4.hmm.transitions
    np.testing.assert_array_equal(an4.transition_ids, np.arange(745))
    np.testing.assert_array_equal(transitions.pdf_of[1:], kaldi["tid2pdf"][1:])
    np.testing.assert_array_equal(transitions.phone_of[1:], kaldi["tid2phone"][1:])
    np.testing.assert_array_equal(transitions.is_self_loop[1:], kaldi["is_self_loop"][1:] != 0)
    np.testing.assert_allclose(transitions.log_prob[1:], kaldi["log_prob"][1:], atol=1e-5)


def test_a_real_systems_alignments(shared: Path, an4: KaldiSystem) -> None:
    golden = shared / "golden"
    lines, expected = [], {}
    for utterance in (golden / "utts").read_text().split():
        numerator = np.load(golden / utterance / "numerator.npz")
        lines.append(f"{utterance} {' '.join(map(str, numerator['tid']))}\n")
        expected[utterance] = numerator
    (an4.folder / "ali.1.txt").write_text("".join(lines))
    aligned = dict(an4.alignments())
    assert aligned.keys() == expected.keys()
    transitions = an4.hmm.transitions
    for utterance, ids in aligned.items():
        np.testing.assert_array_equal(transitions.pdf_of[ids], expected[utterance]["pdf"])
        np.testing.assert_array_equal(transitions.phone_of[ids], expected[utterance]["phone"])
