import pytest

from outergrad.config import build, parse_overrides
from outergrad.criteria.config import Kind
from outergrad.errors import InputError
from outergrad.recipes.settings import RunConfig


def config(*settings):
    return build(RunConfig, parse_overrides(settings))


def test_criteria_are_chosen_by_name():
    assert config().criteria == (Kind.MMI,)
    assert config('criteria=["smbr", "mpe"]').criteria == (Kind.SMBR, Kind.MPE)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ('criteria=["mmi", "mmi"]', "names one twice"),
        ('criteria=["mce"]', "criteria"),
        ("sequence.rate_scale.smbr=0", "rate scale of smbr"),
        ("sequence.auxiliary.kind=exact", "sequence.auxiliary.kind"),
        ("sequence.training.gap.every=-1", "gap"),
        ("bootstrap.threads=0", "threads must be positive"),
        ("bootstrap.monophone.frames_per_gaussian=0", "frames_per_gaussian"),
        (
            "bootstrap.alignment.first_beam=50.0",
            "first_beam must be positive and at most retry_beam",
        ),
        ("decode.threads=0", "decode: threads"),
        ("decode.lm_weights=[]", "decode: lm_weights"),
        ("decode.insertion_penalties=[]", "decode: insertion_penalties"),
    ],
)
def test_what_makes_no_sense_is_refused(setting, message):
    with pytest.raises(InputError, match=message):
        config(setting)


def test_every_criterion_has_a_rate_scale():
    for kind in Kind:
        assert config().sequence.rate_scale.of(kind) > 0.0
