import json
import os
from pathlib import Path

from openai import AsyncOpenAI
from pydantic_evals import Case, Dataset
from pydantic_evals.evaluators import EqualsExpected

CASES = [json.loads(line) for line in Path(__file__).with_name("cases.jsonl").read_text().splitlines()]
SAMPLES = int(os.environ["SAMPLES"])
REPLIES = {case["input"]: case["expected"] for case in CASES}

if os.environ.get("FROM_DICT"):

    async def ask(prompt: str) -> str:
        return REPLIES[prompt]

else:
    client = AsyncOpenAI()

    async def ask(prompt: str) -> str:
        messages = [{"role": "user", "content": prompt}]
        return (await client.chat.completions.create(model="mock-1", messages=messages)).choices[0].message.content


dataset = Dataset(
    name="cases",
    cases=[
        Case(name=f"{case['id']}-{sample}", inputs=case["input"], expected_output=case["expected"])
        for case in CASES
        for sample in range(SAMPLES)
    ],
    evaluators=[EqualsExpected()],
)
report = dataset.evaluate_sync(ask, max_concurrency=int(os.environ["CONCURRENCY"]), progress=False)
report.print(include_input=False, include_output=False)
right = sum(all(result.value for result in case.assertions.values()) for case in report.cases)
print(f"{right} right of {len(report.cases)}")
