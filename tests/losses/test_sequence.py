"""The losses: values, gradients, padding, failures, autocast."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch

import outergrad
from outergrad.criteria.config import CriterionConfig
from outergrad.decoder.alignment import AlignConfig
from outergrad.decoder.decoding import DecoderConfig
from outergrad.errors import InputError, RunError
from outergrad.gradient.outer import OuterConfig, outer_gradient
from outergrad.lattice.accuracy import PhoneClasses
from outergrad.losses import BoostedMMILoss, MMILoss, MPELoss, SMBRLoss
from yes_no import WORDS, word_graph

KAPPA = 0.5
CONFIG = OuterConfig(
    decoder=DecoderConfig(beam=60.0, lattice_beam=60.0, acoustic_scale=KAPPA),
    alignment=AlignConfig(acoustic_scale=KAPPA),
    criterion=CriterionConfig(rejection=0.0, cancellation=0.0),
)
CLASSES = PhoneClasses(np.array([0, 1, 2, 3], dtype=np.int32), (1,))
LOSSES = (MMILoss, BoostedMMILoss, SMBRLoss, MPELoss)


class References:
    """Graphs of one-word transcripts."""

    def compile(self, words):
        if len(words) != 1 or words[0] not in WORDS:
            raise InputError("no such transcript")
        return word_graph([WORDS.index(words[0])])


PRIORS = np.log(np.array([0.5, 0.3, 0.2], dtype=np.float32))


def make(kind, config=CONFIG, threads=2):
    return kind(word_graph([1, 2]), References(), PRIORS, CLASSES, config, threads)


def batch(lengths=(6, 4, 5), seed=0):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(len(lengths), max(lengths), 3, generator=generator)
    return logits.requires_grad_(), torch.tensor(lengths), ["yes", ["no"], "yes"][: len(lengths)]


def outers(loss, logits, lengths, transcripts):
    """The outer gradients of the batch, one by one."""
    scores = (torch.log_softmax(logits.detach(), 2) - torch.from_numpy(PRIORS)).numpy()
    for i, (length, words) in enumerate(zip(lengths.tolist(), transcripts, strict=True)):
        graph = References().compile(words.split() if isinstance(words, str) else words)
        yield outer_gradient(
            scores[i, :length],
            graph,
            word_graph([1, 2]),
            CONFIG,
            utterance=str(i),
            kind=loss.kind,
            classes=CLASSES,
        )


@pytest.mark.parametrize("kind", LOSSES)
def test_value_and_gradient_are_those_of_the_criterion(kind):
    loss = make(kind)
    logits, lengths, transcripts = batch()
    value = loss(logits, lengths, transcripts)
    value.backward()
    frames = int(lengths.sum())
    total, expected = 0.0, np.zeros(logits.shape)
    for i, outer in enumerate(outers(loss, logits, lengths, transcripts)):
        total += outer.value
        rows = np.repeat(outer.frames, np.diff(outer.offsets))
        expected[i, rows, outer.pdfs] = -KAPPA * outer.values / frames
    assert value.item() == pytest.approx(-total / frames, rel=1e-5)
    assert loss.value == pytest.approx(total / frames)
    assert loss.counts.frames == frames
    assert loss.failures == ()
    # Rows sum to zero, so the softmax passes them on as they are, up to float32.
    np.testing.assert_allclose(logits.grad.numpy(), expected, atol=1e-7)
    assert np.abs(expected).max() > 1e-3


@pytest.mark.parametrize("kind", LOSSES)
def test_the_gradient_is_the_slope_of_the_value(kind):
    """Beams keep every path here, so the loss is a smooth function; searched in float32."""
    loss = make(kind)
    # One frame per state: one alignment per word, so the best one cannot switch.
    logits, lengths, transcripts = batch((2, 2))
    loss(logits, lengths, transcripts).backward()
    step = 0.02
    for place in np.ndindex(2, 2, 3):
        up, down = logits.detach().clone(), logits.detach().clone()
        up[place] += step
        down[place] -= step
        slope = (loss(up, lengths, transcripts) - loss(down, lengths, transcripts)) / (2 * step)
        # Float32 scores and values, and curvature over the step: some 1e-4.
        assert slope.item() == pytest.approx(logits.grad[place].item(), abs=5e-4)


def test_padding_is_ignored_and_gets_no_gradient():
    loss = make(MMILoss)
    logits, lengths, transcripts = batch()
    value = loss(logits, lengths, transcripts)
    garbage = torch.cat([logits.detach(), torch.full((3, 7, 3), 50.0)], dim=1)
    garbage[1, 4:] = float("inf")
    garbage[2, 9:] = float("nan")
    garbage.requires_grad_()
    padded = loss(garbage, lengths, transcripts)
    padded.backward()
    assert padded.item() == value.item()
    for i, length in enumerate(lengths.tolist()):
        assert (garbage.grad[i, length:] == 0.0).all()


def test_what_cannot_be_searched_is_reported_and_left_out():
    loss = make(MMILoss)
    logits, _, _ = batch()
    lengths, transcripts = [6, 1, 5], ["yes", "no", "perhaps"]
    value = loss(logits, lengths, transcripts, ids=["a", "b", "c"])
    assert [(f.index, f.utterance, f.reason) for f in loss.failures] == [
        (1, "b", "numerator-no-final-state"),
        (2, "c", "numerator-no-graph"),
    ]
    alone = loss(logits[:1], [6], ["yes"])
    assert value.item() == alone.item()
    value.backward()
    assert logits.grad[0].any()
    assert not logits.grad[1:].any()


def test_a_batch_without_any_usable_utterance_warns():
    loss = make(MMILoss)
    logits, _, _ = batch()
    with pytest.warns(UserWarning, match=r"no utterance .*numerator-no-graph"):
        value = loss(logits, [6, 4, 5], ["a", "b", "c"])
    value.backward()
    assert value.item() == 0.0
    assert len(loss.failures) == 3
    assert np.isnan(loss.value)


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
@pytest.mark.parametrize("kind", LOSSES)
def test_logits_that_are_not_finite_spoil_nothing_else(kind, wrong):
    loss = make(kind)
    logits, lengths, transcripts = batch()
    good = logits.detach()[[0, 2]].requires_grad_()
    loss(good, lengths[[0, 2]], [transcripts[0], transcripts[2]]).backward()
    spoilt = logits.detach().clone()
    spoilt[1, 2, 0] = wrong
    spoilt.requires_grad_()
    value = loss(spoilt, lengths, transcripts)
    value.backward()
    assert [failure.index for failure in loss.failures] == [1]
    assert np.isfinite(value.item())
    assert not spoilt.grad[1].any()
    torch.testing.assert_close(spoilt.grad[[0, 2]], good.grad)
    assert good.grad.any()


def test_a_mask_in_the_logits_of_failed_utterances_gives_no_nan():
    logits, lengths, _ = batch()
    masked = logits.detach().clone()
    masked[1, :, 1] = float("-inf")
    masked.requires_grad_()
    loss = make(MMILoss)
    with pytest.warns(UserWarning, match="no utterance"):
        value = loss(masked, lengths, ["maybe", "perhaps", "maybe"])
    value.backward()
    assert value.item() == 0.0
    assert masked.grad is not None
    assert not masked.grad.any()


def test_a_batch_of_nothing_but_nan_is_zero_with_a_zero_gradient():
    logits = torch.full((2, 4, 3), float("nan"), requires_grad=True)
    with pytest.warns(UserWarning, match="no utterance"):
        value = make(MMILoss)(logits, [4, 4], ["yes", "no"])
    value.backward()
    assert value.item() == 0.0
    assert not logits.grad.any()


def test_autocast_and_double():
    loss = make(MMILoss)
    logits, lengths, transcripts = batch()
    exact = loss(logits, lengths, transcripts)
    with torch.autocast("cpu", torch.bfloat16):
        rough = loss(logits.bfloat16(), lengths, transcripts)
        same = loss(logits, lengths, transcripts)
    assert rough.dtype == same.dtype == torch.float32
    assert same.item() == exact.item()
    assert rough.item() == pytest.approx(exact.item(), abs=0.05)  # 8 bits of mantissa
    double = loss(logits.double(), lengths, transcripts)
    assert double.dtype == torch.float64
    assert double.item() == pytest.approx(exact.item(), rel=1e-5)


def test_threads_change_nothing():
    logits, lengths, transcripts = batch()
    one, four = make(SMBRLoss, threads=1), make(SMBRLoss, threads=4)
    assert one(logits, lengths, transcripts).item() == four(logits, lengths, transcripts).item()


def test_second_derivatives_are_refused():
    logits, lengths, transcripts = batch()
    value = make(MMILoss)(logits, lengths, transcripts)
    with pytest.raises(RunError, match="no second derivative"):
        torch.autograd.grad(value, logits, create_graph=True)


def test_a_little_training_lowers_the_loss():
    loss = make(MMILoss)
    logits, lengths, transcripts = batch()
    start = loss(logits, lengths, transcripts).item()
    for _ in range(10):
        value = loss(logits, lengths, transcripts)
        (gradient,) = torch.autograd.grad(value, logits)
        logits = (logits - 20.0 * gradient).detach().requires_grad_()
    assert loss(logits, lengths, transcripts).item() < 0.7 * start


@pytest.mark.skipif(not torch.distributed.is_available(), reason="torch without distributed")
def test_models_trained_in_parallel(tmp_path):
    """Under DistributedDataParallel (here alone) gradients are those of the plain model."""
    _, lengths, transcripts = batch()
    x = torch.randn(3, 6, 4, generator=torch.Generator().manual_seed(2))
    torch.manual_seed(0)
    plain = torch.nn.Linear(4, 3)
    loss = make(MMILoss)
    loss(plain(x), lengths, transcripts).backward()
    expected = [parameter.grad.clone() for parameter in plain.parameters()]
    plain.zero_grad()
    meeting = f"file://{tmp_path / 'meeting'}"
    torch.distributed.init_process_group("gloo", init_method=meeting, rank=0, world_size=1)
    try:
        parallel = torch.nn.parallel.DistributedDataParallel(plain)
        loss(parallel(x), lengths, transcripts).backward()
    finally:
        torch.distributed.destroy_process_group()
    for parameter, gradient in zip(plain.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient)
        assert gradient.any()


def test_misuse_is_explained():
    logits, lengths, transcripts = batch()
    loss = make(MMILoss)
    for wrong, message in (
        ((logits[..., :2], lengths, transcripts), "3 pdfs"),
        ((logits, lengths[:2], transcripts), "2 lengths"),
        ((logits, [7, 4, 5], transcripts), "lengths must be in"),
    ):
        with pytest.raises(InputError, match=message):
            loss(*wrong)
    with pytest.raises(InputError, match="which phones"):
        SMBRLoss(word_graph([1, 2]), References(), PRIORS)
    with pytest.raises(InputError, match="log priors"):
        MMILoss(word_graph([1, 2]), References(), PRIORS[:2])
    with pytest.raises(InputError, match="stage prepare of the run is not finished"):
        MMILoss.from_run("no-such-run")


def test_a_model_with_a_loss_in_it_moves_and_keeps_its_state_small():
    loss = make(MMILoss)
    assert loss.state_dict() == {}
    assert "log_priors" in dict(loss.named_buffers())
    assert pickle.loads(pickle.dumps(loss.failures)) == ()


def test_the_package_hands_out_losses_without_importing_torch_before():
    assert outergrad.MMILoss is MMILoss
    assert outergrad.SMBRLoss is SMBRLoss
    with pytest.raises(AttributeError, match="no attribute 'NoLoss'"):
        _ = outergrad.NoLoss
    code = "import sys, outergrad; assert 'torch' not in sys.modules; outergrad.MPELoss"
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": ":".join(sys.path)})
