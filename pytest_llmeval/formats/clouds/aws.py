"""What Bedrock's formats have in common: addresses, the key, paths that name the model, errors."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple
from urllib.parse import SplitResult, quote, unquote, urlunsplit

from pytest_llmeval.errors import ProviderError
from pytest_llmeval.formats import reading
from pytest_llmeval.formats.base import Address, Event, Found, Recognised, WireFormat
from pytest_llmeval.formats.clouds.frames import EXCEPTION

KEY = "AWS_BEARER_TOKEN_BEDROCK"
CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE")
STAND_INS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
ADDRESS = Address(
    None,  # its host holds the name of a region
    KEY,
    {"AWS_ENDPOINT_URL_BEDROCK_RUNTIME": "", "ANTHROPIC_BEDROCK_BASE_URL": ""},
    other_keys=CREDENTIALS,
)
KEY_HELP = " to an API key of Bedrock, or log in as boto3 wants it and install that, whose credentials sign requests"
NEEDS = "set AWS_REGION, or base_url to an address such as https://bedrock-runtime.us-east-1.amazonaws.com"

_PATH = re.compile(r"(?P<above>.*)/model/(?P<model>[^/]+)/(?P<method>[a-z-]+)/?")
_REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")
_REGION = re.compile(r"[a-z0-9-]+")


class Place(NamedTuple):
    """What the path of a request says."""

    base_url: str
    model: str
    method: str

    @property
    def path(self) -> str:
        """The path below the base URL."""
        return path_of(self.model, self.method)


def path_of(model: str, method: str) -> str:
    """The path of a request, as in ``/model/anthropic.claude-x/converse``; in one spelling, whoever makes it."""
    return f"/model/{quote(model, safe='')}/{method}"


def asks_by(methods: Collection[str], path: str) -> bool:
    """Whether a path ends in one of these methods."""
    return path.rstrip("/").endswith(tuple(f"/{method}" for method in methods))


def recognised_by(
    methods: Mapping[str, bool],
    format_: WireFormat,
    url: SplitResult,
    headers: Mapping[str, str],
    body: Mapping[str, Any],
) -> Recognised | None:
    """What a request asks of a model by one of these methods; None for other requests.

    Args:
        methods: each with whether it streams the answer.
        format_: of the request.
        url: whole.
        headers: names in lower case.
        body: as JSON.
    """
    place = place_in(url)
    if place is None or place.method not in methods:
        return None
    return Recognised(
        format=format_,
        model=place.model,
        base_url=place.base_url,
        path=place.path,
        body=body,
        stream=methods[place.method],
        headers={name: headers[name] for name in format_.meant if name in headers},
    )


def path_to(asked: Recognised, model: str) -> str:
    """The path that names another model for a request."""
    return path_of(model, asked.path.rpartition("/")[2])


def place_in(url: SplitResult) -> Place | None:
    """What a URL says, None when it is none of Bedrock's."""
    found = _PATH.fullmatch(url.path)
    if found is None:
        return None
    return Place(urlunsplit(url._replace(path=found["above"], fragment="")), unquote(found["model"]), found["method"])


def found_in(environment: Mapping[str, str]) -> Found | None:
    """Where the environment leads the SDKs of Bedrock."""
    for variable in ADDRESS.variables:
        if url := environment.get(variable, "").strip():
            return Found(variable, url)
    for variable in _REGIONS:
        if _REGION.fullmatch(region := environment.get(variable, "").strip()):
            end = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
            return Found(variable, f"https://bedrock-runtime.{region}.{end}")
    return None


def failure_at(status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
    """What a response with an error status means; a header names the kind of the error."""
    from pytest_llmeval.formats.failure import failure_of_response  # late: most sessions see no error

    kinds = (value for name, value in headers.items() if name.lower() == "x-amzn-errortype")
    kind = next(kinds, "").partition(":")[0]
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        told = None
    if kind and isinstance(told, dict) and "error" not in told:
        message = told.get("message", told.get("Message", ""))
        body = json.dumps({"error": {"type": kind, "message": message}}).encode()
    return failure_of_response(status, headers, body)


def error_in(event: Event) -> dict[str, Any] | None:
    """The error that an event of a stream tells, None for other events.

    Raises:
        ProviderError: it is not JSON.
    """
    if not event.name.startswith(EXCEPTION):
        return None
    told = reading.event_object(event)
    return {"type": event.name.removeprefix(EXCEPTION), "message": told.get("message", told.get("Message", ""))}


def event_of(error: Any) -> Event:
    """The event that tells an error, which `error_in` reads back."""
    error = error if isinstance(error, dict) else {"message": error}
    kind = str(error.get("type") or error.get("code") or "modelStreamErrorException")
    return Event(f"{EXCEPTION}{kind}", json.dumps({**error, "message": error.get("message", "")}))
