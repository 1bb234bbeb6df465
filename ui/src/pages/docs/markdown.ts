/** The Markdown of the error pages: headings, paragraphs, lists and code. */

export type Block = { is: "heading" | "text" | "code"; text: string } | { is: "list"; items: string[] };

export function blocks(text: string): Block[] {
  const found: Block[] = [];
  const parts = text.split(/^```\w*\n([\s\S]*?)^```\n?/m);
  parts.forEach((part, at) => {
    if (at % 2 === 1) {
      found.push({ is: "code", text: part.trimEnd() });
      return;
    }
    for (const paragraph of part.split(/\n{2,}/).map((it) => it.trim())) {
      if (paragraph === "") continue;
      const heading = /^#+ (.*)$/.exec(paragraph)?.[1];
      if (heading !== undefined) found.push({ is: "heading", text: heading });
      else if (/^[-*] /.test(paragraph)) found.push({ is: "list", items: paragraph.split(/\n(?=[-*] )/).map((it) => it.slice(2).replaceAll(/\n\s*/g, " ")) });
      else found.push({ is: "text", text: paragraph.replaceAll("\n", " ") });
    }
  });
  return found;
}
