"""Every worked number of the method, computed elsewhere, comes out of this package."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_llmeval.stats import agreement, cost, intervals, multiplicity, planning, quantiles, surprise
from pytest_llmeval.stats.dependence import dispersion
from pytest_llmeval.stats.surprise import Stratum

VECTORS: dict[str, dict[str, Any]] = json.loads((Path(__file__).parent / "stats_vectors.json").read_text("utf-8"))

CATEGORIES = [
    name for name, vector in VECTORS.items() if isinstance(vector["output"], dict) and "T" in vector["output"]
]


def strata_of(rows: list[list[int]]) -> list[Stratum]:
    return [Stratum(*row) for row in rows]


def category_facts(strata: list[Stratum]) -> dict[str, Any]:
    """All that the vectors say about a category."""
    test = surprise.surprise_test(strata)
    total = sum(stratum.change for stratum in strata if stratum.compared)
    mean = total / sum(stratum.compared for stratum in strata)
    change, population = intervals.change_interval(strata), intervals.population_interval(strata)
    return {
        "T": test.score,
        "p": test.p,
        "p_min": test.p_min,
        "strata": test.informative,
        "scores": list(test.contributions),
        "sign_flip": surprise.sign_flip_test(strata)[0],
        "interval": None if change is None else [mean, *change],
        "pop_interval": None if population is None else [mean, *population],
    }


def same(computed: Any, expected: Any) -> bool:
    """Equal whole numbers, and other numbers equal to nine digits."""
    if isinstance(expected, list):
        pairs = zip(computed, expected, strict=True)
        return len(computed) == len(expected) and all(same(mine, theirs) for mine, theirs in pairs)
    if isinstance(expected, float):
        return bool(computed == pytest.approx(expected, rel=1e-9, abs=1e-12))
    return bool(computed == expected)


COMPUTED: dict[str, Callable[[Any], Any]] = {
    "tarone_holm": lambda given: multiplicity.tarone_holm(given["p"], given["p_min"], given["alpha"]),
    "weighted_holm": lambda given: multiplicity.tarone_holm(given["p"], [0.0] * len(given["p"]), 0.05, given["w"])[0],
    "tango_b7_c1_n40": lambda given: list(intervals.tango(*given)),
    "quantile_min_n": lambda shares: [quantiles.fewest_values(share) for share in shares],
    "pass_hat_k": lambda _: [agreement.pass_hat_k(8, 10, k) for k in (1, 2, 4)],
    "pairwise_agreement": agreement.pairwise_agreement,
    "fleiss_kappa": agreement.fleiss_kappa,
    "cost_per_resolved": lambda given: list(cost.cost_per_resolved(given["costs"], given["solved"]) or ()),
    "dispersion_locked": lambda rows: (dispersion(strata_of(rows)) or (None,))[0],
    "samples_needed": lambda given: planning.samples_needed(strata_of(given["cases"]), given["alpha"]),
}

BY_PREFIX: dict[str, Callable[[Any], Any]] = {
    "wilson_": lambda given: list(intervals.wilson(*given)),
    "quantile_ranks_": lambda given: list(quantiles.interval_ranks(*given)),
}


def function_for(name: str) -> Callable[[Any], Any]:
    if name in COMPUTED:
        return COMPUTED[name]
    return next(function for prefix, function in BY_PREFIX.items() if name.startswith(prefix))


@pytest.mark.parametrize("name", CATEGORIES)
def test_category(name: str) -> None:
    facts = category_facts(strata_of(VECTORS[name]["input"]))
    expected = {key: value for key, value in VECTORS[name]["output"].items() if key != "exact"}
    wrong = {key: (value, facts[key]) for key, value in expected.items() if not same(facts[key], value)}
    assert wrong == {}


@pytest.mark.parametrize("name", [name for name in VECTORS if name not in CATEGORIES])
def test_function(name: str) -> None:
    vector = VECTORS[name]
    computed = function_for(name)(vector["input"])
    if name == "tarone_holm":
        computed = {"adjusted": computed.adjusted, "testable": computed.testable, "K": computed.size}
        assert {key: same(computed[key], value) for key, value in vector["output"].items()} == dict.fromkeys(
            vector["output"], True
        )
    else:
        if name == "quantile_min_n":  # the published table has a one-sided number, too
            vector = {**vector, "output": [two_sided for two_sided, _ in vector["output"]]}
        assert same(computed, vector["output"]), f"{computed} is not {vector['output']}"
