/** An edit from the sign-in to the restore, what stops one, and two at the same time. */

import { expect, signIn, test, watchConsole, writeEditor } from "./server";

const CONDITION = "/ui/edit/rules/conditions/earns-enough";

function body(constant: number): string {
  return `attribute: applicant.income\ncondition_name: Earns enough\nconstant: ${constant}\noperator: greater_than_or_equal\n`;
}

test.use({ permissions: ["clipboard-read", "clipboard-write"] });

test("sign in, change a condition, see what it does, save, execute, and take it back", async ({ page, server }) => {
  await page.goto(server.url);
  await expect(page.getByText("Revision 1 is live")).toBeVisible();
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByLabel("Token").fill("mf_wrong");
  await page.getByRole("dialog").getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("alert")).toContainText("does not know this token");
  await page.getByLabel("Token").fill(server.token);
  await page.getByRole("dialog").getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("button", { name: "Sign out" })).toBeVisible();

  await page.keyboard.press("ControlOrMeta+k");
  await page.getByRole("combobox").fill("earns");
  await expect(page.getByRole("option")).toHaveCount(1);
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("rules/conditions/earns-enough");
  await writeEditor(page, body(40000));
  const change = page.getByRole("listitem").filter({ hasText: "constant" }).first();
  await expect(change).toContainText("30000");
  await expect(change).toContainText("40000");
  await expect(page.getByText("valid (dry run; nothing changed)")).toBeVisible();
  await expect(page.getByText(/^\d+ checks? passed$/)).toBeVisible();
  await expect(page.getByRole("listitem").filter({ hasText: "passed: rules/checks/a-sound-application-is-approved" })).toBeVisible();

  await page.keyboard.press("ControlOrMeta+s");
  const dialog = page.getByRole("dialog");
  await expect(dialog.getByText("append the revision to the log")).toBeVisible();
  await expect(dialog.getByRole("button", { name: "Save", exact: true })).toBeDisabled();
  await dialog.getByLabel("Reason").fill("ask for more");
  await dialog.getByRole("button", { name: "Save", exact: true }).click();
  await expect(dialog.getByText("Revision 2 is live on this replica")).toBeVisible();
  await expect(dialog.getByText("acknowledged")).toHaveCount(1);
  await dialog.getByRole("button", { name: "Close" }).click();

  await page.getByRole("link", { name: "Rules", exact: true }).click();
  await page.getByLabel("Data, YAML or JSON").fill("amount: 20000\napplicant: {income: 35000, years_employed: 6, defaults: 0}");
  await expect(page.getByText("ask for a guarantor")).toBeVisible();

  await page.getByRole("link", { name: "History", exact: true }).click();
  await page.getByRole("link", { name: "2", exact: true }).click();
  await page.getByRole("button", { name: "Restore the state before it…" }).click();
  await expect(dialog.getByText("It touches 1 document")).toBeVisible();
  await expect(dialog.getByRole("button", { name: /^Restore/ })).toBeDisabled();
  await dialog.getByLabel("Reason").fill("too strict");
  await dialog.getByRole("button", { name: "Restore 1 document" }).click();
  await expect(dialog.getByText("Revision 3 is live on this replica")).toBeVisible();
});

test("a problem stands at its line, and a failed check is named, before anything is saved", async ({ page, server }) => {
  await signIn(page, server);
  await page.goto(server.url + CONDITION);
  await writeEditor(page, body(30000).replace("greater_than_or_equal", "greatest"));
  await expect(page.locator(".cm-lintRange-error")).toHaveText("greatest");
  await writeEditor(page, body(90000));
  await expect(page.getByText("check failed").first()).toBeVisible();
  await expect(page.getByText("rules/checks/a-sound-application-is-approved").first()).toBeVisible();
  await expect(page.getByRole("listitem").filter({ hasText: "failed: rules/checks/a-sound-application-is-approved" })).toBeVisible();
  await writeEditor(page, "a: [1,\n");
  await expect(page.locator(".cm-lintRange-error").first()).toBeVisible();
  expect(await server.call("GET", "/api/v1/revisions")).toMatchObject({ items: [{ number: 1 }] });
});

test("what another person saved meanwhile is merged with the draft, and what both changed is decided", async ({ page, server, browser }) => {
  await signIn(page, server);
  await page.goto(server.url + CONDITION);
  await writeEditor(page, body(40000));
  await expect(page.getByText("valid (dry run; nothing changed)")).toBeVisible();

  const context = await browser.newContext({ permissions: ["clipboard-read", "clipboard-write"] });
  const other = await context.newPage();
  const errors = watchConsole(other);
  await signIn(other, server);
  await other.goto(server.url + CONDITION);
  await writeEditor(other, body(50000).replace("Earns enough", "Earns much"));
  await other.getByRole("button", { name: /^Save/ }).click();
  await other.getByRole("dialog").getByLabel("Reason").fill("theirs");
  await other.getByRole("dialog").getByRole("button", { name: "Save", exact: true }).click();
  await expect(other.getByText("Revision 2 is live on this replica")).toBeVisible();
  expect(errors).toEqual([]);
  await context.close();

  // The open page learns of it by itself.
  const conflict = page.getByRole("region", { name: "Conflict", exact: true });
  await expect(conflict.getByText("version 2 is live")).toBeVisible();
  const row = conflict.getByRole("row").filter({ hasText: "constant" });
  await expect(row.getByRole("cell")).toContainText(["constant", "30000", "50000", "40000"]);
  await expect(conflict.getByRole("button", { name: "1 to decide" })).toBeDisabled();
  await row.getByRole("button", { name: "Yours" }).click();
  await conflict.getByRole("button", { name: "Go on with this" }).click();
  await expect(conflict).toBeHidden();
  await page.getByRole("button", { name: /^Save/ }).click();
  await page.getByRole("dialog").getByLabel("Reason").fill("mine");
  await page.getByRole("dialog").getByRole("button", { name: "Save", exact: true }).click();
  await expect(page.getByText("Revision 3 is live on this replica")).toBeVisible();
  expect(await server.call("GET", "/api/v1/documents/rules/conditions/earns-enough")).toMatchObject({
    body: { constant: 40000, condition_name: "Earns much" },
  });
});

test("a draft is tried beside what is live, rule by rule", async ({ page, server }) => {
  await signIn(page, server);
  await page.goto(server.url + CONDITION);
  await writeEditor(page, body(40000));
  await page.getByRole("link", { name: "Rules", exact: true }).click();
  await page.getByLabel("Data, YAML or JSON").fill("amount: 20000\napplicant: {income: 35000, years_employed: 6, defaults: 0}");
  const cards = page.locator(".card");
  await expect(cards.filter({ hasText: "Draft" }).getByText("ask for a guarantor")).toBeVisible();
  await expect(cards.filter({ hasText: "revision 1" }).getByText("approve")).toBeVisible();
  const row = page.getByRole("row").filter({ hasText: "1-income" });
  await expect(row.getByRole("cell")).toContainText(["1-income", "matched", "not matched"]);
  // What was tried becomes a check.
  await page.getByRole("button", { name: "Make it a check" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toContainText("rules/checks/loans-");
});
