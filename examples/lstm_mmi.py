"""Train an LSTM with MMI on a run directory: plain torch, no part of our training loop.

outergrad train --criterion ce --out RUN …     # features, tying, graphs, a model for priors
python examples/lstm_mmi.py RUN --epochs 3
"""

import argparse
from pathlib import Path

import numpy as np
import torch

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


def main(
    run: Path, epochs: int = 3, ce_epochs: int = 5, batch: int = 8, rate: float = 1e-3
) -> Lstm:
    prepared, bootstrapped = Prepared(run / "prepare"), Bootstrapped(run / "bootstrap")
    alignments, (hmm, _) = bootstrapped.alignments("train"), bootstrapped.gmm("tri")
    features = prepared.filterbank("train")
    utterances = [u for u in prepared.corpus("train") if u.id in alignments]
    batch = 8
    loss = outergrad.MMILoss.from_run(run)
    torch.manual_seed(1)
    model = Lstm(features.windows.shape[1], hmm.num_pdfs)
    optimizer = torch.optim.Adam(model.parameters(), rate)
    for epoch in range(ce_epochs + epochs):
        if epoch == ce_epochs:
            optimizer = torch.optim.Adam(model.parameters(), 0.1 * rate)
        total, order = 0.0, torch.randperm(len(utterances)).tolist()
        for begin in range(0, len(order), batch):
            some = [utterances[i] for i in order[begin : begin + batch]]
            x = [torch.from_numpy(np.array(features.stacked(u.id))) for u in some]
            logits = model(torch.nn.utils.rnn.pad_sequence(x, batch_first=True))
            lengths = [len(frames) for frames in x]
            if epoch < ce_epochs:  # sequence training starts from a model that knows the frames
                targets = [hmm.transitions.pdf_of[alignments[u.id]].astype(np.int64) for u in some]
                frames = torch.cat([logits[i, :n] for i, n in enumerate(lengths)])
                value = torch.nn.functional.cross_entropy(
                    frames, torch.from_numpy(np.concatenate(targets))
                )
            else:
                value = loss(logits, lengths, [u.words for u in some], [u.id for u in some])
                for failure in loss.failures:
                    print(f"left out: {failure.utterance} ({failure.reason})")
            optimizer.zero_grad()
            value.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            total += value.item() * len(some) / len(order)
        print(f"epoch {epoch}: {'CE' if epoch < ce_epochs else 'MMI'} loss {total:.4f}")
    return model


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--ce-epochs", type=int, default=5)
    options = parser.parse_args()
    main(options.run, options.epochs, options.ce_epochs)
