"""Files of a project that say how far a judge agrees with people, and so whether it may gate."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from pytest_llmeval.checks.check import is_number
from pytest_llmeval.errors import ConfigError
from pytest_llmeval.json_text import parsed_json
from pytest_llmeval.score import Labels
from pytest_llmeval.text import first_line

FOLDER: Final = "judges"
"""Where calibrations lie, beside the project's settings."""

FEWEST_LABELS = 50
"""With fewer labels of people nobody knows how far a judge agrees with them."""

LOWEST_KAPPA = 0.4
"""What the whole 95 % interval of kappa must lie above: below it is no more than fair agreement (Landis, Koch 1977)."""


class Calibration(NamedTuple):
    """How far a judge agrees with people.

    Attributes:
        judge: as ``provider/model``.
        prompt: digest of what it is asked.
        rubric: name of a ready rubric, or the first words of another.
        labels: how people labelled what it judged.
        kappa: its agreement with people beyond chance.
        low: of the 95 % interval.
        high: of the 95 % interval.
    """

    judge: str
    prompt: str
    rubric: str
    labels: Labels
    kappa: float
    low: float
    high: float

    def lacks(self) -> str:
        """Why the judge may not gate, "" when it may."""
        count = sum(self.labels)
        if count < FEWEST_LABELS:
            return f"it has {count} labels and needs {FEWEST_LABELS}"
        if not self.low > LOWEST_KAPPA:
            return (
                f"its agreement with people is too low: kappa {self.kappa:.2f} [{self.low:.2f}, {self.high:.2f}], and "
                f"all of the interval must lie above {LOWEST_KAPPA}"
            )
        return ""

    def to_json(self) -> dict[str, Any]:
        """As a file holds it."""
        return {
            "judge": self.judge,
            "prompt": self.prompt,
            "rubric": self.rubric,
            "labels": self.labels._asdict(),
            "kappa": [self.kappa, self.low, self.high],
        }


def calibration_from(data: object) -> Calibration:
    """The calibration in a JSON object; further fields are for people.

    Raises:
        ValueError: a field is missing or wrong; names it.
    """
    if not isinstance(data, Mapping):
        raise ValueError("it is no JSON object")
    judge, prompt, rubric = (data.get(name) for name in ("judge", "prompt", "rubric"))
    if not (isinstance(judge, str) and isinstance(prompt, str) and isinstance(rubric, str)):
        raise ValueError("judge, prompt and rubric are texts")
    counts = data.get("labels")
    if not isinstance(counts, Mapping) or counts.keys() != set(Labels._fields):
        raise ValueError(f"labels has the fields {', '.join(Labels._fields)}")
    if not all(type(count) is int and count >= 0 for count in counts.values()):
        raise ValueError("labels holds numbers of labels, from 0")
    kappa = data.get("kappa")
    if not isinstance(kappa, list) or len(kappa) != 3 or not all(is_number(part, -1, 1) for part in kappa):
        raise ValueError("kappa is a list of its value and the ends of its interval, from -1 to 1")
    value, low, high = map(float, kappa)
    return Calibration(judge, prompt, rubric, Labels(**counts), value, low, high)


def calibrations_in(root: Path) -> dict[tuple[str, str], Calibration]:
    """The calibrations of a project, by judge and prompt.

    Raises:
        ConfigError: a file cannot be read or is none, or two are of the same judge and prompt.
    """
    return read_calibrations((path.name, path.read_bytes) for path in sorted((root / FOLDER).glob("*.json")))


def named_calibrations(root: Path) -> dict[str, Calibration]:
    """The calibrations of a project by their files, as in ``judges/tone.json``.

    Raises:
        ConfigError: as for `calibrations_in`.
    """
    found = {}
    for path in sorted((root / FOLDER).glob("*.json")):
        [found[f"{FOLDER}/{first_line(path.name, 100)}"]] = read_calibrations([(path.name, path.read_bytes)]).values()
    return found


def read_calibrations(files: Iterable[tuple[str, Callable[[], bytes]]]) -> dict[tuple[str, str], Calibration]:
    """The calibrations in files, by judge and prompt.

    Args:
        files: their names and what reads them.

    Raises:
        ConfigError: a file cannot be read or is none, or two are of the same judge and prompt.
    """
    found: dict[tuple[str, str], Calibration] = {}
    places: dict[tuple[str, str], str] = {}
    for file, read in files:
        name = f"{FOLDER}/{first_line(file, 100)}"
        try:
            calibration = calibration_from(parsed_json(read().decode("utf-8-sig")))
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"{name} is no calibration of a judge: {first_line(str(error))}; "
                "llmeval judge-agreement LABELS -o FILE writes one"
            ) from None
        key = calibration.judge, calibration.prompt
        if key in places:
            raise ConfigError(f"{places[key]} and {name} calibrate the same judge with the same prompt; remove one")
        found[key], places[key] = calibration, name
    return found
