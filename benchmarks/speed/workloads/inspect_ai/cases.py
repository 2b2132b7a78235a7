from inspect_ai import Task, task
from inspect_ai.dataset import FieldSpec, json_dataset
from inspect_ai.scorer import exact
from inspect_ai.solver import generate


@task
def cases(cache: bool = False):
    fields = FieldSpec(input="input", target="expected", id="id")
    return Task(dataset=json_dataset("cases.jsonl", fields), solver=generate(cache=cache), scorer=exact())
