"""The official Python SDK's client of A2A against an agent, wherever it is reached: what it saw, one JSON object.

    python3 agent_client.py PACKAGES URL BINDING [TOKEN]

BINDING is `JSONRPC` or `HTTP+JSON`. Ids are numbered as they are first seen, and instants left out: they are
never the same.
"""

import asyncio
import json
import re
import sys

sys.path.insert(0, sys.argv[1])

import httpx  # noqa: E402
from a2a.client import A2ACardResolver, ClientConfig, ClientFactory  # noqa: E402
from a2a.helpers import proto_helpers as new  # noqa: E402
from a2a.types import (  # noqa: E402
    CancelTaskRequest,
    GetTaskRequest,
    ListTasksRequest,
    Role,
    SendMessageRequest,
    SubscribeToTaskRequest,
)
from google.protobuf.json_format import MessageToDict  # noqa: E402

_, _, url, binding, *token = sys.argv
saw, ids = {}, {}
UUID = re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
IDS = ("id", "taskId", "contextId", "messageId")


def plain(value):
    """Without what differs from one time to the next."""
    if isinstance(value, list):
        return [plain(one) for one in value]
    if not isinstance(value, dict):
        return value
    named = lambda n, v: n in IDS and isinstance(v, str) and len(v) > 20  # noqa: E731
    return {
        name: ids.setdefault(one, f"id {len(ids)}") if named(name, one) else plain(one)
        for name, one in value.items()
        if name != "timestamp"
    }


def shown(message):
    return plain(MessageToDict(message))


async def outcome(awaitable):
    try:
        return shown(await awaitable)
    except Exception as error:
        return f"{type(error).__name__}: {UUID.sub('an id', str(error))}"


def asking(text, task=None, skill=None):
    message = new.new_text_message(text, role=Role.ROLE_USER)
    if skill:
        message.metadata["skillId"] = skill
    if task:
        message.task_id, message.context_id = task.id, task.context_id
    return SendMessageRequest(message=message)


async def main():
    headers = {"authorization": f"Bearer {token[0]}"} if token else {}
    async with httpx.AsyncClient(headers=headers, timeout=30) as http:
        card = await A2ACardResolver(http, url).get_agent_card()
        saw["card"] = shown(card)
        clients = [
            ClientFactory(
                ClientConfig(
                    streaming=streaming,
                    httpx_client=http,
                    supported_protocol_bindings=[binding],
                    use_client_preference=True,
                )
            ).create(card)
            for streaming in (False, True)
        ]
        client, streaming = clients

        async def said(client, request):
            return [event async for event in client.send_message(request)]

        async def all_of(name, client, request):
            events = await said(client, request)
            saw[name] = [shown(event) for event in events]
            return events

        await all_of("echo", client, asking("echo ž 🐴"))
        await all_of("echo streaming", streaming, asking("echo twice"))
        await all_of("skill", client, asking("echo by name", skill="echo"))
        counted = (await all_of("count", client, asking("count 3")))[-1].task
        await all_of("count streaming", streaming, asking("count 4"))
        saw["task"] = await outcome(client.get_task(GetTaskRequest(id=counted.id)))
        saw["short"] = await outcome(
            client.get_task(GetTaskRequest(id=counted.id, history_length=0))
        )
        asked = (await all_of("ask", client, asking("ask")))[-1].task
        await all_of("go on", streaming, asking("count 2", asked))
        saw["over"] = await outcome(said_one(client, asking("count 1", asked)))
        saw["missing"] = await outcome(client.get_task(GetTaskRequest(id="nobody's")))
        saw["cancel what is over"] = await outcome(
            client.cancel_task(CancelTaskRequest(id=counted.id))
        )
        await cancelled(client, streaming)
        saw["tasks"] = await outcome(client.list_tasks(ListTasksRequest(context_id=counted.context_id)))


async def said_one(client, request):
    async for event in client.send_message(request):
        return event


async def cancelled(client, streaming):
    """Starts what does not end, joins in, and cancels it."""
    events, joined = [], []
    stream = streaming.send_message(asking("wait"))
    events.append(await anext(stream))
    events.append(await anext(stream))
    task = events[0].task.id

    async def join():
        async for event in streaming.subscribe(SubscribeToTaskRequest(id=task)):
            joined.append(event)
            began.set()

    began = asyncio.Event()
    joining = asyncio.create_task(join())
    await asyncio.wait_for(began.wait(), 20)
    saw["cancel"] = await outcome(client.cancel_task(CancelTaskRequest(id=task)))
    async for event in stream:
        events.append(event)
    await joining
    saw["wait"] = [shown(event) for event in events]
    saw["joined"] = [shown(event) for event in joined]
    saw["cancelled"] = await outcome(client.get_task(GetTaskRequest(id=task)))


asyncio.run(main())
print(json.dumps(saw))
