"""`Case`: one example of an eval set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One example of an eval set.

    Attributes:
        id: unique within the dataset; printable text.
        input: what the application or model is asked: a string, a list of chat messages, or any JSON of the row.
        expected: what a right answer is or holds, None when the checks alone decide.
        context: passages that the answer must be grounded in; a row may hold one as a text.
        task: what the case is about, for slices and routing; never an error category.
        tags: free labels.
        metadata: anything else that the tests need.
        checks: checks of the row, for `assert_case`.
        paraphrases: other wordings of the input, each asked in a test of its own, for prompt sensitivity.
        samples: answers wanted for this case; None for the marker's number.
        cluster: what the case shares with cases that are not independent of it, such as the document they are about;
            a rise in all cases of a cluster is one case to the gate's floor. None when it stands alone.
        dataset: the file's name as the test wrote it.
        line: of the row in the file, from 1; 0 without a file.
        wording: "" for the row's input, "2" and up for its paraphrases, or the name of a rule of
            `pytest_llmeval.datasets.perturb`. All wordings of a row have its id.
    """

    id: str
    input: Any
    expected: Any = None
    context: tuple[str, ...] = ()
    task: str | None = None
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    checks: tuple[Mapping[str, Any], ...] = ()
    paraphrases: tuple[str, ...] = ()
    samples: int | None = None
    cluster: str | None = None
    dataset: str = ""
    line: int = 0
    wording: str = ""

    @property
    def name(self) -> str:
        """The id, and the wording if there is one: ``refund-1``, ``refund-1+2``, ``refund-1+typos``."""
        return f"{self.id}+{self.wording}" if self.wording else self.id

    @property
    def request(self) -> Mapping[str, Any]:
        """What went with the input in a logged call, as keywords of ``llm``: tools, schema, sampling parameters."""
        request = self.metadata.get("request")
        return request if isinstance(request, Mapping) else {}

    @property
    def digest(self) -> str:
        """Digest of what the case asks and expects.

        Its paraphrases are cases of their own: a new one changes none of the others. Its metadata may hold what a test
        expects.
        """
        import hashlib

        from pytest_llmeval.json_text import lenient_json

        metadata = [self.metadata] if self.metadata else []
        content = [self.input, self.expected, self.context, self.checks, (), *metadata]
        return hashlib.sha256(lenient_json(content).encode()).hexdigest()[:16]
