import { QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { live, queryClient } from "./api/query";
import { session } from "./api/session";
import { App } from "./app";
import { begin } from "./pages/metrics/sampler";
import { applyTheme } from "./shell/theme";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/parts.css";
import "./styles/shell.css";
import "./styles/pages.css";

applyTheme();
live.start();
// Another token may read other things: what was read with the last one is dropped.
session.subscribe(() => {
  queryClient.clear();
  live.start();
});

const root = document.getElementById("root");
if (root !== null) {
  createRoot(root).render(
    <StrictMode>
      <QueryClientProvider client={queryClient}>
        <App />
      </QueryClientProvider>
    </StrictMode>,
  );
}

// The charts show what was since this tab was opened, whichever page it was at. They are not needed for the first one.
const idle = (window as Partial<Pick<Window, "requestIdleCallback">>).requestIdleCallback ?? ((then: () => void) => setTimeout(then));
idle(begin);
