import numpy as np
import pytest

from outergrad.errors import InputError
from outergrad.ps.partition import Span
from outergrad.ps.rules import Momentum, Sgd
from outergrad.ps.shard import BLOCK, PushOutcome, Shard
from outergrad.ps.staleness import StalenessConfig


def pulled(shard):
    out = np.empty(shard.size, np.float32)
    shard.pull(out)
    return out


def test_push_moves_the_values_and_counts_the_version():
    shard = Shard(np.zeros(3, np.float32), Sgd())
    assert shard.push(np.array([1, 2, 3], np.float32), 0, 0.5) is PushOutcome.APPLIED
    assert shard.version == 1
    assert pulled(shard).tolist() == [0.5, 1.0, 1.5]


def test_blocks_do_not_show():
    rng = np.random.default_rng(0)
    start = rng.normal(size=2 * BLOCK + 7).astype(np.float32)
    gradients = [rng.normal(size=start.size).astype(np.float32) for _ in range(3)]
    rule = Momentum(0.9)
    shard = Shard(start, rule)
    values, state = start, rule.init(start)
    for step, gradient in enumerate(gradients, start=1):
        shard.push(gradient, 0, 0.1)
        values, state = rule.apply(values, gradient, state, 0.1, step)
    assert np.array_equal(pulled(shard), values)
    assert np.array_equal(shard.state["velocity"], state["velocity"])


def test_a_partial_push_touches_its_part_only():
    shard = Shard(np.arange(6, dtype=np.float32), Momentum(0.5))
    shard.push(np.ones(2, np.float32), 0, 1.0, [Span(3, 5)])
    shard.push(np.ones(1, np.float32), 0, 1.0)
    assert pulled(shard).tolist() == [1, 1, 2, 4, 5, 5]
    assert shard.state["velocity"].tolist() == [1, 0, 0, 1, 1, 0]
    part = np.empty(2, np.float32)
    assert shard.pull(part, start=3) == 2
    assert part.tolist() == [4, 5]


def test_a_push_in_several_parts_is_one_update():
    shard = Shard(np.arange(6, dtype=np.float32), Momentum(0.5))
    for _ in range(2):
        shard.push(np.array([1, 2, 3], np.float32), 0, 1.0, [Span(0, 1), Span(3, 5)])
    assert shard.version == 2
    assert pulled(shard).tolist() == [2.5, 1, 2, 8, 11.5, 5]
    assert shard.state["velocity"].tolist() == [1.5, 0, 0, 3, 4.5, 0]


def test_a_gradient_that_turns_out_bad_half_way_leaves_no_trace():
    shard = Shard(np.ones(3 * BLOCK, np.float32), Momentum())
    good = np.ones(3 * BLOCK, np.float32)
    bad = good.copy()
    bad[-1] = np.nan
    shard.push(good, 0, 1.0)
    before, velocity = pulled(shard), shard.state["velocity"].copy()
    assert shard.push(bad, 1, 1.0) is PushOutcome.REJECTED
    assert np.array_equal(pulled(shard), before)
    assert np.array_equal(shard.state["velocity"], velocity)
    assert shard.version == 1


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e30])
def test_what_is_not_finite_is_refused_as_a_whole(bad):
    shard = Shard(np.ones(5, np.float32), Momentum())
    gradient = np.ones(5, np.float32)
    gradient[4] = bad
    assert shard.push(gradient, 0, 1.0) is PushOutcome.REJECTED
    assert (shard.version, shard.counts.rejected, shard.counts.applied) == (0, 1, 0)
    assert pulled(shard).tolist() == [1] * 5
    assert not shard.state["velocity"].any()


def test_ages_count_updates_since():
    shard = Shard(np.zeros(1, np.float32), Sgd(), StalenessConfig("drop", bound=1))
    one = np.ones(1, np.float32)
    outcomes = [shard.push(one, computed_at, 1.0) for computed_at in (0, 0, 0, 1, 2)]
    applied, stale = PushOutcome.APPLIED, PushOutcome.STALE
    assert outcomes == [applied, applied, stale, applied, applied]
    assert (shard.version, shard.counts.applied, shard.counts.stale) == (4, 4, 1)


def test_scaling_by_age_is_counted():
    shard = Shard(np.zeros(1, np.float32), Sgd(), StalenessConfig("scale"))
    for _ in range(3):
        shard.push(np.ones(1, np.float32), 0, 1.0)
    assert pulled(shard) == pytest.approx(1 + 1 / 2 + 1 / 3)
    assert (shard.counts.applied, shard.counts.damped) == (3, 2)


def test_delays_are_compensated_as_far_back_as_is_remembered():
    shard = Shard(np.zeros(1, np.float32), Sgd(), StalenessConfig(compensation=0.5, remembered=2))
    two = np.array([2], np.float32)
    for computed_at in (0, 0, 0, 0):
        shard.push(two, computed_at, 1.0)
    # 2; then 2 - 0.5 * 4 * (2 - 0) = -2; then 2 - 0.5 * 4 * (0 - 0) = 2; version 0 is forgotten.
    assert pulled(shard).tolist() == [2 - 2 + 2 + 2]
    assert (shard.counts.applied, shard.counts.compensated) == (4, 2)


def test_given_buffers_hold_version_v_in_row_v_modulo_2():
    buffers = np.zeros((2, 2), np.float32)
    shard = Shard(np.zeros(2, np.float32), Sgd(), version=6, buffers=buffers)
    shard.push(np.array([1, 2], np.float32), 6, 1.0)
    assert buffers.tolist() == [[0, 0], [1, 2]]


def test_wrong_shapes_are_refused():
    with pytest.raises(InputError, match="float32 vector"):
        Shard(np.zeros(3), Sgd())
    with pytest.raises(InputError, match="entries 2:5"):
        Shard(np.zeros(4, np.float32), Sgd()).push(np.zeros(3, np.float32), 0, 1.0, [Span(2, 5)])


def test_values_cannot_be_written_to():
    with pytest.raises(ValueError, match="read-only"):
        Shard(np.zeros(3, np.float32), Sgd()).values[0] = 1
