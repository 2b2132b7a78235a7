"""What ``schema=`` and ``images=`` take, and in which words they refuse anything else, before anything is sent."""

from __future__ import annotations

import base64
import dataclasses
import json
import os
import sys
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any, NotRequired, TypedDict

import jsonschema
import pydantic
import pytest

from pytest_llmeval.checks.typed_schemas import schema_of
from pytest_llmeval.errors import ConfigError, ProviderError
from pytest_llmeval.formats.base import Prompt
from pytest_llmeval.formats.registry import find_provider
from pytest_llmeval.plugin.asking.attachments import file_urls, image_urls
from tests.server import Server, completion
from tests.sessions import Session, told


class Place(TypedDict):
    """Where something is."""

    street: str
    floor: NotRequired[int]


class Half(TypedDict, total=False):
    places: list[Place]


class Parcel(pydantic.BaseModel):
    weight: float
    to: str


class Letter(pydantic.BaseModel):
    pages: int


@dataclasses.dataclass
class Box:
    size: int


GOOD: list[tuple[Any, Any, Any]] = [
    (Parcel, {"weight": 2.5, "to": "Oslo"}, {"weight": "heavy", "to": "Oslo"}),
    (Parcel | Letter, {"pages": 2}, {"pages": "two"}),
    (typing.Union[Parcel, Letter], {"pages": 2}, {}),  # noqa: UP007
    (typing.Optional[Letter], None, 3),  # noqa: UP045
    (list[Letter], [{"pages": 1}], {"pages": 1}),
    (typing.List[Letter], [{"pages": 1}], {"pages": 1}),  # noqa: UP006
    (dict[str, Letter], {"a": {"pages": 1}}, {"a": 1}),
    (Place, {"street": "Quay"}, {"floor": 2}),
    (Half, {"places": [{"street": "Quay", "floor": 1}]}, {"places": [{"floor": 1}]}),
    (list[Place], [{"street": "Quay"}], [{}]),
    (Place | Letter, {"pages": 3}, {}),
    (typing.Annotated[Place, "note"], {"street": "Quay"}, {}),
    (tuple[Place, int], [{"street": "Quay"}, 1], [{"street": "Quay"}]),
    (typing.Literal["red", "blue"], "red", "green"),
    (Box, {"size": 1}, {"size": []}),
]


@pytest.mark.parametrize(("given", "fits", "does_not"), GOOD)
def test_the_schema_of_a_type_accepts_what_the_type_does(given: Any, fits: Any, does_not: Any) -> None:
    schema = schema_of(given)
    assert schema is not None
    json.dumps(schema)
    validator = jsonschema.Draft202012Validator(schema)
    assert validator.is_valid(fits)
    assert not validator.is_valid(does_not)


def test_a_json_schema_and_none_stay_as_they_are() -> None:
    schema = {"type": "object"}
    assert schema_of(schema) is schema
    assert schema_of(None) is None


class Endless(TypedDict):
    inner: list[Endless]


class Odd(pydantic.BaseModel):
    call: Callable[[], int]


class Ugly(pydantic.BaseModel):
    @classmethod
    def __get_pydantic_json_schema__(cls, *_: object) -> Any:
        raise RuntimeError("\x1b[31mred\nand more")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (Parcel(weight=1, to="Oslo"), "an object of Parcel was given; give the class Parcel"),
        ("Parcel", "takes a JSON Schema (a dict), a pydantic model class, or a type such as a TypedDict"),
        ([Parcel], "not list"),
        (7, "not int"),
        (lambda: 1, "not function"),
        (Odd, "schema=Odd): no JSON Schema can be made of it: "),
        (list["Nowhere"], "no JSON Schema can be made of it"),  # type: ignore[name-defined]  # noqa: F821
        (Ugly, "no JSON Schema can be made of it: "),
        (object, "its JSON Schema allows anything; leave schema= out"),
        (typing.Annotated[int, []], None),
    ],
)
def test_what_is_no_schema_is_refused_in_one_line(given: Any, words: str | None) -> None:
    if words is None:  # it cannot be hashed, and is a schema all the same
        assert schema_of(given) == {"type": "integer"}
        return
    with pytest.raises(ConfigError) as caught:
        schema_of(given)
    text = str(caught.value)
    assert text.startswith("llm(..., schema=")
    assert words in text
    assert len(text.splitlines()) == 1
    assert text.isprintable()


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="from there on pydantic reads such types itself")
def test_a_type_that_holds_itself_is_refused_in_one_line() -> None:
    with pytest.raises(ConfigError, match="no JSON Schema can be made of it: maximum recursion depth"):
        schema_of(Endless)


def test_without_pydantic_a_class_is_refused_and_a_dict_is_not(
    plain_session: Session, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pydantic", None)
    plain_session.write("""
        import typing

        class Place(typing.TypedDict):
            street: str

        def test_type(llm):
            llm("Where?", schema=list[Place])

        def test_dict(llm):
            llm("Where?", schema={"type": "object"})
    """)
    done = plain_session.run()
    done.assert_outcomes(passed=1, errors=1)
    assert told(done, "a schema is made of a type by pydantic 2, which is not installed; pip install pydantic, or give")
    assert len(server.requests) == 1


PNG = b"\x89PNG\r\n\x1a\n" + b"some pixels"
AS_URL = "data:image/png;base64," + base64.b64encode(PNG).decode()


def test_an_image_is_given_in_many_ways_and_is_one_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a picture.png"
    file.write_bytes(PNG)
    monkeypatch.chdir(tmp_path)
    for given in (file, str(file), file.name, PNG, bytearray(PNG), AS_URL, Path(file.name)):
        assert image_urls(given) == image_urls([given]) == image_urls((given,)) == (AS_URL,)
    assert image_urls([file, PNG]) == (AS_URL, AS_URL)
    assert image_urls(()) == image_urls(None) == ()


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/a.png",
        "http://127.0.0.1:8080/a?b=c#d",
        "HTTPS://EXAMPLE.COM/A.PNG",
        "https://[::1]/a",
        "data:image/svg+xml,%3Csvg/%3E",
        "DATA:image/png;charset=x;base64,AA==",
    ],
)
def test_addresses_are_passed_on_as_they_are(url: str) -> None:
    assert image_urls(url) == (url,)


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        (b"\xff\xd8\xff\xe0", "jpeg"),
        (b"GIF89a", "gif"),
        (b"RIFF\n\x00\x00\x00WEBPVP8", "webp"),
        (b"\x00\x00\x00\x1cftypheic", "heic"),
        (b"\x00\x00\x00\x1cftypavif", "avif"),
        (b"II*\x00", "tiff"),
        (b"BM\x8a\x00\x00\x00\x00\x00\x00\x00", "bmp"),
    ],
)
def test_the_kind_of_an_image_is_read_from_its_first_bytes(start: bytes, kind: str) -> None:
    assert image_urls(start + b"...")[0].startswith(f"data:image/{kind};base64,")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("", "'.' is no file"),
        ("nowhere.png", "there is no file 'nowhere.png' in "),
        ("/nowhere/a.png", "there is no file '/nowhere/a.png'"),
        (Path(os.sep), "is no file"),
        ("x" * 5000, "cannot be read: "),
        ("nul\x00l", "there is no file"),
        (b"", "the bytes hold nothing"),
        (b"%PDF-1.7", "the bytes hold not an image of a known kind: PNG, JPEG"),
        ("https:/a.png", "is no whole address, as in https://example.com/cat.png"),
        ("https://", "is no whole address"),
        ("https://a b.com/c", "is no whole address"),
        ("https://example.com:port/c", "is no whole address"),
        ("https://[::1/c", "is no whole address"),
        ("https://example.com/a\nb", "is no whole address"),
        ("ftp://example.com/a.png", "is an address that no model reads"),
        ("file:///etc/passwd", "is an address that no model reads"),
        ("data:image/png;base64", "is no data: URL of an image"),
        ("data:application/pdf;base64,AA==", "is no data: URL of an image"),
        ("data:image/png;base64,", "holds no bytes"),
        ("data:image/png;base64,A", "is broken: what follows the comma is not base64"),
        ("data:image/png;base64,???=", "is broken: what follows the comma is not base64"),
        (5, "int was given"),
        ({"url": "https://example.com/a.png"}, "dict was given"),
        ([["https://example.com/a.png"]], "list was given"),
        ([None], "NoneType was given"),
    ],
)
def test_what_is_no_image_is_refused_in_one_line(given: Any, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        image_urls(given)
    text = str(caught.value)
    assert text.startswith("llm(..., images=...): ")
    assert words in text
    assert text.endswith("images takes an address (https:), a data: URL, the path of a file, bytes, or a list of them")
    assert text.isprintable()


PDF = b"%PDF-1.7 a letter"
SOUNDS = {
    "wav": b"RIFF\x10\x00\x00\x00WAVE",
    "mpeg": b"\xff\xfb\x90d",
    "flac": b"fLaC",
    "ogg": b"OggS",
    "mp4": b"\x00\x00\x00\x1cftypM4A ",
    "aac": b"\xff\xf1",
    "webm": b"\x1aE\xdf\xa3",
}


def test_a_pdf_or_a_sound_is_given_in_the_same_ways(tmp_path: Path) -> None:
    file = tmp_path / "a letter.pdf"
    file.write_bytes(PDF)
    [url] = file_urls(file)
    assert url == f"data:application/pdf;base64,{base64.b64encode(PDF).decode()}"
    assert file_urls(str(file)) == file_urls([PDF]) == file_urls(url) == (url,)
    for kind, start in SOUNDS.items():
        assert file_urls(start + b"la la")[0].startswith(f"data:audio/{kind};base64,")
    assert file_urls("https://example.com/letter") == ("https://example.com/letter",)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (PNG, "the bytes hold not a PDF or a sound of a known kind: PDF, WAV, MP3"),
        (AS_URL, "is no data: URL of a PDF or a sound, as in data:application/pdf;base64,..."),
        ("nowhere.pdf", "there is no file 'nowhere.pdf' in "),
        (7, "int was given; files takes an address"),
    ],
)
def test_what_is_no_file_is_refused_in_one_line(given: Any, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        file_urls(given)
    assert str(caught.value).startswith("llm(..., files=...): ")
    assert words in str(caught.value)
    assert str(caught.value).isprintable()


INLINE = f"data:application/pdf;base64,{base64.b64encode(PDF).decode()}"
WAV = f"data:audio/wav;base64,{base64.b64encode(SOUNDS['wav']).decode()}"
FLAC = f"data:audio/flac;base64,{base64.b64encode(SOUNDS['flac']).decode()}"
AT, SOUND_AT = "https://example.com/papers/12", "https://example.com/a.mp3"
DATA = INLINE.partition(",")[2]
FORMS: list[tuple[str, str, Any]] = [
    ("openai", INLINE, {"type": "file", "file": {"filename": "document.pdf", "file_data": INLINE}}),
    ("openai", WAV, {"type": "input_audio", "input_audio": {"format": "wav", "data": WAV.partition(",")[2]}}),
    ("openai", AT, "chat completions take no address of a PDF or a sound; give its path or bytes"),
    ("openai", FLAC, "chat completions take sounds as WAV or MP3, not audio/flac; gemini takes others"),
    ("openai-responses", INLINE, {"type": "input_file", "filename": "document.pdf", "file_data": INLINE}),
    ("openai-responses", AT, {"type": "input_file", "file_url": AT}),
    ("openai-responses", WAV, "no sound; chat completions (openai) and gemini do"),
    (
        "anthropic",
        INLINE,
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": DATA}},
    ),
    ("anthropic", AT, {"type": "document", "source": {"type": "url", "url": AT}}),
    ("anthropic", SOUND_AT, "no sound; chat completions (openai) and gemini do"),
    ("gemini", INLINE, {"inlineData": {"mimeType": "application/pdf", "data": DATA}}),
    ("gemini", FLAC, {"inlineData": {"mimeType": "audio/flac", "data": FLAC.partition(",")[2]}}),
    ("gemini", AT, {"fileData": {"fileUri": AT, "mimeType": "application/pdf"}}),
    ("gemini", SOUND_AT, {"fileData": {"fileUri": SOUND_AT, "mimeType": "audio/mpeg"}}),
    ("ollama", INLINE, "Ollama takes text and images"),
    ("ollama", AT, "it takes no other files, and fetches nothing itself"),
]


@pytest.mark.parametrize(("name", "url", "part"), FORMS)
def test_a_file_has_the_form_that_each_format_has_for_it(name: str, url: str, part: Any) -> None:
    prompt = Prompt(messages=({"role": "user", "content": "Sum up."},), files=(url,), params={"max_tokens": 9})
    if isinstance(part, str):
        with pytest.raises(ProviderError) as caught:
            find_provider(name).request("m", prompt)
        assert caught.value.kind == "bad_request"
        assert part in str(caught.value)
        return
    body = find_provider(name).request("m", prompt).body
    turn = (body.get("messages") or body.get("input") or body["contents"])[-1]
    assert (turn.get("content") or turn["parts"])[-1] == part


def test_a_function_gets_the_files_as_they_are() -> None:
    prompt = Prompt(messages=({"role": "user", "content": "Sum up."},), files=(INLINE, AT))
    assert find_provider("python:letters.read").request("m", prompt).body["files"] == [INLINE, AT]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes among the files here")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(ConfigError, match="is no file"):
        image_urls(tmp_path / "a.png")


def test_files_reach_the_model_and_mistakes_do_not(session: Session, server: Server) -> None:
    server.answer = lambda _: completion('{"street": "Quay"}')
    (session.path / "cat.png").write_bytes(PNG)
    session.write("""
        import typing
        import pytest

        class Place(typing.TypedDict):
            street: str

        def test_file(llm):
            assert llm("Where is it?", images="cat.png", schema=Place).json() == {"street": "Quay"}

        @pytest.mark.parametrize("images", ["https:/x", "dog.png", b"", 3])
        def test_broken(llm, images):
            llm("Where is it?", images=images)

        def test_both(llm):
            llm("What does it say?", images=b"\\x89PNG", files=["letter.pdf", b"ID3..."])

        @pytest.mark.parametrize("files", ["cat.png", b"\\x89PNG", "https://example.com/letter.pdf"])
        def test_no_file(llm, files):
            llm("What does it say?", files=files)
    """)
    (session.path / "letter.pdf").write_bytes(PDF)
    done = session.run()
    done.assert_outcomes(passed=2, errors=7)
    requests = sorted(
        (request.json for request in server.requests), key=lambda body: len(body["messages"][0]["content"])
    )
    text, image = requests[0]["messages"][0]["content"]
    _, _, pdf, sound = requests[1]["messages"][0]["content"]
    assert pdf["file"]["file_data"] == f"data:application/pdf;base64,{base64.b64encode(PDF).decode()}"
    assert (sound["type"], sound["input_audio"]["format"]) == ("input_audio", "mp3")
    assert (text["text"], image["image_url"]["url"]) == ("Where is it?", AS_URL)
    assert requests[0]["response_format"]["json_schema"]["schema"]["required"] == ["street"]
    assert told(done, "chat completions take no address of a PDF or a sound; give its path or bytes")
