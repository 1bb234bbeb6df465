/** Tokens from the page: made, shown once, used by a role that may do less, rotated, revoked; and the audit of it. */

import { expect, signIn, test } from "./server";

test("a token is made, may do what its role allows, is rotated and revoked, and the audit has it", async ({ page, server, browser }) => {
  await signIn(page, server);
  await page.goto(`${server.url}/ui/access`);
  const dialog = page.getByRole("dialog");
  await page.getByRole("button", { name: "Create a token…" }).click();
  await dialog.getByLabel("Name, the author of what it changes").fill("night");
  await dialog.getByLabel("Role").selectOption("viewer");
  await dialog.getByLabel("Expires in").selectOption("a week");
  await dialog.getByRole("button", { name: "Create", exact: true }).click();
  const token = await dialog.getByLabel("Token").inputValue();
  expect(token).toMatch(/^mf_/);
  await dialog.getByRole("button", { name: "Close" }).click();
  const row = page.getByRole("region", { name: "Tokens" }).getByRole("row").filter({ hasText: "night" });
  await expect(row.getByRole("cell")).toContainText(["night", "viewer", "all", "in 6 d"]);

  // What the role may not do is shown, and why.
  await server.call("PUT", "/api/v1/documents/rules/conditions/more", { attribute: "a", operator: "equal", constant: 1 });
  const context = await browser.newContext();
  const other = await context.newPage();
  await signIn(other, server, token);
  await other.goto(server.url);
  const back = other.getByRole("button", { name: "Take revision 2 back…" });
  await expect(back).toBeDisabled();
  await expect(back).toHaveAccessibleDescription(/role viewer does not include the permission operate/);
  await other.getByRole("link", { name: "Access" }).click();
  await expect(other.getByText("Tokens and the audit need the role")).toBeVisible();

  await row.getByRole("button", { name: "Rotate night" }).click();
  await dialog.getByLabel("The earlier token stays valid for").selectOption("not at all");
  await dialog.getByRole("button", { name: "Rotate" }).click();
  await expect(dialog.getByText("The earlier token is refused from now on")).toBeVisible();
  expect(await dialog.getByLabel("Token").inputValue()).not.toBe(token);
  await dialog.getByRole("button", { name: "Close" }).click();
  // The page of the earlier token says so by itself.
  await expect(other.getByRole("dialog", { name: "Your session has ended" })).toBeVisible();
  await context.close();

  await row.getByRole("button", { name: "Revoke night" }).click();
  await dialog.getByRole("button", { name: "Revoke night" }).click();
  await expect(row).toHaveCount(0);
  await page.getByRole("tab", { name: "Audit" }).click();
  const entries = page.getByRole("region", { name: "Audit entries" });
  await expect(entries.getByText("DELETE /api/v1/tokens/{name}").first()).toBeVisible();
  await page.getByLabel("Outcome").selectOption("refused");
  await expect(page.getByRole("link", { name: "unauthenticated" }).or(page.getByText("There is no such entry")).first()).toBeVisible();
});
