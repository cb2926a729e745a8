/**
 * Who may import whom: the one table of boundaries. `npm run generate` expands it into
 * `biome.boundaries.json`, and `scripts/lint-rules.test.ts` proves that the linter enforces it.
 *
 * A room is a folder with one purpose. Its files may import each other, and the rooms that its row
 * lists. The last row that matches a folder wins, so a row with a `*` is the default of its kind.
 */
export interface Room {
  /** A folder, or `folder/*` for each folder below it. */
  readonly path: string;
  /** Rooms of `server/src` that it may import, besides itself; a kind stands for all its folders. */
  readonly imports: readonly ServerRoom[];
  /** Libraries of `restrictedLibraries` that it may import. */
  readonly libraries?: readonly string[];
  /** Workspace packages besides the protocol. */
  readonly packages?: readonly string[];
  /** Node.js modules that it may import; absent: any. */
  readonly nodeModules?: readonly string[];
  readonly because: string;
}

type ServerRoom =
  | "core"
  | "timing"
  | "config"
  | "adapters"
  | "parts"
  | "process"
  | "compose"
  | "commands";

/** Each of these has one room that may import it; all other libraries are free. */
export const restrictedLibraries: readonly string[] = [
  "cockatiel",
  "pg*",
  "fastify*",
  "@fastify/**",
  "pino*",
  "prom-client",
  "ws",
  "yaml",
  "commander",
];

const adapter = "An adapter imports core/, timing/ and itself; only its room imports its library.";
const part =
  "A part imports core/, timing/ and itself: it declares the interface that it needs, and compose/ passes it in.";

export const rooms: readonly Room[] = [
  {
    path: "server/src/core",
    imports: [],
    nodeModules: ["buffer", "crypto", "util", "zlib"],
    because: "core/ is pure: no files, sockets, timers or processes.",
  },
  {
    path: "server/src/timing",
    imports: ["core"],
    because: "timing/ has the ways to wait and nothing else.",
  },
  {
    path: "server/src/config",
    imports: ["core"],
    libraries: ["yaml"],
    because: "config/ reads settings and knows no part.",
  },
  { path: "server/src/adapters/*", imports: ["core", "timing"], because: adapter },
  {
    path: "server/src/adapters/postgres",
    imports: ["core", "timing"],
    libraries: ["pg*"],
    because: adapter,
  },
  {
    path: "server/src/adapters/http",
    imports: ["core", "timing"],
    libraries: ["fastify*", "@fastify/**"],
    because: adapter,
  },
  {
    path: "server/src/adapters/telemetry",
    imports: ["core", "timing"],
    libraries: ["pino*", "prom-client"],
    because: adapter,
  },
  {
    path: "server/src/adapters/websocket",
    imports: ["core", "timing"],
    libraries: ["ws"],
    because: adapter,
  },
  {
    path: "server/src/adapters/resilience",
    imports: ["core", "timing"],
    libraries: ["cockatiel"],
    because: adapter,
  },
  { path: "server/src/parts/*", imports: ["core", "timing"], because: part },
  {
    path: "server/src/parts/demo",
    imports: ["core", "timing"],
    packages: ["@weir/sdk"],
    because: "The demo is a client: SDK and protocol only.",
  },
  {
    path: "server/src/process",
    imports: ["core", "timing", "config", "adapters", "parts"],
    because: "process/ starts, watches and stops; it does not know what is wired together.",
  },
  {
    path: "server/src/compose",
    imports: ["core", "timing", "config", "adapters", "parts", "process"],
    because: "compose/ wires parts to adapters and knows no command.",
  },
  {
    path: "server/src/commands",
    imports: ["core", "timing", "config", "adapters", "parts", "process", "compose"],
    libraries: ["commander"],
    because: "A command reads arguments and calls what compose/ and process/ offer.",
  },
];
