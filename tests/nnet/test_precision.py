import pytest
import torch

from outergrad.errors import InputError
from outergrad.nnet.precision import autocast, check_device


def test_a_missing_gpu_is_an_input_error(monkeypatch):
    check_device("cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="torch sees no GPU here: use device cpu"):
        check_device("cuda")


def test_autocast_is_for_the_device_it_is_given():
    assert autocast("bfloat16").device == "cpu"
    assert not autocast("float32")._enabled
    with pytest.raises(InputError, match="float16"):
        autocast("float16")
