"""An A2A agent on the official Python SDK, by both bindings, 1.0 and 0.3; prints the port it listens on.

    python3 agent.py PACKAGES

What it does is the first word of a message: `echo` answers with a message, `count` makes an artifact piece by piece,
`ask` asks back, `wait` works until it is cancelled.
"""

import asyncio
import socket
import sys

sys.path.insert(0, sys.argv[1])

import uvicorn  # noqa: E402
from a2a.helpers import proto_helpers as new  # noqa: E402
from a2a.server.agent_execution import AgentExecutor  # noqa: E402
from a2a.server.request_handlers import DefaultRequestHandler  # noqa: E402
from a2a.server.routes import (  # noqa: E402
    create_agent_card_routes,
    create_jsonrpc_routes,
    create_rest_routes,
)
from a2a.server.tasks import InMemoryTaskStore  # noqa: E402
from a2a.types import (  # noqa: E402
    AgentCapabilities,
    AgentCard,
    AgentInterface,
    AgentSkill,
    TaskState,
)
from starlette.applications import Starlette  # noqa: E402


class Peer(AgentExecutor):
    async def execute(self, context, queue):
        what, _, rest = context.get_user_input().partition(" ")
        if what == "echo":
            return await queue.enqueue_event(
                new.new_text_message(rest, context_id=context.context_id)
            )
        task = context.current_task
        if not task:
            task = new.new_task_from_user_message(context.message)
            await queue.enqueue_event(task)

        async def status(state, text):
            event = new.new_text_status_update_event(task.id, task.context_id, state, text)
            await queue.enqueue_event(event)

        await status(TaskState.TASK_STATE_WORKING, "working")
        if what == "wait":
            await asyncio.sleep(60)
        if what == "ask":
            return await status(TaskState.TASK_STATE_INPUT_REQUIRED, "how far?")
        for n in range(int(rest)):
            await queue.enqueue_event(
                new.new_text_artifact_update_event(
                    task.id, task.context_id, "numbers", f"{n} žluťoučký", n > 0, n + 1 == int(rest), "a-1"
                )
            )
            await asyncio.sleep(0.05)
        await status(TaskState.TASK_STATE_COMPLETED, "done")

    async def cancel(self, context, queue):
        event = new.new_text_status_update_event(
            context.task_id, context.context_id, TaskState.TASK_STATE_CANCELED, "cancelled"
        )
        await queue.enqueue_event(event)


def skill(name):
    return AgentSkill(id=name, name=name, description=f"To {name}", tags=["peer"])


def card(here):
    at = lambda path, binding, version: AgentInterface(  # noqa: E731
        url=here + path, protocol_binding=binding, protocol_version=version
    )
    return AgentCard(
        name="Peer",
        description="Does what it is told",
        version="1.0.0",
        supported_interfaces=[
            at("/rpc", "JSONRPC", "1.0"),
            at("/rest", "HTTP+JSON", "1.0"),
            at("/rpc", "JSONRPC", "0.3"),
        ],
        capabilities=AgentCapabilities(streaming=True),
        default_input_modes=["text/plain"],
        default_output_modes=["text/plain"],
        skills=[skill(name) for name in ("echo", "count", "ask", "wait")],
    )


listener = socket.create_server(("127.0.0.1", 0))
port = listener.getsockname()[1]
card = card(f"http://127.0.0.1:{port}")
handler = DefaultRequestHandler(
    agent_executor=Peer(), task_store=InMemoryTaskStore(), agent_card=card
)
routes = create_agent_card_routes(card)
routes += create_jsonrpc_routes(handler, "/rpc", enable_v0_3_compat=True)
routes += create_rest_routes(handler, path_prefix="/rest")
print(port, flush=True)
config = uvicorn.Config(Starlette(routes=routes), log_level="warning")
asyncio.run(uvicorn.Server(config).serve(sockets=[listener]))
