// Where the browser of this machine is: no browser is downloaded.
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The path of Chromium, from CHROMIUM or the PATH; undefined where there is none. */
export function browserPath() {
  if (process.env.CHROMIUM) return process.env.CHROMIUM;
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    for (const name of ["chromium", "chromium-browser", "google-chrome"]) {
      const path = join(folder, name);
      try {
        accessSync(path, constants.X_OK);
        return path;
      } catch {
        // It is not in this folder.
      }
    }
  }
  return undefined;
}

/** Gives a context of the browser a session of the server. */
export async function signIn(context, url, token) {
  const answer = await context.request.post(`${url}/api/v1/session`, { data: { token } });
  if (answer.status() !== 201) throw new Error(`cannot sign in: ${await answer.text()}`);
}

// Run by itself it prints the path, and fails where there is no browser.
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const found = browserPath();
  if (found === undefined) process.exit(1);
  console.log(found);
}
