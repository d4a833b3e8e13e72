"""An MCP server on the official Python SDK, of every era it knows; prints the port it listens on.

    python3 server.py PACKAGES
"""

import socket
import sys
from typing import Annotated

sys.path.insert(0, sys.argv[1])

import anyio  # noqa: E402
import uvicorn  # noqa: E402
from mcp.server.mcpserver import Context, MCPServer  # noqa: E402
from mcp.server.mcpserver.resolve import Elicit, Resolve  # noqa: E402
from pydantic import BaseModel  # noqa: E402

mcp = MCPServer("peer")


class Name(BaseModel):
    name: str


def who() -> Elicit[Name]:
    return Elicit("Who are you?", Name)


@mcp.tool()
def echo(message: str) -> str:
    return message


@mcp.tool()
async def count(to: int, ctx: Context) -> int:
    for step in range(1, to + 1):
        await ctx.report_progress(step, to, f"step {step}")
        await anyio.sleep(0.05)
    return to


@mcp.tool()
def greet(name: Annotated[Name, Resolve(who)]) -> str:
    return f"hello, {name.name}"


@mcp.resource("peer://text/{name}")
def text(name: str) -> str:
    return f"this is {name}"


@mcp.resource("peer://about")
def about() -> str:
    return "a peer"


@mcp.prompt()
def summary(style: str) -> str:
    return f"Summarise in a {style} way."


listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
config = uvicorn.Config(mcp.streamable_http_app(), log_level="warning")
anyio.run(lambda: uvicorn.Server(config).serve(sockets=[listener]))
