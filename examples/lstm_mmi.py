"""Train an LSTM, first by frames and then with MMI, on a run directory: plain torch.

python examples/lstm_mmi.py RUN     (after `outergrad train --criterion ce --out RUN`)
"""

import sys
from pathlib import Path

import torch
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pad_sequence

import outergrad
from outergrad.recipes.ce import pdf_targets
from outergrad.recipes.models import Bootstrapped
from outergrad.recipes.prepare import Prepared


class Lstm(torch.nn.Module):
    def __init__(self, inputs: int, pdfs: int, units: int = 256) -> None:
        super().__init__()
        self.lstm = torch.nn.LSTM(inputs, units, num_layers=2, batch_first=True, bidirectional=True)
        self.output = torch.nn.Linear(2 * units, pdfs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.output(self.lstm(x)[0])


def main(run: Path, epochs: int = 3, ce_epochs: int = 5) -> Lstm:
    prepared, bootstrapped = Prepared(run / "prepare"), Bootstrapped(run / "bootstrap")
    features, hmm = prepared.filterbank("train"), bootstrapped.hmm("tri")
    targets = pdf_targets(bootstrapped.alignments("train"), hmm.transitions)
    utterances = [u for u in prepared.corpus("train") if u.id in targets]
    model, mmi = Lstm(features.stacked_dim, hmm.num_pdfs), outergrad.MMILoss.from_run(run)
    for name, passes, rate in (("CE", ce_epochs, 1e-3), ("MMI", epochs, 1e-4)):
        optimizer = torch.optim.Adam(model.parameters(), rate)
        for epoch in range(passes):
            total = 0.0
            for some in torch.randperm(len(utterances)).split(8):
                batch = [utterances[i] for i in some]
                x = [torch.tensor(features.stacked(u.id)) for u in batch]
                logits = model(pad_sequence(x, batch_first=True))
                if name == "MMI":
                    words = [u.words for u in batch]
                    loss = mmi(logits, [len(frames) for frames in x], words, [u.id for u in batch])
                    for failure in mmi.failures:
                        print(f"left out: {failure.utterance} ({failure.reason})")
                else:
                    pdfs = [torch.tensor(targets[u.id]).long() for u in batch]
                    padded = pad_sequence(pdfs, batch_first=True, padding_value=-100)
                    loss = cross_entropy(logits.transpose(1, 2), padded, ignore_index=-100)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                total += loss.item() * len(batch)
            print(f"epoch {epoch + 1}: {name} loss {total / len(utterances):.4f}")
    return model


if __name__ == "__main__":
    main(Path(sys.argv[1]))
