/** Everything from an edit to its restore with the keyboard alone. */

import { expect, signIn, test } from "./server";

test("a document is found, changed, saved and restored without a mouse", async ({ page, server }) => {
  await signIn(page, server);
  await page.goto(server.url);
  await expect(page.getByText("Revision 1 is live")).toBeVisible();
  await page.keyboard.press("Tab");
  await expect(page.getByRole("link", { name: "Skip to the page" })).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(page.locator("#main")).toBeFocused();

  await page.keyboard.press("ControlOrMeta+k");
  await page.keyboard.type("earns");
  await expect(page.getByRole("option")).toHaveCount(1);
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("rules/conditions/earns-enough");
  const editor = page.getByRole("textbox", { name: /^Body of/ });
  const isIn = (): Promise<boolean> => editor.evaluate((it) => (it.getRootNode() as ShadowRoot).activeElement === it);
  for (let at = 0; at < 40 && !(await isIn()); at += 1) await page.keyboard.press("Tab");
  expect(await isIn()).toBe(true);
  await page.keyboard.press("ControlOrMeta+Home");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("End");
  await page.keyboard.press("Backspace");
  await expect(page.getByText("valid (dry run; nothing changed)")).toBeVisible();
  await page.keyboard.press("ControlOrMeta+s");
  const dialog = page.getByRole("dialog");
  await expect(dialog.getByLabel("Reason")).toBeFocused();
  await page.keyboard.type("ask for less");
  await page.keyboard.press("Enter");
  await expect(dialog.getByText("Revision 2 is live on this replica")).toBeVisible();
  await expect(dialog.getByRole("button", { name: "Close" })).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(dialog).toBeHidden();

  const undo = page.getByRole("button", { name: "Undo the last change…" });
  await undo.focus();
  await page.keyboard.press("Enter");
  await expect(dialog.getByLabel("Reason")).toBeFocused();
  await page.keyboard.type("too little");
  for (let at = 0; at < 5 && !(await dialog.getByRole("button", { name: "Restore 1 document" }).evaluate((it) => it === document.activeElement)); at += 1) {
    await page.keyboard.press("Tab");
  }
  await page.keyboard.press("Enter");
  await expect(dialog.getByText("Revision 3 is live on this replica")).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(dialog).toBeHidden();
});
