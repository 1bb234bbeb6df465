/** What an error code means and what to do about it: the server's own page, in this design. */

import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { call } from "../../api/client";
import { FIXED } from "../../api/query";
import { Loaded } from "../../parts/basic";
import { DocsHead } from "./DocsHead";
import { Markdown } from "./Markdown";

export default function ErrorPage({ code }: { code: string }): ReactNode {
  const page = useQuery({
    queryKey: [FIXED, "error-page", code],
    // Without a wish for HTML, which is this page itself.
    queryFn: async () => (await call(`/docs/errors/${encodeURIComponent(code)}`, { headers: { Accept: "text/markdown" } })).text(),
    staleTime: Infinity,
  });
  return (
    <>
      <DocsHead part="errors" title={code} />
      <Loaded of={page} what="The page of the code">
        {(text) => <Markdown text={text.replace(/^# .*\n/, "")} from={`errors/${code}`} />}
      </Loaded>
    </>
  );
}
