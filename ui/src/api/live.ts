/**
 * What happens on the server, as it happens: revisions by server-sent events, reloads by the WebSocket.
 *
 * The stream of revisions is the one that counts: it can be resumed. The WebSocket adds what is no
 * revision (a refused reload, what a module sends); where the server does not accept it, the page works without.
 */

import { Problem } from "./problem";
import { call } from "./client";
import { EventParser, type ServerEvent } from "./sse";

export type Connection = "connecting" | "live" | "reconnecting" | "signed out";

export interface Happening {
  at: string;
  type: string;
  text: string;
}

export interface LiveState {
  connection: Connection;
  /** Why the stream is not live, in words. */
  why: string | undefined;
  happenings: readonly Happening[];
}

const HAPPENINGS_MAX = 100;
const RETRY_MS_MIN = 500;
const RETRY_MS_MAX = 10_000;

export class Live {
  private state: LiveState = { connection: "connecting", why: undefined, happenings: [] };
  private readonly listeners = new Set<() => void>();
  private readonly changed: () => void;
  private readonly connected: () => void;
  private lastId: string | undefined;
  private retries = 0;
  private running: AbortController | undefined;
  private socket: WebSocket | undefined;

  /**
   * `changed` is called after anything that may change what a page shows; `connected` each time that the stream begins:
   * the server ends it with the session.
   */
  constructor(changed: () => void, connected: () => void) {
    this.changed = changed;
    this.connected = connected;
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly snapshot = (): LiveState => this.state;

  /** Begins again, as who is signed in now. */
  start(): void {
    this.stop();
    this.running = new AbortController();
    this.set({ connection: "connecting", why: undefined });
    void this.follow(this.running.signal);
    this.listen(this.running.signal);
  }

  stop(): void {
    this.running?.abort();
    this.socket?.close();
    this.socket = undefined;
  }

  private set(change: Partial<LiveState>): void {
    this.state = { ...this.state, ...change };
    for (const listener of this.listeners) listener();
  }

  private async follow(signal: AbortSignal): Promise<void> {
    for (;;) {
      const end = await this.once(signal);
      if (isOver(signal)) return;
      if (end instanceof Problem && end.status === 401) {
        this.set({ connection: "signed out", why: end.message });
        return;
      }
      // What was compacted, or is of another log, cannot be resumed.
      if (end instanceof Problem && (end.status === 410 || end.status === 404)) this.lastId = undefined;
      this.set({ connection: "reconnecting", why: end instanceof Problem ? end.message : end });
      await sleep(Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** this.retries), signal);
      this.retries += 1;
      if (isOver(signal)) return;
    }
  }

  /** Follows the stream once, and says why it ended. */
  private async once(signal: AbortSignal): Promise<string | Problem> {
    try {
      return await this.stream(signal);
    } catch (error) {
      return error instanceof Problem ? error : "The server cannot be reached";
    }
  }

  /** Reads the stream to its end, and says why it ended. */
  private async stream(signal: AbortSignal): Promise<string> {
    const headers: Record<string, string> = { Accept: "text/event-stream" };
    if (this.lastId !== undefined) headers["Last-Event-ID"] = this.lastId;
    const response = await call("/api/v1/watch", { headers, signal, cache: "no-store" });
    if (response.body === null) return "The server sent no stream";
    this.retries = 0;
    this.set({ connection: "live", why: undefined });
    this.connected();
    this.changed();
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    const parser = new EventParser();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return "The server ended the stream";
      for (const event of parser.feed(value)) {
        const end = this.take(event);
        if (end !== undefined) return end;
      }
    }
  }

  private take(event: ServerEvent): string | undefined {
    if (event.id !== undefined) this.lastId = event.id;
    switch (event.event) {
      case "stopping":
        return "The server is stopping";
      case "interrupted":
        return "The log cannot be read";
      case "log_adopted":
        this.lastId = undefined;
        this.note("log_adopted", "The server follows another log");
        break;
      case "revision":
        this.note("revision", `Revision ${event.id ?? "?"} is live`);
        break;
      case "quarantine_changed":
        this.note("quarantine_changed", "What is quarantined changed");
        break;
      default:
        return undefined;
    }
    this.changed();
    return undefined;
  }

  private listen(signal: AbortSignal): void {
    if (signal.aborted) return;
    const socket = new WebSocket(`${location.origin.replace(/^http/, "ws")}/ws/hot-reload`);
    this.socket = socket;
    let opened = false;
    socket.onopen = () => {
      opened = true;
    };
    socket.onmessage = (message: MessageEvent<unknown>) => {
      if (typeof message.data !== "string") return;
      const { event_type } = JSON.parse(message.data) as { event_type: string };
      if (event_type === "status" || event_type === "pong") return;
      if (event_type.includes("failed") || event_type === "module_event") this.note(event_type, event_type.replaceAll("_", " "));
      this.changed();
    };
    socket.onclose = () => {
      // One that never opened is refused here, or a proxy in between does not pass it on.
      if (opened && !signal.aborted) void sleep(RETRY_MS_MAX / 2, signal).then(() => this.listen(signal));
    };
  }

  private note(type: string, text: string): void {
    const happening = { at: new Date().toISOString(), type, text };
    this.set({ happenings: [happening, ...this.state.happenings].slice(0, HAPPENINGS_MAX) });
  }
}

/** Asked again after each wait, in which it may have changed. */
function isOver(signal: AbortSignal): boolean {
  return signal.aborted;
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
