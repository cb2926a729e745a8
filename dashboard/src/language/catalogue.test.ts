/** The texts as a whole: both languages complete, every key used, every used key present. */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { test } from "node:test";
import { errorCodes } from "@weir/protocol";
import { en } from "./en.ts";
import { type Message, placeholdersOf, type Texts } from "./message.ts";
import { problemTitles } from "./tr/problem-titles.ts";
import { tr } from "./tr.ts";

const dashboard = join(import.meta.dirname, "..", "..");
const keys = Object.keys(en);

test("both languages have every text, with the same placeholders and plural forms", () => {
  assert.deepEqual(Object.keys(tr).sort(), [...keys].sort());
  for (const [key, message] of Object.entries<Message>(en)) {
    const translated: Message = tr[key as keyof typeof tr];
    assert.deepEqual(placeholdersOf(translated), placeholdersOf(message), key);
    assert.equal(typeof translated, typeof message, key);
  }
});

for (const [language, joined] of [
  ["en", en],
  ["tr", tr],
] as const) {
  test(`the files of ${language} hold each text once, under keys that start with the file's name`, async () => {
    const files = globSync(`${language}/*.ts`, { cwd: import.meta.dirname }).filter(
      (file) => !file.endsWith("problem-titles.ts"),
    );
    assert.ok(files.length > 5, `${files.length} files`);
    const found: string[] = [];
    for (const file of files) {
      const [texts, ...others] = Object.values(
        (await import(`./${file}`)) as Record<string, Texts>,
      );
      assert.ok(texts !== undefined && others.length === 0, `${file} exports its texts alone`);
      for (const key of Object.keys(texts)) {
        assert.ok(key.startsWith(`${basename(file, ".ts")}.`), `${key} in ${file}`);
      }
      found.push(...Object.keys(texts));
    }
    assert.deepEqual(found.sort(), Object.keys(joined).sort());
  });
}

test("a Turkish text equals the English one only where that is intended", () => {
  const same = keys.filter(
    (key) =>
      JSON.stringify(en[key as keyof typeof en]) === JSON.stringify(tr[key as keyof typeof tr]),
  );
  assert.deepEqual(same.sort(), ["app.csv", "app.name", "overview.change.unknown", "search.model"]);
});

test("every error code has a Turkish title", () => {
  assert.deepEqual(Object.keys(problemTitles).sort(), [...errorCodes].sort());
});

/** Text keys in a source: whole literals, and templates as patterns with a hole per `${…}`. */
function keysIn(source: string): { readonly literals: string[]; readonly patterns: RegExp[] } {
  const literals = [...source.matchAll(/"([a-z][\w-]*(?:\.[\w-]+)+)"/g)].map(([, key = ""]) => key);
  const templates = [...source.matchAll(/`([a-z][\w-]*\.(?:[\w.-]|\$\{[^{}`]+\})*)`/g)];
  const patterns = templates.map(([, template = ""]) => {
    const parts = template.split(/\$\{[^{}]+\}/).map((part) => part.replaceAll(".", "\\."));
    return new RegExp(`^${parts.join("[\\w-]+")}$`);
  });
  return { literals, patterns };
}

const sources = globSync("{src,app}/**/*.{ts,tsx}", { cwd: dashboard })
  .filter((file) => !file.startsWith(join("src", "language")) && !file.includes(".test."))
  .map((file) => ({ file, text: readFileSync(join(dashboard, file), "utf8") }));

test("no text is unused", () => {
  assert.ok(sources.length > 50, `${sources.length} sources were scanned`);
  const found = sources.map(({ text }) => keysIn(text));
  const literals = new Set(found.flatMap((one) => one.literals));
  const patterns = found.flatMap((one) => one.patterns);
  assert.ok(literals.size > 100 && patterns.length > 10, `${literals.size}, ${patterns.length}`);
  const unused = keys.filter(
    (key) => !literals.has(key) && !patterns.some((pattern) => pattern.test(key)),
  );
  assert.deepEqual(unused, []);
});

test("every key in the sources has a text", () => {
  const missing: string[] = [];
  let calls = 0;
  for (const { file, text } of sources) {
    for (const [, argument = ""] of text.matchAll(/\bt\(\s*("[^"]*"|`[^`]*`)/g)) {
      const { literals, patterns } = keysIn(argument);
      const known =
        literals.some((key) => Object.hasOwn(en, key)) ||
        patterns.some((pattern) => keys.some((key) => pattern.test(key)));
      if (!known) missing.push(`${file}: ${argument}`);
      calls++;
    }
  }
  assert.ok(calls > 150, `${calls} calls of t() were found`);
  assert.deepEqual(missing, []);
});
