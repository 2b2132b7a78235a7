"""The limit: nothing but calls. httpx's pool is at its best with few connections, so there are many clients of four."""

import asyncio
import json
import os
from pathlib import Path

import httpx

CASES = [json.loads(line) for line in Path(__file__).with_name("cases.jsonl").read_text().splitlines()]
PER_CLIENT = 4


async def main() -> None:
    waiting = [case for case in CASES for _ in range(int(os.environ["SAMPLES"]))]
    waiting.reverse()
    concurrency = min(int(os.environ["CONCURRENCY"]), len(waiting))
    limits = httpx.Limits(max_connections=PER_CLIENT, max_keepalive_connections=PER_CLIENT)
    shared = httpx.create_ssl_context()  # making one takes 30 ms
    clients = [
        httpx.AsyncClient(base_url=os.environ["OPENAI_BASE_URL"], limits=limits, timeout=30, verify=shared)
        for _ in range(-(-concurrency // PER_CLIENT))
    ]
    right = 0

    async def work(client: httpx.AsyncClient) -> None:
        nonlocal right
        while waiting:
            case = waiting.pop()
            body = {"model": "mock-1", "messages": [{"role": "user", "content": case["input"]}]}
            response = await client.post("/chat/completions", json=body)
            right += response.json()["choices"][0]["message"]["content"] == case["expected"]

    await asyncio.gather(*(work(clients[number % len(clients)]) for number in range(concurrency)))
    for client in clients:
        await client.aclose()
    print(f"{right} right of {len(CASES) * int(os.environ['SAMPLES'])}")


asyncio.run(main())
