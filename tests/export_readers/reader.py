"""Reads both exports with the packages they are for, and prints what is in them as JSON; run by their environment."""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from pathlib import Path

from google.protobuf.json_format import Parse
from inspect_ai.log import read_eval_log
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

log_file, spans_file = map(Path, sys.argv[1:])
log = read_eval_log(str(log_file))
samples = log.samples or []
verdicts = [sample.scores["verdict"] for sample in samples if sample.scores and "verdict" in sample.scores]
text = spans_file.read_text(encoding="utf-8")
traces = Parse(text, TracesData())
assert Parse(text, ExportTraceServiceRequest()).resource_spans == traces.resource_spans
spans = [span for resource in traces.resource_spans for scope in resource.scope_spans for span in scope.spans]
print(
    json.dumps(
        {
            "versions": {name: version(name) for name in ("inspect-ai", "opentelemetry-proto")},
            "samples": len(samples),
            "correct": sum(verdict.value == "C" for verdict in verdicts),
            "scores": sum(len(sample.scores or {}) for sample in samples) - len(verdicts),
            "output_tokens": sum(sample.output.usage.output_tokens for sample in samples if sample.output.usage),
            "spans": len(spans),
            "chats": sum(span.name.startswith("chat ") for span in spans),
            "events": sum(len(span.events) for span in spans),
        }
    )
)
