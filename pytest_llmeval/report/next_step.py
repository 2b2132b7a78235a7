"""What helps after errors, by what kept the cases from being judged: never what changes nothing."""

from __future__ import annotations

AGAIN = "run again; answers that came are not paid twice"

_HELPS = {
    "authentication": "set the key as the errors say, then run again; answers that came are not paid twice",
    "bad_request": "mend what the errors say of the request: the provider refuses it each time",
    "billing": "pay the account or raise its limit, then run again; answers that came are not paid twice",
    "broken_recording": "mend the file of recordings that the errors name, or restore it",
    "budget": "a higher --llm-budget goes on where this run stopped; answers that came are not paid twice",
    "connection": "start the server, or mend base_url or the network as the errors say",
    "content_filter": "change the prompts that the provider refuses, or put another model on trial",
    "exception": "mend the test or the application: the errors are exceptions of its own code",
    "malformed": "check that base_url is the address of an API, and that the provider named is the one it speaks",
    "no_reply_recorded": "--llm-record --llm-mode=auto asks for the missing replies and records them",
    "not_found": "mend the model's name or base_url as the errors say",
    "not_rerouted": "put a model on trial that the application can be made to ask, as the errors say",
    "setup": "mend the fixtures or settings that the errors name",
}


def after_errors(kind: str | None) -> str:
    """What to do about errors of a kind, as the end of a line that begins with ``next:``."""
    return _HELPS.get(kind or "", AGAIN)
