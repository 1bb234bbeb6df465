/** The session of a browser: a cookie alone, over reloads of the page, until it ends; what was edited outlives it. */

import { expect, Server, signIn, test, writeEditor } from "./server";

const CONDITION = "/ui/edit/rules/conditions/earns-enough";

test.use({ permissions: ["clipboard-read", "clipboard-write"] });

test("a sign-in outlives a reload of the page, nothing secret is kept for scripts, and a sign-out ends it", async ({ page, server }) => {
  await page.goto(server.url);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByLabel("Token").fill(server.token);
  await page.getByRole("dialog").getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("button", { name: "Sign out" })).toBeVisible();
  const kept = await page.evaluate(() => JSON.stringify([Object.entries(sessionStorage), Object.entries(localStorage), document.cookie]));
  expect(kept).not.toContain("mf_");
  const [cookie, ...others] = await page.context().cookies();
  expect(others).toEqual([]);
  expect(cookie).toMatchObject({ name: "midflight_session", httpOnly: true, sameSite: "Strict" });
  expect(cookie?.value).not.toBe(server.token);

  await page.reload();
  await expect(page.getByRole("button", { name: "Sign out" })).toBeVisible();
  // Changes are sent with the cookie, and the other tab of the browser is signed in too.
  const tab = await page.context().newPage();
  await tab.goto(`${server.url}/ui/access`);
  await expect(tab.getByRole("button", { name: "Create a token…" })).toBeVisible();
  await page.getByRole("button", { name: "Sign out" }).click();
  await expect(page.getByRole("button", { name: "Sign in" })).toBeVisible();
  expect(await page.context().cookies()).toEqual([]);
  await expect(tab.getByRole("dialog", { name: "Your session has ended" })).toBeVisible();
  await page.reload();
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByLabel("Token").fill(server.token);
  await page.getByRole("dialog").getByRole("button", { name: "Sign in" }).click();
  await expect(tab.getByRole("dialog")).toBeHidden();
  await expect(tab.getByRole("button", { name: "Create a token…" })).toBeVisible();
});

test("a session that ends says so and keeps what was edited, where reads need a token too", async ({ page }) => {
  const server = new Server(["--require-token", "--apply-if-empty", "examples/loans"]);
  await server.start();
  try {
    await page.goto(server.url + CONDITION);
    await expect(page.getByRole("heading", { name: "Midflight" })).toBeVisible();
    const { token } = (await server.call("POST", "/api/v1/tokens", { name: "anna", role: "editor" })) as { token: string };
    await signIn(page, server, token);
    await page.reload();
    await writeEditor(page, "attribute: applicant.income\nconstant: 31337\noperator: greater_than_or_equal\n");
    await expect(page.getByText("valid (dry run; nothing changed)")).toBeVisible();
    await page.keyboard.press("ControlOrMeta+s");
    const save = page.getByRole("dialog", { name: /^Save/ });
    await save.getByLabel("Reason").fill("a reason that took long to write");

    const again = (await server.call("POST", "/api/v1/tokens/anna/rotate", { overlap_ms: 0 })) as { token: string };
    const ended = page.getByRole("dialog", { name: "Your session has ended" });
    await expect(ended).toContainText("What you edited is kept");
    await ended.getByLabel("Token").fill(again.token);
    await ended.getByRole("button", { name: "Sign in" }).click();
    await expect(ended).toBeHidden();
    await expect(save.getByLabel("Reason")).toHaveValue("a reason that took long to write");
    await save.getByRole("button", { name: "Save", exact: true }).click();
    await expect(page.getByText("is live on this replica")).toBeVisible();
  } finally {
    await server.remove();
  }
});

test("the WebSocket takes the session of the browser, where reads need a token", async ({ page }) => {
  const server = new Server(["--require-token", "--apply-if-empty", "examples/loans"]);
  await server.start();
  try {
    await signIn(page, server);
    const opened = page.waitForEvent("websocket");
    await page.goto(server.url);
    const socket = await opened;
    await socket.waitForEvent("framereceived", (frame) => String(frame.payload).includes('"status"'));
    expect(socket.isClosed()).toBe(false);
  } finally {
    await server.remove();
  }
});
