// Why a search that should go by meaning too went by words alone, and what to do about it.

import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { useApp } from "../../components/app";
import { healthQuery } from "../../data/server";
import { visible } from "../../text/visible";

export function ByWordsOnly(): ReactNode {
  const { api } = useApp();
  const embedder = useQuery(healthQuery(api)).data?.parts.embedder;
  return (
    <p className="said" data-testid="words-only">
      {embedder?.status === "ok" ? (
        <>
          By words alone: the vectors are still being made, and meaning counts as soon as they are there.{" "}
          <Link to="/activity">See how far it is</Link>
        </>
      ) : embedder?.status === "off" ? (
        <>
          By words alone: no embedder is on. Set <code className="mono">GLEANERY_EMBEDDER</code> to find by meaning too.
        </>
      ) : (
        <>By words alone{embedder === undefined ? "." : `: ${visible(embedder.message)}.`}</>
      )}
    </p>
  );
}
