"""Every way to ask a model that is said to be captured is: recorded once, and replayed with no request at all."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.capture_proof import CAUGHT, proved
from tests.captured_clients import FAMILIES


@pytest.mark.parametrize("family", sorted(set(FAMILIES.values())))
def test_a_client_is_captured(family: str, tmp_path: Path) -> None:
    names = [name for name, its in FAMILIES.items() if its == family and "curl" not in name]
    assert proved(sys.executable, names, tmp_path) == dict.fromkeys(names, CAUGHT)
