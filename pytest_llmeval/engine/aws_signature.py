"""Signs requests to Bedrock as AWS wants it, by the signer and the credentials of botocore, which boto3 brings."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from functools import lru_cache
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

from pytest_llmeval.errors import ProviderError
from pytest_llmeval.formats.clouds.aws import KEY
from pytest_llmeval.text import first_line

_SERVICE = "bedrock"
_HOST = re.compile(r"bedrock-runtime(?:-fips)?\.([a-z0-9-]+)\.")
_SCOPE = re.compile(r"Credential=[^/,\s]+/\d+/([a-z0-9-]+)/")
_OF_A_SIGNATURE = ("authorization", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token")
_SIGNED = ("content-type", "x-amzn-")  # how the names of the headers begin that are signed, beside the host


def is_signed(headers: Mapping[str, str]) -> bool:
    """Whether a request carries a signature, which holds for its address and its content alone.

    Args:
        headers: names in lower case.
    """
    return headers.get("authorization", "").startswith("AWS4-")


def can_sign() -> bool:
    """Whether botocore is installed."""
    return find_spec("botocore") is not None


def signed(url: str, headers: Mapping[str, str], content: bytes) -> dict[str, str]:
    """The headers of a POST request with a new signature, in place of the one they may have.

    Args:
        url: where it goes.
        headers: names in lower case.
        content: its body.

    Raises:
        ProviderError: kind ``authentication``: there is no botocore, or it finds no credentials.
    """
    if not can_sign():
        raise _unsigned("boto3 is not installed beside pytest, whose credentials would sign it")
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest

    kept = {name: value for name, value in headers.items() if name not in _OF_A_SIGNATURE}
    covered = {name: value for name, value in kept.items() if name.startswith(_SIGNED)}
    request = AWSRequest(method="POST", url=url, data=content, headers=covered)
    try:
        credentials = _credentials(_settings())
        if credentials is None:
            raise _unsigned("boto3 finds no credentials of AWS (AWS_ACCESS_KEY_ID, AWS_PROFILE, `aws sso login`)")
        SigV4Auth(credentials, _SERVICE, _region(url, headers)).add_auth(request)
    except ProviderError:
        raise
    except Exception as error:  # botocore's own: a profile that is not there, a login that has ended
        raise _unsigned(f"boto3 says: {first_line(str(error), 150)}") from None
    new = {name.lower(): value for name, value in request.headers.items()}
    return kept | {name: new[name] for name in _OF_A_SIGNATURE if name in new}


def _unsigned(words: str) -> ProviderError:
    return ProviderError(f"no key for Bedrock: set {KEY}, or let boto3 sign requests; {words}", kind="authentication")


def _region(url: str, headers: Mapping[str, str]) -> str:
    named = _HOST.match(urlsplit(url).hostname or "") or _SCOPE.search(headers.get("authorization", ""))
    said = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    return named[1] if named else said or "us-east-1"


def _settings() -> tuple[tuple[str, str], ...]:
    return tuple(sorted((name, value) for name, value in os.environ.items() if name.startswith("AWS_")))


@lru_cache(maxsize=4)
def _credentials(_: tuple[tuple[str, str], ...]) -> Any:
    """Those of an environment; botocore renews them by itself."""
    from botocore.session import Session

    return Session().get_credentials()
