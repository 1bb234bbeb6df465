/** The button that ends the session of this browser. */

import { useState, type ReactNode } from "react";
import { session } from "../api/session";

/** Ends the session. One that cannot be ended since the server is unreachable stays, and the button says so. */
export function SignOut({ className = "" }: { className?: string }): ReactNode {
  const [failed, setFailed] = useState(false);
  return (
    <button
      className={`button ${className}`}
      title={failed ? "The server could not be reached. Try again." : undefined}
      onClick={() => {
        session.signOut().catch(() => setFailed(true));
      }}
    >
      {failed ? "Sign out (failed)" : "Sign out"}
    </button>
  );
}
