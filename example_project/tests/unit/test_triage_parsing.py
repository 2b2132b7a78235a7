import json

import pytest

from helpdesk.triage import Triage, TriageError, parse_triage, triage

GOOD = {"team": "returns", "urgency": "normal", "language": "en", "order": "LK-48755", "reason": "Cracked lid."}


def test_reads_plain_json():
    assert parse_triage(json.dumps(GOOD)) == Triage("returns", "normal", "en", "LK-48755", "Cracked lid.")


def test_reads_json_in_a_fence():
    assert parse_triage("```json\n" + json.dumps(GOOD) + "\n```").team == "returns"


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ("The team is returns.", "not JSON"),
        ("[]", "not a JSON object"),
        (json.dumps({key: GOOD[key] for key in GOOD if key != "team"}), "no 'team'"),
        (json.dumps({**GOOD, "team": "marketing"}), "marketing"),
        (json.dumps({**GOOD, "urgency": "urgent"}), "urgent"),
    ],
)
def test_tells_what_is_wrong_with_an_answer(answer, problem):
    with pytest.raises(TriageError, match=problem):
        parse_triage(answer)


def test_asks_with_the_ticket_in_the_prompt():
    prompts = []

    def ask(prompt: str) -> str:
        prompts.append(prompt)
        return json.dumps(GOOD)

    assert triage(ask, "My lid is cracked.").order == "LK-48755"
    assert "<ticket>\nMy lid is cracked.\n</ticket>" in prompts[0]
