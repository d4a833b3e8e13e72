"""An A2A agent for the gateway to stand before: the official SDK, both bindings, three skills.

    pip install "a2a-sdk[http-server]==1.3.0" uvicorn && python travel.py
"""

import sys

import uvicorn
from a2a.helpers.proto_helpers import new_task_from_user_message, new_text_status_update_event
from a2a.server.agent_execution import AgentExecutor
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.server.routes import create_agent_card_routes, create_jsonrpc_routes, create_rest_routes
from a2a.server.tasks import InMemoryTaskStore
from a2a.types import AgentCapabilities, AgentCard, AgentInterface, AgentSkill, TaskState
from starlette.applications import Starlette

PORT = int(sys.argv[1]) if len(sys.argv) > 1 else 9402
HERE = f"http://127.0.0.1:{PORT}"


class Travel(AgentExecutor):
    """Does nothing but say that it did."""

    async def execute(self, context, event_queue):
        task = context.current_task or new_task_from_user_message(context.message)
        if not context.current_task:
            await event_queue.enqueue_event(task)
        headers = context.call_context.state.get("headers", {})
        who = headers.get("x-deputy-agent"), headers.get("x-deputy-on-behalf-of")
        print("asked by", *who, "authorization" in headers, flush=True)
        done = new_text_status_update_event(
            task.id, task.context_id, TaskState.TASK_STATE_COMPLETED, "done"
        )
        await event_queue.enqueue_event(done)

    async def cancel(self, context, event_queue):
        raise NotImplementedError


def skill(name):
    return AgentSkill(id=name, name=name, description=f"To {name}", tags=["travel"])


CARD = AgentCard(
    name="Travel",
    description="Finds and books trips",
    version="1.0.0",
    supported_interfaces=[
        AgentInterface(url=f"{HERE}/a2a/travel", protocol_binding="JSONRPC", protocol_version="1.0"),
        AgentInterface(url=f"{HERE}/a2a/travel/v1", protocol_binding="HTTP+JSON", protocol_version="1.0"),
    ],
    capabilities=AgentCapabilities(streaming=True),
    default_input_modes=["text/plain"],
    default_output_modes=["text/plain"],
    skills=[skill("search"), skill("book"), skill("cancel")],
)

if __name__ == "__main__":
    handler = DefaultRequestHandler(
        agent_executor=Travel(), task_store=InMemoryTaskStore(), agent_card=CARD
    )
    routes = create_agent_card_routes(CARD)
    routes += create_jsonrpc_routes(handler, "/a2a/travel", enable_v0_3_compat=True)
    routes += create_rest_routes(handler, path_prefix="/a2a/travel/v1")
    uvicorn.run(Starlette(routes=routes), host="127.0.0.1", port=PORT, log_level="warning")
