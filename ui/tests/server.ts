/** A real server for one test, on a free port, in a folder of its own, and a page that must say nothing on the console. */

import { test as base, expect, type Page } from "@playwright/test";
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { signIn as signInContext } from "../scripts/browser.mjs";

const ROOT = join(import.meta.dirname, "../..");
/** Longer than a start takes on a busy machine. */
const START_MS_MAX = 60_000;

function program(): string {
  const target = process.env["CARGO_TARGET_DIR"] ?? join(ROOT, "target");
  const found = [process.env["MIDFLIGHT_BIN"] ?? "", ...["quick", "debug", "release"].map((it) => join(target, it, "midflight"))];
  const path = found.find((it) => it !== "" && existsSync(it));
  if (path === undefined) throw new Error("there is no server to test: run `make build-quick`, or set MIDFLIGHT_BIN");
  return path;
}

export class Server {
  readonly folder = mkdtempSync(join(tmpdir(), "midflight-ui-"));
  private child: ChildProcess | undefined;
  private said = "";
  url = "";

  constructor(private readonly flags: readonly string[] = []) {}

  /** Takes the token of another server of the same log. */
  adopt(token: string): void {
    writeFileSync(join(this.folder, "token"), token, { mode: 0o600 });
  }

  async start(listen = "127.0.0.1:0"): Promise<void> {
    const ready = join(this.folder, "ready");
    rmSync(ready, { force: true });
    const flags = ["serve", "--listen", listen, "--data-dir", this.folder, "--ready-file", ready, "--admin-token-file", join(this.folder, "token")];
    this.child = spawn(program(), [...flags, ...this.flags], { cwd: ROOT, stdio: ["ignore", "ignore", "pipe"] });
    this.child.stderr?.on("data", (text: Buffer) => (this.said += text.toString()));
    const until = Date.now() + START_MS_MAX;
    while (!existsSync(ready) || readFileSync(ready, "utf8").trim() === "") {
      if (Date.now() > until || this.child.exitCode !== null) throw new Error(`the server did not start: ${this.said}`);
      await new Promise((done) => setTimeout(done, 50));
    }
    this.url = readFileSync(ready, "utf8").trim();
  }

  get token(): string {
    return readFileSync(join(this.folder, "token"), "utf8").trim();
  }

  /** Ends the process at once, as a crash does. */
  async kill(): Promise<void> {
    const child = this.child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((done) => child.once("exit", done));
    child.kill("SIGKILL");
    await gone;
  }

  async remove(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Runs the command line against this server, as `module load FILE`. */
  run(...args: string[]): void {
    execFileSync(program(), args, { cwd: ROOT, stdio: "ignore", env: { ...process.env, MIDFLIGHT_URL: this.url, MIDFLIGHT_TOKEN: this.token } });
  }

  async call(method: string, path: string, body?: unknown): Promise<unknown> {
    const response = await fetch(this.url + path, {
      method,
      headers: { Authorization: `Bearer ${this.token}`, "Content-Type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text === "" ? null : (JSON.parse(text) as unknown);
  }
}

export const EXAMPLES = ["--apply-if-empty", "examples/loans,examples/helpdesk,examples/operations"];

/** Signs a page in, as the user who has done it before in this browser. */
export async function signIn(page: Page, server: Server, token = server.token): Promise<void> {
  await signInContext(page.context(), server.url, token);
}

/** Fails the test when the page reports an error: a refused script or style is one. */
export function watchConsole(page: Page): string[] {
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("console", (message) => {
    // That a call was refused, or the server is gone, is shown on the page; the browser says it here too.
    const isOfNetwork = /^(Failed to load resource|WebSocket connection to|TypeError: Failed to fetch dynamically imported module)/.test(message.text());
    if (message.type() === "error" && !isOfNetwork) errors.push(message.text());
  });
  return errors;
}

interface Fixtures {
  server: Server;
}

export const test = base.extend<Fixtures>({
  server: async ({}, run) => {
    const server = new Server(EXAMPLES);
    await server.start();
    await run(server);
    await server.remove();
  },
  page: async ({ page }, run) => {
    const errors = watchConsole(page);
    await run(page);
    expect(errors).toEqual([]);
  },
});

export { expect };

/** The text of the editor, whose lines stand in a shadow root. */
export async function writeEditor(page: Page, text: string): Promise<void> {
  const editor = page.locator(".code .cm-content").first();
  await editor.click();
  await page.keyboard.press("ControlOrMeta+a");
  // Pasted, so that no bracket is closed and no line is indented for the typist.
  await page.evaluate((written) => navigator.clipboard.writeText(written), text);
  await page.keyboard.press("ControlOrMeta+v");
}
