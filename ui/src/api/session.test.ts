import { afterEach, expect, test, vi } from "vitest";
import { Session } from "./session";

afterEach(() => vi.unstubAllGlobals());

function answering(status: number, body: unknown): void {
  const text = body === undefined ? null : JSON.stringify(body);
  vi.stubGlobal("fetch", () => Promise.resolve(new Response(text, { status })));
}

test("a caller that was signed in and is nobody now has a session that ended", () => {
  const session = new Session();
  session.sawNobody();
  expect(session.snapshot()).toEqual({ name: null, isEnded: false });
  session.saw({ id: "1f", name: "anna" });
  expect(session.snapshot()).toEqual({ name: "anna", isEnded: false });
  session.saw({ id: null, name: "anonymous" });
  session.sawNobody();
  expect(session.snapshot()).toEqual({ name: null, isEnded: true });
});

test("who signs in again as the same holder keeps what was read", async () => {
  const session = new Session();
  const changes: boolean[] = [];
  session.onSignedInOrOut((isOther) => changes.push(isOther));
  session.saw({ id: "1f", name: "anna" });
  session.sawNobody();
  answering(201, { name: "anna", role: "editor" });
  await session.signIn("mf_secret");
  answering(201, { name: "otto", role: "editor" });
  await session.signIn("mf_other");
  answering(204, undefined);
  await session.signOut();
  expect(changes).toEqual([false, true, true]);
  expect(session.snapshot()).toEqual({ name: null, isEnded: false });
});

test("a token that is refused signs nobody in", async () => {
  const session = new Session();
  answering(401, { detail: "unknown token", code: "unauthenticated" });
  await expect(session.signIn("mf_wrong")).rejects.toThrow("unknown token");
  expect(session.snapshot().name).toBeUndefined();
});
