"""Listens with the Python SDK 2.x, of the new era, for a change of the list of tools.

Usage: python2.py URL_A URL_B TOKEN. What is printed: see README.md.
"""

import asyncio
import json
import sys

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

PATIENCE_S = 60


async def listed(client):
    """All tools by name, and the revision of the list. The cache of the client is left on: a notice has to empty it."""
    tools, cursor = {}, None
    while True:
        page = await client.list_tools(cursor=cursor)
        tools.update({tool.name: tool.description for tool in page.tools})
        cursor = page.next_cursor
        if not cursor:
            return tools, page.meta["dev.midflight/revision"]


async def description_at(url, headers, name):
    async with httpx2.AsyncClient(headers=headers, timeout=PATIENCE_S) as http:
        async with Client(streamable_http_client(url, http_client=http)) as client:
            tools, _ = await listed(client)
            return tools.get(name)


async def main(url_a, url_b, token):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with httpx2.AsyncClient(headers=headers, timeout=PATIENCE_S) as http:
        async with Client(streamable_http_client(url_b, http_client=http)) as client:
            async with client.listen(tools_list_changed=True) as changes:
                before, _ = await listed(client)
                version = client.session.protocol_version
                print(json.dumps({"ready": True, "version": version, "tools": len(before)}), flush=True)
                async with asyncio.timeout(PATIENCE_S):
                    async for _ in changes:
                        after, revision = await listed(client)
                        for name, description in after.items():
                            if before.get(name) != description:
                                at_a = await description_at(url_a, headers, name)
                                found = {"tool": name, "description": description, "revision": revision, "at_a": at_a}
                                print(json.dumps(found), flush=True)
                                return


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else ""))
