// `/parse`: one page taken apart in a browser. The form, and what was parsed before.

import "./parse.css";

import { useQuery } from "@tanstack/react-query";
import { useSearch } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { useApp } from "../../components/app";
import { Loaded } from "../../components/Failure";
import { Heading } from "../../components/Heading";
import { taskQuery } from "../../data/tasks";
import { History } from "./History";
import { ParseForm } from "./ParseForm";
import { formOf, hasSecrets, USUAL } from "./parseRequest";

export function Parse(): ReactNode {
  const { again, url = "" } = useSearch({ from: "/parse" });
  return (
    <>
      <div className="head">
        <Heading title="Parse page">Parse page</Heading>
        <span className="muted sm">A page as a browser shows it: what can be clicked and filled in, what it means, what it looks like.</span>
      </div>
      {again === undefined ? <ParseForm key={url} initial={{ ...USUAL, url }} /> : <Again key={again} taskId={again} />}
      <History />
    </>
  );
}

/** The form as a parse before had it. */
function Again({ taskId }: { taskId: string }): ReactNode {
  const { api } = useApp();
  return (
    <Loaded query={useQuery(taskQuery(api, taskId))}>
      {({ payload }) => <ParseForm initial={formOf(payload)} isOpen wantsSecrets={hasSecrets(payload)} />}
    </Loaded>
  );
}
