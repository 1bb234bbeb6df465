/** What stands around every page: the bar with the state of the connection, and the navigation. */

import { useEffect, useState, useSyncExternalStore, type ReactNode } from "react";
import { Link, useLocation } from "wouter";
import { live } from "../api/query";
import icon from "../icon.svg";
import { useStatus, useWhoami } from "../api/queries";
import { session } from "../api/session";
import { Modal } from "../parts/Modal";
import { Palette } from "./Palette";
import { PLACES, type Place } from "./places";
import { SignIn } from "./SignIn";
import { SignOut } from "./SignOut";
import { chooseTheme, useTheme, type Theme } from "./theme";

const NEXT: Record<Theme, Theme> = { system: "light", light: "dark", dark: "system" };
const GROUPS: readonly Place["group"][] = ["Watch", "Change", "Kinds", "Server"];

export function Shell({ children }: { children: ReactNode }): ReactNode {
  const [path] = useLocation();
  const [open, setOpen] = useState(false);
  const [dialog, setDialog] = useState<"palette" | "sign-in">();
  const look = useTheme();
  const { name, isEnded } = useSyncExternalStore(session.subscribe, session.snapshot);
  // Asks who is signed in, for the whole page.
  useWhoami();

  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
        event.preventDefault();
        setDialog((shown) => (shown === "palette" ? undefined : "palette"));
      }
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, []);

  return (
    <div className="shell">
      <a className="button skip" href="#main">
        Skip to the page
      </a>
      <header className="bar">
        <button className="button quiet menu-button" aria-expanded={open} aria-controls="nav" onClick={() => setOpen(!open)}>
          Menu
        </button>
        <Link className="brand" href="/">
          <img src={icon} width="22" height="22" alt="" />
          <span className="wide-only">Midflight</span>
        </Link>
        <ConnectionState />
        <span className="grow" />
        <button className="button" onClick={() => setDialog("palette")} aria-keyshortcuts="Control+K">
          <span className="soft">
            Go to…<span className="visually-hidden"> page, document or revision</span>
          </span>
          <kbd className="wide-only" aria-hidden="true">
            Ctrl K
          </kbd>
        </button>
        <button
          className="button quiet wide-only"
          onClick={() => chooseTheme(NEXT[look])}
          title={`Change the theme to ${NEXT[look]}`}
        >
          {look === "system" ? "Auto" : look === "light" ? "Light" : "Dark"}
          <span className="visually-hidden"> theme, change to {NEXT[look]}</span>
        </button>
        {name === null && (
          <button className="button" onClick={() => setDialog("sign-in")}>
            Sign in
          </button>
        )}
        {typeof name === "string" && (
          <>
            <Who />
            <SignOut className="quiet" />
          </>
        )}
      </header>
      <nav className="nav" id="nav" aria-label="Pages" data-open={open}>
        {GROUPS.map((group) => (
          <div key={group}>
            <h2>{group}</h2>
            <ul>
              {PLACES.filter((place) => place.group === group).map((place) => (
                <li key={place.href}>
                  <Link href={place.href} aria-current={isAt(path, place.href) ? "page" : undefined} onClick={() => setOpen(false)}>
                    {place.title}
                  </Link>
                </li>
              ))}
            </ul>
          </div>
        ))}
      </nav>
      <main className="main" id="main" tabIndex={-1}>
        {children}
      </main>
      {dialog === "palette" && <Palette onClose={() => setDialog(undefined)} />}
      {dialog === "sign-in" && !isEnded && (
        <Modal title="Sign in" onClose={() => setDialog(undefined)}>
          <SignIn onDone={() => setDialog(undefined)} />
        </Modal>
      )}
      {isEnded && (
        <Modal title="Your session has ended" onClose={session.acknowledgeEnd}>
          <SignIn why="It expired, or its token was revoked or rotated. What you edited is kept in this tab. Sign in to go on." />
        </Modal>
      )}
    </div>
  );
}

function isAt(path: string, href: string): boolean {
  return href === "/" ? path === "/" : path === href || path.startsWith(`${href}/`);
}

/** Who is signed in, with which role: what is missing on a page may be for others. */
function Who(): ReactNode {
  const { data } = useWhoami();
  if (data === undefined) return null;
  return (
    <Link className="small soft wide-only" href="/ui/access">
      {data.name === data.role ? data.name : `${data.name}, ${data.role}`}
    </Link>
  );
}

function ConnectionState(): ReactNode {
  const state = useSyncExternalStore(live.subscribe, live.snapshot);
  const status = useStatus();
  const tone = state.connection === "live" ? "good" : state.connection === "connecting" ? "" : "warn";
  const said = { live: "live", connecting: "connecting", reconnecting: "reconnecting", "signed out": "signed out" }[state.connection];
  return (
    <span className="bar-state" role="status" title={state.why}>
      <span className={`dot ${tone}`} aria-hidden="true" />
      <span className={state.connection === "live" ? "wide-only" : undefined}>{said}</span>
      {status.data !== undefined && <span className="mono">r{status.data.served_revision}</span>}
    </span>
  );
}
