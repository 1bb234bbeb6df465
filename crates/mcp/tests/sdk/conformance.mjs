// Runs the conformance suite of the protocol with the arguments that follow, as `server --url URL --scenario NAME`.
//
// Two things stand between the suite and a server: it sends no token, so MIDFLIGHT_TOKEN is added to what it fetches; and it
// imports `globSync`, which Node has since 22, so for an older one that import is replaced: it only reads results of clients.

import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const token = process.env.MIDFLIGHT_TOKEN;
if (token) {
    const send = globalThis.fetch;
    globalThis.fetch = (input, init = {}) => {
        const headers = new Headers(init.headers ?? (input instanceof Request ? input.headers : undefined));
        headers.set('Authorization', `Bearer ${token}`);
        return send(input, { ...init, headers });
    };
}

const manifest = createRequire(import.meta.url).resolve('@modelcontextprotocol/conformance/package.json');
let program = path.join(path.dirname(manifest), 'dist', 'index.js');
if (!fs.globSync) {
    const source = fs.readFileSync(program, 'utf8');
    const replaced = source.replace(/globSync as (\w+),/, '');
    const name = /globSync as (\w+),/.exec(source)[1];
    program = path.join(path.dirname(program), 'without-glob.mjs');
    fs.writeFileSync(program, replaced.replace(/^(#!.*\n)?/, `$1const ${name} = () => [];\n`));
}
await import(pathToFileURL(program));
