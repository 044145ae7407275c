"""These tests run in Triton's interpreter, which must be on before a kernel is defined: in a process of their own."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent.parent))


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)
