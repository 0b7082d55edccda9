// Files on their way to the server: one after the other, each with its own end. Pure.

export type UploadState =
  | { readonly name: "waiting" }
  | { readonly name: "sending"; readonly share: number }
  | { readonly name: "taken"; readonly taskId: string }
  | { readonly name: "failed"; readonly error: Error };

export interface Upload {
  /** Also its idempotency key: a file that is sent again is one task. */
  readonly key: string;
  readonly file: File;
  readonly state: UploadState;
}

export type UploadAction =
  | { readonly do: "add"; readonly uploads: readonly Upload[] }
  | { readonly do: "tell"; readonly key: string; readonly state: UploadState }
  | { readonly do: "drop"; readonly key: string };

export function uploadsAfter(uploads: readonly Upload[], action: UploadAction): readonly Upload[] {
  switch (action.do) {
    case "add":
      return [...uploads, ...action.uploads];
    case "tell":
      return uploads.map((upload) => (upload.key === action.key ? { ...upload, state: action.state } : upload));
    case "drop":
      return uploads.filter((upload) => upload.key !== action.key);
  }
}
