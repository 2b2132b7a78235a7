"""How well does `assert_grounded` find what a source does not say? By the public sets that people have labelled.

    python benchmarks/grounded.py --data DIR              a table for each way to check
    python benchmarks/grounded.py --data DIR --show 5     also five false alarms of each set

The sets are not part of this project; their licences differ. DIR holds them as they are published, in any folders:

- FaithBench, `data_for_release/batch_*.json` of github.com/vectara/FaithBench. A summary holds something unsupported
  when an annotator labelled a part of it "Unwanted".
- QAGS, `mturk_cnndm.jsonl` and `mturk_xsum.jsonl` of github.com/W4ngatang/qags. A summary is unsupported when most
  annotators say so of one of its sentences.
- BEGIN, `begin_dev_*.tsv` and `begin_test_*.tsv` of github.com/google/BEGIN-dataset: answers in dialogues, where the
  question may be repeated. Answers labelled "Generic" are left out.

Precision is the share of the failed answers that people found unsupported, too; recall the share of the unsupported
ones that failed. Rules were written by one half of each set, chosen by a hash, and both halves are told. The exit code
is 1 when pooled figures are below the bars and no set is missing.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pytest_llmeval import CheckFailed, assert_grounded

WAYS: Mapping[str, Mapping[str, Any]] = {"default": {}, "names": {"names": True}, "words": {"words": 0.5}}
BARS = {"default": (0.92, 0.06), "names": (0.90, 0.10)}
LONGEST_CELL = 1_000_000


class Item(NamedTuple):
    """An answer with the text it should keep to.

    Attributes:
        unsupported: whether people found something in it that the text does not say.
    """

    reply: str
    context: str
    allow: str
    unsupported: bool


def faithbench(file: Path) -> Iterator[Item]:
    for sample in json.loads(file.read_text(encoding="utf-8"))["samples"]:
        labels = [label for annotation in sample["annotations"] for label in annotation["label"]]
        unwanted = any(label.startswith("Unwanted") for label in labels)
        yield Item(sample["summary"], sample["source"], "", unwanted)


def qags(file: Path) -> Iterator[Item]:
    for line in file.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        sentences = row["summary_sentences"]
        votes = [[response["response"] for response in sentence["responses"]] for sentence in sentences]
        unsupported = any(2 * of_sentence.count("no") > len(of_sentence) for of_sentence in votes)
        yield Item(" ".join(sentence["sentence"] for sentence in sentences), row["article"], "", unsupported)


def begin(file: Path) -> Iterator[Item]:
    with file.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
            if row["begin_label"] != "Generic":
                unsupported = row["begin_label"] == "Not fully attributable"
                yield Item(row["response"], row["knowledge"], row["message"], unsupported)


class Published(NamedTuple):
    """A set as it is published."""

    read: Callable[[Path], Iterator[Item]]
    files: tuple[str, ...]


SETS: Mapping[str, Published] = {
    "FaithBench": Published(faithbench, tuple(f"batch_{n}.json" for n in range(1, 17) if n != 13)),
    "QAGS CNN/DM": Published(qags, ("mturk_cnndm.jsonl",)),
    "QAGS XSum": Published(qags, ("mturk_xsum.jsonl",)),
    "BEGIN Wizard of Wikipedia": Published(begin, ("begin_dev_wow.tsv", "begin_test_wow.tsv")),
    "BEGIN TopicalChat": Published(begin, ("begin_dev_tc.tsv", "begin_test_tc.tsv")),
    "BEGIN CMU-DoG": Published(begin, ("begin_dev_cmu.tsv", "begin_test_cmu.tsv")),
}


class Counts:
    """How answers were judged."""

    def __init__(self) -> None:
        self.items = self.unsupported = self.right = self.wrong = 0

    def add(self, item: Item, *, failed: bool) -> None:
        self.items += 1
        self.unsupported += item.unsupported
        self.right += failed and item.unsupported
        self.wrong += failed and not item.unsupported

    @property
    def precision(self) -> float:
        return self.right / (self.right + self.wrong) if self.right + self.wrong else 1.0

    @property
    def recall(self) -> float:
        return self.right / self.unsupported if self.unsupported else 0.0


def half_of(item: Item) -> int:
    """1 or 2, by a hash of the texts."""
    return 1 + hashlib.sha256(f"{item.context}\n{item.reply}".encode()).digest()[0] % 2


def judged(item: Item, options: Mapping[str, Any]) -> str:
    """Why the answer failed, "" when it passed."""
    try:
        assert_grounded(item.reply, item.context, allow=item.allow, **options)
    except CheckFailed as failure:
        return str(failure)
    return ""


def found(data: Path) -> tuple[dict[str, list[Item]], list[str]]:
    """The sets that are there, and what is missing."""
    files = {file.name: file for file in sorted(data.rglob("*")) if file.is_file()}
    items, missing = {}, []
    for name, (read, published) in SETS.items():
        there = [file for file in published if file in files]
        missing += [f"{name}: {file}" for file in published if file not in files]
        if there:
            items[name] = [item for file in there for item in read(files[file])]
    return items, missing


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="the folder with the sets as they are published")
    parser.add_argument("--way", choices=WAYS, help="only this one; by default all")
    parser.add_argument("--half", type=int, choices=(1, 2), help="show answers of this half only")
    parser.add_argument("--show", type=int, default=0, help="this many false alarms of each set")
    parser.add_argument("--missed", action="store_true", help="show right alarms instead")
    options = parser.parse_args()
    sets, missing = found(options.data)
    for line in missing:
        print(f"missing: {line}")
    if not sets:
        print(f"{options.data} holds none of the sets; the head of this file says where they are published")
        return 2
    below = False
    for way in [options.way] if options.way else WAYS:
        pooled, began = [Counts(), Counts(), Counts()], time.process_time()
        print(f"\n{way:28}{'answers':>8}{'unsupp.':>8}{'right':>6}{'wrong':>6}{'precision':>10}{'recall':>8}   halves")
        for name, items in sets.items():
            counts = [Counts(), Counts(), Counts()]
            shown = 0
            for item in items:
                reason = judged(item, WAYS[way])
                for each in (counts[0], counts[half_of(item)], pooled[0], pooled[half_of(item)]):
                    each.add(item, failed=bool(reason))
                wanted = options.half in (None, half_of(item))
                if reason and item.unsupported is options.missed and wanted and shown < options.show:
                    shown += 1
                    print(f"  {'right' if item.unsupported else 'wrong'}: {reason}\n    reply: {item.reply!r}")
                    print(f"    context: {item.context!r}\n")
            _line(name, counts)
        _line("pooled", pooled)
        print(f"{time.process_time() - began:.1f} s")
        if way in BARS:
            precision, recall = BARS[way]
            below |= pooled[0].precision < precision or pooled[0].recall < recall
    return 1 if below and not missing else 0


def _line(name: str, counts: list[Counts]) -> None:
    whole, *halves = counts
    told = " ".join(f"{half.precision:.3f}/{half.recall:.3f}" for half in halves)
    print(
        f"{name:28}{whole.items:8}{whole.unsupported:8}{whole.right:6}{whole.wrong:6}"
        f"{whole.precision:10.3f}{whole.recall:8.3f}   {told}"
    )


if __name__ == "__main__":
    sys.exit(main())
