"""Train an LSTM, first by frames and then with MMI, on a run directory: plain torch.

python examples/lstm_mmi.py RUN     (after `outergrad train --criterion ce --out RUN`)
"""

import sys
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pad_sequence

import outergrad
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
    alignments, (hmm, _) = bootstrapped.alignments("train"), bootstrapped.gmm("tri")
    features = prepared.filterbank("train")
    utterances = [u for u in prepared.corpus("train") if u.id in alignments]
    torch.manual_seed(1)
    model = Lstm(features.windows.shape[1], hmm.num_pdfs)
    mmi = outergrad.MMILoss.from_run(run)
    for criterion, passes, rate in (("CE", ce_epochs, 1e-3), ("MMI", epochs, 1e-4)):
        optimizer = torch.optim.Adam(model.parameters(), rate)
        for epoch in range(passes):
            losses = []
            for some in torch.randperm(len(utterances)).split(8):
                batch = [utterances[i] for i in some]
                x = [torch.from_numpy(np.array(features.stacked(u.id))) for u in batch]
                lengths = [len(frames) for frames in x]
                logits = model(pad_sequence(x, batch_first=True))
                if criterion == "CE":
                    pdfs = [hmm.transitions.pdf_of[alignments[u.id]] for u in batch]
                    frames = torch.cat([logits[i, :n] for i, n in enumerate(lengths)])
                    loss = cross_entropy(frames, torch.from_numpy(np.concatenate(pdfs)).long())
                else:
                    loss = mmi(logits, lengths, [u.words for u in batch], [u.id for u in batch])
                    for failure in mmi.failures:
                        print(f"left out: {failure.utterance} ({failure.reason})")
                optimizer.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimizer.step()
                losses.append(loss.item())
            print(f"{criterion} epoch {epoch + 1}: {criterion} loss {np.mean(losses):.4f}")
    return model


if __name__ == "__main__":
    main(Path(sys.argv[1]))
