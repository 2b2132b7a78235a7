"""``python -m pytest_llmeval`` is ``llmeval``."""

from __future__ import annotations

from pytest_llmeval.commands.main import main

raise SystemExit(main())
