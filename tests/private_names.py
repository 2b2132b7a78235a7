"""The private names of other packages that the package uses: where, what for, and what is lost without each.

This is the one list. tests/test_private_names.py holds that it is whole and that the session goes on without a name;
the table in docs/reference/matrix.md is made from it by docs/tools/generate.py.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["PRIVATE", "PrivateName", "rows"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivateName:
    """A name that another package may change without telling anybody.

    Attributes:
        package: as it is installed; "Python" for the standard library.
        name: that stands in the code, without what leads to it.
        of: what it is a part of.
        files: that use it, below ``pytest_llmeval/``.
        serves: what it is used for.
        looked_for: how the package finds out whether it is there.
        without: what becomes of a session where it is not.
        inner: it has no underscore, but is reached only through a private name.
    """

    package: str
    name: str
    of: str
    files: tuple[str, ...]
    serves: str
    looked_for: str
    without: str
    inner: bool = False


_COMMANDS = ("add", "cache", "check", "history", "import_cases", "judge_agreement", "merge", "plan", "report", "review")
_SCHEDULER = "plugin/running/scheduler.py"
_JUNIT = "plugin/reporting/junit.py"
_WIDE = "plugin/asking/wide_fixtures.py"
_IN_ORDER = "each call waits, tests run one after another, and the summary says so"
_WIDE_ERROR = "a fixture of wider scope that asks a model is an error of its tests, and the summary says so"
_CACHE_OFF = "the cache is not used, nothing in it is touched, and the summary says so"

PRIVATE: tuple[PrivateName, ...] = (
    PrivateName(
        package="pytest",
        name="_pytest.runner.runtestprotocol",
        of="`_pytest.runner`",
        files=(_SCHEDULER,),
        serves="executes a test without reporting it",
        looked_for="imported in `cannot_execute`",
        without=f"{_IN_ORDER}; a saved baseline's verdicts count as they were saved",
    ),
    PrivateName(
        package="pytest",
        name="_setupstate",
        of="`Session`",
        files=(_SCHEDULER,),
        serves="tears down what a test that was left has set up",
        looked_for="`getattr` in `cannot_execute`",
        without=f"{_IN_ORDER}; a saved baseline's verdicts count as they were saved",
    ),
    PrivateName(
        package="pytest",
        name="_pytest.junitxml.xml_key",
        of="`_pytest.junitxml`",
        files=(_JUNIT,),
        serves="leads to the JUnit file that is being written",
        looked_for="imported in `_xml`",
        without="the JUnit file is pytest's own: the gate has no test case in it",
    ),
    PrivateName(
        package="pytest",
        name="node_reporters_ordered",
        of="`LogXML`",
        files=(_JUNIT,),
        serves="takes a test case that was reported again out of the JUnit file",
        looked_for="`hasattr` in `testcase_of`",
        without="test cases in the JUnit file have no properties of ours",
        inner=True,
    ),
    PrivateName(
        package="pytest",
        name="_add_simple",
        of="a test case of `LogXML`",
        files=(_JUNIT,),
        serves="makes a case that could not be judged an error in the JUnit file",
        looked_for="`hasattr` in `error_in_junit`",
        without="such a case is a failure there",
    ),
    PrivateName(
        package="pytest",
        name="_progress_nodeids_reported",
        of="`TerminalReporter`",
        files=("plugin/reporting/replaced.py",),
        serves="has the percentage begin anew behind a look",
        looked_for="`getattr` in `_percentage`",
        without="the percentage stays at 100",
    ),
    PrivateName(
        package="pytest",
        name="_file",
        of="`TerminalWriter`",
        files=("plugin/reporting/status_line.py",),
        serves="writes the status line below pytest's dots",
        looked_for="`getattr` in `StatusLine`",
        without="there is no status line",
    ),
    PrivateName(
        package="pytest",
        name="_scope",
        of="`FixtureDef`",
        files=(_WIDE,),
        serves="lets `llm` live as long as the session where a fixture of wider scope asks",
        looked_for="`hasattr` in `wide_fixtures`",
        without=_WIDE_ERROR,
    ),
    PrivateName(
        package="pytest",
        name="_finalizers",
        of="`FixtureDef`",
        files=(_WIDE,),
        serves="puts a fixture of wider scope aside while a baseline is judged again",
        looked_for="`hasattr` in `wide_fixtures`",
        without=_WIDE_ERROR,
    ),
    PrivateName(
        package="pytest",
        name="_fixtureinfo",
        of="`Function`",
        files=(_WIDE, "plugin/collect.py", "plugin/running/live.py", "plugin/running/nothing_asked.py"),
        serves="the fixtures that a test takes, also by others",
        looked_for="`getattr`",
        without="a fixture of wider scope that asks a model is an error of its tests, in pytest's words",
    ),
    PrivateName(
        package="pytest",
        name="_request",
        of="`Function`",
        files=(_WIDE,),
        serves="leads to the fixtures that a test named only in its body",
        looked_for="`getattr` in `_used`",
        without="what such a fixture of wider scope asked does not belong to the test",
    ),
    PrivateName(
        package="pytest",
        name="_fixture_defs",
        of="`FixtureRequest`",
        files=(_WIDE,),
        serves="the fixtures that a test named only in its body",
        looked_for="`getattr` in `_used`",
        without="what such a fixture of wider scope asked does not belong to the test",
    ),
    PrivateName(
        package="pytest",
        name="_pyfuncitem",
        of="`FixtureRequest`",
        files=("plugin/guard.py", "plugin/running/live.py"),
        serves="the test that a fixture is set up for",
        looked_for="`getattr`",
        without="a mistake of ours in a fixture is a line of the summary rather than a failing test; beside several "
        "models a fixture of wider scope that asks may be set up anew for each test",
    ),
    PrivateName(
        package="pytest",
        name="_report_sections",
        of="`Item`",
        files=("plugin/rejudging/judged_again.py",),
        serves="drops what a test printed while a baseline was judged again",
        looked_for="`getattr` in `_judge`",
        without="a failing test shows that output too",
    ),
    PrivateName(
        package="pytest-xdist",
        name="WorkerInteractor",
        of="`xdist.remote`",
        files=("plugin/guard.py",),
        serves="a worker's plugin, known by its name",
        looked_for="looked up in `xdist_worker`",
        without=f"in workers {_IN_ORDER}",
        inner=True,
    ),
    PrivateName(
        package="pytest-xdist",
        name="item_index",
        of="`WorkerInteractor`",
        files=("plugin/guard.py", _SCHEDULER),
        serves="which test a worker's report is about",
        looked_for="looked up in the methods of the worker, in `missing`",
        without=f"in workers {_IN_ORDER}",
        inner=True,
    ),
    PrivateName(
        package="pytest-xdist",
        name="torun",
        of="`WorkerInteractor`",
        files=(_SCHEDULER,),
        serves="a worker that gets its tests as those do that we know",
        looked_for="`hasattr` in `missing`",
        without=f"in workers {_IN_ORDER}",
        inner=True,
    ),
    PrivateName(
        package="pytest-xdist",
        name="handle_command",
        of="`WorkerInteractor`",
        files=("plugin/running/stop_worker.py",),
        serves="stops a worker's calls when the session is stopped",
        looked_for="`getattr` in `stop_with_controller`",
        without="a worker stops sending a few seconds later, when execnet interrupts it",
        inner=True,
    ),
    PrivateName(
        package="pytest-timeout",
        name="_get_item_settings",
        of="`pytest_timeout`",
        files=("plugin/running/own_limit.py",),
        serves="the limit of a test, also while it waits for a reply",
        looked_for="`getattr` in `_settings_of`",
        without="the limit holds while a test is executed, and not while it waits",
    ),
    PrivateName(
        package="httpx",
        name="_transport_for_url",
        of="`Client`, `AsyncClient`",
        files=("capture/clients.py",),
        serves="sees the calls of every client, whatever its transport",
        looked_for="a client is asked in `_asks`",
        without="calls are captured in the transports: those of a client with a transport of its own pass by",
    ),
    PrivateName(
        package="httpx",
        name="_pool",
        of="`HTTPTransport`, `AsyncHTTPTransport`",
        files=("capture/clients.py",),
        serves="whether a transport does no more than ours would",
        looked_for="`getattr` in `_is_plain`",
        without="captured calls go by the application's own transport, and tests do not overlap in them",
    ),
    PrivateName(
        package="aiohttp",
        name="_request",
        of="`ClientSession`",
        files=("capture/over_aiohttp.py",),
        serves="sees the calls of every session",
        looked_for="`getattr` in `stand_before_aiohttp`",
        without="calls by aiohttp are not captured, and a case that asks by them alone is an error that says so",
    ),
    PrivateName(
        package="aiohttp",
        name="_build_url",
        of="`ClientSession`",
        files=("capture/over_aiohttp.py",),
        serves="the whole address of a session that has a base address",
        looked_for="`getattr` in `stand_before_aiohttp`",
        without="calls of such a session pass by",
    ),
    PrivateName(
        package="aiohttp",
        name="_url",
        of="`ClientResponse`",
        files=("capture/over_aiohttp.py",),
        serves="the address that an application may show",
        looked_for="set only",
        without="the response shows the address of our loopback server",
    ),
    PrivateName(
        package="aiohttp",
        name="_real_url",
        of="`ClientResponse`",
        files=("capture/over_aiohttp.py",),
        serves="the address that an application may show",
        looked_for="set only",
        without="the response shows the address of our loopback server",
    ),
    *(
        PrivateName(
            package="botocore",
            name=name,
            of=of,
            files=("capture/over_urllib3.py",),
            serves=serves,
            looked_for="`getattr`",
            without=without,
        )
        for name, of, serves, without in (
            ("_verify", "`URLLib3Session`", "whether it trusts as ours does", "calls go by botocore's own connections"),
            ("_timeout", "`URLLib3Session`", "how long the client waits", "a replayed answer never times out"),
            ("_proxy_config", "`URLLib3Session`", "whether there is a proxy", "calls go by botocore's own connections"),
            ("_proxies", "`ProxyConfiguration`", "whether there is a proxy", "calls go by botocore's own connections"),
        )
    ),
    PrivateName(
        package="diskcache",
        name="_sql",
        of="`Cache`",
        files=("store/cache.py", "store/disk.py"),
        serves="one statement where `Cache.set` takes five, and keys that are text",
        looked_for="`hasattr` in `BoundedCache`",
        without=_CACHE_OFF,
    ),
    PrivateName(
        package="diskcache",
        name="_sql_retry",
        of="`Cache`",
        files=("store/disk.py",),
        serves="replaced, so that no lock is waited for without limit",
        looked_for="`hasattr` in `open_cache`",
        without=_CACHE_OFF,
    ),
    PrivateName(
        package="diskcache",
        name="_local",
        of="`Cache`",
        files=("store/disk.py",),
        serves="the connection of a thread, which must be closed with it",
        looked_for="`hasattr` in `BoundedCache`",
        without=_CACHE_OFF,
    ),
    PrivateName(
        package="diskcache",
        name="_disk",
        of="`Cache`",
        files=("store/disk.py",),
        serves="how a text is stored",
        looked_for="`hasattr` in `BoundedCache`",
        without=_CACHE_OFF,
    ),
    PrivateName(
        package="Python",
        name="_get_running_loop",
        of="`asyncio`",
        files=("plugin/running/tasks.py",),
        serves="which task runs, without an exception where none does",
        looked_for="`getattr` in `current_task`",
        without="the same by `asyncio.current_task`, five times as slow",
    ),
    PrivateName(
        package="Python",
        name="_scheduled",
        of="event loops of `asyncio`",
        files=("capture/own_timeouts.py",),
        serves="whether an application gives up before a recorded answer would have come",
        looked_for="`getattr` in `_pass`",
        without="such an application gets its answer",
    ),
    PrivateName(
        package="Python",
        name="_SubParsersAction",
        of="`argparse`",
        files=(*(f"commands/{name}.py" for name in _COMMANDS), "commands/shadow.py"),
        serves="a type",
        looked_for="in annotations only, which are never evaluated",
        without="nothing is lost",
    ),
)


def rows() -> list[tuple[str, str, str, str]]:
    """Name, what it serves, how it is looked for, what becomes of a session without it."""
    return [
        (
            f"`{each.name.rpartition('.')[2]}` of {each.package}'s {each.of}",
            f"{each.serves} ({', '.join(f'`{file}`' for file in _shown(each.files))})",
            each.looked_for,
            each.without,
        )
        for each in PRIVATE
    ]


def _shown(files: tuple[str, ...]) -> tuple[str, ...]:
    return files if len(files) <= 3 else (f"{files[0].partition('/')[0]}/",)
