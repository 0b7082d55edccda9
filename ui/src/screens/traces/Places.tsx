// Which project and path is looked at: chips, the choice being links.

import { Link, useSearch } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { count } from "../../text/format";
import { visible } from "../../text/visible";
import type { TracePlaceShape } from "../../wire";

export function Places({ places }: { places: readonly TracePlaceShape[] }): ReactNode {
  const { project } = useSearch({ from: "/traces" });
  const projects = [...new Set(places.map((place) => place.project_id))];
  const paths = places.filter((place) => place.project_id === project);
  return (
    <nav aria-label="Projects and paths" className="stack trace-places">
      <ul className="row">
        <li>
          <Choice label="All projects" traces={total(places)} />
        </li>
        {projects.map((name) => (
          <li key={name}>
            <Choice label={name} project={name} traces={total(places.filter((place) => place.project_id === name))} />
          </li>
        ))}
      </ul>
      {paths.length === 0 ? null : (
        <ul className="row" aria-label="Paths">
          {paths.map((place) => (
            <li key={place.path}>
              <Choice label={place.path} project={place.project_id} path={place.path} traces={place.traces} />
            </li>
          ))}
        </ul>
      )}
    </nav>
  );
}

function total(places: readonly TracePlaceShape[]): number {
  return places.reduce((sum, place) => sum + place.traces, 0);
}

interface ChoiceProps {
  readonly label: string;
  readonly traces: number;
  readonly project?: string;
  readonly path?: string;
}

/** The chosen one leads back to what it is part of. */
function Choice({ label, traces, project, path }: ChoiceProps): ReactNode {
  const now = useSearch({ from: "/traces" });
  const isChosen = path === undefined ? now.project === project && (project === undefined || now.path === undefined) : now.path === path;
  const wanted = { ...(project === undefined ? {} : { project }), ...(path === undefined || isChosen ? {} : { path }) };
  return (
    <Link to="/traces" search={wanted} className="chip" aria-current={isChosen ? "true" : undefined} activeOptions={{ exact: true, includeSearch: true }} resetScroll={false}>
      <span className="wrap">{visible(label)}</span> <span className="num muted">{count(traces)}</span>
    </Link>
  );
}
