// Takes a picture of every page, in both themes and three widths, of a running server: into ui/gallery.
//
//   MIDFLIGHT_URL=http://127.0.0.1:8080 MIDFLIGHT_TOKEN=mf_... npm run gallery [PAGE...]
import { chromium } from "@playwright/test";
import { mkdirSync } from "node:fs";
import { browserPath, signIn } from "./browser.mjs";

const url = process.env.MIDFLIGHT_URL ?? "http://127.0.0.1:8080";
const token = process.env.MIDFLIGHT_TOKEN ?? "";
/** A page is its address, and what is clicked there before its picture is taken. */
const pages = {
  now: "/",
  "now-back": ["/", (page) => page.getByRole("button", { name: /^Take revision/ }).click()],
  history: "/ui/history",
  revision: "/ui/history/1",
  compare: "/ui/history/compare/0/1",
  documents: "/ui/edit",
  editor: "/ui/edit/rules/conditions/earns-enough",
  rules: "/ui/rules",
  "rules-table": ["/ui/rules", tab("Table")],
  patterns: "/ui/patterns",
  "patterns-all": ["/ui/patterns", tab("All patterns")],
  tools: "/ui/tools",
  tool: "/ui/tools/log-search",
  "tools-agents": ["/ui/tools", tab("Agents")],
  "tools-selection": ["/ui/tools", selection],
  config: "/ui/config",
  modules: "/ui/modules",
  module: "/ui/modules/counter",
  "module-back": ["/ui/modules/counter", (page) => page.getByRole("button", { name: "Roll back…" }).click()],
  metrics: "/ui/metrics",
  access: "/ui/access",
  "access-token": ["/ui/access", (page) => page.getByRole("button", { name: "Create a token…" }).click()],
  "access-audit": ["/ui/access", tab("Audit")],
  docs: "/ui/docs",
  guides: "/ui/docs/guides",
  guide: "/ui/docs/guides/modules",
  errors: "/ui/docs/errors",
  error: "/ui/docs/errors/precondition_failed",
  tour: "/ui/tour",
};
function tab(name) {
  return (page) => page.getByRole("tab", { name }).click();
}

async function selection(page) {
  await tab("Selection")(page);
  await page.getByLabel("What is to be done").fill("find an error in the logs");
  await page.getByRole("button", { name: "Select" }).click();
  await page.getByText("Candidates").waitFor();
}

const widths = [360, 1280, 2560];
const wanted = process.argv.slice(2);

const folder = new URL("../gallery/", import.meta.url).pathname;
mkdirSync(folder, { recursive: true });
const browser = await chromium.launch({ executablePath: browserPath() });
for (const colorScheme of ["light", "dark"]) {
  for (const width of widths) {
    const context = await browser.newContext({ colorScheme, viewport: { width, height: width < 500 ? 800 : 900 } });
    if (token !== "") await signIn(context, url, token);
    const page = await context.newPage();
    page.on("console", (message) => message.type() === "error" && console.error(`${page.url()}: ${message.text()}`));
    page.on("pageerror", (error) => console.error(`${page.url()}: ${error.message}`));
    for (const [name, shown] of Object.entries(pages)) {
      if (wanted.length > 0 && !wanted.includes(name)) continue;
      const [path, open] = Array.isArray(shown) ? shown : [shown];
      await page.goto(url + path);
      await page.locator("h1").first().waitFor();
      await page.waitForFunction(() => document.querySelector("[aria-busy]") === null);
      if (open !== undefined) {
        await open(page);
        await page.waitForFunction(() => document.querySelector("[aria-busy]") === null);
      }
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      if (overflow > 0) console.error(`${name} at ${width}: ${overflow} px wider than the window`);
      await page.screenshot({ path: `${folder}${name}-${width}-${colorScheme}.png`, fullPage: open === undefined });
    }
    await context.close();
  }
}
await browser.close();
console.log(folder);
