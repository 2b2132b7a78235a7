"""A mistake of this plugin ends a case, not the session.

Every hook of this plugin is registered through here. An exception that leaves one unexpectedly is kept: the test it
concerns fails once and says so, anything else is a line of the summary, and the session goes on and is not green.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Generator, Mapping
from contextlib import suppress
from pathlib import Path
from traceback import walk_tb
from types import SimpleNamespace
from typing import Any

import pluggy
import pytest

_OF_COLLECTION = {
    "pytest_generate_tests",
    "pytest_collection_modifyitems",
    "pytest_collection_finish",
    "pytest_deselected",
}

_MEANT = (pytest.UsageError, pytest.exit.Exception, pytest.Session.Failed)
STOP_SENDING = "llmeval_stop"
"""What the process that reports sends to xdist's workers when nothing more must be sent to models."""

LAST_NOTES = "llmeval_last_notes"
"""Where a worker of xdist puts what it has noted since its last report."""

_PLUGGY = str(Path(pluggy.__file__).parent)
_NAME = "llmeval-faults"

Hook = Callable[..., Any]

ReportWrapper = Generator[None, pytest.TestReport, pytest.TestReport]


def register(config: pytest.Config, plugin: object, name: str) -> None:
    """Register an object's hooks so that what goes wrong in them ends no session."""
    faults = faults_of(config)
    for hook in dir(plugin):
        if hook.startswith("pytest_"):
            setattr(plugin, hook, _guarded(getattr(plugin, hook), faults))
    config.pluginmanager.register(plugin, name)


def contained(hook: Hook) -> Hook:
    """A hook of the entry module, which pytest registers: what goes wrong before tests are collected ends the session.

    It does so with one line and exit code 4, as for a mistake of the user's in the configuration.
    """

    @functools.wraps(hook)
    def run(*arguments: Any) -> Any:
        try:
            return hook(*arguments)
        except _MEANT:
            raise
        except Exception as error:
            config = getattr(arguments[0], "config", arguments[0])
            if hook.__name__ not in _OF_COLLECTION:
                raise pytest.UsageError(broke(hook.__name__, error)) from None
            faults_of(config).note(hook.__name__, error, {})

    return run


def broke(where: str, error: BaseException) -> str:
    """The message for the user, in one line."""
    try:
        from pytest_llmeval.text import first_line

        words = first_line(str(error), 300)
    except Exception:  # no file can be opened any more, or the exception cannot be written
        words = ""
    return f"llmeval broke in {where}: {type(error).__name__}{': ' * bool(words)}{words}; please report it"


def faults_of(config: pytest.Config) -> Faults:
    """The faults of a session."""
    faults: Faults | None = config.pluginmanager.get_plugin(_NAME)
    if faults is None:
        faults = Faults(config)
        config.pluginmanager.register(faults, _NAME)
    return faults


def xdist_worker(config: pytest.Config) -> Any:
    """Xdist's plugin in a worker process, which knows the item that is reported by its index; None elsewhere."""
    plugins = config.pluginmanager.get_plugins()
    return next((plugin for plugin in plugins if type(plugin).__name__ == "WorkerInteractor"), None)


class Faults:
    """What went wrong in a process, and where it is reported.

    Attributes:
        failed: gives a report of a test, which could not be judged, its result; None where no tests are run.
        waiting: the tests that were left and have no report yet.
        reported: the ids of the tests that have a report.
    """

    def __init__(self, config: pytest.Config) -> None:
        self.failed: Callable[[pytest.Item, pytest.TestReport, str], None] | None = None
        self.waiting: dict[pytest.Item, Any] = {}
        self._config = config
        self._worker = xdist_worker(config)
        self._session: pytest.Session | None = None
        self._code = 0
        self._lines: dict[str, None] = {}
        self._tests: dict[str, str] = {}  # what went wrong by test
        self._told: dict[str, str] = {}  # the phase whose report said so
        self._written: set[str] = set()  # of the lines
        self.reported: set[str] = set()

    @property
    def told(self) -> int:
        """How many faults concern no test, so far."""
        return len(self._lines)

    def note(self, hook: str, error: BaseException, arguments: Mapping[str, Any]) -> None:
        """Keep what left a hook that was called with these arguments."""
        message = broke(hook, error)
        test = arguments.get("item") or getattr(arguments.get("request"), "_pyfuncitem", None)
        if hook == "pytest_runtest_logreport":
            test = arguments.get("report")
        if test is not None:
            self._tests.setdefault(test.nodeid, message)
        else:
            self._add(message, 2 if hook in _OF_COLLECTION else 1)

    def tell(self, report: pytest.TestReport, item: pytest.Item | None = None) -> None:
        """Fail the report of a test in which something went wrong: that of its body, or the first after it."""
        if not self._tests:
            return
        if report.when == "setup":
            self._told.pop(report.nodeid, None)  # the test is executed, or reported, again
        message = self._tests.get(report.nodeid)
        told = self._told.get(report.nodeid, report.when) != report.when
        if message is None or told or (report.when == "setup" and report.passed):
            return
        self._told[report.nodeid] = str(report.when)
        report.outcome = "failed"
        report.longrepr = message
        if hasattr(report, "wasxfail"):
            del report.wasxfail
        with suppress(Exception):
            if item is not None and self.failed is not None:
                self.failed(item, report, message)
            else:
                from pytest_llmeval.plugin.payload import without_verdict

                without_verdict(report, message)

    def will_do_without(self, item: pytest.Item) -> bool:
        """Whether a test whose protocol broke has its report already; it waits for no reply any more."""
        self.waiting.pop(item, None)
        return item.nodeid in self.reported

    def _add(self, message: str, code: int) -> None:
        self._lines[message] = None
        self._code = max(self._code, code)
        output = getattr(self._config, "workeroutput", None)
        if output is not None:  # xdist brings it to the process that reports
            output[_NAME] = [list(self._lines), self._code]
        self._fail_session()

    def _fail_session(self) -> None:
        session = self._session
        if session is not None and self._code:
            nothing_ran = session.exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED
            session.exitstatus = self._code if nothing_ran else max(session.exitstatus, self._code)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Keep the session, whose exit code may change."""
        self._session = session

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note which tests have a report."""
        if report.when == "call" or not report.passed:
            self.reported.add(report.nodeid)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Report the tests that wait for ever because what should have executed them again broke."""
        result = yield
        waiting = [] if session.shouldstop or session.shouldfail else list(self.waiting)
        for item in waiting:
            if self._worker is not None:
                self._worker.item_index = session.items.index(item)
            self._tests.setdefault(item.nodeid, next(iter(self._tests.values()), "llmeval broke: not run to its end"))
            report = pytest.TestReport(item.nodeid, item.location, {}, "failed", "", "call")
            self.tell(report, item)
            item.ihook.pytest_runtest_logreport(report=report)
        return result

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take over what went wrong in a worker of xdist."""
        lines, code = (getattr(node, "workeroutput", None) or {}).get(_NAME, ((), 0))
        for line in lines:
            self._add(line, code)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self) -> Generator[None, object, object]:
        """Let the exit code and pytest's last line say so."""
        for test, message in self._tests.items():
            if test not in self._told:
                self._add(message, 1)
        self._fail_session()
        try:
            return (yield)
        finally:
            self._fail_session()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> Generator[None, object, object]:
        """Write what concerns no test."""
        result = yield
        self._write()
        if self._lines:
            # Other plugins look into the __dict__ of whatever is counted.
            terminalreporter.stats.setdefault("llmeval broke", []).extend(SimpleNamespace() for _ in self._lines)
        return result

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        """Write what went wrong after the summary."""
        self._write()

    def _write(self) -> None:
        reporter: Any = self._config.pluginmanager.get_plugin("terminalreporter")
        for line in self._lines:
            if reporter is not None and self._worker is None and line not in self._written:
                self._written.add(line)
                reporter.write_line(line, red=True)


def _guarded(hook: Hook, faults: Faults) -> Hook:
    options = getattr(hook, "pytest_impl", {})
    guard = _guarded_wrapper if options.get("wrapper") else _guarded_call
    return functools.wraps(hook)(guard(hook, faults))


def _guarded_call(hook: Hook, faults: Faults) -> Hook:
    name, parameters = hook.__name__, tuple(inspect.signature(hook).parameters)

    def run(*values: Any) -> Any:
        try:
            return hook(*values)
        except Exception as error:
            if _goes_on(name, error):
                raise
            arguments = dict(zip(parameters, values, strict=False))
            faults.note(name, error, arguments)
            if name == "pytest_runtest_protocol" and faults.will_do_without(arguments["item"]):
                return True
            return None

    return run


def _guarded_wrapper(hook: Hook, faults: Faults) -> Hook:
    """Guard a wrapper: even if it breaks, the hooks within it run and their outcome stays."""
    name, parameters = hook.__name__, tuple(inspect.signature(hook).parameters)
    report = parameters.index("report") if name == "pytest_runtest_logreport" else None
    item = parameters.index("item") if name == "pytest_runtest_makereport" else None

    def broken(error: Exception, values: tuple[Any, ...]) -> None:
        faults.note(name, error, dict(zip(parameters, values, strict=False)))

    # One generator alone, and not one per idea: it runs some forty times a test.
    def run(*values: Any) -> Generator[None, Any, Any]:
        if report is not None:
            faults.tell(values[report])
        wrapper: Any = hook(*values)
        try:
            next(wrapper)
        except Exception as error:
            if _goes_on(name, error):
                raise
            broken(error, values)
            if report is not None:
                faults.tell(values[report])
            wrapper = None
        raised: BaseException | None = None
        result: Any = None
        try:
            result = yield
        except BaseException as error:
            raised = error
        try:
            if wrapper is None:
                pass
            elif raised is not None:
                wrapper.throw(raised)
            else:
                wrapper.send(result)
        except StopIteration as stop:
            raised, result = None, stop.value
        except Exception as error:
            # Python makes a RuntimeError of a StopIteration that leaves a generator; pluggy takes it back.
            passed_on = error is raised or (isinstance(raised, StopIteration) and error.__cause__ is raised)
            if not passed_on and _goes_on(name, error):
                raise
            if not passed_on:
                broken(error, values)
        if raised is not None:
            raise raised
        if item is not None:
            faults.tell(result, values[item])
        return result

    return run


def _goes_on(hook: str, error: Exception) -> bool:
    """Whether an exception is not ours: pytest raises it on purpose, or it comes from another plugin's hook.

    The protocol of a test runs the hooks of all plugins; ours among them have guards of their own.
    """
    if isinstance(error, _MEANT):
        return True
    if hook != "pytest_runtest_protocol":
        return False
    return any(frame.f_code.co_filename.startswith(_PLUGGY) for frame, _ in walk_tb(error.__traceback__))
