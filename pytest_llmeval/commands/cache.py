"""``llmeval cache``: look at stored replies, delete them, ask again."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_llmeval.commands.project import add_config, settings_of, whole_number
from pytest_llmeval.config.age import parsed_age
from pytest_llmeval.config.settings import ModelSettings, Settings
from pytest_llmeval.errors import ConfigError, LlmevalError, ReplyError
from pytest_llmeval.reply import OTHER_CALL, Answer
from pytest_llmeval.report.numbers import dollars
from pytest_llmeval.runs.file import load_run
from pytest_llmeval.runs.unused import unused_recordings
from pytest_llmeval.store.entry import Entry
from pytest_llmeval.store.recording_file import RecordingFile
from pytest_llmeval.store.recordings import Recordings
from pytest_llmeval.text import first_line, plural

if TYPE_CHECKING:
    from pytest_llmeval.engine.fulfilled import Fulfilled
    from pytest_llmeval.store.cache import Cache

_DONE, _CHANGED = 0, 1

_FLAWS = {"refusal": "refused", "truncated": "truncated", "content_filter": "filtered", "invalid": "invalid"}


def add_cache(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    cache = commands.add_parser("cache", help="Look at stored replies, prune them, ask again")
    below = cache.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, run: Callable[[argparse.Namespace, Settings], int], text: str) -> argparse.ArgumentParser:
        parser = below.add_parser(name, help=text, description=text)
        add_config(parser)
        parser.set_defaults(run=lambda options: run(options, settings_of(options)))
        return parser

    add("stats", _stats, "Count the replies of the cache and of each file of recordings")
    unused = add("unused", _unused, "List recorded replies that no case of complete runs used")
    prune = add("prune", _prune, "Delete recorded replies that complete runs did not use, or old ones of the cache")
    unused.add_argument("runs", nargs="+", metavar="RUN", help="A complete run, saved with --llm-report")
    prune.add_argument("runs", nargs="*", metavar="RUN", help="Delete what these complete runs did not use")
    prune.add_argument(
        "--older-than", metavar="AGE", help="Delete replies that the cache has held for longer, as in 12h, 30d or 4w"
    )
    prune.add_argument("--dry-run", action="store_true", help="Only show what would be deleted")
    verify = add("verify", _verify, "Ask the models again for some stored replies and compare; exit 1 when some differ")
    verify.add_argument("--count", type=whole_number, default=10, metavar="N", help="How many at most (default: 10)")
    verify.add_argument(
        "--model", metavar="NAME", help="Only this model: an alias from [tool.llmeval] or provider/model"
    )
    verify.add_argument("--yes", action="store_true", help="Ask; without it only the expected cost is shown")


def _stats(options: argparse.Namespace, settings: Settings) -> int:
    cache = _cache(settings)
    entries, count = list(cache.entries()), len(cache.keys())
    print(f"cache {_shown(settings, settings.cache)}: {plural(count, 'reply')}, {_bytes(cache.size())}")
    if count > len(entries):
        print(f"  {count - len(entries)} of them cannot be read")
    _print_models(entries)
    files = _recording_files(settings)
    total = sum(path.stat().st_size for path, _ in files)
    print(f"recordings {_shown(settings, settings.recordings)}: {plural(len(files), 'file')}, {_bytes(total)}")
    for path, recorded in files:
        print(f"  {first_line(path.name)}: {plural(len(recorded), 'reply')}, {_bytes(path.stat().st_size)}")
        _print_models(recorded, indent=4)
    cache.close()
    return _DONE


def _unused(options: argparse.Namespace, settings: Settings) -> int:
    found = _unused_by_file(options.runs, settings)
    for path, entries in found.items():
        print(f"{first_line(path.name)}: {plural(len(entries), 'reply')} unused")
        for entry in entries:
            print(f"  {first_line(entry.case)}  {first_line(entry.model, 60)}, sample {entry.sample}")
    if not found:
        print("every recorded reply that the runs could have used was used")
    return _DONE


def _prune(options: argparse.Namespace, settings: Settings) -> int:
    if not options.runs and options.older_than is None:
        raise ConfigError("llmeval cache prune: say what to delete: runs (RUN.jsonl), or --older-than=30d, or both")
    before = _moment(options.older_than) if options.older_than is not None else None
    words = "would be deleted" if options.dry_run else "deleted"
    if options.runs:
        found = _unused_by_file(options.runs, settings)
        recordings = Recordings(settings.recordings, _warn)
        for path, entries in found.items():
            count = len(entries) if options.dry_run else recordings.remove(path, {entry.key for entry in entries})
            print(f"{first_line(path.name)}: {plural(count, 'reply')} {words}")
        if not found:
            print("no recorded reply is unused")
    if before is not None:
        cache = _cache(settings)
        old = [entry.key for entry in cache.entries() if entry.moment < before]
        count = len(old) if options.dry_run else cache.remove(old)
        cache.close()
        print(f"cache {_shown(settings, settings.cache)}: {plural(count, 'reply')} {words}")
    return _DONE


def _verify(options: argparse.Namespace, settings: Settings) -> int:
    entries = _stored(settings)
    if options.model is not None:
        wanted = settings.find_model(options.model)
        entries = [entry for entry in entries if (entry.provider, entry.model) == (wanted.provider, wanted.model)]
    if not entries:
        raise ConfigError(
            "llmeval cache verify: there is no stored reply" + (" of this model" if options.model else "")
        )
    # Keys are hashes, so their order is a random draw, and the same one every time.
    chosen = sorted(entries, key=lambda entry: entry.key)[: options.count]
    unknown = sum(entry.cost is None for entry in chosen)
    cost = f"about ${dollars(sum(entry.cost or 0.0 for entry in chosen))}"
    if unknown:
        known = unknown < len(chosen)
        cost = f"{cost} and {plural(unknown, 'call')} without a known price" if known else "an unknown sum"
    print(f"asking again for {len(chosen)} of {plural(len(entries), 'reply')} will cost {cost}")
    if not options.yes:
        print("nothing was sent; add --yes to ask")
        return _DONE
    return _ask_again(chosen, settings)


def _ask_again(chosen: Sequence[Entry], settings: Settings) -> int:
    from pytest_llmeval.engine.pipeline import Pipeline
    from pytest_llmeval.formats.answers.thinking_tags import without_thoughts
    from pytest_llmeval.formats.registry import find_provider
    from pytest_llmeval.store.store import Store

    pipeline = Pipeline(mode="live", store=Store(None, None))
    counts: Counter[str] = Counter()
    spent = 0.0
    try:
        for entry, future in [(entry, _sent(pipeline.ask_again, entry, settings)) for entry in chosen]:
            name = f"{first_line(entry.case)}, {first_line(entry.model, 60)}, sample {entry.sample}"
            try:
                fulfilled = future.result()
                model = _model_of(entry, settings)
                provider = find_provider(model.provider, model.base_url)
                before = without_thoughts(provider.answer(entry.response), model.thinking_tags)
            except LlmevalError as error:
                counts["without an answer"] += 1
                print(f"no answer  {name}: {first_line(str(error))}")
                continue
            spent += fulfilled.spent or 0.0
            same = _content(before) == _content(fulfilled.answer)
            counts["equal" if same else "changed"] += 1
            if not same:
                print(f"changed    {name}")
                print(f"    stored: {_excerpt(before)}")
                print(f"    now:    {_excerpt(fulfilled.answer)}")
    finally:
        pipeline.close()
    figures = ", ".join(f"{counts[word]} {word}" for word in ("equal", "changed", "without an answer"))
    print(f"{figures}; ${dollars(spent)} spent")
    return _DONE if counts["equal"] == len(chosen) else _CHANGED


def _sent(
    ask: Callable[[ModelSettings, Entry], Future[Fulfilled]], entry: Entry, settings: Settings
) -> Future[Fulfilled]:
    try:
        return ask(_model_of(entry, settings), entry)
    except (ReplyError, ConfigError) as error:
        failed: Future[Fulfilled] = Future()
        failed.set_exception(error)
        return failed


def _model_of(entry: Entry, settings: Settings) -> ModelSettings:
    for model in settings.models.values():
        if (model.provider, model.model) == (entry.provider, entry.model):
            return model
    return settings.find_model(f"{entry.provider}/{entry.model}")


def _content(answer: Answer) -> tuple[object, ...]:
    """What makes two answers the same: neither ids nor usage."""
    calls = [
        (call.name, call.raw_arguments if call.arguments is None else call.arguments) for call in answer.every_tool_call
    ]
    return answer.text, calls, answer.refusal


def _excerpt(answer: Answer) -> str:
    calls = "".join(f" {call.name}({call.raw_arguments})" for call in answer.every_tool_call)
    return first_line(f"{answer.refusal or answer.text}{calls}".strip(), 100) or "nothing"


def _stored(settings: Settings) -> list[Entry]:
    """The recorded answers, or those of the cache when none are recorded."""
    entries = [entry for _, recorded in _recording_files(settings) for entry in recorded]
    if not entries:
        cache = _cache(settings)
        entries = list(cache.entries())
        cache.close()
    return [entry for entry in entries if entry.provider != OTHER_CALL]  # which say nothing that could be compared


def _unused_by_file(runs: Iterable[str], settings: Settings) -> dict[Path, list[Entry]]:
    loaded = []
    names: dict[str, str] = {}
    for path in runs:
        run = load_run(path)
        if not run.complete:
            raise ConfigError(
                f"{path} is not a complete run: what its missing cases use would count as unused; "
                "run all tests with --llm-report=FILE.jsonl"
            )
        calls = [call for result in run.results for call in result.calls]
        if calls and not any(call.key for call in calls):
            raise ConfigError(f"{path} does not say which replies it used: an older pytest-llmeval saved it")
        names |= {name: str(model.get("model", name)) for name, model in run.models.items()}
        loaded.append(run)
    return unused_recordings(
        Recordings(settings.recordings, _warn).paths(),
        loaded,
        model_names=lambda name: names.get(name, name),
        root=settings.root,
        warn=_warn,
    )


def _cache(settings: Settings) -> Cache:
    from pytest_llmeval.store.cache import Cache  # only this needs diskcache

    return Cache(settings.cache, _warn)


def _recording_files(settings: Settings) -> list[tuple[Path, list[Entry]]]:
    return [
        (path, [entry for entry, _ in RecordingFile.read(path, _warn).entries()])
        for path in Recordings(settings.recordings, _warn).paths()
    ]


def _print_models(entries: Iterable[Entry], indent: int = 2) -> None:
    by_model: dict[str, list[Entry]] = {}
    for entry in entries:
        by_model.setdefault(first_line(f"{entry.provider}/{entry.model}", 80), []).append(entry)
    for name, group in sorted(by_model.items()):
        days = sorted(entry.moment.date().isoformat() for entry in group)
        when = days[0] if days[0] == days[-1] else f"{days[0]} to {days[-1]}"
        flaws = Counter(entry.flaw for entry in group if entry.flaw)
        marks = "".join(f", {count} {_FLAWS[flaw]}" for flaw, count in sorted(flaws.items()))
        print(f"{' ' * indent}{name}: {plural(len(group), 'reply')}, {when}{marks}")


def _bytes(size: int) -> str:
    for unit, limit in (("MB", 10**6), ("kB", 10**3)):
        if size >= limit:
            return f"{size / limit:.1f} {unit}"
    return plural(size, "byte")


def _shown(settings: Settings, path: Path) -> str:
    return first_line(str(path.relative_to(settings.root) if path.is_relative_to(settings.root) else path))


def _moment(age: str) -> datetime:
    try:
        return datetime.now(UTC) - parsed_age(age)
    except (ValueError, OverflowError) as error:
        raise ConfigError(f"--older-than={first_line(age, 40)}: {error}") from None


def _warn(text: str) -> None:
    print(f"llmeval: {first_line(text, 500)}", file=sys.stderr)
