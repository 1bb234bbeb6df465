/** The guides: a list of them, and one of them to read. */

import { useQuery } from "@tanstack/react-query";
import { useEffect, type ReactNode } from "react";
import { Link } from "wouter";
import { FIXED } from "../../api/query";
import { Empty, Loaded } from "../../parts/basic";
import { DocsHead } from "./DocsHead";
import { guide, GUIDES } from "./guides";
import { Markdown } from "./Markdown";

export default function Guides({ name }: { name: string | undefined }): ReactNode {
  const title = GUIDES.find((it) => it.name === name)?.title ?? "Guides";
  return (
    <>
      <DocsHead part="guides" title={title} />
      <div className={name === undefined ? "stack" : "split"}>
        <List chosen={name} />
        {name !== undefined && <OneGuide key={name} name={name} />}
      </div>
    </>
  );
}

function List({ chosen }: { chosen: string | undefined }): ReactNode {
  return (
    <nav className="card flush guides" aria-label="Guides" data-open={chosen === undefined}>
      <ul className="list">
        {GUIDES.map((it) => (
          <li key={it.name}>
            <Link className="list-link" href={`/ui/docs/guides/${it.name}`} aria-current={it.name === chosen ? "page" : undefined}>
              <strong>{it.title}</strong>
              <span className="soft small">{it.hint}</span>
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  );
}

function OneGuide({ name }: { name: string }): ReactNode {
  const text = useQuery({ queryKey: [FIXED, "guide", name], queryFn: async () => (await guide(name)) ?? null, staleTime: Infinity });
  const isShown = text.data != null;
  useEffect(() => {
    // The heading of the address is there only now.
    if (isShown && location.hash !== "") document.getElementById(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView();
  }, [isShown]);
  return (
    <Loaded of={text} what="The guide" lines={12}>
      {(read) => (read === null ? <Empty title="There is no guide of this name" /> : <Markdown text={read.replace(/^# .*\n/, "")} from={name} />)}
    </Loaded>
  );
}
