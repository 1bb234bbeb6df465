/** What an error code means and what to do about it: the server's own page, in this design. */

import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { call } from "../../api/client";
import { FIXED } from "../../api/query";
import { Loaded, PageHead } from "../../parts/basic";
import { Prose } from "./Prose";
import { blocks, type Block } from "./markdown";

export default function ErrorPage({ code }: { code: string }): ReactNode {
  const page = useQuery({
    queryKey: [FIXED, "error-page", code],
    queryFn: async () => (await call(`/docs/errors/${encodeURIComponent(code)}`)).text(),
    staleTime: Infinity,
  });
  return (
    <>
      <PageHead title={code}>An error code of this server.</PageHead>
      <Loaded of={page} what="The page of the code">
        {(text) => (
          <article className="prose">
            {blocks(text).map((block, at) => (
              <Shown key={at} block={block} />
            ))}
          </article>
        )}
      </Loaded>
    </>
  );
}

function Shown({ block }: { block: Block }): ReactNode {
  switch (block.is) {
    case "heading":
      return <h2><Prose text={block.text} /></h2>;
    case "code":
      return <pre className="json" tabIndex={0}>{block.text}</pre>;
    case "list":
      return (
        <ul className="bullets">
          {block.items.map((item) => (
            <li key={item}>
              <Prose text={item} />
            </li>
          ))}
        </ul>
      );
    case "text":
      return <p><Prose text={block.text} /></p>;
  }
}
