import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

/** The server that `npm run dev` sends calls to. */
const server = process.env["MIDFLIGHT_URL"] ?? "http://127.0.0.1:8080";
const calls = ["/api", "/health", "/metrics", "/openapi.json", "/docs", "/-", "/ws"];
/** The guides are built into the page from `docs/`, beside this folder. */
const readable = ["..", "."];

/** The server answers its own page alone, so the page of the development server has to look like it. */
const proxy = Object.fromEntries(
  calls.map((path) => [path, { target: server, changeOrigin: true, ws: path === "/ws", headers: { Origin: new URL(server).origin } }]),
);

export default defineConfig({
  plugins: [react()],
  build: {
    // Where the server's build looks for it. What is there is removed by `scripts/clean.mjs`, which keeps `.gitignore`.
    outDir: "../crates/ui/page",
    emptyOutDir: false,
    target: "es2022",
    assetsInlineLimit: 0,
    // The page runs under a policy without inline scripts, and Vite's preload helper is one module like any other.
    modulePreload: { polyfill: false },
    sourcemap: false,
  },
  server: { proxy, fs: { allow: readable } },
  preview: { proxy },
  test: { include: ["src/**/*.test.ts", "src/**/*.test.tsx"] },
});
