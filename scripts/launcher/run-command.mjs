import { existsSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildDashboard, isDashboardBuilt } from "./build-dashboard.mjs";
import { forwardSignals, runToEnd, runWeir } from "./child.mjs";
import { makeReady } from "./make-ready.mjs";
import { SetUpError } from "./set-up-error.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");

/**
 * @typedef {object} Context
 * @property {string} root
 * @property {string} node the Node that runs TypeScript
 * @property {NodeJS.ProcessEnv} env
 */

/** @typedef {(context: Context, args: string[]) => Promise<number>} Run */

/** @type {Record<string, { help: string, run: Run }>} */
const commands = {
  start: { help: "start Weir: the same as `weir up`", run: start },
  weir: { help: "run a command of Weir; the same as `npx weir <command>`", run: weir },
  build: { help: "build the dashboard if its sources changed", run: build },
  test: {
    help: "run the unit and integration tests (`-- --coverage` measures what they cover)",
    run: script("run-tests.ts", "unit"),
  },
  "test:promises": {
    help: "run the tests of the promises of the README",
    run: script("run-tests.ts", "promises"),
  },
  "test:services": {
    help: "run the tests with other software: browser, client libraries, Qdrant",
    run: testServices,
  },
  check: {
    help: "check format, lint, types, unused code, generated files and documents",
    run: script("check.ts"),
  },
  format: { help: "apply the formatter and the safe fixes of the linter", run: format },
  generate: {
    help: "write the files that are generated from the code",
    run: script("generate.ts"),
  },
  mutate: {
    help: "change the code, by area or folder, and check that the tests notice",
    run: script("mutate/mutate.ts"),
  },
  services: {
    help: "install, start and stop real servers: Kafka, Redis, nginx and others",
    run: script("services/services.ts"),
  },
  "demo:distributed": {
    help: "run Weir with a real Kafka (and Spark, Redis), send it events and show the first result",
    run: script("demo-distributed.ts"),
  },
  bench: { help: "run a benchmark of bench/ by name", run: bench },
};

/**
 * Runs a command of the table above and ends the process with its exit code.
 * @param {string[]} argv
 */
export async function main(argv) {
  const [name, ...args] = argv;
  const command = name === undefined ? undefined : commands[name];
  if (command === undefined) {
    process.stderr.write(`${name === undefined ? "" : `Unknown command ${name}. `}${usage()}`);
    process.exit(2);
  }
  try {
    const node = await makeReady(root);
    process.exitCode = await command.run({ root, node, env: environment(node) }, args);
  } catch (error) {
    if (!(error instanceof SetUpError)) throw error;
    if (error.message !== "") process.stderr.write(`\n${error.message}\n`);
    process.exitCode = error.exitCode;
  }
}

/**
 * With the shop, where nothing speaks against it: see `server/src/commands/up.ts`.
 * @type {Run}
 */
function start({ env, ...context }, args) {
  return weir({ ...context, env: { ...env, WEIR_INTERNAL_SHOP: "default" } }, ["up", ...args]);
}

/**
 * `up` serves the dashboard: it starts at once and shows a placeholder page until the build, which runs
 * beside it, is done.
 * @type {Run}
 */
async function weir(context, args) {
  const { root, node, env } = context;
  const serves = args[0] === "up" && !args.includes("--help") && !args.includes("-h");
  const building = serves && !isDashboardBuilt(context) ? buildDashboard(context) : undefined;
  try {
    // With a compile cache the second start takes half of the time and a third less memory.
    const cached = { NODE_COMPILE_CACHE: join(root, ".cache", "compiled"), ...env };
    return await runWeir(node, [join(root, "server", "src", "main.ts"), ...args], { env: cached });
  } finally {
    await building?.stop();
  }
}

/** @type {Run} */
async function build(context) {
  if (isDashboardBuilt(context)) {
    process.stderr.write("The dashboard is up to date.\n");
    return 0;
  }
  const building = buildDashboard(context);
  const release = forwardSignals((signal) => void building.stop(signal));
  return (await building.done.finally(release)) ? 0 : 1;
}

/**
 * The tests with a browser need the built dashboard.
 * @type {Run}
 */
async function testServices(context, args) {
  const built = await build(context, []);
  return built === 0 ? script("run-tests.ts", "services")(context, args) : built;
}

/** @type {Run} */
function format({ node, env }, args) {
  const biome = join(root, "node_modules", "@biomejs", "biome", "bin", "biome");
  return runToEnd(node, [biome, "check", "--write", ...(args.length > 0 ? args : ["."])], {
    cwd: root,
    env,
  });
}

/** @type {Run} */
async function bench({ node, env }, [name, ...args]) {
  const file = join(root, "bench", `${name}.ts`);
  if (name === undefined || !existsSync(file)) {
    process.stderr.write("Usage: npm run bench -- <name>, for bench/<name>.ts\n");
    return 2;
  }
  return runToEnd(node, [file, ...args], { cwd: root, env });
}

/**
 * @param {string} file
 * @param {string[]} first
 * @returns {Run}
 */
function script(file, ...first) {
  return ({ node, env }, args) =>
    runToEnd(node, [join(root, "scripts", file), ...first, ...args], { cwd: root, env });
}

/**
 * Programs that a command starts by name find the same Node and the installed tools.
 * @param {string} node
 * @returns {NodeJS.ProcessEnv}
 */
function environment(node) {
  const pathName = Object.keys(process.env).find((key) => key.toUpperCase() === "PATH") ?? "PATH";
  const path = [dirname(node), join(root, "node_modules", ".bin"), process.env[pathName]];
  return { ...process.env, [pathName]: path.filter(Boolean).join(delimiter) };
}

function usage() {
  const width = Math.max(...Object.keys(commands).map((name) => name.length));
  const lines = Object.entries(commands).map(
    ([name, { help }]) => `  ${name.padEnd(width)}  ${help}`,
  );
  return `Usage: npm run <command> [-- arguments]\n${lines.join("\n")}\n`;
}
