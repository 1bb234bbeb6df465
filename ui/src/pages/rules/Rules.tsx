/** The kind `rules`: rulesets, an input to try, and the rules as a table. */

import * as Tabs from "@radix-ui/react-tabs";
import { useQuery } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { Link, useLocation } from "wouter";
import { api, body } from "../../api/client";
import { Badge, Empty, Loaded, PageHead } from "../../parts/basic";
import { RuleGrid } from "./RuleGrid";
import { TryInput } from "./TryInput";

export default function Rules({ ruleset }: { ruleset: string | undefined }): ReactNode {
  const [, go] = useLocation();
  const [tab, setTab] = useState("try");
  const list = useQuery({ queryKey: ["rulesets"], queryFn: () => body(api.GET("/api/v1/rulesets", { params: { query: { limit: 500 } } })) });
  return (
    <Loaded of={list} what="The rulesets">
      {({ items }) => {
        const shown = items.find((it) => it.ruleset === ruleset) ?? items.find((it) => it.default) ?? items[0];
        if (shown === undefined) {
          return (
            <>
              <PageHead title="Rules" />
              <Empty title="There is no ruleset yet">
                <p>
                  A ruleset is a document, and so is each rule: <Link href="/ui/edit/rules/loans">make rules/loans</Link>, then rules/loans/1. Or serve the example:{" "}
                  <code>midflight apply -f examples/loans</code>.
                </p>
              </Empty>
            </>
          );
        }
        return (
          <>
            <PageHead
              title={shown.name ?? shown.ruleset}
              aside={
                <>
                  <label className="row">
                    <span className="soft small">Ruleset</span>
                    <select className="input auto" value={shown.ruleset} onChange={(event) => go(`/ui/rules/${encodeURIComponent(event.target.value)}`)}>
                      {items.map((it) => (
                        <option key={it.ruleset}>{it.ruleset}</option>
                      ))}
                    </select>
                  </label>
                  <Link className="button" href={`/ui/edit/rules/${shown.ruleset}`}>
                    Edit the ruleset
                  </Link>
                </>
              }
            >
              {shown.active_rule_count} of {shown.rule_count} rules are active. <Badge>{shown.status}</Badge> {shown.default && <Badge tone="info">default</Badge>}
            </PageHead>
            <Tabs.Root value={tab} onValueChange={setTab} className="stack">
              <Tabs.List className="tabs" aria-label="Views of the ruleset">
                <Tabs.Trigger value="try">Try an input</Tabs.Trigger>
                <Tabs.Trigger value="table">Table</Tabs.Trigger>
              </Tabs.List>
              <Tabs.Content value="try">
                <TryInput key={shown.ruleset} ruleset={shown.ruleset} />
              </Tabs.Content>
              <Tabs.Content value="table">
                <RuleGrid key={shown.ruleset} ruleset={shown.ruleset} />
              </Tabs.Content>
            </Tabs.Root>
          </>
        );
      }}
    </Loaded>
  );
}
