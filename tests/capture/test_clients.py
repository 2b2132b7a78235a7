"""Every way to ask a model that is said to be captured is: recorded once, and replayed with no request at all.

Here the SDKs that are installed are proved; ``make sdks`` proves the others, and the previous ones, and keeps what it
found. The table in docs/how-to/capture.md is made from that.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from docs.tools.generate import GENERATED
from tests.capture_proof import CAUGHT, NOT_CAUGHT, proved
from tests.captured_frameworks import CLIENTS, FAMILIES
from tests.sdks.caught import Found, load, rows
from tests.sdks.environments import ENVIRONMENTS, client_of

NEWEST = ENVIRONMENTS["newest"]
TRIED = {name: environment for name, environment in ENVIRONMENTS.items() if environment.clients}


@pytest.mark.slow
@pytest.mark.parametrize("family", sorted({FAMILIES[name] for name in NEWEST.ways}))
def test_a_client_is_captured(family: str, tmp_path: Path) -> None:
    names = [name for name in NEWEST.ways if FAMILIES[name] == family]
    assert proved(sys.executable, names, tmp_path) == dict.fromkeys(names, CAUGHT)


def test_what_is_not_captured_goes_its_way_in_replay_too(tmp_path: Path) -> None:
    name = "urllib of Python"
    assert proved(sys.executable, [name], tmp_path) == {name: NOT_CAUGHT}


def test_what_does_not_work_is_neither_caught_nor_not_caught(tmp_path: Path) -> None:
    name = "mistralai"  # not installed here
    assert "ModuleNotFoundError" in proved(sys.executable, [name], tmp_path)[name]


@pytest.mark.parametrize("name", TRIED)
def test_what_was_found_is_what_is_tried(name: str) -> None:
    """Whoever adds a way or an environment runs ``make sdks`` before they commit."""
    found = load()[name]
    assert sorted(found.ways) == sorted(TRIED[name].ways)
    assert tuple(found.versions) == TRIED[name].clients
    assert set(found.ways.values()) <= {CAUGHT, NOT_CAUGHT}


def test_nothing_was_found_that_is_not_tried_and_every_way_is() -> None:
    assert list(load()) == list(TRIED)
    assert {way for environment in TRIED.values() for way in environment.ways} == set(CLIENTS)


def test_the_table_says_what_was_found() -> None:
    said = GENERATED["captured"]().splitlines()[2:]
    assert len(said) == len(set(said))
    for found in load().values():
        for way, verdict in found.ways.items():
            client, version = client_of(way), found.versions[client_of(way)]
            kind = way.partition(", ")[2] or "sync"
            mine = [row.split(" | ") for row in said if row.startswith(f"| {client} ") and version in row]
            column = {CAUGHT: 2, NOT_CAUGHT: 3}[verdict]
            assert any(kind in cells[column].strip(" |").split(" · ") for cells in mine), (way, verdict)


def test_versions_that_behave_alike_share_a_row() -> None:
    both = {"sdk": CAUGHT, "sdk, async": CAUGHT}
    found = {
        "new": Found(versions={"sdk": "2.0"}, ways=both),
        "old": Found(versions={"sdk": "1.0"}, ways=both),
        "beside": Found(versions={"sdk": "2.0"}, ways={**both, "sdk, async": NOT_CAUGHT}),
    }
    assert rows(found, {"beside": {"sdk": "other"}}) == [
        ("sdk", "2.0, 1.0", "sync · async", ""),
        ("sdk where other is installed", "2.0", "sync", "async"),
    ]
