"""A session that replays: no connection to a model, and what comes of those that were tried.

In a case it is an error, whatever the application makes of it. Elsewhere (while a module is imported, in a fixture, in
a test that asks for none of our fixtures) nothing stands for it, so the summary tells of it and the session fails.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_llmeval.capture.no_network import TOLD_LATER, NoNetwork, Refusal, begin, end, in_use
from pytest_llmeval.config.settings import ModelSettings
from pytest_llmeval.errors import ConfigError, LlmevalError, MissingReply, ReplyError
from pytest_llmeval.formats.registry import find_provider
from pytest_llmeval.plugin.config_table import settings_of
from pytest_llmeval.plugin.evaluation import existing_evaluation
from pytest_llmeval.plugin.guard import register
from pytest_llmeval.plugin.items import uses_llm
from pytest_llmeval.plugin.running.replies import Unanswered

_NAME = "llmeval-offline"
_TOLD = 5  # refusals, each with a line of its own
_MADE = f"made, since {TOLD_LATER}"
_REFUSED = (
    "tried outside any case, and refused by --llm-mode=replay; ask in the test itself, with llm, "
    "llm_capture or llm_gateway"
)


def go_offline(config: pytest.Config, *, replays: bool) -> None:
    """Begin a session, which may run within another one of the same process.

    Args:
        config: of the session.
        replays: whether connections to models are refused.
    """
    guard = NoNetwork(_Configured(config), _Recorded(config)) if replays else None
    begin(guard)
    config.add_cleanup(end)
    if guard is not None:
        register(config, _Offline(config, guard), _NAME)


def review_of(item: pytest.Item) -> Callable[[BaseException | None], BaseException | None]:
    """Says what came out of a sample, given what left its body: an error if a connection was refused.

    Args:
        item: the test; see `Trial.reviews`.
    """
    in_setup: list[Refusal] = []  # what a fixture made of it is there for each sample

    def review(error: BaseException | None) -> BaseException | None:
        guard = in_use()
        if guard is None:
            return error
        refusals = _taken(guard, item)
        in_setup.extend(refusal for refusal in refusals if refusal.during.endswith("(setup)"))
        offline: _Offline | None = item.config.pluginmanager.get_plugin(_NAME)
        refusals = refusals or in_setup or (offline.behind_fixtures_of(item) if offline is not None else [])
        if not refusals or isinstance(error, (ReplyError, Unanswered)):
            return error
        from pytest_llmeval.plugin.running.own_frames import own_frames

        frames = own_frames(error.__traceback__) if error is not None else None
        return MissingReply(refusals[0].message).with_traceback(frames)

    return review


class _Configured:
    """The servers of the models a configuration and the command line name."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._known: set[tuple[str, int]] | None = None

    def __call__(self) -> set[tuple[str, int]]:
        if self._known is not None:
            return self._known
        evaluation = existing_evaluation(self._config)
        if evaluation is None:  # a conftest.py that is imported before it can be made
            return _servers_of(self._from_files())
        # Providers of the project's own are known from now on.
        self._known = _servers_of([*evaluation.settings.models.values(), *evaluation.models])
        return self._known

    def _from_files(self) -> list[ModelSettings]:
        try:
            settings = settings_of(self._config)
        except LlmevalError:
            return []  # told later
        models = list(settings.models.values())
        options = self._config.known_args_namespace
        named = [settings.model, settings.baseline, getattr(options, "llm_baseline", None)]
        on_trial = getattr(options, "llm_model", None)
        for name in (*named, *(on_trial if isinstance(on_trial, list) else ())):  # else the option is another plugin's
            if name:
                with suppress(ConfigError):  # told later
                    models.append(settings.find_model(name))
        return models


class _Recorded:
    """The servers that recordings name."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._known: set[tuple[str, int]] | None = None

    def __call__(self) -> set[tuple[str, int]]:
        if self._known is None:
            from pytest_llmeval.capture.addresses import server_of
            from pytest_llmeval.store.recorded_servers import recorded_servers

            try:
                servers = recorded_servers(settings_of(self._config).recordings)
            except LlmevalError:
                return set()  # told later
            self._known = {place for server in servers if (place := server_of(f"http://{server}")) is not None}
        return self._known


class _Offline:
    """Gathers what was refused outside of cases."""

    def __init__(self, config: pytest.Config, guard: NoNetwork) -> None:
        self._config = config
        self._guard = guard
        self._untold: dict[Refusal, None] = {}
        self._fixtures: dict[tuple[str, str], list[Refusal]] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Generator[None, Any, Any]:
        """Note which fixtures that outlive a test went on without an answer."""
        before = len(self._guard.refusals)
        try:
            return (yield)
        finally:
            if fixturedef.scope != "function":
                self._fixtures[fixturedef.argname, fixturedef.baseid] = self._guard.refusals[before:]

    def behind_fixtures_of(self, item: pytest.Item) -> list[Refusal]:
        """What was refused while fixtures were set up that a test shares with others."""
        names = getattr(item, "fixturenames", ())
        return [
            refusal
            for (name, above), refusals in self._fixtures.items()
            if refusals and name in names and item.nodeid.startswith(above)
            for refusal in refusals
        ]

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Put it on a report, which is how it comes from the process that ran a test to the one that reports."""
        report = yield
        if call.when == "setup" and report.failed and uses_llm(item):
            for refusal in _taken(self._guard, item)[:1]:  # the case stands for it
                report.sections.append(("why there was no answer", refusal.message))
        elif call.when == "teardown" and (refusals := _taken(self._guard)):
            report.llmeval_refused = [list(refusal) for refusal in refusals]  # type: ignore[attr-defined]
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take it off."""
        self._take(Refusal(*each) for each in getattr(report, "llmeval_refused", ()))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, Any, Any]:
        """Fail the session: what was refused could not be measured."""
        try:
            return (yield)
        finally:
            self._take(_taken(self._guard))
            session.testsfailed += bool(self._untold)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """Tell pytest's last line."""
        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        if self._untold and reporter is not None:
            reporter.stats.setdefault("refused", []).extend(SimpleNamespace() for _ in self._untold)

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Tell what was refused, and where."""
        if not self._untold:
            return
        from pytest_llmeval.plugin.terminal_lines import write_all

        lines = []
        made = [refusal for refusal in self._untold if refusal.made]
        refused = [refusal for refusal in self._untold if not refusal.made]
        for told, what in ((made, _MADE), (refused, _REFUSED)):
            if told:
                count = len(told)
                asked = "1 connection to a model was" if count == 1 else f"{count} connections to models were"
                lines.append(f"NOT OFFLINE: {asked} {what}")
                lines += [f"{each.server} {_where(each.during)}" for each in told[:_TOLD]]
        write_all(terminalreporter, lines)

    def _take(self, refusals: Iterable[Refusal]) -> None:
        self._untold.update(dict.fromkeys(refusals))


def _taken(guard: NoNetwork, item: pytest.Item | None = None) -> list[Refusal]:
    """The refusals that belong to no case yet, all or those of one test; they are told by who takes them."""
    guard.gather()
    taken = [each for each in guard.refusals if item is None or each.during.rpartition(" (")[0] == item.nodeid]
    guard.refusals[:] = [each for each in guard.refusals if each not in taken]
    return taken


def _where(during: str) -> str:
    return f"in {during}" if during else "outside of tests, as while a module is imported"


def _servers_of(models: Iterable[ModelSettings]) -> set[tuple[str, int]]:
    from pytest_llmeval.capture.addresses import server_of

    servers = set()
    for model in models:
        with suppress(ConfigError):  # told where the model is used
            servers.add(server_of(find_provider(model.provider, model.base_url).base_url or ""))
    return {server for server in servers if server is not None}
