"""The limit: nothing but calls, by the fastest client of the field."""

import asyncio
import json
import os
from pathlib import Path

import aiohttp

CASES = [json.loads(line) for line in Path(__file__).with_name("cases.jsonl").read_text().splitlines()]


async def main() -> None:
    waiting = [case for case in CASES for _ in range(int(os.environ["SAMPLES"]))]
    waiting.reverse()
    right = 0
    url = os.environ["OPENAI_BASE_URL"] + "/chat/completions"

    async def work(session: aiohttp.ClientSession) -> None:
        nonlocal right
        while waiting:
            case = waiting.pop()
            body = {"model": "mock-1", "messages": [{"role": "user", "content": case["input"]}]}
            async with session.post(url, json=body) as response:
                answer = await response.json()
            right += answer["choices"][0]["message"]["content"] == case["expected"]

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        await asyncio.gather(*(work(session) for _ in range(min(int(os.environ["CONCURRENCY"]), len(waiting)))))
    print(f"{right} right of {len(CASES) * int(os.environ['SAMPLES'])}")


asyncio.run(main())
