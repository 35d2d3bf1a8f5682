"""A directory of a Kaldi system (``exp/tri3_ali``) as a model and alignments of our own."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from outergrad.arrays import Int32Array
from outergrad.corpus.lexicon import SILENCE_PHONE, Lexicon, Pronunciation, in_phones
from outergrad.errors import InputError
from outergrad.graph.openfst_text import read_symbol_table
from outergrad.hmm.model import HmmModel
from outergrad.hmm.phones import PhoneTable
from outergrad.hmm.topology import PhoneHmm, Topology
from outergrad.hmm.transitions import TransitionModel
from outergrad.hmm.tying import StateTying
from outergrad.kaldi.alignments import read_alignments
from outergrad.kaldi.transition_model import KaldiTransitions, read_transition_model
from outergrad.kaldi.tree import KaldiTree, read_tree

MODEL, TREE, PHONES = "final.mdl", "tree", "phones.txt"
OPTIONAL_SILENCE = ("optional_silence.txt", "phones/optional_silence.txt")
"""Where the optional silence may be named, if it is not called SIL."""
ALIGNMENTS = ("ali*.gz", "ali*.ark", "ali*.txt")


@dataclass(frozen=True, eq=False)
class KaldiSystem:
    """What a run takes over from a Kaldi system.

    Numbers are our own: silence is phone 1, the other phones follow in Kaldi's order; pdf_ids are
    Kaldi's, and transition_ids follow from both. In most systems all of them are Kaldi's.
    """

    folder: Path
    """Where it was read from."""
    hmm: HmmModel
    """Phones, topology, state tying and transition probabilities."""
    transition_ids: Int32Array
    """int32 [Kaldi's transition_id], ours; entry 0 is 0."""
    silence: str = SILENCE_PHONE
    """What the system calls the optional silence; here it is SIL."""

    @classmethod
    def read(cls, folder: Path) -> "KaldiSystem":
        """Read ``final.mdl``, ``tree`` and ``phones.txt`` of a directory.

        Raises:
            InputError: one is missing, damaged or of a kind that is not supported, or they do not
                belong together; says which and what to do.
        """
        require_files(folder)
        model = read_transition_model(folder / MODEL)
        tree = read_tree(folder / TREE)
        names = _phone_names(folder, model)
        silence = _silence(folder, names)
        order = [silence, *(phone for phone in sorted(model.topology) if phone != silence)]
        phone_of = {phone: number for number, phone in enumerate(order, start=1)}
        spoken = [names[phone] for phone in order[1:]]
        if SILENCE_PHONE in spoken:
            raise InputError(
                f"{folder}: the optional silence is {names[silence]}, and another phone is called "
                f"{SILENCE_PHONE}; that name is kept for the optional silence"
            )
        phones = PhoneTable((SILENCE_PHONE, *spoken))
        hmm, transition_ids = _convert(model, tree, phones, order, phone_of)
        return cls(folder, hmm, transition_ids, names[silence])

    def alignments(self) -> Iterator[tuple[str, Int32Array]]:
        """Utterance id and int32 [T] transition_ids (ours) of everything that is aligned here.

        Raises:
            InputError: no alignments, damaged ones, or transition_ids that the model lacks.
        """
        files = alignment_files(self.folder)
        if not files:
            raise InputError(
                f"{self.folder}: no alignments ({', '.join(ALIGNMENTS)}); give a directory that "
                "steps/align_si.sh, align_fmllr.sh or the like has made"
            )
        most = len(self.transition_ids) - 1
        for path in files:
            for utterance, found in read_alignments(path):
                if len(found) and not 1 <= found.min() <= found.max() <= most:
                    raise InputError(
                        f"{path}: {utterance} has transition_ids up to {found.max()}, "
                        f"{self.folder / MODEL} has 1 ... {most}: they are of another model"
                    )
                yield utterance, self.transition_ids[found]

    def lexicon(self, lexicon: Lexicon, source: str) -> Lexicon:
        """A lexicon in the phones of this system.

        Systems whose phones depend on their position in the word (``AH_B``, ``AH_S``; Kaldi's
        default) get the marks that Kaldi's ``prepare_lang.sh`` adds.

        Args:
            lexicon: pronunciations, with or without marks.
            source: name of its file, for the message.

        Raises:
            InputError: phones that the system lacks.
        """
        lexicon = in_phones(self._without_silence(lexicon), self.hmm.phones)
        missing = [phone for phone in lexicon.phones if phone not in self.hmm.phones]
        if missing:
            known = " ".join((self.silence, *self.hmm.phones.names[1:40]))
            more = " …" if len(self.hmm.phones) > 40 else ""
            raise InputError(
                f"{source}: phones that the Kaldi system lacks: {' '.join(missing[:10])}; "
                f"{self.folder / PHONES} has {known}{more}. Give the lexicon that the system was "
                "made with (data/local/dict/lexicon.txt)"
            )
        return lexicon

    def _without_silence(self, lexicon: Lexicon) -> Lexicon:
        """Without words that are only this system's silence, which is optional between words."""
        if self.silence == SILENCE_PHONE:
            return lexicon  # dropped when the lexicon was read
        entries = {}
        for word, ways in lexicon.entries.items():
            spoken = tuple(
                Pronunciation(
                    tuple(SILENCE_PHONE if p == self.silence else p for p in way.phones),
                    way.probability,
                )
                for way in ways
                if set(way.phones) != {self.silence}
            )
            if spoken:
                entries[word] = spoken
        return Lexicon(entries)


def alignment_files(folder: Path) -> list[Path]:
    """Archives of alignments in a directory, plain or gzipped, in the order of their names."""
    return sorted(path for pattern in ALIGNMENTS for path in folder.glob(pattern) if path.is_file())


def files_read(folder: Path) -> list[Path]:
    """Every file of a directory that decides what is taken over from it."""
    named = [folder / name for name in (MODEL, TREE, PHONES, *OPTIONAL_SILENCE)]
    return [*(path for path in named if path.is_file()), *alignment_files(folder)]


def require_files(folder: Path) -> None:
    """Raise `InputError` unless the directory has a model, a tree and a phone table."""
    if not folder.is_dir():
        raise InputError(f"{folder}: no such directory; give one such as exp/tri3_ali")
    for name, hint in (
        (MODEL, "give a directory with a model, such as exp/tri3_ali"),
        (TREE, "copy it from the directory of the model, such as exp/tri3"),
        (PHONES, "copy data/lang/phones.txt there"),
    ):
        if not (folder / name).is_file():
            raise InputError(f"{folder}: there is no {name}; {hint}")


def _phone_names(folder: Path, model: KaldiTransitions) -> dict[int, str]:
    path = folder / PHONES
    names = {number: name for name, number in read_symbol_table(path).items()}
    nameless = [phone for phone in model.topology if phone not in names]
    if nameless:
        raise InputError(
            f"{path}: no names for the phones {nameless[:10]} of {model.path.name}; they do not "
            "belong together: copy phones.txt of the data/lang that the model was made with"
        )
    return names


def _silence(folder: Path, names: Mapping[int, str]) -> int:
    """Kaldi's phone_id of the optional silence."""
    ids = {name: number for number, name in names.items()}
    for candidate in OPTIONAL_SILENCE:
        path = folder / candidate
        if path.is_file():
            named = path.read_text(encoding="utf-8", errors="replace").split()
            if len(named) == 1 and named[0] in ids:
                return ids[named[0]]
            raise InputError(f"{path}: must name one phone of {PHONES}, found {named[:5]}")
    for name in (SILENCE_PHONE, SILENCE_PHONE.lower()):
        if name in ids:
            return ids[name]
    raise InputError(
        f"{folder}: which phone is the optional silence? There is no {SILENCE_PHONE} in {PHONES}; "
        f"copy data/lang/phones/{OPTIONAL_SILENCE[0]} there"
    )


def _convert(
    model: KaldiTransitions,
    tree: KaldiTree,
    phones: PhoneTable,
    order: list[int],
    phone_of: Mapping[int, int],
) -> tuple[HmmModel, Int32Array]:
    where = f"{model.path} and {tree.path.name}"
    hmms, roots = [], []
    for phone in order:
        kaldi_states = model.topology[phone]
        try:
            hmms.append(PhoneHmm(tuple(_normalised(emitting.arcs) for emitting in kaldi_states)))
        except InputError as error:
            raise InputError(f"{model.path}: the HMM of phone {phone}: {error}") from error
        states: dict[int, frozenset[int]] = {}
        for number, emitting in enumerate(kaldi_states):
            states[emitting.pdf_class] = states.get(emitting.pdf_class, frozenset()) | {number}
        roots.append(tree.about(phone, states, phone_of))
    num_pdfs = 1 + max((pdf for _, _, pdf in model.triples), default=-1)
    try:
        topology = Topology(tuple(hmms))
        tying = StateTying(tree.context_width, num_pdfs, tuple(roots))
        ours = TransitionModel(topology, tying, phones)
    except InputError as error:
        raise InputError(f"{where} do not belong together: {error}") from error
    ids = np.zeros(len(model.log_probs), dtype=np.int32)
    log_prob = np.full(ours.num_transition_ids + 1, -np.inf)
    log_prob[0] = 0.0
    kaldi_id = 1
    for phone, state, pdf in model.triples:
        try:
            arcs = ours.transition_ids(phone_of[phone], state, pdf)
        except InputError as error:
            raise InputError(
                f"{where} do not belong together: the model has pdf {pdf} for state {state} of "
                f"phone {phone}, the tree has not"
            ) from error
        for transition, _ in arcs:
            ids[kaldi_id] = transition
            log_prob[transition] = model.log_probs[kaldi_id]
            kaldi_id += 1
    if not np.all(np.isfinite(log_prob)):
        raise InputError(
            f"{where} do not belong together: the tree has {ours.num_transition_states} "
            f"combinations of phone, state and pdf, the model {len(model.triples)}"
        )
    try:
        transitions = TransitionModel(topology, tying, phones, log_prob)
    except InputError as error:
        raise InputError(f"{model.path}: {error}") from error
    return HmmModel(phones, topology, tying, transitions), ids


def _normalised(arcs: tuple[tuple[int, float], ...]) -> tuple[tuple[int, float], ...]:
    """Kaldi accepts initial probabilities that sum to about 1; they only matter before training."""
    total = sum(probability for _, probability in arcs)
    return tuple((target, probability / total) for target, probability in arcs) if total else arcs
