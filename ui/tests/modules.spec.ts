/** A module: called, reloaded with its state, and rolled back after a preview of what that undoes. */

import { expect, signIn, test } from "./server";

test("a module is called, its reload is shown phase by phase, and a generation is restored", async ({ page, server }) => {
  server.run("module", "load", "examples/modules/counter.wat");
  await signIn(page, server);
  await page.goto(`${server.url}/ui/modules`);
  await page.getByRole("link", { name: "counter" }).click();
  await expect(page.getByText("first start of 1.0.0")).toBeVisible();
  const call = async (result: string): Promise<void> => {
    await page.getByLabel("Operation").fill("add");
    await page.getByRole("button", { name: "Call" }).click();
    await expect(page.getByRole("status").filter({ hasText: "generation" })).toContainText(result);
  };
  await call("1");
  await call("2");

  server.run("module", "load", "examples/modules/counter-2.wat", "--reason", "say which message was the last");
  await expect(page.getByText("1.0.0 → 2.0.0")).toBeVisible();
  await expect(page.getByText("migrated from schema 1 in 1 step")).toBeVisible();
  await expect(page.getByRole("img", { name: /prepare .*drain .*commit/ }).first()).toBeVisible();
  await call("3");

  await page.getByRole("button", { name: "Roll back…" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Back to").selectOption("1");
  await expect(dialog.getByText("It undoes 1 acknowledged message")).toBeVisible();
  await expect(dialog.getByRole("button", { name: "Roll back to generation 1" })).toBeDisabled();
  await dialog.getByLabel("Reason").fill("version 2 counts wrongly");
  await dialog.getByRole("button", { name: "Roll back to generation 1" }).click();
  await expect(dialog.getByText("version 1.0.0, generation 3")).toBeVisible();
  await expect(dialog.getByText("This replica now runs another version than the log has")).toBeVisible();
  await dialog.getByRole("button", { name: "Close" }).click();
  await call("3");
});
