// `/queue`: what waits, what failed for good, who works and what recurs.

import type { ReactNode } from "react";

import { Heading } from "../../components/Heading";

export function Queue(): ReactNode {
  return <Heading title="Queue">Queue</Heading>;
}
