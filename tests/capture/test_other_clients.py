"""HTTP clients other than httpx are stood before whenever they are imported, and whichever copy of them."""

from __future__ import annotations

import subprocess
import sys

import pytest

BEFORE = "import requests"
AFTER = ""
CODE = """
{before}
from pytest_llmeval.capture.other_clients import stand_before_others
import sys

stand_before_others()
stand_before_others()
assert ("requests" in sys.modules) is bool({before!r})
import requests

get_adapter = requests.Session.get_adapter
assert get_adapter.__module__ == "requests.sessions" and get_adapter.__llmeval_stands_before__.__name__ == "get_adapter"
assert not hasattr(get_adapter.__llmeval_stands_before__, "__llmeval_stands_before__")
for name in [name for name in sys.modules if name.partition(".")[0] == "requests"]:
    del sys.modules[name]
import requests as another

assert another.Session is not requests.Session
assert another.Session.get_adapter.__llmeval_stands_before__
assert type(another.Session().get_adapter("https://host.example/v1/chat/completions")) is another.adapters.HTTPAdapter
"""


@pytest.mark.parametrize("before", [BEFORE, AFTER])
def test_a_client_is_stood_before_once_and_lets_everything_pass_while_nobody_listens(before: str) -> None:
    subprocess.run([sys.executable, "-c", CODE.format(before=before)], check=True, timeout=60)
