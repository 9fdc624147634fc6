/** How the application is built: one folder `dist/` that the server embeds and serves at `/`. */
import { createRequire } from "node:module";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";
import react from "@vitejs/plugin-react";
import optimizeLocales from "@react-aria/optimize-locales-plugin";
import { defineConfig, type Plugin } from "vite";

const require = createRequire(import.meta.url);
const pdfjsRoot = dirname(require.resolve("pdfjs-dist/package.json"));
const pdfjsVersion = (JSON.parse(readFileSync(join(pdfjsRoot, "package.json"), "utf8")) as { version: string }).version;
const pdfjsBase = `assets/pdfjs-${pdfjsVersion}/`;
const pdfjsFolders = ["cmaps", "standard_fonts", "wasm", "iccs"];

/** Puts the decoders, character maps and standard fonts of pdf.js into `dist/`, so that nothing is fetched from elsewhere. */
function pdfjsData(): Plugin {
  return {
    name: "cartulary-pdfjs-data",
    generateBundle() {
      for (const folder of pdfjsFolders) {
        for (const name of readdirSync(join(pdfjsRoot, folder))) {
          this.emitFile({ type: "asset", fileName: `${pdfjsBase}${folder}/${name}`, source: readFileSync(join(pdfjsRoot, folder, name)) });
        }
      }
    },
    configureServer(server) {
      server.middlewares.use((request, response, next) => {
        const path = request.url?.split("?")[0] ?? "";
        const at = path.indexOf(pdfjsBase);
        if (at < 0 || path.includes("..")) return next();
        response.end(readFileSync(join(pdfjsRoot, path.slice(at + pdfjsBase.length))));
      });
    },
  };
}

/** Writes `name.br` and `name.gz` beside what compresses well: the server hands them out as they are. The page itself gets its nonce and stays plain. */
function compressed(): Plugin {
  return {
    name: "cartulary-compressed",
    apply: "build",
    async writeBundle(options, bundle) {
      const folder = options.dir ?? "dist";
      const names = Object.keys(bundle).filter((name) => /\.(js|mjs|css|svg|wasm|ttf|pfb)$/.test(name));
      for (const name of names) {
        const bytes = readFileSync(join(folder, name));
        if (bytes.length < 1024) continue;
        writeFileSync(join(folder, `${name}.br`), await promisify(brotliCompress)(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } }));
        writeFileSync(join(folder, `${name}.gz`), await promisify(gzip)(bytes, { level: 9 }));
      }
    },
  };
}

export default defineConfig({
  plugins: [react(), { ...optimizeLocales.vite({ locales: ["en-US", "ar-AE"] }), enforce: "pre" }, pdfjsData(), compressed()],
  define: { __PDFJS_BASE__: JSON.stringify(`/${pdfjsBase}`) },
  html: { cspNonce: "__CSP_NONCE__" },
  build: { target: "es2023", assetsInlineLimit: 0, manifest: true, modulePreload: { polyfill: false }, reportCompressedSize: false, rolldownOptions: { checks: { bundlerTimings: false } } },
  server: { proxy: { "/api": process.env["CARTULARY_URL"] ?? "http://127.0.0.1:8480" } },
  test: { include: ["tests/unit/**/*.test.ts"], environment: "node" },
} as Parameters<typeof defineConfig>[0]);
