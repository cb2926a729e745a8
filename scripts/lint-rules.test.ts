import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { before, test } from "node:test";

/**
 * A linter that checks nothing is green. So each rule is shown a file that breaks it and one that
 * keeps it, in a copy of the folder structure with the real biome.json.
 */
const root = join(import.meta.dirname, "..");
const biome = join(root, "node_modules", "@biomejs", "biome", "bin", "biome");
const folder = mkdtempSync(join(tmpdir(), "weir-lint-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

/** `file` imports `specifier`. */
type Import = readonly [file: string, specifier: string];

const refused: readonly Import[] = [
  ["protocol/src/a.ts", "node:fs"],
  ["protocol/src/a.ts", "ajv"],
  ["protocol/src/a.ts", "../../server/src/core/errors.ts"],
  ["sdk/src/a.ts", "uuid"],
  ["sdk/src/a.ts", "../../protocol/src/index.ts"],
  ["sdk/src/a.ts", "../../server/src/core/errors.ts"],
  ["server/src/core/a.ts", "../ingest/a.ts"],
  ["server/src/core/a.ts", "../config.ts"],
  ["server/src/core/a.ts", "pg"],
  ["server/src/core/a.ts", "node:fs"],
  ["server/src/core/a.ts", "node:timers/promises"],
  ["server/src/commands/a.ts", "pg"],
  ["server/src/main.ts", "fastify"],
  ["server/src/supervisor.ts", "pino"],
  ["server/src/postgres/a.ts", "fastify"],
  ["server/src/postgres/a.ts", "../telemetry/logger.ts"],
  ["server/src/http/a.ts", "pg"],
  ["server/src/http/a.ts", "../auth/principals.ts"],
  ["server/src/telemetry/a.ts", "pg"],
  ["server/src/telemetry/a.ts", "../http/server.ts"],
  ["server/src/websocket/a.ts", "pg"],
  ["server/src/websocket/a.ts", "../gateway/feed.ts"],
  ["server/src/config/a.ts", "commander"],
  ["server/src/demo/a.ts", "../ingest/a.ts"],
  ["dashboard/src/a.tsx", "@weir/sdk"],
  ["dashboard/src/a.tsx", "@weir/server"],
  ["dashboard/src/a.tsx", "../../server/src/core/errors.ts"],
  // The parts, and any that come later: the rule goes by place, not by a list of names.
  ...["ingest", "auth", "etl", "query", "gateway", "retention", "health", "a-later-part"].flatMap(
    (part): Import[] => [
      [`server/src/${part}/a.ts`, "../postgres/pool.ts"],
      [`server/src/${part}/a.ts`, "../another/a.ts"],
      [`server/src/${part}/a.ts`, "../compose.ts"],
      [`server/src/${part}/a.ts`, "@weir/sdk"],
      [`server/src/${part}/a.ts`, "ws"],
      [`server/src/${part}/a.ts`, "yaml"],
      ...["pg", "pg-pool", "fastify", "@fastify/cookie", "pino", "prom-client"].map(
        (library): Import => [`server/src/${part}/a.ts`, library],
      ),
      [`server/src/${part}/deep/a.ts`, "../../postgres/pool.ts"],
      [`server/src/${part}/deep/a.ts`, "pg"],
      [`server/src/${part}/deep/deeper/a.ts`, "../../../another/a.ts"],
    ],
  ),
];

const allowed: readonly Import[] = [
  ["protocol/src/a.ts", "./event.ts"],
  ["sdk/src/a.ts", "./queue.ts"],
  ["sdk/src/a.ts", "@weir/protocol"],
  ["server/src/core/a.ts", "@weir/protocol"],
  ["server/src/core/a.ts", "./errors.ts"],
  ["server/src/core/a.ts", "node:crypto"],
  ["server/src/ingest/a.ts", "../core/errors.ts"],
  ["server/src/ingest/a.ts", "./writer.ts"],
  ["server/src/ingest/a.ts", "@weir/protocol"],
  ["server/src/ingest/deep/a.ts", "../writer.ts"],
  ["server/src/ingest/deep/a.ts", "../../core/errors.ts"],
  ["server/src/ingest/a.test.ts", "../postgres/pool.ts"],
  ["server/src/postgres/a.ts", "pg"],
  ["server/src/postgres/a.ts", "../core/database.ts"],
  ["server/src/http/a.ts", "fastify"],
  ["server/src/http/a.ts", "@fastify/cookie"],
  ["server/src/telemetry/a.ts", "pino"],
  ["server/src/telemetry/a.ts", "prom-client"],
  ["server/src/websocket/a.ts", "ws"],
  ["server/src/config/a.ts", "yaml"],
  ["server/src/demo/a.ts", "@weir/sdk"],
  ["server/src/commands/a.ts", "../postgres/pool.ts"],
  ["server/src/commands/a.ts", "commander"],
  ["server/src/compose.ts", "./postgres/pool.ts"],
  ["dashboard/src/a.tsx", "@weir/protocol"],
  ["dashboard/src/a.tsx", "../live/feed.ts"],
];

const styles: readonly { rule: string; file: string; breaks: string; keeps: string }[] = [
  {
    rule: "suspicious/noExplicitAny",
    file: "server/src/style/typed.ts",
    breaks: "export const a = (b: any) => b;",
    keeps: "export const a = (b: unknown) => b;",
  },
  {
    rule: "style/noEnum",
    file: "server/src/style/words.ts",
    breaks: "export enum A {\n  b,\n}",
    keeps: 'export type A = "b";',
  },
  {
    rule: "style/noNamespace",
    file: "server/src/style/spaces.ts",
    breaks: "export namespace A {\n  export const b = 1;\n}",
    keeps: "export const b = 1;",
  },
  {
    rule: "style/noDefaultExport",
    file: "server/src/style/exported.ts",
    breaks: "export default 1;",
    keeps: "export const a = 1;",
  },
  {
    rule: "complexity/useMaxParams",
    file: "server/src/style/called.ts",
    breaks: "export const a = (b: 1, c: 1, d: 1, e: 1) => [b, c, d, e];",
    keeps: "export const a = (b: 1, c: 1, d: 1) => [b, c, d];",
  },
  {
    rule: "style/noExcessiveLinesPerFile",
    file: "server/src/style/long.ts",
    breaks: lines(401),
    keeps: lines(400),
  },
  {
    rule: "style/noExcessiveLinesPerFile",
    file: "server/src/style/long.test.ts",
    breaks: lines(601),
    keeps: lines(600),
  },
  {
    rule: "suspicious/noFocusedTests",
    file: "server/src/style/focused.test.ts",
    breaks: 'import { test } from "node:test";\n\ntest.only("a", () => {});',
    keeps: 'import { test } from "node:test";\n\ntest("a", () => {});',
  },
];

/** `path rule` of each finding. */
let found: ReadonlySet<string>;

before(() => {
  const settings = JSON.parse(readFileSync(join(root, "biome.json"), "utf8"));
  write("biome.json", JSON.stringify({ ...settings, root: true, vcs: { enabled: false } }));
  for (const [index, [file, specifier]] of [...refused, ...allowed].entries()) {
    write(numbered(file, index), `import { a } from "${specifier}";\n\nexport const b = a;\n`);
  }
  for (const { file, breaks, keeps } of styles) {
    write(file, `${breaks}\n`);
    write(file.replace("/style/", "/kept/"), `${keeps}\n`);
  }
  write("server/src/style/NotKebab.ts", "export const a = 1;\n");
  write(
    "server/src/style/one.ts",
    'import { two } from "./two.ts";\n\nexport const one = () => two;\n',
  );
  write(
    "server/src/style/two.ts",
    'import { one } from "./one.ts";\n\nexport const two = () => one;\n',
  );
  found = lint();
});

test("every import against the direction is refused", () => {
  const missed = refused.filter(
    ([file], index) => !found.has(`${numbered(file, index)} style/noRestrictedImports`),
  );
  assert.deepEqual(missed, []);
});

test("no import along the direction is refused", () => {
  const wrong = allowed.filter(([file], index) =>
    found.has(`${numbered(file, refused.length + index)} style/noRestrictedImports`),
  );
  assert.deepEqual(wrong, []);
});

test("an import cycle is refused", () => {
  assert.ok(found.has("server/src/style/one.ts suspicious/noImportCycles"));
});

test("a file name that is not kebab-case is refused", () => {
  assert.ok(found.has("server/src/style/NotKebab.ts style/useFilenamingConvention"));
});

for (const { rule, file } of styles) {
  test(`${rule} refuses what breaks it and nothing else, in ${file}`, () => {
    assert.ok(found.has(`${file} ${rule}`), "the breaking file has no finding");
    assert.ok(
      !found.has(`${file.replace("/style/", "/kept/")} ${rule}`),
      "the keeping file has one",
    );
  });
}

test("the SDK takes nothing but types from the protocol, and the protocol nothing from Node", () => {
  for (const name of ["sdk", "protocol"]) {
    const source = join(root, name, "src");
    const files = readdirSync(source, { recursive: true, encoding: "utf8" }).filter(
      (file) => file.endsWith(".ts") && !file.endsWith(".test.ts"),
    );
    assert.ok(files.length > 0, `${name}/src has files`);
    for (const file of files) {
      const script = stripTypeScriptTypes(readFileSync(join(source, file), "utf8"));
      const imported = [...script.matchAll(/\b(?:from|import\()\s*["']([^"']+)["']/g)]
        .map(([, specifier = ""]) => specifier)
        .filter((specifier) => !/^\.{1,2}\/|^node:/.test(specifier));
      assert.deepEqual(imported, [], `${name}/src/${file} imports a package at run time`);
    }
  }
});

function lint(): ReadonlySet<string> {
  const { stdout, stderr } = spawnSync(
    process.execPath,
    [biome, "lint", "--reporter=json", "--max-diagnostics=none", "."],
    { cwd: folder, encoding: "utf8", maxBuffer: 64 * 1024 * 1024, timeout: 60_000 },
  );
  assert.match(stdout, /^\{/, stderr);
  const { diagnostics } = JSON.parse(stdout) as {
    diagnostics: { category: string; location: { path: string | { file: string } } }[];
  };
  return new Set(
    diagnostics.map(({ category, location: { path } }) => {
      const file = typeof path === "string" ? path : path.file;
      return `${file} ${category.replace("lint/", "")}`;
    }),
  );
}

function write(file: string, text: string): void {
  const path = join(folder, file);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

/** `server/src/main.ts`, 7 -> `server/src/main-7.ts`: one file for each import. */
function numbered(file: string, index: number): string {
  return file.replace(/((?:\.test)?\.tsx?)$/, `-${index}$1`);
}

function lines(count: number): string {
  return Array.from({ length: count }, (_, index) => `export const a${index} = 1;`).join("\n");
}
