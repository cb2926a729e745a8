import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { before, test } from "node:test";

/**
 * A linter that checks nothing is green. So each rule is shown a file that breaks it and one that
 * keeps it, in a copy of the folder structure with the real biome.json and biome.boundaries.json.
 */
const root = join(import.meta.dirname, "..");
const biome = join(root, "node_modules", "@biomejs", "biome", "bin", "biome");
const folder = mkdtempSync(join(tmpdir(), "weir-lint-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

/** `file` imports `specifier`. */
type Import = readonly [file: string, specifier: string];

/** One of each restricted library. */
const restrictedExamples = [
  "cockatiel",
  "pg",
  "pg-pool",
  "fastify",
  "@fastify/cookie",
  "pino",
  "prom-client",
  "ws",
  "yaml",
  "commander",
];

const refused: readonly Import[] = [
  ["protocol/src/a.ts", "node:fs"],
  ["protocol/src/a.ts", "ajv"],
  ["protocol/src/a.ts", "../../server/src/core/errors.ts"],
  ["protocol/src/analytics/a.ts", "../../../server/src/core/errors.ts"],
  ["protocol/src/analytics/a.ts", "node:fs"],
  ["sdk/src/a.ts", "uuid"],
  ["sdk/src/a.ts", "../../protocol/src/index.ts"],
  ["sdk/src/a.ts", "../../server/src/core/errors.ts"],
  ["server/src/core/a.ts", "../parts/ingest/a.ts"],
  ["server/src/core/a.ts", "../timing/wake.ts"],
  ["server/src/core/a.ts", "../config/schema.ts"],
  ["server/src/core/a.ts", "pg"],
  ["server/src/core/a.ts", "node:fs"],
  ["server/src/core/a.ts", "node:timers/promises"],
  ["server/src/core/event/a.ts", "../../parts/ingest/a.ts"],
  ["server/src/core/event/a.ts", "node:fs"],
  ["server/src/timing/a.ts", "../parts/ingest/a.ts"],
  ["server/src/config/a.ts", "commander"],
  ["server/src/config/a.ts", "../parts/ingest/a.ts"],
  ["server/src/config/sections/a.ts", "../../parts/ingest/a.ts"],
  ["server/src/main.ts", "fastify"],
  ["server/src/process/a.ts", "pino"],
  ["server/src/process/a.ts", "../compose/http.ts"],
  ["server/src/process/a.ts", "../commands/up.ts"],
  ["server/src/compose/a.ts", "../commands/up.ts"],
  ["server/src/compose/a.ts", "pg"],
  ["server/src/commands/a.ts", "pg"],
  ["server/src/commands/a.ts", "yaml"],
  ["server/src/adapters/postgres/a.ts", "fastify"],
  ["server/src/adapters/postgres/a.ts", "../telemetry/logger.ts"],
  ["server/src/adapters/http/a.ts", "pg"],
  ["server/src/adapters/http/a.ts", "../../parts/auth/principals.ts"],
  ["server/src/adapters/telemetry/a.ts", "pg"],
  ["server/src/adapters/websocket/a.ts", "../../parts/gateway/feed.ts"],
  ["server/src/adapters/vectors/embedded/index/a.ts", "../../../postgres/pool.ts"],
  ["server/src/adapters/vectors/embedded/index/a.ts", "../../../../parts/search/a.ts"],
  ["server/src/parts/demo/a.ts", "../ingest/a.ts"],
  ["dashboard/src/a.tsx", "@weir/sdk"],
  ["dashboard/src/a.tsx", "@weir/server"],
  ["dashboard/src/a.tsx", "../../server/src/core/errors.ts"],
  // Parts and adapters, and any that come later: the rule goes by place, not by a list of names.
  ...["parts/ingest", "parts/auth", "parts/a-later-one", "adapters/a-later-one"].flatMap(
    (room): Import[] => [
      [`server/src/${room}/a.ts`, "../another/a.ts"],
      [`server/src/${room}/a.ts`, "../../compose/http.ts"],
      [`server/src/${room}/a.ts`, "../../config/schema.ts"],
      [`server/src/${room}/a.ts`, "@weir/sdk"],
      ...restrictedExamples.map((library): Import => [`server/src/${room}/a.ts`, library]),
      [`server/src/${room}/deep/a.ts`, "../../another/a.ts"],
      [`server/src/${room}/deep/a.ts`, "pg"],
      [`server/src/${room}/deep/deeper/a.ts`, "../../../another/a.ts"],
      [`server/src/${room}/deep/deeper/deepest/a.ts`, "../../../../another/a.ts"],
    ],
  ),
  ["server/src/parts/ingest/a.ts", "../../adapters/postgres/pool.ts"],
  ["server/src/parts/ingest/a.test.ts", "../../../../bench/generate.ts"],
  ["server/test/promises/a.test.ts", "../../../bench/load-generator.ts"],
  ["server/test/helpers/a.ts", "../../../bench/generate.ts"],
  ["sdk/src/a.test.ts", "../../bench/generate.ts"],
  ["bench/a.ts", "../server/test/helpers/ingest.ts"],
  ["bench/quality/a.ts", "../../server/test/helpers/ingest.ts"],
  ["scripts/a.ts", "../server/test/helpers/weir.ts"],
  ["scripts/mutate/a.test.ts", "../../server/test/helpers/weir.ts"],
  ["scripts/a.ts", "../bench/generate.ts"],
  ["testing/a.ts", "../server/test/helpers/ingest.ts"],
  ["testing/a.ts", "../bench/generate.ts"],
  ["server/src/parts/a-later-one/a.ts", "rabbitmq-client"],
  ["dashboard/src/a.tsx", "../../shop/src/foundation/settings.ts"],
  ["server/src/compose/a.ts", "../../../shop/src/foundation/settings.ts"],
  ["shop/src/main.ts", "fastify"],
  ["shop/src/main.ts", "@weir/protocol"],
  ["shop/src/foundation/a.ts", "../products/a.ts"],
  ["shop/src/foundation/a.ts", "../../../server/src/core/errors.ts"],
  ["shop/src/foundation/a.ts", "@weir/protocol"],
  ["shop/src/foundation/deep/a.ts", "../../bus/a.ts"],
  ["shop/src/cache/a.ts", "../bus/a.ts"],
  ["shop/src/cache/a.ts", "pg"],
  ["shop/src/cache/redis/a.ts", "../../products/a.ts"],
  ["shop/src/bus/a.ts", "../cache/a.ts"],
  ["shop/src/bus/a.ts", "@redis/client"],
  ["shop/src/notifications/a.ts", "../orders/a.ts"],
  ["shop/src/notifications/channels/a.ts", "../../orders/a.ts"],
  ["shop/test/promises/a.test.ts", "../../../server/test/helpers/weir.ts"],
  ["shop/test/helpers/a.ts", "../../../server/test/helpers/weir.ts"],
  ["shop/src/products/a.test.ts", "../../../bench/generate.ts"],
  // Services, and any that come later.
  ...["products", "orders", "a-later-one"].flatMap((room): Import[] => [
    [`shop/src/${room}/a.ts`, "../another/a.ts"],
    [`shop/src/${room}/a.ts`, "../main.ts"],
    [`shop/src/${room}/a.ts`, "../../../server/src/core/errors.ts"],
    [`shop/src/${room}/a.ts`, "../../../sdk/src/index.ts"],
    [`shop/src/${room}/a.ts`, "@weir/sdk"],
    [`shop/src/${room}/a.ts`, "@weir/protocol"],
    ...[...restrictedExamples, "@redis/client", "rabbitmq-client", "nodemailer"].map(
      (library): Import => [`shop/src/${room}/a.ts`, library],
    ),
    [`shop/src/${room}/deep/a.ts`, "../../another/a.ts"],
    [`shop/src/${room}/deep/deeper/a.ts`, "../../../another/a.ts"],
    [`shop/src/${room}/deep/deeper/a.ts`, "pg"],
  ]),
];

const allowed: readonly Import[] = [
  ["protocol/src/a.ts", "./event.ts"],
  ["protocol/src/analytics/a.ts", "../schema.ts"],
  ["sdk/src/a.ts", "./queue.ts"],
  ["sdk/src/a.ts", "@weir/protocol"],
  ["server/src/core/a.ts", "@weir/protocol"],
  ["server/src/core/a.ts", "./errors.ts"],
  ["server/src/core/a.ts", "node:crypto"],
  ["server/src/core/event/a.ts", "../errors.ts"],
  ["server/src/timing/a.ts", "../core/ports/guard.ts"],
  ["server/src/parts/ingest/a.ts", "../../core/errors.ts"],
  ["server/src/parts/ingest/a.ts", "../../timing/wake.ts"],
  ["server/src/parts/ingest/a.ts", "./writer.ts"],
  ["server/src/parts/ingest/a.ts", "@weir/protocol"],
  ["server/src/parts/ingest/deep/a.ts", "../writer.ts"],
  ["server/src/parts/ingest/deep/a.ts", "../../../core/errors.ts"],
  ["server/src/parts/ingest/a.test.ts", "../../adapters/postgres/pool.ts"],
  ["server/src/adapters/postgres/a.ts", "pg"],
  ["server/src/adapters/postgres/a.ts", "../../core/ports/database.ts"],
  ["server/src/adapters/vectors/embedded/index/a.ts", "../../feed.ts"],
  ["server/src/adapters/vectors/embedded/index/a.ts", "../../../../core/uuid.ts"],
  ["server/src/adapters/http/a.ts", "fastify"],
  ["server/src/adapters/http/a.ts", "@fastify/cookie"],
  ["server/src/adapters/telemetry/a.ts", "pino"],
  ["server/src/adapters/telemetry/a.ts", "prom-client"],
  ["server/src/adapters/websocket/a.ts", "ws"],
  ["server/src/adapters/resilience/a.ts", "cockatiel"],
  ["server/src/config/a.ts", "yaml"],
  ["server/src/config/sections/a.ts", "../../core/errors.ts"],
  ["server/src/process/a.ts", "../adapters/postgres/pool.ts"],
  ["server/src/compose/a.ts", "../parts/etl/worker.ts"],
  ["server/src/compose/a.ts", "../process/databases.ts"],
  ["server/src/parts/demo/a.ts", "@weir/sdk"],
  ["server/src/commands/a.ts", "../adapters/postgres/pool.ts"],
  ["server/src/commands/a.ts", "../compose/http.ts"],
  ["server/src/commands/a.ts", "commander"],
  ["dashboard/src/a.tsx", "@weir/protocol"],
  ["dashboard/src/a.tsx", "../live/feed.ts"],
  ["server/src/parts/ingest/a.test.ts", "../../../../testing/until.ts"],
  ["server/src/parts/ingest/a.test.ts", "../../../test/helpers/ingest.ts"],
  ["server/test/promises/a.test.ts", "../../src/adapters/postgres/pool.ts"],
  ["server/test/promises/a.test.ts", "../helpers/ingest.ts"],
  ["bench/a.ts", "../server/src/adapters/postgres/pool.ts"],
  ["bench/a.ts", "./load-generator.ts"],
  ["bench/a.ts", "../testing/database.ts"],
  ["scripts/a.ts", "../testing/database.ts"],
  ["testing/a.ts", "../server/src/core/random.ts"],
  ["shop/src/main.ts", "./products/start.ts"],
  ["shop/src/foundation/a.ts", "fastify"],
  ["shop/src/foundation/a.ts", "pg"],
  ["shop/src/foundation/a.ts", "pino"],
  ["shop/src/foundation/a.ts", "@weir/sdk"],
  ["shop/src/cache/a.ts", "@redis/client"],
  ["shop/src/cache/redis/a.ts", "../../foundation/settings.ts"],
  ["shop/src/bus/a.ts", "rabbitmq-client"],
  ["shop/src/bus/a.ts", "../foundation/database.ts"],
  ["shop/src/notifications/a.ts", "nodemailer"],
  ["shop/src/products/a.ts", "../foundation/database.ts"],
  ["shop/src/products/a.ts", "../cache/cache.ts"],
  ["shop/src/products/deep/a.ts", "../../bus/bus.ts"],
  ["shop/src/products/deep/a.ts", "../a.ts"],
  ["shop/src/products/a.test.ts", "../../../testing/database.ts"],
  ["shop/src/products/a.test.ts", "../../test/helpers/databases.ts"],
  ["shop/test/promises/a.test.ts", "../../src/products/start.ts"],
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
  write("biome.boundaries.json", readFileSync(join(root, "biome.boundaries.json"), "utf8"));
  write("biome.json", JSON.stringify({ ...settings, root: true, vcs: { enabled: false } }));
  for (const [index, [file, specifier]] of [...refused, ...allowed].entries()) {
    write(numbered(file, index), `import { a } from "${specifier}";\n\nexport const b = a;\n`);
  }
  for (const { file, breaks, keeps } of styles) {
    write(file, `${breaks}\n`);
    write(file.replace("/style/", "/kept/"), `${keeps}\n`);
  }
  write(
    "server/src/style/type-one.ts",
    'import type { Two } from "./type-two.ts";\n\nexport interface One {\n  readonly two: Two;\n}\n',
  );
  write(
    "server/src/style/type-two.ts",
    'import type { One } from "./type-one.ts";\n\nexport interface Two {\n  readonly one: One;\n}\n',
  );
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
  assert.ok(found.has("server/src/style/type-one.ts suspicious/noImportCycles"), "types alone");
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
