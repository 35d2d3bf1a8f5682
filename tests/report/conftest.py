"""Made-up runs: the numbers are drawn, not measured, and only look like training."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

MakeRun = Callable[..., Path]


def made_up_results() -> dict[str, Any]:
    def score(wer: float, sub: int, ins: int, deleted: int, half: float) -> dict[str, Any]:
        return {
            "wer": wer,
            "sub": sub,
            "ins": ins,
            "del": deleted,
            "words": 2400,
            "interval": [wer - half, wer + half],
            "lm_weight": 10.0,
            "insertion_penalty": 0.5,
        }

    return {
        "engine": "local",
        "seed": 1,
        "data": "made-up voice queries (test data)",
        "digest": "3f9a2b7c41d0",
        "date": "2026-01-31",
        "test": {
            "mono": {"unigram": score(31.2, 520, 110, 119, 2.4)},
            "tri": {
                "unigram": score(22.9, 380, 80, 90, 2.1),
                "trigram": score(17.4, 290, 60, 68, 1.8),
            },
            "ce": {
                "unigram": score(17.9, 301, 57, 72, 1.7),
                "trigram": score(13.1, 220, 41, 53, 1.5),
            },
            "mmi": {
                "unigram": score(15.0, 251, 46, 63, 1.6),
                "trigram": score(11.4, 190, 35, 49, 1.4),
            },
        },
        "comparison": {
            "unigram": {"systems": ["ce", "mmi"], "difference": 2.9, "p": 0.00002},
            "trigram": {"systems": ["ce", "mmi"], "difference": 1.7, "p": 0.003},
        },
        "errors": {
            "system": "mmi",
            "lm": "trigram",
            "speakers": [
                {"speaker": f"anna-{k}", "utterances": 20, "words": 200, "sub": 24 - k, "ins": 2,
                 "del": 4}
                for k in range(11)
            ]
            + [{"speaker": "silent", "utterances": 1, "words": 0, "sub": 0, "ins": 1, "del": 0}],
            "substitutions": [[["þrír", "tveir"], 12], [["<b>", "bé"], 3]],
            "insertions": [["og", 9]],
            "deletions": [],
        },
        "seconds": {
            "prepare": 21.4,
            "bootstrap": 64.0,
            "graph": 12.5,
            "ce": 151.0,
            "mmi": 187.2,
            "decode": 33.1,
            "score": 2.2,
        },
        "staleness": {
            "outer": {
                "updates": {"median": 61, "p95": 148},
                "seconds": {"median": 7.4, "p95": 18.2},
            },
            "inner": {
                "updates": {"median": 1, "p95": 3},
                "seconds": {"median": 0.11, "p95": 0.34},
            },
        },
        "frames": {
            "total": 1_204_377,
            "kept": 171_220,
            "cancelled": 1_018_402,
            "rejected": 11_903,
        },
        "utterances": {"visits": 900, "failed": {"no final state reached": 3, "too few frames": 1}},
    }  # fmt: skip


def made_up_records(generator: np.random.Generator) -> dict[str, list[dict[str, Any]]]:
    ce = []
    for epoch in range(1, 13):
        held_out = 1.35 + 2.2 * np.exp(-epoch / 2.4)
        ce.append(
            {
                "time": 12.0 * epoch,
                "stage": "ce",
                "kind": "epoch",
                "epoch": epoch,
                "train_ce": float(held_out - 0.06 * epoch + generator.normal(0, 0.01)),
                "heldout_ce": float(held_out + generator.normal(0, 0.01)),
                "heldout_frame_error": float(38 + 30 * np.exp(-epoch / 2.2)),
                "rate": 0.001 if epoch <= 8 else 0.0001,
            }
        )
    mmi: list[dict[str, Any]] = []
    for step in range(24):
        time = 8.0 * step
        gain = 1 - np.exp(-time / 55)
        mmi.append(
            {
                "time": time,
                "kind": "evaluation",
                "updates": 60 * step,
                "epoch": step / 6,
                "criterion": float(-0.052 + 0.021 * gain + generator.normal(0, 0.0004)),
                "wer": float(18.4 - 2.9 * gain + generator.normal(0, 0.12)),
                "frame_error": float(38.4 + 1.9 * gain + generator.normal(0, 0.05)),
                "rate": 0.001 if step <= 16 else 0.0001,
            }
        )
    lost = "no final state reached"
    failures = {33: lost, 40: lost, 333: lost, 71: "too few frames"}
    mmi += [
        {
            "time": 0.2 * visit,
            "kind": "outer",
            "utterance": f"query-{visit % 300:04d}",
            "frames": 375,
            "kept": 55,
            "cancelled": 316,
            "rejected": 4,
            "value": -12.0,
            "reason": failures.get(visit),
            "decoder": visit % 2,
        }
        for visit in range(900)
    ]
    for push in range(1500):
        outer = int(generator.gamma(4.0, 16.0))
        inner = int(generator.poisson(1.2))
        mmi.append(
            {
                "time": 0.12 * push,
                "kind": "push",
                "replica": push % 2,
                "outer_age_updates": outer,
                "outer_age_seconds": float(outer * 0.12 * generator.uniform(0.9, 1.1)),
                "inner_age_updates": inner,
                "inner_age_seconds": float(inner * 0.09 + generator.exponential(0.02)),
            }
        )
    for gap in range(30):
        mmi.append(
            {
                "time": 6.0 * gap,
                "kind": "gap",
                "utterance": f"spoken-{gap}",
                "gap": (-1) ** gap * 1e-4 * (gap + 1),
                "outer_age_updates": 10.0 * gap,
            }
        )
    mmi.append({"time": 180.0, "kind": "gap", "utterance": "late", "gap": None})
    return {"ce": ce, "mmi": [{"stage": "mmi", **record} for record in mmi]}


def write_run(
    folder: Path,
    results: dict[str, Any] | None = None,
    records: dict[str, list[dict[str, Any]]] | None = None,
    configuration: str | None = None,
) -> Path:
    (folder / "records").mkdir(parents=True)
    if results is not None:
        (folder / "results.json").write_text(json.dumps(results), encoding="utf-8")
    for name, lines in (records or {}).items():
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (folder / "records" / f"{name}.jsonl").write_text(text, encoding="utf-8")
    if configuration is not None:
        (folder / "config.toml").write_text(configuration, encoding="utf-8")
    return folder


def write_made_up_run(folder: Path) -> Path:
    return write_run(
        folder,
        made_up_results(),
        made_up_records(np.random.default_rng(0)),
        'seed = 1\n\n[mmi]\nacoustic_scale = 0.1\ncancellation = 0.01\nnote = "<made up>"\n',
    )


@pytest.fixture
def results() -> dict[str, Any]:
    return made_up_results()


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """Writes a run directory: make_run(results, records, configuration), each optional."""

    def make(*parts: Any, **named: Any) -> Path:
        return write_run(tmp_path / "run", *parts, **named)

    return make


@pytest.fixture(scope="session")
def made_up_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A complete made-up run directory."""
    return write_made_up_run(tmp_path_factory.mktemp("report") / "run")
