// All of it as the API gives it: copied or saved whole; of a long one the first part is shown.

import { type ReactNode, useMemo } from "react";

import { CopyButton } from "../../components/buttons";
import { Code } from "../../components/Code";
import { Icon } from "../../components/Icon";
import { bytes } from "../../text/format";
import type { ParseShape } from "../../wire";

const MOST_SHOWN = 50_000;

export function JsonTab({ parse }: { parse: ParseShape }): ReactNode {
  const json = useMemo(() => JSON.stringify(parse, null, 2), [parse]);
  const isLong = json.length > MOST_SHOWN;
  return (
    <>
      <div className="row content-bar">
        <span className="muted sm num">
          {bytes(json.length)}
          {isLong ? `, the first ${bytes(MOST_SHOWN)} are shown` : ""}
        </span>
        <span className="sp" />
        <CopyButton text={json} label="Copy" />
        <button type="button" className="btn small" onClick={() => save(json, `${parse.task_id}.json`)}>
          <Icon name="down" />
          Download
        </button>
      </div>
      <div className="json" data-testid="json">
        <Code code={isLong ? `${json.slice(0, json.lastIndexOf("\n", MOST_SHOWN))}\n…` : json} language="json" />
      </div>
    </>
  );
}

function save(text: string, name: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}
