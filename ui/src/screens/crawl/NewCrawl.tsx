// The dialog of a new crawl: from an address, or from files.

import type { ReactNode } from "react";

import { Dialog } from "../../components/Dialog";
import { CrawlForm } from "./CrawlForm";
import { Uploads } from "./Uploads";

export function NewCrawl({ onClose }: { onClose: () => void }): ReactNode {
  return (
    <Dialog title="New crawl" onClose={onClose}>
      <div className="new-crawl">
        <p className="muted sm">All pages below the address are taken. You can search as soon as the first are stored.</p>
        <CrawlForm onStarted={onClose} />
        <Uploads onLeave={onClose} />
        <div className="row end">
          <button type="button" className="btn quiet" onClick={onClose}>
            Close
          </button>
        </div>
      </div>
    </Dialog>
  );
}
