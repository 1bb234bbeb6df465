/** A PostgreSQL server for one test, in a folder of its own, on a free port. */

import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const DEBIAN = "/usr/lib/postgresql";
/** Longer than a start takes on a busy machine. */
const START_MS_MAX = 60_000;

/** Where the programs of PostgreSQL are. */
function programs(): string {
  const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN).map((it) => join(DEBIAN, it, "bin")) : [];
  const folders = [...(process.env["PATH"] ?? "").split(":"), ...versions];
  const found = folders.find((it) => ["initdb", "postgres", "pg_isready", "psql"].every((name) => existsSync(join(it, name))));
  if (found === undefined) throw new Error("PostgreSQL is not installed: run `make test-needs`");
  return found;
}

/** PostgreSQL refuses to run as root: then it runs as the user that its package made. */
function servant(): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {};
  const user = readFileSync("/etc/passwd", "utf8").split("\n").find((line) => line.startsWith("postgres:"));
  if (user === undefined) throw new Error("there is no user postgres to run PostgreSQL as");
  const [, , uid, gid] = user.split(":");
  return { uid: Number(uid), gid: Number(gid) };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const address = server.address();
  await new Promise((done) => server.close(done));
  if (address === null || typeof address === "string") throw new Error("there is no free port");
  return address.port;
}

export class Postgres {
  private constructor(
    private readonly child: ChildProcess,
    private readonly folder: string,
    readonly url: string,
  ) {}

  static async start(): Promise<Postgres> {
    const bin = programs();
    const user = servant();
    const folder = mkdtempSync(join(tmpdir(), "midflight-ui-pg-"));
    if (user.uid !== undefined && user.gid !== undefined) chownSync(folder, user.uid, user.gid);
    const data = join(folder, "data");
    execFileSync(join(bin, "initdb"), ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-sync", "--pgdata", data], {
      ...user,
      cwd: folder,
      stdio: "ignore",
    });
    const port = await freePort();
    const flags = ["-D", data, "-h", "127.0.0.1", "-p", String(port), "-k", folder, "-c", "fsync=off"];
    const child = spawn(join(bin, "postgres"), flags, { ...user, cwd: folder, stdio: "ignore" });
    const until = Date.now() + START_MS_MAX;
    for (;;) {
      try {
        execFileSync(join(bin, "pg_isready"), ["-h", "127.0.0.1", "-p", String(port)], { stdio: "ignore" });
        break;
      } catch {
        if (Date.now() > until || child.exitCode !== null) throw new Error("PostgreSQL did not start");
        await new Promise((done) => setTimeout(done, 100));
      }
    }
    return new Postgres(child, folder, `postgres://postgres@127.0.0.1:${port}/postgres`);
  }

  /** Runs a statement. */
  run(sql: string): void {
    execFileSync(join(programs(), "psql"), [this.url, "--no-psqlrc", "--quiet", "-c", sql], { stdio: ["ignore", "ignore", "inherit"] });
  }

  async stop(): Promise<void> {
    const gone = new Promise((done) => this.child.once("exit", done));
    this.child.kill("SIGINT");
    await gone;
    rmSync(this.folder, { recursive: true, force: true });
  }
}
