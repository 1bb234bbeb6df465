/** Text in which backticks mark code and empty lines part paragraphs. */

import type { ReactNode } from "react";

export function Prose({ text }: { text: string }): ReactNode {
  return text.split("`").map((part, at) => (at % 2 === 1 ? <code key={at}>{part}</code> : part));
}
