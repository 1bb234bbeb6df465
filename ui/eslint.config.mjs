import js from "@eslint/js";
import hooks from "eslint-plugin-react-hooks";
import tseslint from "typescript-eslint";

export default tseslint.config(
  { ignores: ["src/api/schema.d.ts", "test-results", "gallery", "eslint.config.mjs"] },
  js.configs.recommended,
  ...tseslint.configs.strictTypeChecked,
  { languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } } },
  hooks.configs.flat["recommended-latest"],
  {
    rules: {
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      // Fixtures of Playwright are asked for by a pattern, also where they need none.
      "no-empty-pattern": ["error", { allowObjectPatternsAsParameters: true }],
      // The compiler of React is not used, so what it would skip is nothing to know.
      "react-hooks/incompatible-library": "off",
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
    },
  },
  { files: ["**/*.mjs"], ...tseslint.configs.disableTypeChecked, languageOptions: {
      parserOptions: { projectService: false },
      globals: Object.fromEntries(["process", "console", "URL", "sessionStorage", "document", "window", "navigator", "performance", "PerformanceObserver", "MessageChannel", "requestAnimationFrame", "requestIdleCallback", "setTimeout"].map((name) => [name, "readonly"])),
    },
  },
);
