from dataclasses import replace

import numpy as np
import pytest

from outergrad.bootstrap.aligner import Aligner
from outergrad.bootstrap.config import (
    AlignmentConfig,
    BootstrapConfig,
    MonophoneConfig,
    TreeConfig,
    TriphoneConfig,
)
from outergrad.bootstrap.em import load_gmm_hmm
from outergrad.bootstrap.frames import GmmFrames
from outergrad.bootstrap.monophone import train_monophone
from outergrad.bootstrap.pipeline import bootstrap
from outergrad.corpus.utterance import Corpus
from outergrad.errors import InputError, RunError
from outergrad.hmm.alignment import log_priors
from outergrad.hmm.gmm_training import GmmTrainingConfig


@pytest.fixture(scope="module")
def result(speech, quick):
    return bootstrap(speech.mfcc, speech.corpus, speech.lexicon, quick)


def phone_accuracy(trained, speech):
    right = total = 0
    for utterance, transition_ids in trained.alignments.items():
        found = trained.hmm.transitions.phone_of[transition_ids]
        right += int((found == speech.phones[utterance]).sum())
        total += len(found)
    return right / total


def test_alignments_find_the_phones_that_were_drawn(result, speech):
    assert len(result.triphone.alignments) == len(speech.corpus)
    for utterance, transition_ids in result.triphone.alignments.items():
        assert len(transition_ids) == len(speech.mfcc[utterance])
    assert phone_accuracy(result.monophone, speech) > 0.9
    assert phone_accuracy(result.triphone, speech) > 0.95


def test_the_tree_finds_the_context_that_was_drawn(result):
    tying = result.triphone.hmm.tying
    a, b, c = (result.triphone.hmm.phones.id(name) for name in "ABC")
    for state in range(3):
        assert tying.pdf((a, b, a), state) != tying.pdf((c, b, a), state)


def test_likelihood_rises(result):
    for trained in (result.monophone, result.triphone):
        assert trained.log_likelihoods[-1] > trained.log_likelihoods[0]


def test_priors_are_a_distribution(result):
    trained = result.triphone
    priors = np.exp(log_priors(trained.alignments, trained.hmm.transitions))
    assert len(priors) == trained.hmm.num_pdfs == trained.gmm.num_pdfs
    # An hmm_state of silence that was never entered has the floor of 1e-5.
    assert priors.sum() == pytest.approx(1.0, abs=5e-5)


def test_threads_and_repetition_change_nothing(result, speech, quick):
    again = bootstrap(speech.mfcc, speech.corpus, speech.lexicon, replace(quick, threads=1))
    np.testing.assert_array_equal(again.triphone.gmm.means, result.triphone.gmm.means)
    np.testing.assert_array_equal(again.triphone.alignments.flat, result.triphone.alignments.flat)


def test_saved_and_loaded(result, tmp_path):
    result.save(tmp_path)
    hmm, gmm, alignments = load_gmm_hmm(tmp_path / "tri")
    assert hmm.tying == result.triphone.hmm.tying
    np.testing.assert_array_equal(gmm.means, result.triphone.gmm.means)
    np.testing.assert_array_equal(alignments.flat, result.triphone.alignments.flat)
    result.monophone.gmm.save(tmp_path / "tri" / "gmm.safetensors")
    with pytest.raises(InputError, match="mixtures for"):
        load_gmm_hmm(tmp_path / "tri")


def shortened(speech, names):
    return {n: x[:5] if n in names else x for n, x in speech.mfcc.items()}


def test_utterances_that_cannot_be_aligned_are_counted_with_reasons(speech, quick):
    short = set(speech.corpus.ids[:3])
    corpus = speech.corpus
    frames = GmmFrames.of(shortened(speech, short), {u.id: u.speaker for u in corpus})
    trained = train_monophone(frames, {u.id: u.words for u in corpus}, speech.lexicon, quick)
    assert set(trained.failed) == short
    assert all(reason in ("no-path", "no-final-state") for reason in trained.failed.values())
    assert set(trained.alignments) == set(corpus.ids) - short


def test_too_many_failures_stop_the_training(speech, quick):
    short = set(speech.corpus.ids[:10])
    with pytest.raises(RunError) as error:
        bootstrap(shortened(speech, short), speech.corpus, speech.lexicon, quick)
    message = str(error.value)
    assert "10 of 60 utterances" in message
    assert "shorter than its phones: 10 (u000, u001, u002, u003, u004, ...)" in message
    assert "at most 10% may fail (bootstrap.alignment.max_failed)" in message
    lenient = replace(quick, alignment=AlignmentConfig(max_failed=0.2))
    result = bootstrap(shortened(speech, short), speech.corpus, speech.lexicon, lenient)
    assert set(result.triphone.failed) == short


def test_the_limit_underway_is_not_that_of_the_setting(speech, quick, monkeypatch):
    """Half of the utterances may fail before the last pass, and nobody can set that."""

    def align(self, gmm, beam):
        self.failed = dict.fromkeys(speech.corpus.ids[:31], "no-path")
        return {}

    monkeypatch.setattr(Aligner, "align", align)
    lenient = replace(quick, alignment=AlignmentConfig(max_failed=1.0))
    with pytest.raises(RunError) as error:
        bootstrap(speech.mfcc, speech.corpus, speech.lexicon, lenient)
    message = str(error.value)
    assert "31 of 60 utterances" in message
    assert "at most 50% may fail (before the last pass of the monophone training," in message


def test_words_outside_the_lexicon_are_named(speech, quick):
    first, *others = speech.corpus
    corpus = Corpus("c", (replace(first, words=("zz",)), *others))
    with pytest.raises(InputError, match="zz"):
        bootstrap(speech.mfcc, corpus, speech.lexicon, quick)


def test_boosted_silence_takes_frames_from_speech(result, speech, quick):
    boosted = replace(quick, alignment=AlignmentConfig(silence_boost=1e9))
    frames = GmmFrames.of(speech.mfcc, {u.id: u.speaker for u in speech.corpus})
    transcripts = {u.id: u.words for u in speech.corpus}
    trained = train_monophone(frames, transcripts, speech.lexicon, boosted)

    def silence(model):
        return (model.hmm.transitions.phone_of[model.alignments.flat] == 1).mean()

    assert silence(trained) > silence(result.monophone)


@pytest.mark.parametrize(
    ("section", "setting", "value"),
    [
        (AlignmentConfig, "silence_boost", 0.0),
        (AlignmentConfig, "max_failed", 1.5),
        (AlignmentConfig, "acoustic_scale", 0.0),
        (AlignmentConfig, "beam", 41.0),
        (AlignmentConfig, "first_beam", 41.0),
        (AlignmentConfig, "first_beam", float("nan")),
        (MonophoneConfig, "frames_per_gaussian", 0),
        (MonophoneConfig, "iterations", 0),
        (TreeConfig, "num_leaves", -1),
        (TreeConfig, "min_occupancy", 0.0),
        (TriphoneConfig, "gaussians_per_leaf", -1.0),
        (GmmTrainingConfig, "variance_floor", 0.0),
        (GmmTrainingConfig, "min_occupancy", -1.0),
        (BootstrapConfig, "threads", 0),
        (BootstrapConfig, "speech_states", 0),
    ],
)
def test_impossible_settings_are_refused_before_anything_runs(section, setting, value):
    with pytest.raises(InputError, match=setting):
        section(**{setting: value})
