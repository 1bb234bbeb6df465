"""Listens with the Python SDK 1.x, of the old era, for a change of the list of tools.

Usage: python1.py URL_A URL_B TOKEN. What is printed: see README.md.
"""

import asyncio
import json
import sys

import httpx
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from mcp.types import Implementation, PaginatedRequestParams, ServerNotification, ToolListChangedNotification

PATIENCE_S = 60


async def listed(session):
    """All tools by name, and the revision of the list."""
    tools, cursor = {}, None
    while True:
        page = await session.list_tools(params=PaginatedRequestParams(cursor=cursor))
        tools.update({tool.name: tool.description for tool in page.tools})
        cursor = page.nextCursor
        if not cursor:
            return tools, page.meta["dev.midflight/revision"]


async def description_at(url, headers, name):
    async with httpx.AsyncClient(headers=headers, timeout=PATIENCE_S) as http:
        async with streamable_http_client(url, http_client=http) as (read, write, _):
            async with ClientSession(read, write) as session:
                await session.initialize()
                tools, _ = await listed(session)
                return tools.get(name)


async def main(url_a, url_b, token):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    changed = asyncio.Event()

    async def heard(message):
        if isinstance(message, ServerNotification) and isinstance(message.root, ToolListChangedNotification):
            changed.set()

    async with httpx.AsyncClient(headers=headers, timeout=PATIENCE_S) as http:
        async with streamable_http_client(url_b, http_client=http) as (read, write, _):
            info = Implementation(name="midflight-sdk-test", version="1")
            async with ClientSession(read, write, message_handler=heard, client_info=info) as session:
                begun = await session.initialize()
                before, _ = await listed(session)
                print(json.dumps({"ready": True, "version": begun.protocolVersion, "tools": len(before)}), flush=True)
                while True:
                    await asyncio.wait_for(changed.wait(), PATIENCE_S)
                    changed.clear()
                    after, revision = await listed(session)
                    for name, description in after.items():
                        if before.get(name) != description:
                            at_a = await description_at(url_a, headers, name)
                            found = {"tool": name, "description": description, "revision": revision, "at_a": at_a}
                            print(json.dumps(found), flush=True)
                            return


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else ""))
