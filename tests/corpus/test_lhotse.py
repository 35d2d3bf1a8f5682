"""Manifests that Lhotse itself writes: the same stretches of the same audio as Lhotse loads."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from outergrad.corpus import read_audio
from outergrad.corpus.layouts import Layout, read_corpus

lhotse = pytest.importorskip("lhotse")

RATE = 16_000


@pytest.fixture
def cuts(tmp_path: Path) -> Any:
    """Two recordings, one of them with two supervisions, as a CutSet."""
    draw = np.random.default_rng(5)
    recordings, supervisions = [], []
    for name, stretches in (("a", [(0.2, 0.5)]), ("b", [(0.1, 0.3), (0.5, 0.45)])):
        path = tmp_path / "audio" / f"{name}.flac"
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, 0.1 * draw.standard_normal(RATE), RATE)
        recordings.append(lhotse.Recording.from_file(path))
        supervisions += [
            lhotse.SupervisionSegment(
                id=f"{name}-{number}",
                recording_id=name,
                start=start,
                duration=duration,
                text=f"Word {number}",
                speaker=f"speaker {name}",
            )
            for number, (start, duration) in enumerate(stretches)
        ]
    return lhotse.CutSet.from_manifests(
        recordings=lhotse.RecordingSet.from_recordings(recordings),
        supervisions=lhotse.SupervisionSet.from_segments(supervisions),
    )


def check(folder: Path, cuts: Any) -> None:
    """What is read from `folder` is what Lhotse loads for each supervision of `cuts`."""
    corpus, problems, layout = read_corpus(folder)
    assert (problems, layout) == ([], Layout.MANIFESTS)
    wanted = {cut.supervisions[0].id: cut for cut in cuts.trim_to_supervisions()}
    assert set(corpus.ids) == set(wanted)
    for utterance in corpus:
        cut = wanted[utterance.id]
        assert utterance.words == tuple(cut.supervisions[0].text.split())
        assert utterance.speaker == cut.supervisions[0].speaker.replace(" ", "_")
        np.testing.assert_array_equal(read_audio(utterance).samples, cut.load_audio()[0])


@pytest.mark.parametrize("suffix", ["jsonl", "jsonl.gz"])
def test_recordings_and_supervisions(cuts: Any, tmp_path: Path, suffix: str) -> None:
    folder = tmp_path / "manifests"
    folder.mkdir()
    recordings, supervisions, _ = cuts.decompose()
    recordings.to_file(folder / f"mine_recordings_train.{suffix}")
    supervisions.to_file(folder / f"mine_supervisions_train.{suffix}")
    check(folder, cuts)


def shifted(cuts: Any) -> Any:
    """Cuts that begin after the recording does, and inside one of their supervisions."""
    return lhotse.CutSet.from_cuts(cut.truncate(offset=0.15, preserve_id=True) for cut in cuts)


def trimmed(cuts: Any) -> Any:
    """A cut for each supervision."""
    return cuts.trim_to_supervisions()


@pytest.mark.parametrize("how", [lhotse.CutSet.to_eager, trimmed, shifted])
def test_cuts(cuts: Any, tmp_path: Path, how: Any) -> None:
    folder = tmp_path / "manifests"
    folder.mkdir()
    how(cuts).to_file(folder / "cuts.jsonl.gz")
    check(folder, cuts)


def test_resampling_that_lhotse_would_do_is_ours_anyway(cuts: Any, tmp_path: Path) -> None:
    """A recording that is to be resampled is read as it is: features are made at one rate."""
    cuts.resample(8000).to_file(tmp_path / "cuts.jsonl")
    corpus, problems, _ = read_corpus(tmp_path / "cuts.jsonl")
    assert (set(corpus.ids), problems) == ({"a-0", "b-0", "b-1"}, [])
    for utterance in corpus:
        assert read_audio(utterance).rate == RATE


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda cuts: cuts.perturb_speed(1.1), "transforms"),
        (lambda cuts: cuts.pad(duration=2.0), "a cut of type MixedCut"),
    ],
)
def test_what_needs_lhotse_is_refused_by_name(
    cuts: Any, tmp_path: Path, change: Any, said: str
) -> None:
    change(cuts).to_file(tmp_path / "cuts.jsonl")
    corpus, problems, _ = read_corpus(tmp_path / "cuts.jsonl")
    assert len(corpus) == 0
    assert problems
    assert all(said in problem.message for problem in problems)
