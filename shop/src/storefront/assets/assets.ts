/** Files for browsers: prepared once at start, named by their content, compressed, cached for a year. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

export interface Asset {
  readonly type: string;
  readonly plain: Buffer;
  readonly gzip: Buffer;
  readonly brotli: Buffer;
}

export interface Assets {
  /** By path. */
  readonly files: ReadonlyMap<string, Asset>;
  readonly style: string;
  readonly icon: string;
  readonly script: string;
  /** What the script imports, directly or not. */
  readonly modules: readonly string[];
}

const base = "/assets";
const javascript = "text/javascript; charset=utf-8";
/** Sent as one file, in this order: what follows wins. */
const styles = ["base", "products", "buying", "texts", "narrow"].map(
  (name) => `styles/${name}.css`,
);
const entry = new URL("../browser/main.ts", import.meta.url);

/**
 * The scripts are the TypeScript of `browser/` and the SDK without its types: both use only syntax that can be
 * erased, so there is nothing to build. All modules share one version in their path, so that relative imports
 * work and a change of any is a new address of all.
 */
export function loadAssets(): Assets {
  const files = new Map<string, Asset>();
  const modules = collectModules();
  const version = shortHash([...modules.values()].join("\n"));
  const pathOf = (url: string) => `${base}/${version}/${moduleName(url)}`;
  for (const [url, source] of modules) {
    files.set(pathOf(url), asset(javascript, Buffer.from(source)));
  }
  const add = (name: string, type: string, sources: readonly string[]): string => {
    const contents = sources.map((file) => readFileSync(new URL(file, import.meta.url)));
    const content = Buffer.concat(contents);
    const path = `${base}/${shortHash(content)}/${name}`;
    files.set(path, asset(type, content));
    return path;
  };
  const [script = "", ...imported] = [...modules.keys()].map(pathOf);
  return {
    files,
    style: add("shop.css", "text/css; charset=utf-8", styles),
    icon: add("icon.svg", "image/svg+xml", ["icon.svg"]),
    script,
    modules: imported,
  };
}

/** The entry and all that it imports, by URL: first the entry. */
function collectModules(): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const sdk = import.meta.resolve("@weir/sdk");
  const waiting = [entry.href];
  for (const url of waiting) {
    if (found.has(url)) continue;
    const stripped = stripTypes(readFileSync(fileURLToPath(url), "utf8"));
    const source = stripped.replace(imports, (statement, quote: string, specifier: string) => {
      const target = specifier === "@weir/sdk" ? sdk : new URL(specifier, url).href;
      waiting.push(target);
      return statement.replace(quote + specifier, `${quote}./${moduleName(target)}`);
    });
    found.set(url, source);
  }
  return found;
}

const imports = /\b(?:from\s*|import\s*)(["'])(@weir\/sdk|\.{1,2}\/[^"']+)["']/g;

/** `sdk-client.js` and `shop-main.js`: flat names, so that one folder has all. */
function moduleName(url: string): string {
  const name = url.slice(url.lastIndexOf("/") + 1).replace(/\.ts$/, ".js");
  return `${url.startsWith(new URL(".", entry).href) ? "shop" : "sdk"}-${name}`;
}

/** Without Node's warning that the function is experimental: Node strips this program's own types with it. */
function stripTypes(source: string): string {
  const { emitWarning } = process;
  process.emitWarning = () => {};
  try {
    return stripTypeScriptTypes(source)
      .replace(/[ \t]+$/gm, "")
      .replace(/\n{2,}/g, "\n");
  } finally {
    process.emitWarning = emitWarning;
  }
}

function asset(type: string, plain: Buffer): Asset {
  const quality = { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY };
  return {
    type,
    plain,
    gzip: gzipSync(plain, { level: 9 }),
    brotli: brotliCompressSync(plain, { params: quality }),
  };
}

function shortHash(content: string | Buffer): string {
  return createHash("sha256").update(content).digest("base64url").slice(0, 12);
}
