// Where the parts are joined: session, API, live client, queries, router.

import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/frame.css";
import "./styles/pages.css";

import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { createRoot } from "react-dom/client";

import { Api } from "./data/api";
import { AppContext } from "./components/app";
import { ShortcutsProvider } from "./components/shortcuts";
import { LiveClient, socketLine } from "./live/client";
import { LiveProvider } from "./live/react";
import { makeQueryClient } from "./data/queryClient";
import { makeRouter } from "./router";
import { Session, tabStorage } from "./session";

const session = new Session(tabStorage());
const app = { api: new Api(session), session };
const live = new LiveClient({ line: socketLine(session.key), onUnauthorized: () => session.wantKey() });
live.start();

const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no #root");
createRoot(root).render(
  <QueryClientProvider client={makeQueryClient()}>
    <AppContext value={app}>
      <LiveProvider client={live}>
        <ShortcutsProvider>
          <RouterProvider router={makeRouter()} />
        </ShortcutsProvider>
      </LiveProvider>
    </AppContext>
  </QueryClientProvider>,
);
