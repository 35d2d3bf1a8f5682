"""Graphs of single utterances, for forced alignment and numerators, built directly."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from outergrad.corpus.lexicon import Lexicon
from outergrad.errors import InputError
from outergrad.graph.decoding_graph import DecodingGraph
from outergrad.graph.ngram import END, NgramModel
from outergrad.graph.units import ENTRY, GraphConfig, UnitTable
from outergrad.graph.words import word_table
from outergrad.hmm.model import HmmModel

_START, _FINAL = 0, 1

# The phones of a pronunciation and its cost.
_Way = tuple[tuple[int, ...], float]
# What can follow a phone: the next phone (0 at the end), the state that leads there, the cost.
_Continuations = list[tuple[int, int, float]]


@dataclass
class _Sketch:
    """A graph of junction states and, between them, chains: one unit each, not yet expanded."""

    num_words: int
    num_states: int = 2
    silence_entries: list[dict[int, int]] = field(default_factory=list)
    """For each place between words, the state before its silence by the phone before it."""
    word_entries: list[dict[tuple[int, int], int]] = field(default_factory=list)
    """For each word, the state before it by the phone before it and its own first phone."""
    arrivals: dict[int, int] = field(default_factory=dict)
    """How many chains lead to each state."""
    start: list[tuple[int, float]] = field(default_factory=list)
    """States that the start state leads to without consuming a frame, and the costs."""
    numbers: dict[tuple[int, int, int], int] = field(default_factory=dict)
    """Number of each chain by its entry state, its pronunciation's number and its unit."""
    chains: list[tuple[int, int, int]] = field(default_factory=list)
    """Of each chain the entry state, the unit, and the word_id that it carries."""
    costs: list[float] = field(default_factory=list)
    """Of each chain the cost of entering it."""
    exits: list[list[tuple[int, float]]] = field(default_factory=list)
    """Of each chain the states that it leads to, and the costs of going there."""

    def __post_init__(self) -> None:
        self.silence_entries = [{} for _ in range(self.num_words + 1)]
        self.word_entries = [{} for _ in range(self.num_words)]

    def new_state(self) -> int:
        self.num_states += 1
        return self.num_states - 1

    def connect(
        self, entry: int, number: int, unit: int, to: tuple[int, float], word: int, cost: float
    ) -> None:
        """A chain from state `entry` to the state (and cost) `to`; equal chains become one."""
        chain = self.numbers.setdefault((entry, number, unit), len(self.chains))
        if chain == len(self.chains):
            self.chains.append((entry, unit, word))
            self.costs.append(cost)
            self.exits.append([])
        self.exits[chain].append(to)
        self.arrivals[to[0]] = self.arrivals.get(to[0], 0) + 1


class UtteranceGraphs:
    """Makes graphs of all alignments of a word string: pronunciations, silences, HMM paths.

    Paths and costs are those that ``compile_graph`` with a unigram model gives to these words
    (without `word_costs`: as Kaldi's ``compile-train-graphs``, with no language model).
    """

    def __init__(
        self,
        lexicon: Lexicon,
        hmm: HmmModel,
        config: GraphConfig | None = None,
        word_costs: Mapping[str, float] | NgramModel | None = None,
    ) -> None:
        """Prepare for making graphs.

        Args:
            lexicon: pronunciations.
            hmm: phones, topology, state tying and transitions.
            config: weights.
            word_costs: negative natural log probability of each word (and of ``</s>``, 0 if
                absent), or a language model that gives them, or nothing: no costs.
        """
        self.words: tuple[str, ...] = word_table(lexicon)
        """Word of each word_id, as in all graphs made with this lexicon."""
        self._lexicon = lexicon
        self._hmm = hmm
        self._silence_cost, self._no_silence_cost = (config or GraphConfig()).silence_costs
        self._units = UnitTable(hmm, config or GraphConfig())
        self._in_context = hmm.tying.context_width == 3
        self._word_costs = word_costs
        self._word_ids = {word: number for number, word in enumerate(self.words)}
        self._ways: dict[str, tuple[_Way, ...]] = {}

    def compile(self, words: Sequence[str]) -> DecodingGraph:
        """The graph of one word string.

        Args:
            words: words of the lexicon; none at all means optional silence.

        Raises:
            InputError: a word that the lexicon or the language model does not have, or a string
                in place of words.
        """
        if isinstance(words, str):
            raise InputError(f"a transcript must be a sequence of words, not one string: {words!r}")
        ways = [self._pronunciations(word) for word in words]
        costs, end_cost = self._costs(words)
        sketch = _Sketch(len(words))
        sketch.start = [(state, cost) for _, state, cost in self._after(sketch, 0, 0, ways)]
        for place in range(len(words) + 1):
            for before, entry in sketch.silence_entries[place].items():
                following = self._next_word(sketch, place, self._hmm.phones.silence, ways, 0.0)
                self._draw(sketch, entry, 0, before, self._hmm.phones.silence, following)
            if place < len(words):
                word = self._word_ids[words[place]]
                self._draw_word(sketch, place, ways, word, costs[place])
        return self._expand(sketch, end_cost)

    def _pronunciations(self, word: str) -> tuple[_Way, ...]:
        known = self._ways.get(word)
        if known is None:
            known = tuple(
                (
                    tuple(self._hmm.phones.id(phone) for phone in way.phones),
                    -math.log(way.probability),
                )
                for way in self._lexicon[word]
            )
            self._ways[word] = known
        return known

    def _costs(self, words: Sequence[str]) -> tuple[list[float], float]:
        given = self._word_costs
        if given is None:
            return [0.0] * len(words), 0.0
        events = (*words, END)
        if isinstance(given, NgramModel):
            listed = [(word,) in given.log_probs for word in events]
            costs = [-score for score in given.sentence_log_probs(words)]
        else:
            listed = [word in given or word is END for word in events]
            costs = [given.get(word, 0.0) for word in events]
        impossible = {
            word
            for word, known, cost in zip(events, listed, costs, strict=True)
            if not known or cost == math.inf
        }
        if impossible:
            raise InputError(
                f"the language model gives no probability to: {' '.join(sorted(impossible))}; "
                "estimate it with all words of the lexicon as its vocabulary"
            )
        return costs[:-1], costs[-1]

    def _after(
        self, sketch: _Sketch, place: int, last: int, ways: Sequence[tuple[_Way, ...]]
    ) -> _Continuations:
        """After `place` words, the last of which ended with phone `last`: silence or no silence."""
        entries = sketch.silence_entries[place]
        key = last if self._in_context else 0
        if key not in entries:
            entries[key] = sketch.new_state()
        silence = (self._hmm.phones.silence, entries[key], self._silence_cost)
        return [silence, *self._next_word(sketch, place, last, ways, self._no_silence_cost)]

    def _next_word(
        self,
        sketch: _Sketch,
        place: int,
        last: int,
        ways: Sequence[tuple[_Way, ...]],
        cost: float,
    ) -> _Continuations:
        """After `place` words and perhaps silence: the next word's first phones, or the end."""
        if place == len(ways):
            return [(0, _FINAL, cost)]
        entries = sketch.word_entries[place]
        found = {}
        for phones, _ in ways[place]:
            key = (last, phones[0]) if self._in_context else (0, 0)
            if key not in entries:
                entries[key] = sketch.new_state()
            found[key[1]] = entries[key]
        return [(first, state, cost) for first, state in found.items()]

    def _draw_word(
        self,
        sketch: _Sketch,
        place: int,
        ways: Sequence[tuple[_Way, ...]],
        word: int,
        word_cost: float,
    ) -> None:
        for number, (phones, way_cost) in enumerate(ways[place]):
            cost = word_cost + way_cost
            rest = sketch.new_state() if len(phones) > 1 else -1
            for (before, first), entry in sketch.word_entries[place].items():
                if self._in_context and first != phones[0]:
                    continue
                following = (
                    [(phones[1], rest, 0.0)]
                    if len(phones) > 1
                    else self._after(sketch, place + 1, phones[0], ways)
                )
                self._draw(sketch, entry, number, before, phones[0], following, word, cost)
            for position in range(1, len(phones)):
                entry = rest
                if position + 1 < len(phones):
                    rest = sketch.new_state()
                    following = [(phones[position + 1], rest, 0.0)]
                else:
                    following = self._after(sketch, place + 1, phones[position], ways)
                self._draw(sketch, entry, number, phones[position - 1], phones[position], following)

    def _draw(
        self,
        sketch: _Sketch,
        entry: int,
        number: int,
        before: int,
        phone: int,
        following: _Continuations,
        word: int = 0,
        cost: float = 0.0,
    ) -> None:
        """One phone in all its contexts to the right."""
        for after, state, leave_cost in following:
            unit = self._units.unit((before, phone, after) if self._in_context else (phone,))
            sketch.connect(entry, number, unit, (state, leave_cost), word, cost)

    def _expand(self, sketch: _Sketch, end_cost: float) -> DecodingGraph:
        """Replace each chain by the nodes and arcs of its unit."""
        entry, unit, word = (
            np.array(sketch.chains, dtype=np.int64).reshape(-1, 3)[:, i] for i in range(3)
        )
        units = self._units.flat()
        num_nodes = units.num_nodes[unit]
        base = sketch.num_states + np.cumsum(num_nodes) - num_nodes
        total = sketch.num_states + int(num_nodes.sum())

        # A chain's only way out may be a state that nothing else leads to: both become one state.
        same_as = np.arange(total)
        merge_cost = np.zeros(total)
        source, destination, cost = [], [], []
        for state, start_cost in sketch.start:
            source.append(_START)
            destination.append(state)
            cost.append(start_cost)
        started = set(destination)
        for chain, exits in enumerate(sketch.exits):
            nodes = [int(base[chain]) + node for node in self._units.exits[unit[chain]]]
            if len(nodes) == len(exits) == 1:
                state, leave_cost = exits[0]
                if sketch.arrivals[state] == 1 and state not in started:
                    same_as[nodes[0]] = state
                    merge_cost[nodes[0]] = leave_cost
                    continue
            for state, leave_cost in exits:
                source += nodes
                destination += [state] * len(nodes)
                cost += [leave_cost] * len(nodes)

        lengths = units.first[unit + 1] - units.first[unit]
        chain_of = np.repeat(np.arange(len(unit)), lengths)
        arc = np.arange(len(chain_of)) + np.repeat(
            units.first[unit] - (np.cumsum(lengths) - lengths), lengths
        )
        left, transition = units.source[arc], units.transition[arc]
        reached = base[chain_of] + units.destination[arc]
        enters = left == ENTRY
        loops = left == units.destination[arc]
        arc_source = np.where(enters, entry[chain_of], same_as[base[chain_of] + left])
        arc_cost = self._units.costs[transition] + np.where(loops, 0.0, merge_cost[reached])
        arc_cost += np.where(enters, np.array(sketch.costs)[chain_of], 0.0)

        silent = len(source)
        final_cost = np.full(total, np.inf, dtype=np.float32)
        final_cost[_FINAL] = end_cost
        return DecodingGraph.from_arcs(
            start=_START,
            source=np.concatenate([arc_source, source]),
            destination=np.concatenate([same_as[reached], destination]),
            pdf=np.concatenate([self._hmm.transitions.pdf_of[transition], np.full(silent, -1)]),
            transition=np.concatenate([transition, np.zeros(silent, dtype=np.int32)]),
            word=np.concatenate([np.where(enters, word[chain_of], 0), np.zeros(silent, np.int64)]),
            cost=np.concatenate([arc_cost, cost]),
            final_cost=final_cost,
            num_pdfs=self._hmm.num_pdfs,
            words=self.words,
        )
