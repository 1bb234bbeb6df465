/** Where the links of a file of `docs/` lead in these pages. */

/** Stands for the folder `docs/` while a relative link is resolved. */
const BASE = "docs://d/docs/";

/** The address of a link of a guide; undefined when these pages have nothing of it. */
export function hrefOf(link: string, guide: string): string | undefined {
  if (link.startsWith("#")) return link;
  if (/^https?:\/\//.test(link)) return link;
  if (/^[a-z]+:/i.test(link)) return undefined;
  const { pathname, hash } = new URL(link, `${BASE}${guide}.md`);
  const path = /^\/docs\/(.+)\.md$/.exec(pathname)?.[1];
  if (path === undefined) return undefined;
  return path.startsWith("errors/") ? `/ui/docs/${path}${hash}` : `/ui/docs/guides/${path}${hash}`;
}

/** The name by which a heading is linked to. */
export function slugOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
    .trim()
    .replaceAll(/\s/g, "-");
}
