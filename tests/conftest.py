"""Fixtures shared by all tests."""

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import settings

# What tests of several folders build upon lies beside this file.
sys.path.insert(0, str(Path(__file__).parent))

# Machines are shared: how long one example takes says nothing about the code.
settings.register_profile("shared-machine", deadline=None)
settings.load_profile("shared-machine")


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder with real speech (`data/`) and Kaldi's numbers (`golden/`); skips without it."""
    named = os.environ.get("OUTERGRAD_SHARED_DATA")
    candidates = [Path(named)] if named else []
    candidates += [parent / "shared" for parent in Path(__file__).resolve().parents]
    for folder in candidates:
        if (folder / "golden").is_dir() and (folder / "data").is_dir():
            return folder
    pytest.skip("needs the speech and golden data, which are not part of the repository")


@pytest.fixture(scope="session")
def tones() -> ModuleType:
    """Speech made of tones, and a model that understands it without training (tests/tones.py)."""
    spec = importlib.util.spec_from_file_location("tones", Path(__file__).parent / "tones.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def model_directory(tones: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model directory with the model of the tones."""
    directory = tmp_path_factory.mktemp("model") / "model"
    model, lm = tones.tone_model()
    model.save(directory, lm, {"test_wer": 0.0})
    return directory
