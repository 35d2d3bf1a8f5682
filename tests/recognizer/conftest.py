from pathlib import Path

import pytest

from outergrad.recognizer.model import Model


@pytest.fixture(scope="session")
def model(model_directory: Path) -> Model:
    """The model of the tones, read back."""
    return Model.load(model_directory)
