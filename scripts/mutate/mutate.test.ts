import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { createTestFolder } from "../../testing/database.ts";
import { areas } from "./areas/areas.ts";
import { collect } from "./collect.ts";
import { judge, measureBaseline } from "./judge.ts";
import type { Area, Mutant, Mutation, Outcome, Verdict } from "./mutant.ts";
import { applied, mutantAt } from "./mutant.ts";
import { mutateSql, mutateTypeScript } from "./operators.ts";
import { closingLines, hasFailed } from "./report.ts";
import { makeWorkingCopy } from "./working-copy.ts";

const root = join(import.meta.dirname, "..", "..");

/** The whole text after each change. */
function changes(text: string): string[] {
  return mutateTypeScript("a.ts", text).map((edit) => applied(text, edit));
}

test("conditions, comparisons, numbers, calls and statements are changed, one at a time", () => {
  assert.deepEqual(changes("if (a < b) c();"), [
    "if (!(a < b)) c();",
    "if (a <= b) c();",
    "if (a < b) ;",
  ]);
  assert.deepEqual(changes("const a = b && !c ? true : d;"), [
    "const a = !(b && !c) ? true : d;",
    "const a = b || !c ? true : d;",
    "const a = b && c ? true : d;",
    "const a = b && !c ? false : d;",
  ]);
  assert.deepEqual(changes("const f = () => a.some(b) - 2;"), [
    "const f = () => a.every(b) - 2;",
    "const f = () => a.some(b) + 2;",
    "const f = () => a.some(b) - (2 - 1);",
    "const f = () => a.some(b) - (2 + 1);",
  ]);
  assert.deepEqual(changes("await a();"), ["void a();", ";"]);
});

test("a function that returns nothing returns early, one with a value does not", () => {
  assert.ok(changes("function a() { b(); }").includes("function a() { return; b(); }"));
  assert.ok(changes("const a = () => { b(() => { return 1; }); };")[0]?.includes("return;"));
  assert.ok(!changes("function a() { b(); return c; }").some((text) => text.includes("return;")));
  assert.ok(!changes("function a() { throw b; }").some((text) => text.includes("return;")));
});

test("texts, comments, types and tuned sizes stay as they are", () => {
  for (const text of [
    'const a = "b < 1 && true";',
    "// a < 1\n/* if (a) b(); */",
    "interface A { readonly ok: true; readonly n: 1 }",
    "type A = 0 | 1 | false;",
    'const a = "b" + c;',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is a program
    "const a = `${b} < 1` + c;",
    "const timeoutMs = 5 * 1_000;",
  ]) {
    assert.deepEqual(changes(text), [], text);
  }
});

test("a SQL function is changed behind its head, not in comments and not inside between", () => {
  const text = `create function f(a int default 1) as $$
    -- a < 1
    select max(b) from c where b between 1 and $1 and d is not null
  $$;`;
  const body = (edit: ReturnType<typeof mutateSql>[number]) => applied(text, edit).split("\n")[2];
  assert.deepEqual(mutateSql(text).map(body), [
    "    select min(b) from c where b between 1 and $1 and d is not null",
    "    select max(b) from c where b between 2 and $1 and d is not null",
    "    select max(b) from c where b between 1 and $1 or d is not null",
    "    select max(b) from c where b between 1 and $1 and d is null",
  ]);
});

test("a list with a text that the code does not hold exactly once is a fault", async (t) => {
  const folder = await makeRepository(t, { "src/a.ts": "const a = 1;\nconst b = 1;\n" });
  const faultsOf = (mutations: readonly Mutation[]) =>
    collect(makeArea({ mutations }), { root: folder, seed: 1, sample: 0, below: [] }).faults;
  assert.equal(faultsOf([{ in: "src/a.ts", from: "const b", to: "let b" }]).length, 0);
  assert.match(faultsOf([{ in: "src/a.ts", from: "const", to: "let" }])[0] ?? "", /found 2 times/);
  assert.match(faultsOf([{ in: "src/a.ts", from: "gone", to: "" }])[0] ?? "", /found 0 times/);
  assert.match(faultsOf([{ in: "src/c.ts", from: "a", to: "" }])[0] ?? "", /no such file/);
});

test("the sample is the same for the same seed; what is explained is not tried, and cannot rot", async (t) => {
  const folder = await makeRepository(t, {
    "src/a.ts": "export const f = (a: number) => a < 1;\n",
  });
  const at = (area: Partial<Area>, options: { sample: number; below?: string[] }) =>
    collect(makeArea({ sources: ["src/a.ts"], ...area }), {
      root: folder,
      seed: 7,
      below: [],
      ...options,
    });
  assert.equal(at({}, { sample: 10 }).mutants.length, 3);
  assert.deepEqual(at({}, { sample: 2 }), at({}, { sample: 2 }));
  assert.equal(at({}, { sample: 10, below: ["other"] }).mutants.length, 0);
  const equivalent = {
    in: "src/a.ts",
    from: "export const f = (a: number) => a < 1;",
    to: "export const f = (a: number) => a <= 1;",
    because: "a is never 1",
  };
  const explained = at({ equivalent: [equivalent] }, { sample: 10 });
  assert.deepEqual([explained.mutants.length, explained.explained, explained.faults], [2, 1, []]);
  const rotten = at({ equivalent: [{ ...equivalent, from: "gone" }] }, { sample: 10 });
  assert.equal(rotten.faults.length, 1);
});

test("a mutant is killed, survives, hangs or is no program; its copy is as before afterwards", async (t) => {
  const source = [
    "export const isSmall = (n: number): boolean => n < 10;",
    "export const name: string = 'a';",
    "export const last = 3;",
    "",
  ].join("\n");
  const folder = await makeRepository(t, {
    "src/a.ts": source,
    "src/a.test.ts": `
      import { isSmall, last } from "./a.ts";
      if (!isSmall(1)) throw new Error("1 is small");
      for (let n = 0; n !== last; n++);
    `,
  });
  const area = makeArea({ tests: ["src/a.test.ts"] });
  const copy = await makeWorkingCopy(folder);
  t.after(() => copy.remove());
  const baseline = (await measureBaseline(copy, area)).map(() => 0.1);
  const verdictOf = async (from: string, to: string): Promise<Verdict> => {
    const start = source.indexOf(from);
    const edit = { operator: "test", start, end: start + from.length, replacement: to };
    const mutant = mutantAt({ area: "a", file: "src/a.ts", text: source }, edit);
    const { verdict } = await judge(copy, { area, baseline, mutant });
    assert.equal(readFileSync(join(copy.folder, "src/a.ts"), "utf8"), source);
    return verdict;
  };
  assert.equal(await verdictOf("n < 10", "n > 10"), "killed");
  assert.equal(await verdictOf("n < 10", "n <= 10"), "survived", "nothing asks about 10");
  assert.equal(await verdictOf("last = 3", "last = 0.5"), "timed out");
  assert.equal(await verdictOf("n < 10;", "n <;"), "invalid", "no syntax");
  assert.equal(await verdictOf("= 'a'", "= 1"), "invalid", "the types refuse it");
  assert.equal(readFileSync(join(folder, "src/a.ts"), "utf8"), source, "the tree is untouched");
});

test("an area whose tests fail without a mutant cannot be judged", async (t) => {
  const folder = await makeRepository(t, { "src/a.test.ts": "throw new Error('broken');" });
  const copy = await makeWorkingCopy(folder);
  t.after(() => copy.remove());
  await assert.rejects(
    measureBaseline(copy, makeArea({ tests: ["src/a.test.ts"] })),
    /src\/a\.test\.ts fails without a mutant[\s\S]*broken/,
  );
});

test("a run fails when a mutant survived, none was tried or the list has a fault", () => {
  const mutant: Mutant = mutantAt(
    { area: "a", file: "a.ts", text: "a" },
    { operator: "test", start: 0, end: 1, replacement: "b" },
  );
  const report = (verdicts: readonly Verdict[], faults: readonly string[] = []) => {
    const outcomes = verdicts.map((verdict): Outcome => ({ mutant, verdict, seconds: 1 }));
    return [{ area: "a", outcomes, explained: 0, faults }];
  };
  assert.equal(hasFailed(report(["killed", "timed out"])), false);
  assert.equal(hasFailed(report(["killed", "survived"])), true);
  assert.equal(hasFailed(report([])), true);
  assert.equal(hasFailed(report(["invalid"])), true);
  assert.equal(hasFailed(report(["killed"], ["a text is gone"])), true);
  assert.deepEqual(closingLines(report(["killed", "timed out", "survived", "invalid"])).slice(-4), [
    "2 of 3 mutants killed",
    "# tests 3",
    "# pass 2",
    "# fail 1",
  ]);
});

test("every area has mutations, and each of their texts occurs exactly once", () => {
  for (const area of areas) {
    const { faults } = collect(area, { root, seed: 1, sample: 0, below: [] });
    assert.deepEqual(faults, []);
    assert.ok(area.mutations.length > 0, area.name);
  }
});

function makeArea(about: Partial<Area>): Area {
  return { name: "a", sources: [], tests: [], mutations: [], equivalent: [], ...about };
}

/** A small repository with what a working copy needs. */
async function makeRepository(
  t: Parameters<typeof createTestFolder>[0],
  files: Readonly<Record<string, string>>,
): Promise<string> {
  const folder = await createTestFolder(t);
  const all = {
    "package.json": '{ "type": "module" }',
    "testing/property-seed.ts": "",
    "tsconfig.json": JSON.stringify({
      compilerOptions: {
        module: "nodenext",
        strict: true,
        noEmit: true,
        allowImportingTsExtensions: true,
        types: [],
      },
      include: ["src"],
    }),
    ...files,
  };
  for (const [file, text] of Object.entries(all)) {
    mkdirSync(join(folder, dirname(file)), { recursive: true });
    writeFileSync(join(folder, file), text);
  }
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  writeFileSync(join(folder, ".gitignore"), "node_modules\n");
  execFileSync("git", ["init", "-q"], { cwd: folder });
  return folder;
}
