/**
 * Who is signed in here. The secret is in a cookie that scripts cannot read, and the browser sends it with each call:
 * this page knows nothing of it, and a reload of the page stays signed in.
 */

import { Problem } from "./problem";
import type { components } from "./schema";

type Whoami = components["schemas"]["Whoami"];
type SessionAnswer = components["schemas"]["SessionAnswer"];
type ProblemBody = components["schemas"]["ProblemBody"];

export interface SessionState {
  /** The name of who is signed in; null for nobody, undefined until the server was asked. */
  name: string | null | undefined;
  /** Whether a session of this tab ended without a sign-out: it expired, or its token was revoked or rotated. */
  isEnded: boolean;
}

/** What a page has to do about a sign-in or a sign-out: read again, and forget first what was for another holder. */
type OnChange = (isOtherHolder: boolean) => void;

export class Session {
  private state: SessionState = { name: undefined, isEnded: false };
  private readonly listeners = new Set<() => void>();
  private readonly onChange = new Set<OnChange>();
  /** Who was signed in last, also after the session has ended. */
  private last: string | null = null;

  readonly snapshot = (): SessionState => this.state;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  /** Calls after each sign-in and sign-out of this page. */
  onSignedInOrOut(listener: OnChange): void {
    this.onChange.add(listener);
  }

  /** Takes over who the server says that a call came from. */
  saw(who: Pick<Whoami, "id" | "name">): void {
    // A caller without an id sent no token and no session.
    if (who.id == null) this.sawNobody();
    else this.set({ name: who.name, isEnded: false });
  }

  /** A call was answered as that of nobody. */
  sawNobody(): void {
    const isEnded = this.state.isEnded || typeof this.state.name === "string";
    this.set({ name: null, isEnded });
  }

  /** The end of a session is known to the user. */
  readonly acknowledgeEnd = (): void => this.set({ ...this.state, isEnded: false });

  /** Signs in with a token, which is forgotten here once the server has answered. */
  async signIn(token: string): Promise<void> {
    const response = await fetch("/api/v1/session", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ token }),
    });
    const { name } = await bodyOf(response);
    const isOtherHolder = name !== this.last;
    // First, so that no part of the page is shown as that of nobody in between.
    for (const listener of this.onChange) listener(isOtherHolder);
    this.set({ name: name ?? null, isEnded: false });
  }

  /** Ends the session, on the server too. */
  async signOut(): Promise<void> {
    await bodyOf(await fetch("/api/v1/session", { method: "DELETE" }));
    this.last = null;
    this.set({ name: null, isEnded: false });
    for (const listener of this.onChange) listener(true);
  }

  private set(next: SessionState): void {
    if (typeof next.name === "string") this.last = next.name;
    if (next.name === this.state.name && next.isEnded === this.state.isEnded) return;
    this.state = next;
    for (const listener of this.listeners) listener();
  }
}

async function bodyOf(response: Response): Promise<Partial<SessionAnswer>> {
  const text = await response.text();
  const body: unknown = text === "" ? {} : JSON.parse(text);
  if (!response.ok) throw new Problem(response.status, body as Partial<ProblemBody>);
  return body as Partial<SessionAnswer>;
}

export const session = new Session();
