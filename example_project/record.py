"""Record the simulated models' replies anew, and the baseline from them: start the provider, ask both models, stop it.

    python record.py [arguments for pytest]

The first pytest ends with exit code 1, because the gate finds the candidate's regression; so does this script. With
arguments that select cases, such as -k, only those are renewed in the baseline.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PORT = 8377  # the one in pyproject.toml


def main() -> int:
    provider = subprocess.Popen(  # noqa: S603
        [sys.executable, str(HERE / "simulated_provider.py"), "--port", str(PORT)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        if provider.stdout is None or not provider.stdout.readline().startswith("serving"):
            return provider.wait() or 1  # it has said why on standard error
        models = ["--llm-model=candidate", "--llm-baseline=production"]
        pytest = [sys.executable, "-m", "pytest", "tests/evals", *models, "--llm-record", "--llm-mode=refresh"]
        recorded = subprocess.run([*pytest, *sys.argv[1:]], cwd=HERE, check=False).returncode  # noqa: S603
    finally:
        provider.terminate()
        provider.wait()
    update = "--llm-update-baseline=merge" if sys.argv[1:] else "--llm-update-baseline"
    pytest = [sys.executable, "-m", "pytest", "tests/evals", "--llm-mode=replay", update]
    saved = subprocess.run([*pytest, *sys.argv[1:]], cwd=HERE, check=False).returncode  # noqa: S603
    return recorded or saved


if __name__ == "__main__":
    sys.exit(main())
