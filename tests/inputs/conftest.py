from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared():
    folder = Path(__file__).parents[3] / "shared" / "models"
    if not folder.is_dir():
        pytest.skip(f"real models are not at {folder}")
    return folder
