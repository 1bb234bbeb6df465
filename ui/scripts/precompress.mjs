// Writes each file of the built page compressed beside it, where that saves something, and says what the first page weighs.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

/** What the first page may weigh, in bytes after gzip. */
const FIRST_PAGE_BYTES_MAX = 200 * 1024;

const page = new URL("../../crates/ui/page/", import.meta.url).pathname;
const gzipped = new Map();

for (const entry of readdirSync(page, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile() || entry.name.startsWith(".")) continue;
  const path = join(entry.parentPath, entry.name);
  const plain = readFileSync(path);
  const gzip = gzipSync(plain, { level: 9 });
  const brotli = brotliCompressSync(plain, { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: plain.length } });
  gzipped.set(path.slice(page.length), Math.min(gzip.length, plain.length));
  if (gzip.length < plain.length) writeFileSync(`${path}.gz`, gzip);
  if (brotli.length < plain.length) writeFileSync(`${path}.br`, brotli);
}

// What the page asks for before anything else: itself, and what it names.
const index = readFileSync(join(page, "index.html"), "utf8");
const first = ["index.html", ...[...index.matchAll(/(?:src|href)="\/([^"]+)"/g)].map(([, path]) => path)];
const bytes = first.reduce((sum, path) => sum + (gzipped.get(path) ?? 0), 0);
const all = [...gzipped.values()].reduce((sum, size) => sum + size, 0);
console.log(`first page: ${(bytes / 1024).toFixed(1)} KiB gzipped in ${first.length} files; all pages: ${(all / 1024).toFixed(1)} KiB`);
if (bytes > FIRST_PAGE_BYTES_MAX) {
  console.error(`it is to be ${FIRST_PAGE_BYTES_MAX / 1024} KiB at most`);
  process.exit(1);
}
