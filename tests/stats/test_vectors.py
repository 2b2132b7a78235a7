"""Every worked number of the method, computed elsewhere, comes out of this package."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_llmeval.stats import agreement, cost, intervals, multiplicity, planning, quantiles
from pytest_llmeval.stats.dependence import dispersion
from pytest_llmeval.stats.evidence import evidence_test, fewest, scores
from pytest_llmeval.stats.gate import judge, undecided
from pytest_llmeval.stats.sign_flip import sign_flip_test
from pytest_llmeval.stats.strata import Stratum

VECTORS: dict[str, dict[str, Any]] = json.loads((Path(__file__).parent / "stats_vectors.json").read_text("utf-8"))

CATEGORIES = [
    name for name, vector in VECTORS.items() if isinstance(vector["output"], dict) and "strata" in vector["output"]
]

EVIDENCE = Path(__file__).resolve().parents[2].parent / "shared" / "reference" / "statistics-evidence-vectors.json"
PUBLISHED: list[dict[str, Any]] = json.loads(EVIDENCE.read_text("utf-8"))["vectors"] if EVIDENCE.is_file() else []


def strata_of(rows: list[list[int]]) -> list[Stratum]:
    return [Stratum(*row) for row in rows]


def category_facts(strata: list[Stratum]) -> dict[str, Any]:
    """All that the vectors say about a category."""
    test = evidence_test(strata)
    total = sum(stratum.change for stratum in strata if stratum.compared)
    mean = total / sum(stratum.compared for stratum in strata)
    change, population = intervals.change_interval(strata), intervals.population_interval(strata)
    return {
        "p_min": test.p_min,
        "strata": test.informative,
        "sign_flip": sign_flip_test(strata)[0],
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


@pytest.mark.skipif(
    not PUBLISHED, reason="the vectors of the evidence score are not there: the folder ../shared is missing"
)
def test_the_vectors_of_the_evidence_score_are_of_every_kind() -> None:
    assert {vector["kind"] for vector in PUBLISHED} == {"scores", "category", "family"}


@pytest.mark.parametrize("vector", [pytest.param(vector, id=vector["name"]) for vector in PUBLISHED])
def test_evidence(vector: dict[str, Any]) -> None:
    expected = vector["expect"]
    if vector["kind"] == "scores":
        n_baseline, n_candidate, failures = vector["margin"]
        assert fewest(n_baseline, failures) == expected["fewest"]
        assert list(scores(n_baseline, n_candidate, failures)) == expected["scores"]
    elif vector["kind"] == "category":
        strata = repeated(vector["strata"])
        test, better = evidence_test(strata), evidence_test([stratum.swapped for stratum in strata])
        assert (test.score, test.informative) == (expected["T"], expected["informative"])
        assert (test.p, test.p_min, better.p) == pytest.approx(
            (expected["p"], expected["p_min"], expected["p_better"]), rel=1e-6
        )
    else:
        verdicts = judge({str(place): repeated(rows) for place, rows in enumerate(vector["categories"])})
        assert [verdict.p for verdict in verdicts.values()] == pytest.approx(expected["p"], rel=1e-6)
        assert [verdict.adjusted_p for verdict in verdicts.values()] == pytest.approx(expected["adjusted"], rel=1e-6)
        assert bool(undecided(verdicts, vector["look"])) is expected["goes_on"]


def repeated(rows: list[list[int]]) -> list[Stratum]:
    """The strata of rows whose last number says how many such cases there are."""
    return [Stratum(*row[:4]) for row in rows for _ in range(row[4] if len(row) > 4 else 1)]
