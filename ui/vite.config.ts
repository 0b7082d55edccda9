import { fileURLToPath } from "node:url";

import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// Its build for browsers decodes "&amp;" of Markdown by innerHTML, which the Content-Security-Policy refuses.
const entities = fileURLToPath(new URL("node_modules/decode-named-character-reference/index.js", import.meta.url));

const server = process.env.GLEANERY_URL ?? "http://127.0.0.1:8181";

export default defineConfig({
  plugins: [react()],
  resolve: { alias: { "decode-named-character-reference": entities } },
  build: {
    target: "es2022",
    sourcemap: false,
    assetsDir: "assets",
    assetsInlineLimit: 0,
    cssCodeSplit: false, // one file: all of it together is smaller than its parts, and no screen waits for its own
    modulePreload: { polyfill: false },
  },
  server: {
    proxy: {
      "/api": server,
      "/health": server,
      "/example": server,
      "/socket.io": { target: server, ws: true },
    },
  },
  test: { environment: "node", include: ["src/**/*.test.{ts,tsx}"] },
});
