"""All paths of a decoding graph, and all paths that it should have, by plain enumeration.

A path is (transition_ids, words) -> costs; expected paths follow from the definitions: back-off
language model, lexicon, optional silence, context windows, HMMs, one phone after the other.
"""

import math
from collections import defaultdict


def paths_of(graph, max_frames):
    """Paths of a graph with at most `max_frames` frames, costs sorted."""
    arcs = graph.arcs()
    leaving = defaultdict(list)
    for arc in zip(*(column.tolist() for column in arcs), strict=True):
        leaving[arc[0]].append(arc[1:])
    found = defaultdict(list)

    def follow(state, transitions, words, cost):
        if math.isfinite(graph.final_cost[state]):
            found[transitions, words].append(cost + float(graph.final_cost[state]))
        for destination, pdf, transition, word, arc_cost in leaving[state]:
            longer = transitions if pdf < 0 else (*transitions, transition)
            if len(longer) <= max_frames:
                spoken = (*words, graph.words[word]) if word else words
                follow(destination, longer, spoken, cost + arc_cost)

    follow(graph.start, (), (), 0.0)
    return {path: sorted(costs) for path, costs in found.items()}


def pdfs_of(graph):
    """The pdf of each transition_id that a graph mentions."""
    arcs = graph.arcs()
    pairs = {(t, p) for t, p in zip(arcs.transition.tolist(), arcs.pdf.tolist(), strict=True) if t}
    assert len(pairs) == len(dict(pairs))
    return dict(pairs)


def expected_paths(
    sentences, lexicon, hmm, max_frames, *, silence=0.5, transition_scale=1.0, loop_scale=0.1
):
    """Paths for `sentences`, pairs of words and cost (a word string may come several times)."""
    found = defaultdict(list)
    scales = transition_scale, loop_scale
    for words, cost in sentences:
        for phones, lexicon_cost in _phone_strings(words, lexicon, hmm, silence, max_frames):
            for transitions, hmm_cost in _alignments(phones, hmm, max_frames, scales):
                found[transitions, words].append(cost + lexicon_cost + hmm_cost)
    return {path: sorted(costs) for path, costs in found.items()}


def sentences_of(ngrams, backoffs, order, max_words, words):
    """All word strings with all ways to back off: pairs of words and cost."""

    def extend(history, said):
        # All ways to predict the next event from `history`, listed or after backing off.
        for word in (*words, "</s>"):
            listed = ngrams.get((*history, word))
            if listed is None:
                continue
            if word == "</s>":
                yield said, -listed
            elif len(said) < max_words:
                longer = (*history, word)[max(0, len(history) + 1 - (order - 1)) :]
                for sentence, cost in extend(longer, (*said, word)):
                    yield sentence, cost - listed
        if history:
            for sentence, cost in extend(history[1:], said):
                yield sentence, cost - backoffs.get(history, 0.0)

    yield from extend(("<s>",) if order > 1 else (), ())


def _phone_strings(words, lexicon, hmm, silence, max_phones):
    with_silence, without = -math.log(silence), -math.log(1 - silence)
    strings = [((1,), with_silence), ((), without)]
    for word in words:
        strings = [
            (
                (*before, *(hmm.phones.id(phone) for phone in way.phones), *after),
                cost - math.log(way.probability) + pause,
            )
            for before, cost in strings
            for way in lexicon.entries[word]
            for after, pause in (((1,), with_silence), ((), without))
            if len(before) + len(way.phones) + len(after) <= max_phones
        ]
    return strings


def _alignments(phones, hmm, max_frames, scales):
    padded = (0, *phones, 0)
    width = hmm.tying.context_width
    partial = [((), 0.0)]
    for i, phone in enumerate(phones, start=1):
        window = padded[i - 1 : i + 2] if width == 3 else (phone,)
        left = len(phones) - i
        partial = [
            ((*before, *transitions), cost + more)
            for before, cost in partial
            for transitions, more in _phone(hmm, window, 0, max_frames - left - len(before), scales)
        ]
    return partial


def _phone(hmm, window, state, frames, scales):
    """Ways through the rest of a phone: first the transition that leaves, then the self-loops."""
    phone = window[len(window) // 2]
    if state == hmm.topology.num_states(phone):
        yield (), 0.0
        return
    if frames <= 0:
        return
    arcs = hmm.transitions.transition_ids(phone, state, hmm.tying.pdf(window, state))
    p = {target: math.exp(hmm.transitions.log_prob[transition]) for transition, target in arcs}
    stay = p.get(state, 0.0)
    loop = next((transition for transition, target in arcs if target == state), None)
    transition_scale, loop_scale = scales
    for transition, target in arcs:
        if target == state:
            continue
        leave = -transition_scale * math.log(p[target] / (1 - stay))
        leave -= loop_scale * math.log(1 - stay)
        for loops in range(frames if loop else 1):
            taken = (transition, *(loop for _ in range(loops)))
            cost = leave - (loops * loop_scale * math.log(stay) if loops else 0.0)
            for rest, more in _phone(hmm, window, target, frames - len(taken), scales):
                yield (*taken, *rest), cost + more


def assert_same(found, expected, tolerance):
    """The same paths with the same costs, up to float32 and the grid of minimization."""
    assert found.keys() == expected.keys()
    for path, costs in expected.items():
        assert len(found[path]) == len(costs), path
        for a, b in zip(found[path], costs, strict=True):
            assert abs(a - b) < tolerance, (path, found[path], costs)
