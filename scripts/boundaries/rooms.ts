/**
 * Who may import whom. `npm run generate` expands `rooms`, and those of the shop in `shop-rooms.ts`, into
 * `biome.boundaries.json`, and `scripts/lint-rules.test.ts` proves that the linter enforces it. Whose tables the SQL of
 * a room may name is in `database-rooms.ts`.
 *
 * A room is a folder with one purpose. Its files may import each other, and the rooms that its row
 * lists. The last row that matches a folder wins, so a row with a `*` is the default of its kind.
 */
export interface Room {
  /** A folder, or `folder/*` for each folder below it. */
  readonly path: string;
  /** Rooms of the same `src` that it may import, besides itself; a kind stands for all its folders. */
  readonly imports: readonly (ServerRoom | ShopRoom)[];
  /** Libraries of `restrictedLibraries` that it may import. */
  readonly libraries?: readonly string[];
  /** Workspace packages; a room of the server may import the protocol too. */
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

/** Rooms that the services of the shop share. */
type ShopRoom = "foundation" | "cache" | "bus";

/** Each of these libraries may be imported by one room only; all others are free. */
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
  "@redis/client",
  "@platformatic/kafka",
  "rabbitmq-client",
  "nodemailer",
  "ipaddr.js",
];

const adapter = "An adapter imports core/, timing/ and itself; only its room imports its library.";
const part =
  "A part imports core/, timing/ and itself: it declares the interface that it needs, and compose/ passes it in.";

export const rooms: readonly Room[] = [
  {
    path: "server/src/core",
    imports: [],
    nodeModules: ["buffer", "crypto", "util", "zlib"],
    because: "core/ is pure: it uses no files, sockets, timers or processes.",
  },
  {
    path: "server/src/timing",
    imports: ["core"],
    because: "timing/ contains the ways to wait and nothing else.",
  },
  {
    path: "server/src/config",
    imports: ["core"],
    libraries: ["yaml"],
    because: "config/ reads settings and depends on no part.",
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
  {
    path: "server/src/adapters/redis",
    imports: ["core", "timing"],
    libraries: ["@redis/client"],
    because: adapter,
  },
  {
    path: "server/src/adapters/kafka",
    imports: ["core", "timing"],
    libraries: ["@platformatic/kafka"],
    because: adapter,
  },
  {
    path: "server/src/adapters/webhook",
    imports: ["core", "timing"],
    libraries: ["ipaddr.js"],
    because: adapter,
  },
  { path: "server/src/parts/*", imports: ["core", "timing"], because: part },
  {
    path: "server/src/parts/demo",
    imports: ["core", "timing"],
    packages: ["@weir/sdk"],
    because: "The demo is a client: it uses the SDK and the protocol only.",
  },
  {
    path: "server/src/process",
    imports: ["core", "timing", "config", "adapters", "parts"],
    because: "process/ starts, watches and stops processes; it does not depend on the wiring.",
  },
  {
    path: "server/src/compose",
    imports: ["core", "timing", "config", "adapters", "parts", "process"],
    because: "compose/ wires parts to adapters and depends on no command.",
  },
  {
    path: "server/src/commands",
    imports: ["core", "timing", "config", "adapters", "parts", "process", "compose"],
    libraries: ["commander"],
    because: "A command reads its arguments and calls compose/ and process/.",
  },
];
