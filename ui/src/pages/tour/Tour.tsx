/** Five minutes, step by step, on the examples. A step is done when the server says so. */

import type { ReactNode } from "react";
import { Link } from "wouter";
import { useRevisions, useStatus } from "../../api/queries";
import { Badge, Card, PageHead } from "../../parts/basic";

interface Step {
  title: string;
  text: ReactNode;
  href: string;
  go: string;
  isDone?: boolean;
}

export default function Tour(): ReactNode {
  const status = useStatus();
  const revisions = useRevisions(50);
  const log = revisions.data?.items ?? [];
  const isEdited = log.some((it) => it.changes.some((change) => change.kind === "rules" && change.name === "conditions/earns-enough") && it.number > 1);
  const isRestored = log.some((it) => it.trigger === "manual" || it.trigger === "rollback");
  const steps: Step[] = [
    {
      title: "See what is live",
      text: "One revision is served, by every replica; each kind shows how many documents it has.",
      href: "/",
      go: "Now",
      isDone: status.data !== undefined,
    },
    {
      title: "Ask the rules",
      text: "The example decides on a loan. Lower the income in the input, and see which rule does not match any more, and why.",
      href: "/ui/rules",
      go: "Try an input",
    },
    {
      title: "Change a condition",
      text: (
        <>
          Raise the income that is asked for: change <code>constant</code> to 40000. As you type, the server says what it would do; nothing is live yet. Save
          it with a reason.
        </>
      ),
      href: "/ui/edit/rules/conditions/earns-enough",
      go: "Open the condition",
      isDone: isEdited,
    },
    {
      title: "Try to break it",
      text: (
        <>
          Set <code>constant</code> to 90000: a check says that a sound application must be approved, so the edit would be refused. Discard it.
        </>
      ),
      href: "/ui/edit/rules/conditions/earns-enough",
      go: "Open it again",
    },
    {
      title: "Take it back",
      text: "The history shows who changed what. Open your revision and restore the state before it: that is a new revision, and nothing is lost.",
      href: "/ui/history",
      go: "History",
      isDone: isRestored,
    },
    {
      title: "Classify a query, select a tool",
      text: "The same log carries patterns and tools. Ask where an order is, and which tool finds an error in the logs.",
      href: "/ui/patterns",
      go: "Patterns",
    },
  ];
  return (
    <>
      <PageHead title="Tour">
        Six steps in five minutes, with the documents that <code>make run</code> serves.
      </PageHead>
      <ol className="stack tour">
        {steps.map((step, at) => (
          <li key={step.title}>
            <Card title={`${at + 1}. ${step.title}`} aside={step.isDone === true ? <Badge tone="good">done</Badge> : undefined}>
              <p>{step.text}</p>
              <div>
                <Link className="button" href={step.href}>
                  {step.go}
                </Link>
              </div>
            </Card>
          </li>
        ))}
      </ol>
    </>
  );
}
