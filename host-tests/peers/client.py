"""The official Python SDK's client against `server.py`, wherever it is reached: what it saw, one JSON
object.

    python3 client.py PACKAGES URL MODE [TOKEN]

MODE is the SDK's own: `auto` begins with 2026-07-28, `legacy` is what came before.
"""

import json
import sys

sys.path.insert(0, sys.argv[1])

import anyio  # noqa: E402
import mcp_types as types  # noqa: E402
from mcp.client.client import Client  # noqa: E402
from mcp.client.streamable_http import streamable_http_client  # noqa: E402
from mcp.shared._httpx_utils import create_mcp_http_client  # noqa: E402

_, _, url, mode, *token = sys.argv
saw = {"asked": [], "progress": []}


async def elicited(context, params):
    saw["asked"].append(params.message)
    return types.ElicitResult(action="accept", content={"name": "Dana"})


async def progressed(progress, total, message):
    saw["progress"].append([progress, total, message])


async def outcome(awaitable):
    try:
        return (await awaitable).model_dump(mode="json", by_alias=True, exclude_none=True)
    except Exception as error:
        return f"{type(error).__name__}: {error}"


async def cancelled(client):
    """Leaves in the middle of a call, then calls again."""
    began = anyio.Event()

    async def progress(*_):
        began.set()

    async with anyio.create_task_group() as group:
        group.start_soon(lambda: client.call_tool("count", {"to": 1000}, progress_callback=progress))
        await began.wait()
        group.cancel_scope.cancel()
    return await outcome(client.call_tool("echo", {"message": "still here"}))


async def main():
    headers = {"authorization": f"Bearer {token[0]}"} if token else {}
    transport = streamable_http_client(url, http_client=create_mcp_http_client(headers=headers))
    async with Client(transport, mode=mode, elicitation_callback=elicited, cache=None) as client:
        saw["version"] = client.protocol_version
        saw["tools"] = await outcome(client.list_tools())
        saw["resources"] = await outcome(client.list_resources())
        saw["templates"] = await outcome(client.list_resource_templates())
        saw["prompts"] = await outcome(client.list_prompts())
        saw["echo"] = await outcome(client.call_tool("echo", {"message": "ž 🐴"}))
        saw["wrong"] = await outcome(client.call_tool("count", {"to": "x"}))
        saw["unknown"] = await outcome(client.call_tool("no-such-tool", {}))
        saw["count"] = await outcome(client.call_tool("count", {"to": 4}, progress_callback=progressed))
        saw["greet"] = await outcome(client.call_tool("greet", {}))
        saw["read"] = await outcome(client.read_resource("peer://about"))
        saw["below"] = await outcome(client.read_resource("peer://text/seven"))
        saw["missing"] = await outcome(client.read_resource("peer://nothing"))
        saw["prompt"] = await outcome(client.get_prompt("summary", {"style": "terse"}))
        saw["cancelled"] = await cancelled(client)


anyio.run(main)
print(json.dumps(saw))
