import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from outergrad.corpus import Corpus, Problem, Utterance, read_audio, read_kaldi_directory
from outergrad.corpus.problems import Kind
from outergrad.errors import InputError
from outergrad.features import (
    FeatureStore,
    FilterbankConfig,
    FrontEnd,
    MfccConfig,
    Normalisation,
    extract,
    filterbank,
    stack,
)


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    generator = np.random.default_rng(5)
    utterances = []
    for n in range(6):
        path = tmp_path / f"{n}.flac"
        level = 0.02 * (1 + n % 3)
        soundfile.write(path, generator.normal(scale=level, size=8000 + 800 * n), 16000)
        utterances.append(Utterance(f"u{n}", f"s{n % 3}", ("a",), path))
    return Corpus("c", tuple(utterances))


def raw(utterance: Utterance) -> np.ndarray:
    return filterbank(read_audio(utterance).samples, 16000)


@pytest.mark.parametrize("workers", [1, 3])
def test_without_normalisation_the_store_holds_the_features(
    corpus: Corpus, tmp_path: Path, workers: int
) -> None:
    calls: list[tuple[int, int]] = []
    problems = extract(
        corpus,
        FilterbankConfig(),
        tmp_path / "s",
        left=20,
        right=5,
        progress=lambda done, total: calls.append((done, total)),
        workers=workers,
    )
    assert problems == []
    assert calls == [(n, 6) for n in range(1, 7)]
    store = FeatureStore.open(tmp_path / "s")
    assert store.ids == corpus.ids
    assert store.stacked_dim == 1040
    for utterance in corpus:
        np.testing.assert_array_equal(store.frames(utterance.id), raw(utterance))
    assert store.attributes["corpus"] == "c"
    assert FrontEnd.of_store(store).statistics is None


def test_normalised_features_have_speaker_mean_0_and_variance_1(
    corpus: Corpus, tmp_path: Path
) -> None:
    extract(corpus, FilterbankConfig(), tmp_path / "s", Normalisation(), 2, 1)
    store = FeatureStore.open(tmp_path / "s")
    for speaker in corpus.speakers:
        own = [store.frames(u.id) for u in corpus if u.speaker == speaker]
        np.testing.assert_allclose(np.concatenate(own).mean(axis=0), 0.0, atol=1e-5)
    everything = np.concatenate([store.frames(key) for key in store.ids])
    np.testing.assert_allclose(everything.std(axis=0), 1.0, atol=1e-5)
    # The repeated edges are normalised with the frames that they repeat.
    np.testing.assert_array_equal(store.stacked("u0"), stack(store.frames("u0"), 2, 1))


def test_new_audio_is_treated_like_the_training_data(corpus: Corpus, tmp_path: Path) -> None:
    extract(corpus, FilterbankConfig(), tmp_path / "s", Normalisation(), 2, 1)
    store = FeatureStore.open(tmp_path / "s")
    front_end = FrontEnd.from_json(json.loads(json.dumps(FrontEnd.of_store(store).to_json())))
    samples = read_audio(corpus["u1"]).samples
    # Statistics are kept to nine digits, log-mel energies are about 10 deviations from zero.
    np.testing.assert_allclose(front_end.stacked(samples, "s1"), store.stacked("u1"), atol=1e-5)
    stranger = front_end.features(samples, "stranger")
    np.testing.assert_allclose(stranger.mean(axis=0), 0.0, atol=1e-5)
    with pytest.raises(InputError, match="shorter than one frame"):
        front_end.features(samples[:300])


def test_other_data_is_scaled_by_the_reference(corpus: Corpus, tmp_path: Path) -> None:
    train, test = corpus.select(["u0", "u1"], "train"), corpus.select(["u2", "u5"], "test")
    extract(train, FilterbankConfig(), tmp_path / "train", Normalisation())
    reference = FrontEnd.of_store(FeatureStore.open(tmp_path / "train")).statistics
    assert reference is not None
    extract(test, FilterbankConfig(), tmp_path / "test", Normalisation(), reference=reference)
    store = FeatureStore.open(tmp_path / "test")
    # Both utterances are by speaker s2, whose mean is that of the test data.
    both = np.concatenate([raw(u) for u in test]).astype(np.float64)
    expected = (raw(test["u2"]) - both.mean(axis=0)) / reference.deviation
    np.testing.assert_allclose(store.frames("u2"), expected, atol=1e-5)
    again = FrontEnd.of_store(store).statistics
    assert again is not None
    np.testing.assert_array_equal(again.deviation, reference.deviation)
    with pytest.raises(InputError, match="reference was made for"):
        extract(test, FilterbankConfig(), tmp_path / "x", reference=reference)
    with pytest.raises(InputError, match="dimension 40"):
        extract(test, MfccConfig(), tmp_path / "x", Normalisation(), reference=reference)


def test_unknown_speakers_are_not_kept(corpus: Corpus, tmp_path: Path) -> None:
    alone = Corpus("c", tuple(Utterance(u.id, u.id, u.words, u.audio) for u in corpus))
    extract(alone, MfccConfig(), tmp_path / "s", Normalisation())
    statistics = FrontEnd.of_store(FeatureStore.open(tmp_path / "s")).statistics
    assert statistics is not None
    assert statistics.speakers == {}


def test_bad_audio_is_collected_and_the_rest_goes_on(corpus: Corpus, tmp_path: Path) -> None:
    (tmp_path / "broken.wav").write_bytes(b"nothing")
    soundfile.write(tmp_path / "short.wav", np.full(399, 0.1), 16000)
    soundfile.write(tmp_path / "slow.wav", np.full((4000, 2), 0.1), 8000)
    extra = {name: tmp_path / f"{name}.wav" for name in ("broken", "short", "slow", "missing")}
    mixed = Corpus(
        "c", (*corpus, *(Utterance(name, "s0", ("a",), path) for name, path in extra.items()))
    )
    problems = extract(mixed, MfccConfig(), tmp_path / "s", Normalisation())
    assert {(p.kind, p.utterance, p.fatal) for p in problems} == {
        (Kind.UNREADABLE_AUDIO, "broken", True),
        (Kind.TOO_SHORT, "short", True),
        (Kind.MISSING_AUDIO, "missing", True),
        (Kind.RESAMPLED, None, False),
        (Kind.CHANNELS, None, False),
    }
    assert set(FeatureStore.open(tmp_path / "s").ids) == {*corpus.ids, "slow"}


def test_no_features_at_all_is_an_error(tmp_path: Path) -> None:
    lost = Corpus("lost", (Utterance("u", "s", ("a",), tmp_path / "none.wav"),))
    with pytest.raises(InputError, match=r"no utterance of corpus lost.*does not exist"):
        extract(lost, MfccConfig(), tmp_path / "s")
    assert list(tmp_path.iterdir()) == []


def test_wrong_use_fails_before_any_audio_is_read(corpus: Corpus, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="workers"):
        extract(corpus, MfccConfig(), tmp_path / "s", workers=0)
    with pytest.raises(InputError, match="num_ceps"):
        extract(corpus, MfccConfig(num_ceps=99), tmp_path / "s")


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "plp"},
        {"config": {"num_ceps": 13}},
        {"config": None},
        {"left": "x"},
        {"rate": None},
    ],
)
def test_damaged_descriptions_are_refused(change: dict[str, object]) -> None:
    values = FrontEnd(MfccConfig()).to_json()
    assert FrontEnd.from_json(values).config == MfccConfig()
    with pytest.raises(InputError):
        FrontEnd.from_json(values | change)
    with pytest.raises(InputError):
        FrontEnd.from_json({})


def test_a_store_of_other_origin_has_no_front_end(tmp_path: Path) -> None:
    store = FeatureStore.create(tmp_path / "s", [("u", np.ones((3, 2), np.float32))])
    with pytest.raises(InputError, match="does not say how it was made"):
        FrontEnd.of_store(store)


def test_real_speech(shared: Path, tmp_path: Path) -> None:
    corpus, _ = read_kaldi_directory(shared / "data" / "an4" / "test")
    problems: list[Problem] = extract(corpus, FilterbankConfig(), tmp_path / "s", Normalisation())
    store = FeatureStore.open(tmp_path / "s")
    assert problems == []
    # 5.95 minutes; each utterance loses one and a half frames at its end.
    assert store.total_frames == pytest.approx(5.95 * 6000, rel=0.01)
    # Lengths in frames as Kaldi's, recorded beside its acoustic scores of the same sentences.
    golden = shared / "golden"
    for line in (golden / "text").read_text().splitlines():
        name, *words = line.split()
        utterance = corpus[name.rsplit("-", 2)[0]]
        assert utterance.words == tuple(words)
        scores = np.load(golden / name / "loglikes.npy", mmap_mode="r")
        assert store.num_frames(utterance.id) == len(scores)
