"""Proves which calls of which SDKs are captured: ``python tests/sdks`` installs each, tries it and keeps what it found.

What was found is committed (``caught.json``), and the table in docs/how-to/capture.md is made from it by
docs/tools/generate.py.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.capture_proof import CAUGHT, NOT_CAUGHT, proved
from tests.sdks.caught import FILE, Found, load
from tests.sdks.environments import ENVIRONMENTS, client_of, distribution_of, python_of
from tests.virtual_environments import NotInstalled

_VERSION = (
    "import importlib.metadata, sys\n"
    "for name in sys.argv[1:]:\n"
    "    try: print(importlib.metadata.version(name))\n"
    "    except importlib.metadata.PackageNotFoundError: print()\n"
)


def versions(python: Path, clients: tuple[str, ...]) -> dict[str, str]:
    """The version of each client; empty for one that is no package."""
    command = [str(python), "-c", _VERSION, *map(distribution_of, clients)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return dict(zip(clients, done.stdout.splitlines(), strict=True))


def main() -> int:
    """Prove and keep; 1 when a way does not work, or is caught no more."""
    parser = argparse.ArgumentParser(prog="python tests/sdks", description=__doc__)
    parser.add_argument("environments", nargs="*", metavar="NAME", help=f"these alone: {', '.join(ENVIRONMENTS)}")
    chosen = parser.parse_args().environments or list(ENVIRONMENTS)
    unknown = [name for name in chosen if name not in ENVIRONMENTS]
    if unknown:
        parser.error(f"{', '.join(unknown)} is not there (allowed: {', '.join(ENVIRONMENTS)})")
    before = load()
    found = {name: entry for name, entry in before.items() if name in ENVIRONMENTS}
    wrong = []
    for name in chosen:
        environment = ENVIRONMENTS[name]
        try:
            python = python_of(name)
        except NotInstalled as error:
            wrong.append(f"{name}: {error}")
            continue
        if not environment.clients:
            continue
        of = versions(python, environment.clients)
        with tempfile.TemporaryDirectory(prefix="llmeval-sdks-") as folder:
            verdicts = proved(python, environment.ways, Path(folder, "left"))
            waiting = proved(python, environment.ways, Path(folder, "waiting"), blocking=True)
        # Who sends the call differs, and nothing else should.
        verdicts |= {way: f"llm_blocking, {says}" for way, says in waiting.items() if says != verdicts[way]}
        bad = []
        missed = {way: verdict for way, verdict in verdicts.items() if verdict != CAUGHT}
        for way, verdict in missed.items():
            label = f"{way} {of[client_of(way)]}".strip()
            lost = name in before and before[name].ways.get(way) == CAUGHT
            print(f"  {label}: {verdict}{', and was caught before' if lost else ''}", flush=True)
            if verdict != NOT_CAUGHT or lost:
                bad.append(f"{name}, {label}: {verdict}")
        print(f"{name}: {len(verdicts) - len(missed)} of {len(verdicts)} ways caught", flush=True)
        wrong += bad
        if not bad:
            found[name] = Found(versions=of, ways=verdicts)
    ordered = {name: found[name].as_json() for name in ENVIRONMENTS if name in found}
    FILE.write_text(json.dumps(ordered, indent=1) + "\n", encoding="utf-8")
    print(f"\nkept in {FILE.name}; `make docs` writes the table anew")
    if wrong:
        print("\nwrong, and what was found in these environments is not kept:", *wrong, sep="\n  ")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
