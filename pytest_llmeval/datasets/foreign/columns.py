"""What other tools call the fields of a row."""

from __future__ import annotations

from collections.abc import Iterable

# The first that a file has is taken: where there are a truth and an answer, the answer is a model's.
INPUTS = (
    *(
        "input",
        "inputs",
        "question",
        "query",
        "prompt",
        "user_input",
        "message",
        "messages",
        "instruction",
        "utterance",
    ),
    *("request", "user", "user_message", "text", "vars"),
)
EXPECTED = (
    *("expected", "expected_output", "expectedoutput", "expected_answer", "expected_response", "ideal", "target"),
    *("ground_truth", "ground_truths", "groundtruth", "truth", "reference", "reference_answer", "reference_output"),
    *(
        "correct_answer",
        "correct_label",
        "correct",
        "gold",
        "solution",
        "label",
        "answer",
        "answers",
        "output",
        "outputs",
    ),
)
CONTEXTS = (
    *("context", "contexts", "reference_contexts", "retrieval_context", "retrieved_contexts", "documents", "passages"),
    *("retrieved_documents", "retrieved_passages", "sources", "source_text", "knowledge", "passage", "document"),
)
IDS = ("id", "case_id", "key", "uuid", "name")
TASKS = ("task", "category", "topic")
TAGS = ("tags", "labels")


def first_of(names: Iterable[str], wanted: Iterable[str]) -> str | None:
    """The first name that is one of those wanted, in their order; upper and lower case, spaces and bars are alike."""
    known = {folded_name(name): name for name in reversed(list(names))}
    return next((known[name] for name in wanted if name in known), None)


def folded_name(name: str) -> str:
    """A name without what people write in other ways."""
    return "_".join(name.strip().lower().replace("-", " ").replace("_", " ").split())
