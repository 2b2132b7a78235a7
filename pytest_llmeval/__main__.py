"""``python -m pytest_llmeval`` is ``llmeval``."""

from pytest_llmeval.cli import main

raise SystemExit(main())
