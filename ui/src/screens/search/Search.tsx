// `/search`: passages or code, found as you type. What is asked for, the filters and the chosen hit are in the URL.

import "./search.css";

import { type ReactNode, useRef } from "react";

import { Heading } from "../../components/Heading";
import { useParamsOf } from "./change";
import { Chips } from "./Chips";
import { CodeResults } from "./CodeResults";
import { Filters } from "./Filters";
import { Nothing } from "./Nothing";
import { Results } from "./Results";
import { SearchBox } from "./SearchBox";

export function Search(): ReactNode {
  const { q, show } = useParamsOf();
  const field = useRef<HTMLInputElement>(null);
  const results = useRef<HTMLElement>(null);
  const goDown = (): void => results.current?.querySelector<HTMLElement>('[data-hit-link][tabindex="0"]')?.focus();
  return (
    <div className="search-screen">
      <Heading title={q === undefined ? "Search" : `${q} · Search`} className="sr" takesFocus={false}>
        Search
      </Heading>
      <SearchBox field={field} onDown={goDown} />
      <div className="search-cols">
        <Filters />
        <section aria-label="Results" className="results" ref={results}>
          <Chips />
          {q === undefined ? <Nothing field={field} /> : show === "code" ? <CodeResults /> : <Results />}
        </section>
      </div>
    </div>
  );
}
