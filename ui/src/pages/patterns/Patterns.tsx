/** The kind `patterns`: classify a query and see why, decide what was learned, see what it saves. */

import * as Tabs from "@radix-ui/react-tabs";
import { useState, type ReactNode } from "react";
import { PageHead } from "../../parts/basic";
import { Catalogue } from "./Catalogue";
import { Classify } from "./Classify";
import { Pending } from "./Pending";
import { Performance } from "./Performance";

export default function Patterns(): ReactNode {
  const [tab, setTab] = useState("classify");
  return (
    <>
      <PageHead title="Patterns">Queries made comparable and classified: by a pattern, or by an LLM whose answers become patterns.</PageHead>
      <Tabs.Root value={tab} onValueChange={setTab} className="stack">
        <Tabs.List className="tabs" aria-label="Views of the patterns">
          <Tabs.Trigger value="classify">Classify</Tabs.Trigger>
          <Tabs.Trigger value="pending">Pending</Tabs.Trigger>
          <Tabs.Trigger value="all">All patterns</Tabs.Trigger>
          <Tabs.Trigger value="performance">Performance</Tabs.Trigger>
        </Tabs.List>
        <Tabs.Content value="classify">
          <Classify />
        </Tabs.Content>
        <Tabs.Content value="pending">
          <Pending />
        </Tabs.Content>
        <Tabs.Content value="all">
          <Catalogue />
        </Tabs.Content>
        <Tabs.Content value="performance">
          <Performance />
        </Tabs.Content>
      </Tabs.Root>
    </>
  );
}
