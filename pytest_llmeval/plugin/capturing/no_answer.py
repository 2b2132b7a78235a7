"""What the application gets where a provider gave no answer."""

from __future__ import annotations

import json

from pytest_llmeval.capture.clients import Broken
from pytest_llmeval.errors import ProviderError
from pytest_llmeval.formats.replay import Delivery

_NOT_HANDED_ON = ("connection", "content-encoding", "content-length", "transfer-encoding")


def no_answer(error: ProviderError) -> Delivery:
    """The response that says what the provider said.

    Raises:
        Broken: it said nothing.
    """
    said = error.response
    if said is None and error.kind == "timeout":
        raise Broken(str(error), timed_out=True)
    # The engine has asked again already, as often as it helps; SDKs heed this.
    retried = {"x-should-retry": "false"}
    if said is None:
        content = json.dumps({"error": {"message": str(error), "type": error.kind, "code": error.kind}}).encode()
        headers = {"content-type": "application/json", **retried}
        return Delivery(status=error.status or 502, headers=headers, chunks=(content,))
    headers = {name: value for name, value in said.headers.items() if name.lower() not in _NOT_HANDED_ON}
    headers |= retried if said.status >= 400 else {}
    return Delivery(status=said.status, headers=headers, chunks=(said.body,))
