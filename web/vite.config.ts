import { defineConfig } from "vitest/config";

// `npm run dev` passes the doors of a server that runs beside it.
const server = process.env.MUSTER_SERVER ?? "http://127.0.0.1:7350";

export default defineConfig({
  base: "./",
  build: { target: "es2022", chunkSizeWarningLimit: 800, assetsInlineLimit: 0 },
  server: { proxy: { "/v1": { target: server, ws: true }, "/health": server } },
  test: { include: ["tests/**/*.test.ts"] },
});
