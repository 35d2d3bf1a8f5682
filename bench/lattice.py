"""Budgets of the lattice: what pruning, forward-backward and one alignment per word string cost."""

import time

from outergrad.decoder.decoding import DecoderConfig, decode, decode_words
from outergrad.decoder.records import Workspace
from outergrad.lattice.paths import forward_backward
from support.budget import alternate, report
from support.lexicon_tree import LexiconTree, make_tree, sample_scores

REPEATS = 7
NEVER = 1 << 40


def measure(name: str, tree: LexiconTree, beam: float, scale: float) -> None:
    """Print the budgets for one graph."""
    scores = sample_scores(tree, scale=scale)
    config = DecoderConfig(beam=beam, acoustic_scale=1.0)
    unpruned = DecoderConfig(beam=beam, acoustic_scale=1.0, prune_interval=NEVER)
    workspace = Workspace()
    lattice = decode(tree.graph, scores, config, workspace=workspace)
    words = decode_words(tree.graph, scores, config, workspace=workspace)
    times = alternate(
        REPEATS,
        lambda: decode(tree.graph, scores, config, workspace=workspace),
        lambda: decode(tree.graph, scores, unpruned, workspace=workspace),
        lambda: decode_words(tree.graph, scores, config, workspace=workspace),
        lambda: forward_backward(lattice),
        lambda: forward_backward(words),
        clock=time.thread_time,
    )
    details = {
        "frames_per_second": round(len(scores) / min(round_[0] for round_ in times)),
        "arcs_per_frame": round(lattice.density, 1),
        "word_arcs_per_frame": round(words.density, 1),
    }
    report(
        f"lattice-forward-backward-{name}",
        [(whole - search + sums) / whole for whole, search, _, sums, _ in times],
        must=0.15,
        aim=0.05,
        better="lower",
        unit="of decoding time, with pruning while decoding",
        **details,
    )
    report(
        f"lattice-words-{name}",
        [(words_too + sums) / whole for whole, _, words_too, _, sums in times],
        must=1.5,
        aim=1.2,
        better="lower",
        unit="x state-level decoding time, with forward-backward",
        **details,
    )


def main() -> None:
    measure("large", make_tree(), beam=13.0, scale=0.15)
    measure("ambiguous", make_tree(), beam=13.0, scale=0.08)
    measure("small", make_tree(num_words=100, num_pdfs=300), beam=13.0, scale=0.15)


if __name__ == "__main__":
    main()
