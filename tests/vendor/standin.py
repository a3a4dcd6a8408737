"""What both stand-ins share: ports, the control door, instants."""

import asyncio
import json
from datetime import datetime, timezone

from aiohttp import web


def parse_time(text):
    """An instant; `None` stays `None`. A time without an offset is UTC, the account's zone here."""
    if text is None:
        return None
    instant = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return instant if instant.tzinfo else instant.replace(tzinfo=timezone.utc)


async def serve(app):
    """Serves on a free loopback port and answers the port."""
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, backlog=256)
    await site.start()
    return runner.addresses[0][1]


async def announce(port, standin):
    """Opens the control door, prints both ports as a line of JSON, and stays until the process is ended."""

    async def state(_):
        return web.json_response(standin.state())

    async def world(request):
        standin.load(await request.json())
        return web.json_response({})

    control = web.Application(client_max_size=64 << 20)  # a world of the bench is some megabytes
    control.router.add_get("/state", state)
    control.router.add_post("/world", world)
    print(json.dumps({"port": port, "control": await serve(control)}), flush=True)
    await asyncio.Event().wait()
