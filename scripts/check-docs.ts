/**
 * Runs what the documentation tells a reader to do, so that it cannot rot. Every block that opens
 * with ```sh run is executed, document by document, beside a freshly started Weir, whose address
 * replaces 127.0.0.1:8080. Every ```ts block is type-checked. Words of `word-list.ts` are refused.
 */
import { type ChildProcess, spawn } from "node:child_process";
import {
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readRunFile } from "../server/src/process/run-file.ts";
import { until } from "../testing/until.ts";
import { missingMetrics, missingPaths } from "./document-paths.ts";
import { type Block, blocksOf } from "./markdown-blocks.ts";
import { refusedWords } from "./word-list.ts";

const root = join(import.meta.dirname, "..");
const readyMs = Math.max(60_000, Number(process.env["WEIR_TEST_WAIT_MS"] ?? 0));
const documentMs = 120_000;

const documents = globSync(["*.md", "{docs,sdk,data,bench}/**/*.md"], {
  cwd: root,
  exclude: ["**/node_modules/**"],
}).sort();
const blocks = documents.flatMap((document) =>
  blocksOf(document, readFileSync(join(root, document), "utf8")),
);
const commands = blocks.filter(({ language, words }) => language === "sh" && words.includes("run"));
const programs = blocks.filter(({ language }) => language === "ts");
const texts = publicTexts();
const problems = [
  ...texts.flatMap(checkWords),
  ...documents.flatMap(checkPaths),
  ...checkMetrics(),
  ...commands.flatMap(checkCurl),
  ...(await checkTypes(programs)),
  ...(await runCommands(commands)),
];
if (commands.length === 0) problems.push("No ```sh run block in any document");
if (programs.length === 0) problems.push("No ```ts block in any document");
if (texts.length === 0) problems.push("No text to look for refused words in");
for (const problem of problems) console.error(problem);
console.log(
  `${commands.length + programs.length} blocks: ${commands.length} run, ${programs.length} type-checked; ` +
    `words of ${texts.length} files`,
);
process.exitCode = problems.length === 0 ? 0 : 1;

/** Documents, the API document, the pages' texts, and the sources with their comments and messages. */
function publicTexts(): string[] {
  const patterns = [
    "*.md",
    "{docs,sdk,data,bench}/**/*.md",
    "server/openapi.json",
    "server/asyncapi.json",
    "policies/*.json",
    "server/sql/functions/**/*.sql",
    "{protocol,sdk,server,dashboard,bench,testing,scripts}/**/*.{ts,tsx,mjs}",
  ];
  return globSync(patterns, {
    cwd: root,
    exclude: ["**/node_modules/**", "**/out/**", "**/.next/**", "scripts/word-list*.ts"],
  }).sort();
}

function checkWords(file: string): string[] {
  return refusedWords(readFileSync(join(root, file), "utf8")).map(
    ({ line, word, instead }) => `${file}:${line}: write "${instead}" and not "${word}"`,
  );
}

function checkPaths(document: string): string[] {
  return missingPaths(document, readFileSync(join(root, document), "utf8"), root).map(
    ([line, path]) => `${document}:${line}: ${path} does not exist`,
  );
}

/** A runbook that alerts on a metric that no process has never fires. */
function checkMetrics(): string[] {
  const sources = globSync("{server/{src,sql},jobs/*/src}/**/*.{ts,sql,py}", { cwd: root })
    .map((file) => readFileSync(join(root, file), "utf8"))
    .join("\n");
  return documents
    .filter((document) => /^docs[\\/](?:runbooks|guides)/.test(document))
    .flatMap((document) =>
      missingMetrics(readFileSync(join(root, document), "utf8"), sources).map(
        ([line, name]) => `${document}:${line}: no code has the metric ${name}`,
      ),
    );
}

/** `curl -f` hides Weir's problem documents from a reader whose first try fails. */
function checkCurl({ document, line, text }: Block): string[] {
  return /\bcurl\b[^\n]* -\w*f/.test(text)
    ? [`${document}:${line}: use --fail-with-body, which shows the answer, and not curl -f`]
    : [];
}

/** Each block is a module of its own, moved down so that the compiler's lines are the document's. */
async function checkTypes(programs: readonly Block[]): Promise<string[]> {
  if (programs.length === 0) return [];
  const folder = join(root, ".cache", "docs");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    join(folder, "tsconfig.json"),
    JSON.stringify({
      extends: "../../tsconfig.json",
      compilerOptions: { lib: ["es2024", "dom"], noUnusedLocals: false },
      include: ["*.ts"],
    }),
  );
  for (const { document, line, text } of programs) {
    const name = `${document.replaceAll("/", "-")}-${line}.ts`;
    writeFileSync(join(folder, name), `${"\n".repeat(line)}${text}\nexport {};\n`);
  }
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  const { code, output } = await finish(spawn(process.execPath, [tsc, "-p", folder]), documentMs);
  return code === 0 ? [] : [`A \`\`\`ts block does not compile:\n${output}`];
}

async function runCommands(commands: readonly Block[]): Promise<string[]> {
  if (commands.length === 0) return [];
  const folder = mkdtempSync(join(tmpdir(), "weir-docs-"));
  // The reader's checkout: all of this one, but with a .weir of its own.
  for (const name of readdirSync(root)) {
    if (name !== ".weir" && name !== ".git") symlinkSync(join(root, name), join(folder, name));
  }
  const weir = spawn(
    process.execPath,
    [join(root, "server", "src", "main.ts"), "up", "--port", "0"],
    {
      cwd: folder,
      stdio: ["ignore", "pipe", "pipe"],
      // enough of the demo's history for the commands of the documents
      env: { ...ownData(folder), WEIR_DEMO_HISTORY_DAYS: "8" },
    },
  );
  const ended = finish(weir);
  try {
    const url = await until(() => weirUrl(folder, weir), {
      what: "weir up to be ready",
      timeoutMs: readyMs,
    });
    await until(() => findsDemoProduct(folder, url), {
      what: "the products of the demo to be searchable",
      timeoutMs: readyMs,
    });
    const problems: string[] = [];
    for (const document of new Set(commands.map((block) => block.document))) {
      const its = commands.filter((block) => block.document === document);
      const problem = await runDocument({ blocks: its, folder, url });
      if (problem !== undefined) problems.push(problem);
    }
    return problems;
  } catch (error) {
    weir.kill("SIGTERM");
    return [`${error instanceof Error ? error.message : error}\n${(await ended).output}`];
  } finally {
    weir.kill("SIGTERM");
    await ended;
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Without it, commands use the `.weir` of the real checkout where there is one. */
function ownData(folder: string): NodeJS.ProcessEnv {
  return { ...process.env, WEIR_DATA: join(folder, ".weir") };
}

function weirUrl(folder: string, weir: ChildProcess): string | undefined {
  if (weir.exitCode !== null) throw new Error(`weir up ended with ${weir.exitCode}`);
  return readRunFile(join(folder, ".weir"))?.url;
}

/** The documents ask for the demo's products; a reader does not type that within the first two seconds. */
async function findsDemoProduct(folder: string, url: string): Promise<boolean> {
  const key = readFileSync(join(folder, ".weir", "keys", "demo.key"), "utf8").trim();
  const answer = await fetch(`${url}/api/products/85123A/similar?limit=1`, {
    headers: { "X-API-Key": key },
    signal: AbortSignal.timeout(5_000),
  }).catch(() => undefined);
  return answer?.ok === true;
}

/** One shell for all blocks of a document: a variable set in one is there in the next. */
async function runDocument(run: {
  blocks: readonly Block[];
  folder: string;
  url: string;
}): Promise<string | undefined> {
  const script = run.blocks
    .map(({ document, line, text }) => `echo ":: ${document}:${line}"\n${text}`)
    .join("\n")
    .replaceAll("http://127.0.0.1:8080", run.url)
    .replaceAll("127.0.0.1:8080", new URL(run.url).host);
  const shell = spawn("bash", ["-euo", "pipefail", "-c", script], {
    cwd: run.folder,
    stdio: ["ignore", "pipe", "pipe"],
    env: ownData(run.folder),
  });
  const { code, output } = await finish(shell, documentMs);
  return code === 0
    ? undefined
    : `A block failed with exit code ${code}, the last one here:\n${output}`;
}

async function finish(
  child: ChildProcess,
  timeoutMs?: number,
): Promise<{ code: number | null; output: string }> {
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (text: string) => {
      output = (output + text).slice(-65_536);
    });
  }
  const timer =
    timeoutMs === undefined
      ? undefined
      : setTimeout(() => {
          output += `\n(stopped after ${timeoutMs / 1000} s)`;
          child.kill("SIGKILL");
        }, timeoutMs);
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  clearTimeout(timer);
  return { code, output };
}
