// `/settings`: the server, its embedder, and how this browser shows things.

import type { ReactNode } from "react";

import { Heading } from "../../components/Heading";

export function Settings(): ReactNode {
  return <Heading title="Settings">Settings</Heading>;
}
