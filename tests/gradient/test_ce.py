from dataclasses import replace

import numpy as np
import pytest
import torch

from outergrad.criteria.ce import cross_entropy
from outergrad.criteria.frame_error import FrameErrors
from outergrad.errors import InputError, RunError
from outergrad.features.store import FeatureStore
from outergrad.gradient.ce import CeConfig, frame_score, train_ce
from outergrad.gradient.ce_state import STATE_FILE
from outergrad.gradient.frames import hold_out_speakers
from outergrad.nnet.acoustic import AcousticModel
from outergrad.nnet.dnn import DnnConfig, build
from outergrad.nnet.parameters import flatten, load_flat
from outergrad.randomness import rng

NETWORK = DnnConfig(input_dim=6, hidden_layers=1, hidden_units=16, num_pdfs=3)
# One torch thread: these matrices are tiny, and tests run side by side.
CONFIG = CeConfig(batch_size=16, rate=0.2, max_epochs=6, threads=1)


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    """Three well separated states; 24 utterances of 6 speakers; held-out speakers apart."""
    centres = np.array([[3.0, 0.0], [0.0, 3.0], [-3.0, -3.0]])
    stream = rng(1, "toy")
    targets, items, speakers = {}, [], {}
    for index in range(24):
        name = f"u{index:02d}"
        states = np.repeat(stream.integers(0, 3, 8), 4).astype(np.int32)
        noise = 0.3 * stream.standard_normal((32, 2))
        items.append((name, (centres[states] + noise).astype(np.float32)))
        targets[name] = states
        speakers[name] = f"s{index // 4}"
    store = FeatureStore.create(tmp_path_factory.mktemp("toy") / "features", items, left=1, right=1)
    return store, targets, *hold_out_speakers(speakers, 0.2, seed=1)


def train(toy, config=CONFIG, network=NETWORK, seed=5, **options):
    module = build(network, seed)
    result = train_ce(module, *toy, config, seed=seed, **options)
    return module, result


@pytest.mark.parametrize("shuffling", ["none", "on-the-fly", "full"])
@pytest.mark.parametrize(("optimizer", "rate"), [("sgd", 0.2), ("adam", 0.01)])
def test_a_separable_problem_is_solved(toy, shuffling, optimizer, rate):
    config = replace(CONFIG, shuffling=shuffling, optimizer=optimizer, rate=rate)
    module, result = train(toy, config)
    store, targets, _, held_out = toy
    score = frame_score(module, store, targets, held_out)
    assert score.errors.rate < 1.0
    assert result.history[-1].train_ce < 0.1 * result.history[0].train_ce + 0.05
    assert score.cross_entropy == pytest.approx(result.heldout_ce, rel=1e-6)


def test_the_best_parameters_are_kept_and_the_rate_decays_on_a_plateau(toy):
    config = replace(CONFIG, max_epochs=50, max_decays=3, plateau=0.2)
    module, result = train(toy, config)
    store, targets, _, held_out = toy
    losses = [record.heldout_ce for record in result.history]
    assert result.heldout_ce == min(losses) == losses[result.best_epoch - 1]
    score = frame_score(module, store, targets, held_out)
    assert score.cross_entropy == pytest.approx(min(losses), rel=1e-6)
    assert len(losses) < 50
    assert result.history[-1].rate == pytest.approx(0.2 * 0.5**3)
    best, rate = np.inf, 0.2
    for record in result.history:
        assert record.rate == pytest.approx(rate)
        if not record.heldout_ce < best * 0.8:
            rate *= 0.5
        best = min(best, record.heldout_ce)


def test_one_update_by_hand(toy):
    """One batch holds all frames: theta += rate * (mean gradient of log posterior - decay)."""
    store, targets, _, held_out = toy
    name = toy[2][0]
    module = build(NETWORK, seed=5)
    before = flatten(module)
    config = CeConfig(batch_size=32, rate=1e-3, max_epochs=1, weight_decay=0.3)
    x, y = store.stacked(name).copy(), targets[name]
    value = torch.log_softmax(module(torch.from_numpy(x)), dim=1)[torch.arange(32), y].mean()
    gradients = torch.autograd.grad(value, tuple(module.parameters()))
    gradient = np.concatenate([g.numpy().ravel() for g in gradients])
    train_ce(module, store, targets, [name], held_out, config, seed=5)
    expected = 1e-3 * (gradient - 0.3 * before)
    np.testing.assert_allclose(flatten(module) - before, expected, rtol=0.01, atol=2e-7)


class Killed(Exception):
    pass


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_resumed_training_ends_with_the_same_bits(toy, tmp_path, optimizer):
    network = replace(NETWORK, dropout=0.2)
    rate = 0.2 if optimizer == "sgd" else 0.005
    config = replace(CONFIG, optimizer=optimizer, rate=rate, plateau=0.3, shuffling="on-the-fly")
    module, result = train(toy, config, network)
    for kill_at in (2, 4):

        def die(record, kill_at=kill_at):
            if record.epoch == kill_at:
                raise Killed

        with pytest.raises(Killed):
            train(toy, config, network, state=tmp_path, on_epoch=die)
        assert [path.name for path in tmp_path.iterdir()] == [STATE_FILE]
    resumed, again = train(toy, config, network, state=tmp_path)
    assert again == result
    np.testing.assert_array_equal(flatten(resumed), flatten(module))
    finished, unchanged = train(toy, config, network, state=tmp_path)
    assert unchanged == result, "finished training is not repeated"
    np.testing.assert_array_equal(flatten(finished), flatten(module))


def test_states_of_another_training_are_refused(toy, tmp_path):
    train(toy, replace(CONFIG, max_epochs=1), state=tmp_path)
    with pytest.raises(InputError, match=r"another training \(different: config\)"):
        train(toy, CONFIG, state=tmp_path)
    with pytest.raises(InputError, match=r"\(different: seed, start\)"):
        train(toy, replace(CONFIG, max_epochs=1), seed=6, state=tmp_path)
    store, targets, training, held_out = toy
    other = store, targets, training[1:], held_out
    with pytest.raises(InputError, match=r"\(different: data\)"):
        train(other, replace(CONFIG, max_epochs=1), state=tmp_path)
    (tmp_path / STATE_FILE).write_bytes((tmp_path / STATE_FILE).read_bytes()[:-50])
    with pytest.raises(InputError, match="cannot be read"):
        train(toy, replace(CONFIG, max_epochs=1), state=tmp_path)


def test_divergence_is_reported(toy):
    with pytest.raises(RunError, match="lower the learning rate"):
        train(toy, replace(CONFIG, rate=1e30))


def test_epochs_that_make_it_worse_are_undone(toy):
    """A network that starts perfect and is then taught wrong states: epoch 0 stays the best."""
    module, _ = train(toy, replace(CONFIG, max_epochs=10))
    solved = flatten(module)
    store, targets, training, held_out = toy
    wrong = {name: (states + (name in training)) % 3 for name, states in targets.items()}
    config = replace(CONFIG, max_epochs=3)
    result = train_ce(module, store, wrong, training, held_out, config, seed=1)
    assert result.best_epoch == 0
    assert [record.rate for record in result.history] == [0.2, 0.1, 0.05]
    np.testing.assert_array_equal(flatten(module), solved)


def test_held_out_features_may_come_from_another_store(toy, tmp_path):
    store, targets, training, held_out = toy
    other = FeatureStore.create(
        tmp_path / "held-out", [(u, store.frames(u)) for u in held_out], left=1, right=1
    )
    module = build(NETWORK, 5)
    result = train_ce(
        module, store, targets, training, held_out, CONFIG, seed=5, held_out_source=other
    )
    assert result == train(toy)[1]


def test_held_out_utterances_may_have_the_ids_of_training_utterances(toy, tmp_path):
    store, targets, training, held_out = toy
    renamed = dict(zip(training, held_out, strict=False))
    other = FeatureStore.create(
        tmp_path / "held-out",
        [(new, store.frames(u)) for new, u in renamed.items()],
        left=1,
        right=1,
    )
    result = train_ce(
        build(NETWORK, 5),
        store,
        targets,
        training,
        tuple(renamed),
        CONFIG,
        seed=5,
        held_out_source=other,
        held_out_targets={new: targets[u] for new, u in renamed.items()},
    )
    assert result == train(toy)[1]


def test_progress_and_threads(toy):
    before = torch.get_num_threads()
    frames, epochs = [], []
    config = replace(CONFIG, max_epochs=2, threads=1)
    train(toy, config, on_frames=lambda *pair: frames.append(pair), on_epoch=epochs.append)
    total = 32 * len(toy[2])
    assert [pair[1] for pair in frames] == [total] * len(frames)
    assert frames[-1] == (total, total)
    assert [record.epoch for record in epochs] == [1, 2]
    assert torch.get_num_threads() == before


def test_frame_score_is_the_criterion_of_the_posteriors(toy):
    store, targets, _, held_out = toy
    module = build(NETWORK, seed=2)
    load_flat(module, rng(2, "p").standard_normal(len(flatten(module)), dtype=np.float32))
    model = AcousticModel(module, np.zeros(3, np.float32))
    by_hand = [cross_entropy(model.scores(store.stacked(u)), targets[u]) for u in held_out]
    score = frame_score(module, store, targets, held_out)
    assert score.value == pytest.approx(sum(s.value for s in by_hand))
    assert score.errors == sum((s.errors for s in by_hand), FrameErrors())


@pytest.mark.parametrize(
    "change",
    [
        {"batch_size": 0},
        {"rate": 0.0},
        {"momentum": 1.0},
        {"weight_decay": -1.0},
        {"rate_decay": 1.0},
        {"optimizer": "lbfgs"},
        {"precision": "float16"},
    ],
)
def test_impossible_settings_are_refused(toy, change):
    with pytest.raises(InputError):
        train(toy, replace(CONFIG, **change))


def test_training_needs_frames_to_stop_by(toy):
    store, targets, training, _ = toy
    with pytest.raises(InputError, match="held-out"):
        train_ce(build(NETWORK, 1), store, targets, training, [], CONFIG, seed=1)
