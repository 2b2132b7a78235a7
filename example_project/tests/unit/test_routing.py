import pytest

from helpdesk.routing import Route, route
from helpdesk.triage import Triage


@pytest.mark.parametrize(("urgency", "hours"), [("high", 2), ("normal", 24), ("low", 72)])
def test_urgency_decides_the_deadline(urgency, hours):
    assert route(Triage("billing", urgency, "en", None)) == Route("billing", hours)


def test_safety_is_phoned_within_the_hour_in_any_language():
    assert route(Triage("safety", "low", "pt", None)) == Route("safety-officer", 1, phone=True)


def test_other_languages_are_translated_first():
    assert route(Triage("returns", "normal", "it", None)) == Route("returns-translation", 48)
