// Where to look: beside the results, or folded above them where there is little room.

import type { ReactNode } from "react";

import type { FacetsReply } from "../../wire";
import { useChange, useParamsOf } from "./change";
import { CheckList, Choice, PathField, Pick } from "./fields";
import { MODE_NAMES, MODE_WORDS } from "./modes";
import { sourceName, useFacets } from "./names";
import { joined, listed } from "./params";
import { useIsNarrow } from "./useWide";

export function Filters(): ReactNode {
  const isNarrow = useIsNarrow();
  const { mode, source, tag, kind, language, version, path } = useParamsOf();
  if (!isNarrow) {
    return (
      <aside className="facets" aria-label="Filters">
        <Fields />
      </aside>
    );
  }
  const on = [mode, ...listed(source), ...listed(tag), kind, language, version, path].filter((value) => value !== undefined).length;
  return (
    <details className="card facets-fold">
      <summary className="b">
        Filters <span className="muted sm">{on === 0 ? "" : `${on} on`}</span>
      </summary>
      <div className="facets" role="group" aria-label="Filters">
        <Fields />
      </div>
    </details>
  );
}

function Fields(): ReactNode {
  const facets = useFacets();
  return (
    <>
      <Show />
      <Match />
      {facets === undefined ? null : <FacetFields facets={facets} />}
    </>
  );
}

function Show(): ReactNode {
  const { show } = useParamsOf();
  const change = useChange();
  return (
    <fieldset>
      <legend>Show</legend>
      <Choice name="show" label="Passages" isOn={show === undefined} onChoose={() => change({ show: undefined, language: undefined })} />
      <Choice
        name="show"
        label="Code examples"
        testId="show-code"
        isOn={show === "code"}
        onChoose={() => change({ show: "code", language: undefined, mode: undefined })}
      />
    </fieldset>
  );
}

function Match(): ReactNode {
  const { show, mode = "hybrid" } = useParamsOf();
  const change = useChange();
  if (show === "code") return null;
  return (
    <fieldset>
      <legend>Match</legend>
      {MODE_NAMES.map((name) => (
        <Choice
          key={name}
          name="mode"
          label={MODE_WORDS[name].label}
          isOn={mode === name}
          onChoose={() => change({ mode: name === "hybrid" ? undefined : name })}
        />
      ))}
    </fieldset>
  );
}

/** Only what there is to choose from: a list of one helps nobody. */
function FacetFields({ facets }: { facets: FacetsReply }): ReactNode {
  const { show, source, tag, kind, language, version, path } = useParamsOf();
  const change = useChange();
  const sources = facets.sources.map((some) => ({ value: some.source_id, label: sourceName(some), count: some.pages }));
  const tags = facets.tags.map(({ value, count }) => ({ value, label: value, count }));
  return (
    <>
      <CheckList
        legend="Sources"
        what="pages"
        options={sources}
        chosen={listed(source)}
        onChoose={(values) => change({ source: joined(values) })}
      />
      <CheckList legend="Tags, all of" what="pages" options={tags} chosen={listed(tag)} onChoose={(values) => change({ tag: joined(values) })} />
      <Pick label="Kind" values={facets.kinds} chosen={kind} onChoose={(value) => change({ kind: value })} />
      {show === "code" ? null : (
        <Pick label="Language" values={facets.languages} chosen={language} onChoose={(value) => change({ language: value })} />
      )}
      <Pick label="Version" values={facets.versions} chosen={version} onChoose={(value) => change({ version: value })} />
      <PathField key={path} path={path ?? ""} onChoose={(value) => change({ path: value })} />
    </>
  );
}
