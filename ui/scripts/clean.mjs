// Empties the folder of the built page, but for the file that keeps the folder in the repository.
import { readdirSync, rmSync } from "node:fs";

const page = new URL("../../crates/ui/page/", import.meta.url);
for (const name of readdirSync(page)) {
  if (name !== ".gitignore") rmSync(new URL(name, page), { recursive: true });
}
