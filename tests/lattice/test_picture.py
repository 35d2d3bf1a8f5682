"""Pictures of small lattices."""

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from outergrad.errors import InputError
from outergrad.lattice import picture as module
from outergrad.lattice.one_alignment import one_alignment_per_word_string
from outergrad.lattice.picture import picture


def test_a_picture_shows_every_node_arc_and_word(lattices):
    for lattice, _ in lattices[:30]:
        words = one_alignment_per_word_string(lattice, np.inf, 8)
        if words.num_arcs > module.MOST_ARCS:
            continue
        names = ["<eps>", 'a<b>&"', "two", "three", "four"]
        root = ElementTree.fromstring(picture(words, words=names))
        count = {tag: len(root.findall(f"{{*}}{tag}")) for tag in ("circle", "path", "text")}
        assert count == {
            "circle": words.num_nodes,
            "path": words.num_arcs,
            "text": words.num_arcs,
        }
        labels = sorted((text.text or "").strip() for text in root.findall("{*}text"))
        assert labels == sorted(names[word] if word else "" for word in words.word)


def test_large_lattices_make_no_picture(lattices, monkeypatch):
    words = one_alignment_per_word_string(lattices[0][0], np.inf, 8)
    monkeypatch.setattr(module, "MOST_ARCS", words.num_arcs - 1)
    with pytest.raises(InputError, match="narrower lattice beam"):
        picture(words)
