"""Decoding graphs in the text form of OpenFst's ``fstprint`` and ``fstcompile``."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from outergrad.arrays import Int32Array
from outergrad.corpus.problems import Problem
from outergrad.corpus.tables import decode_lines, read_bytes, split_blanks
from outergrad.errors import InputError
from outergrad.graph.decoding_graph import DecodingGraph


def read_openfst_text(
    path: Path, words: Sequence[str], pdf_of: npt.ArrayLike, num_pdfs: int
) -> DecodingGraph:
    """Read a graph (Kaldi's HCLG) as ``fstprint`` writes it without symbol tables.

    Lines are ``source destination ilabel olabel [cost]`` or ``state [cost]`` for a final state;
    the state of the first line is the start state, and a missing cost is 0.

    Args:
        path: text file; input labels are transition_ids, 0 for none.
        words: word of each output label, the first is "<eps>".
        pdf_of: int [transition_id], pdf_id of each transition_id; entry 0 is not used.
        num_pdfs: number of pdfs.

    Raises:
        InputError: the file cannot be read or a line is malformed; the message names the line.
    """
    table = np.array(pdf_of, dtype=np.int32)
    table[0] = -1
    labels: list[list[int]] = []
    costs: list[float] = []
    finals: dict[int, float] = {}
    start: int | None = None
    for number, fields in _rows(path):
        ids, cost = _parse(fields)
        if not ids:
            raise InputError(
                f"{path}:{number}: expected 'source destination ilabel olabel [cost]' or "
                f"'state [cost]', found {' '.join(fields)[:60]!r}"
            )
        if len(ids) == 4 and not (ids[2] < len(table) and ids[3] < len(words)):
            raise InputError(
                f"{path}:{number}: labels outside the {len(table) - 1} transition_ids and "
                f"{len(words)} words: {' '.join(fields)[:60]!r}"
            )
        start = ids[0] if start is None else start
        if len(ids) == 4:
            labels.append(ids)
            costs.append(cost)
        else:
            finals[ids[0]] = cost
    if start is None:
        raise InputError(f"{path} is empty; a decoding graph is needed there")
    arcs: Int32Array = np.array(labels, dtype=np.int32).reshape(-1, 4)
    # Numbers of states may have gaps, however wide.
    states = np.unique(np.concatenate([arcs[:, 0], arcs[:, 1], [start], list(finals)]))
    final_cost = np.full(len(states), np.inf)
    final_cost[np.searchsorted(states, list(finals))] = list(finals.values())
    return DecodingGraph.from_arcs(
        start=int(np.searchsorted(states, start)),
        source=np.searchsorted(states, arcs[:, 0]),
        destination=np.searchsorted(states, arcs[:, 1]),
        pdf=table[arcs[:, 2]],
        transition=arcs[:, 2],
        word=arcs[:, 3],
        cost=costs,
        final_cost=final_cost.astype(np.float32),
        num_pdfs=num_pdfs,
        words=words,
    )


def write_openfst_text(graph: DecodingGraph, path: Path) -> None:
    """Write a graph so that ``fstcompile`` and `read_openfst_text` can read it.

    Raises:
        InputError: an emitting arc has no transition_id to stand for its pdf.
    """
    arcs = graph.arcs()
    if np.any((arcs.pdf >= 0) & (arcs.transition == 0)):
        raise InputError("a graph without transition_ids cannot be written as OpenFst text")
    # The line that comes first names the start state.
    order = np.argsort(arcs.source != graph.start, kind="stable")
    columns = (arcs.source, arcs.destination, arcs.transition, arcs.word, arcs.cost)
    lines = [
        f"{source}\t{destination}\t{transition}\t{word}\t{cost:.9g}"
        for source, destination, transition, word, cost in zip(
            *(column[order].tolist() for column in columns), strict=True
        )
    ]
    finals = [
        f"{state}\t{graph.final_cost[state]:.9g}"
        for state in np.flatnonzero(np.isfinite(graph.final_cost))
    ]
    path.write_text("\n".join([*lines, *finals]) + "\n", encoding="utf-8")


def read_symbol_table(path: Path) -> dict[str, int]:
    """Symbol → id from an OpenFst symbol table (Kaldi's ``words.txt``, ``phones.txt``).

    Raises:
        InputError: the file cannot be read, or a line is not ``symbol id`` with an id of its own.
    """
    ids: dict[str, int] = {}
    seen: set[int] = set()
    for number, fields in _rows(path):
        fine = len(fields) == 2 and fields[1].isdecimal() and fields[0] not in ids
        if not fine or int(fields[1]) in seen:
            raise InputError(f"{path}:{number}: expected 'word id', each id once")
        ids[fields[0]] = int(fields[1])
        seen.add(ids[fields[0]])
    return ids


def read_word_table(path: Path) -> tuple[str, ...]:
    """Word of each word_id from an OpenFst symbol table (Kaldi's ``words.txt``): ``word id``.

    Raises:
        InputError: the file cannot be read, or ids are not 0, 1, ... in some order.
    """
    words = {number: word for word, number in read_symbol_table(path).items()}
    if not words or sorted(words) != list(range(len(words))):
        raise InputError(f"{path}: the ids of the words must be 0 ... number of words - 1")
    return tuple(words[number] for number in range(len(words)))


def _parse(fields: list[str]) -> tuple[list[int], float]:
    """States and labels (four of an arc, one of a final state, none if malformed), and cost."""
    size = 1 if len(fields) <= 2 else 4
    try:
        ids = [int(field) for field in fields[:size]]
        cost = float(fields[size]) if len(fields) > size else 0.0
    except ValueError:
        return [], 0.0
    if len(ids) != size or len(fields) > size + 1 or math.isnan(cost):
        return [], 0.0
    if min(ids) < 0 or max(ids) > np.iinfo(np.int32).max:
        return [], 0.0
    return ids, cost


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    content = read_bytes(path, "a table in OpenFst's text form")
    problems: list[Problem] = []
    for number, text in decode_lines(content, str(path), problems):
        fields = split_blanks(text)
        if fields:
            yield number, fields
    if problems:
        raise InputError(str(problems[0]))
