// Listens with the TypeScript SDK 2.x, of the new era, for a change of the list of tools.
//
// Usage: node typescript2.mjs URL_A URL_B TOKEN. What is printed: see README.md.

import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';

const PATIENCE_MS = 60_000;
const [urlA, urlB, token] = process.argv.slice(2);
const headers = token ? { Authorization: `Bearer ${token}` } : {};

async function connected(url) {
    const client = new Client(
        { name: 'midflight-sdk-test', version: '1' },
        { versionNegotiation: { mode: { pin: '2026-07-28' } } }
    );
    await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } }));
    return client;
}

/** All tools by name, and the revision of the list. */
async function listed(client) {
    const { tools, _meta } = await client.listTools();
    return [new Map(tools.map(tool => [tool.name, tool.description])), _meta?.['dev.midflight/revision']];
}

async function descriptionAt(url, name) {
    const client = await connected(url);
    const [tools] = await listed(client);
    await client.close();
    return tools.get(name);
}

const patience = setTimeout(() => {
    console.error('no change within 60 s');
    process.exit(1);
}, PATIENCE_MS);
const client = await connected(urlB);
let changed;
let heard = new Promise(resolve => (changed = resolve));
client.setNotificationHandler('notifications/tools/list_changed', () => changed());
await client.listen({ toolsListChanged: true });
const [before] = await listed(client);
console.log(JSON.stringify({ ready: true, version: client.getNegotiatedProtocolVersion(), tools: before.size }));
for (let found = false; !found; ) {
    await heard;
    heard = new Promise(resolve => (changed = resolve));
    const [after, revision] = await listed(client);
    for (const [tool, description] of after) {
        if (before.get(tool) !== description) {
            const at_a = await descriptionAt(urlA, tool);
            console.log(JSON.stringify({ tool, description, revision, at_a }));
            found = true;
            break;
        }
    }
}
clearTimeout(patience);
await client.close();
process.exit(0);
