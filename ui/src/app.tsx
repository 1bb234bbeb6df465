/** The routes. Pages that need an editor, a grid or charts are loaded when they are opened. */

import { lazy, Suspense, useSyncExternalStore, type ReactNode } from "react";
import { Route, Switch, useLocation } from "wouter";
import { live } from "./api/query";
import { session } from "./api/session";
import { PageHead } from "./parts/basic";
import { Boundary } from "./parts/Boundary";
import { Now } from "./pages/now/Now";
import { Shell } from "./shell/Shell";
import { SignIn } from "./shell/SignIn";

const History = lazy(() => import("./pages/history/History"));
const Revision = lazy(() => import("./pages/history/Revision"));
const Compare = lazy(() => import("./pages/history/Compare"));
const Documents = lazy(() => import("./pages/editor/Documents"));
const Editor = lazy(() => import("./pages/editor/Editor"));
const Rules = lazy(() => import("./pages/rules/Rules"));
const Patterns = lazy(() => import("./pages/patterns/Patterns"));
const Tools = lazy(() => import("./pages/tools/Tools"));
const Config = lazy(() => import("./pages/config/Config"));
const Modules = lazy(() => import("./pages/modules/Modules"));
const Metrics = lazy(() => import("./pages/metrics/Metrics"));
const Access = lazy(() => import("./pages/access/Access"));
const Docs = lazy(() => import("./pages/docs/Docs"));
const Guides = lazy(() => import("./pages/docs/Guides"));
const ErrorCodes = lazy(() => import("./pages/docs/ErrorCodes"));
const ErrorPage = lazy(() => import("./pages/docs/ErrorPage"));
const Tour = lazy(() => import("./pages/tour/Tour"));

export function App(): ReactNode {
  const [path] = useLocation();
  const { connection, why } = useSyncExternalStore(live.subscribe, live.snapshot);
  const { isEnded } = useSyncExternalStore(session.subscribe, session.snapshot);
  // Of a session that ended, the page stays as it is behind the dialog that asks to sign in again.
  if (connection === "signed out" && !isEnded) {
    return (
      <main className="sign-in">
        <div className="card">
          <h1>Midflight</h1>
          <SignIn why={why === undefined ? undefined : `This server asks for a token: ${why}.`} />
        </div>
      </main>
    );
  }
  return (
    <Shell>
      <Boundary at={path}>
        <Suspense fallback={<div className="stack" aria-busy="true" />}>
          <Switch>
            <Route path="/">
              <Now />
            </Route>
            <Route path="/ui/history">
              <History />
            </Route>
            <Route path="/ui/history/compare/:from/:to">{({ from, to }) => <Compare from={Number(from)} to={Number(to)} />}</Route>
            <Route path="/ui/history/:number">{({ number }) => <Revision number={Number(number)} />}</Route>
            <Route path="/ui/edit">
              <Documents />
            </Route>
            <Route path="/ui/edit/:kind/*">
              {(params) => <Editor key={`${params.kind}/${params["*"]}`} kind={params.kind} name={params["*"]} />}
            </Route>
            <Route path="/ui/rules">
              <Rules ruleset={undefined} />
            </Route>
            <Route path="/ui/rules/:ruleset">{({ ruleset }) => <Rules ruleset={ruleset} />}</Route>
            <Route path="/ui/patterns">
              <Patterns />
            </Route>
            <Route path="/ui/tools">
              <Tools tool={undefined} />
            </Route>
            <Route path="/ui/tools/:tool">{({ tool }) => <Tools tool={tool} />}</Route>
            <Route path="/ui/config">
              <Config name={undefined} />
            </Route>
            <Route path="/ui/config/:name">{({ name }) => <Config name={name} />}</Route>
            <Route path="/ui/modules">
              <Modules name={undefined} />
            </Route>
            <Route path="/ui/modules/*">{(params) => <Modules name={params["*"]} />}</Route>
            <Route path="/ui/metrics">
              <Metrics />
            </Route>
            <Route path="/ui/access">
              <Access />
            </Route>
            <Route path="/docs">
              <Docs />
            </Route>
            <Route path="/ui/docs">
              <Docs />
            </Route>
            <Route path="/ui/docs/guides">
              <Guides name={undefined} />
            </Route>
            <Route path="/ui/docs/guides/*">{(params) => <Guides name={params["*"]} />}</Route>
            <Route path="/ui/docs/errors">
              <ErrorCodes />
            </Route>
            <Route path="/docs/errors/:code">{({ code }) => <ErrorPage code={code} />}</Route>
            <Route path="/ui/docs/errors/:code">{({ code }) => <ErrorPage code={code} />}</Route>
            <Route path="/ui/tour">
              <Tour />
            </Route>
            <Route>
              <PageHead title="Unknown page">This address leads to no page. The navigation lists them all.</PageHead>
            </Route>
          </Switch>
        </Suspense>
      </Boundary>
    </Shell>
  );
}
