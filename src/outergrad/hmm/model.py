"""The HMM part of an acoustic model: phones, topology, state tying and transitions in one file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from outergrad.arrays import Float64Array
from outergrad.errors import InputError
from outergrad.hmm.phones import PhoneTable
from outergrad.hmm.topology import Topology
from outergrad.hmm.transitions import TransitionModel
from outergrad.hmm.tying import StateTying

FORMAT = "outergrad-hmm"
VERSION = 1


@dataclass(frozen=True, eq=False)
class HmmModel:
    """Phones, topology, state tying and transition model that belong together."""

    phones: PhoneTable
    """Names of the phones."""
    topology: Topology
    """HMMs of the phones."""
    tying: StateTying
    """pdfs of their hmm_states in context."""
    transitions: TransitionModel
    """Transition probabilities."""

    @classmethod
    def create(cls, phones: PhoneTable, topology: Topology, tying: StateTying) -> HmmModel:
        """A model with the topology's initial transition probabilities."""
        return cls(phones, topology, tying, TransitionModel(topology, tying, phones))

    @classmethod
    def monophone(cls, phones: PhoneTable, topology: Topology | None = None) -> HmmModel:
        """A context-independent model; the default topology unless another is given."""
        topology = topology or Topology.default(len(phones))
        return cls.create(phones, topology, StateTying.monophone(topology))

    @property
    def num_pdfs(self) -> int:
        """Number of pdfs, which is the number of acoustic scores of a frame."""
        return self.tying.num_pdfs

    def with_transition_counts(self, counts: Float64Array) -> HmmModel:
        """The same model with transition probabilities estimated from `counts`."""
        return HmmModel(self.phones, self.topology, self.tying, self.transitions.update(counts))

    def save(self, path: Path | str) -> None:
        """Write the model as one JSON file."""
        stored = {
            "format": FORMAT,
            "version": VERSION,
            "phones": list(self.phones.names),
            "topology": self.topology.to_json(),
            "tying": self.tying.to_json(),
            "log_prob": self.transitions.log_prob.tolist(),
        }
        Path(path).write_text(json.dumps(stored) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path | str) -> HmmModel:
        """Read a model that `save` wrote.

        Raises:
            InputError: the file cannot be read or is no such model.
        """
        try:
            stored = json.loads(Path(path).read_text(encoding="utf-8"))
            if stored["format"] != FORMAT or stored["version"] != VERSION:
                raise InputError(f"{path}: not an {FORMAT} file of version {VERSION}")
            phones = PhoneTable(tuple(str(name) for name in stored["phones"]))
            topology = Topology.from_json(stored["topology"])
            tying = StateTying.from_json(stored["tying"])
            log_prob = np.array(stored["log_prob"], dtype=np.float64)
            transitions = TransitionModel(topology, tying, phones, log_prob)
        except (OSError, KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
            raise InputError(f"{path}: not an HMM model: {error!r}") from error
        return cls(phones, topology, tying, transitions)
