/** The head of every page of the documentation, with the way to its other parts. */

import type { ReactNode } from "react";
import { Link } from "wouter";
import { PageHead } from "../../parts/basic";

export type Part = "guides" | "api" | "errors";

const PARTS: readonly (readonly [Part, string, string])[] = [
  ["guides", "Guides", "/ui/docs/guides"],
  ["api", "API", "/ui/docs"],
  ["errors", "Error codes", "/ui/docs/errors"],
];

export function DocsHead({ part, title, children, aside }: { part: Part; title: string; children?: ReactNode; aside?: ReactNode }): ReactNode {
  return (
    <>
      <PageHead title={title} aside={aside}>
        {children}
      </PageHead>
      <nav className="tabs docs-parts" aria-label="Documentation">
        {PARTS.map(([name, text, href]) => (
          <Link key={name} href={href} aria-current={name === part ? "page" : undefined}>
            {text}
          </Link>
        ))}
      </nav>
    </>
  );
}
