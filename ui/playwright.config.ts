import { defineConfig } from "@playwright/test";
import { browserPath } from "./scripts/browser.mjs";

const executablePath = browserPath();

export default defineConfig({
  testDir: "tests",
  // A server is a process of its own for each test; two at a time are enough for a small machine.
  workers: 2,
  fullyParallel: true,
  // A busy machine may hold a browser up for longer than any wait here.
  retries: 2,
  timeout: 120_000,
  expect: { timeout: 20_000 },
  reporter: "list",
  use: { ...(executablePath === undefined ? {} : { launchOptions: { executablePath } }), viewport: { width: 1280, height: 900 } },
});
