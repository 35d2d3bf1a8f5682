"""A decoding graph that Kaldi's ``mkgraph.sh`` compiled, in our words, pdfs and transitions."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from outergrad.errors import InputError
from outergrad.graph.decoding_graph import DecodingGraph
from outergrad.graph.openfst import read_openfst
from outergrad.graph.openfst_text import read_symbol_table
from outergrad.kaldi.system import KaldiSystem

HCLG, WORDS = "HCLG.fst", "words.txt"
_LISTED = 20


def read_kaldi_graph(
    folder: Path, system: KaldiSystem, words: Sequence[str], notice: Callable[[str], None]
) -> DecodingGraph:
    """Read ``HCLG.fst`` and ``words.txt`` of a graph directory.

    Costs stay as they are: they hold Kaldi's transition and self-loop scales. Arcs of words that
    are not in `words` are left out, with a notice (``!SIL`` and the like).

    Args:
        folder: directory that ``mkgraph.sh`` made for this very system.
        system: the system, for its transition_ids.
        words: word of each word_id of the result, the first is "<eps>".
        notice: takes one line for the user.

    Raises:
        InputError: a file is missing, damaged, or belongs to another system.
    """
    for name in (HCLG, WORDS):
        if not (folder / name).is_file():
            raise InputError(
                f"{folder}: there is no {name}; give a directory that utils/mkgraph.sh has made"
            )
    fst = read_openfst(folder / HCLG)
    symbols = read_symbol_table(folder / WORDS)
    most = len(system.transition_ids) - 1
    if len(fst.ilabel) and fst.ilabel.max() > most:
        raise InputError(
            f"{folder / HCLG}: transition_ids up to {fst.ilabel.max()}, {system.folder} has "
            f"1 ... {most}: the graph was made for another model"
        )
    ours = {word: number for number, word in enumerate(words)}
    used = np.unique(fst.olabel)
    names = {number: word for word, number in symbols.items()}
    unnamed = [number for number in used.tolist() if number and number not in names]
    if unnamed:
        raise InputError(f"{folder / WORDS}: no words for the ids {unnamed[:10]} of {HCLG}")
    word_of = np.full(int(used.max(initial=0)) + 1, -1, dtype=np.int32)
    word_of[0] = 0
    lacking = []
    for number in used.tolist():
        if number:
            word_of[number] = ours.get(names[number], -1)
            if word_of[number] < 0:
                lacking.append(names[number])
    if lacking:
        listed = " ".join(lacking[:_LISTED]) + (" ..." if len(lacking) > _LISTED else "")
        notice(f"  {folder.name}: words that the lexicon lacks cannot be recognized: {listed}")
    word = word_of[fst.olabel]
    kept = fst._replace(olabel=word).select(word >= 0)
    transition = system.transition_ids[kept.ilabel]
    pdf = np.where(kept.ilabel > 0, system.hmm.transitions.pdf_of[transition], -1)
    try:
        return DecodingGraph.from_arcs(
            start=kept.start,
            source=kept.source,
            destination=kept.destination,
            pdf=pdf,
            transition=transition,
            word=kept.olabel,
            cost=kept.cost,
            final_cost=kept.final_cost,
            num_pdfs=system.hmm.num_pdfs,
            words=tuple(words),
        )
    except InputError as error:
        raise InputError(f"{folder / HCLG}: {error}") from error
