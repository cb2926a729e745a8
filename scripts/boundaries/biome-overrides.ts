/** Expands the table of rooms into overrides of Biome's rule `noRestrictedImports`. */
import { type Room, restrictedLibraries, rooms } from "./rooms.ts";
import { shopRooms } from "./shop-rooms.ts";

interface Pattern {
  readonly group: readonly string[];
  readonly message: string;
}

interface Override {
  readonly includes: readonly string[];
  readonly linter: unknown;
}

const serverSource = "server/src";
const shopSource = "shop/src";
/** Levels of folders in a room that get a pattern of their own; the last one covers all deeper levels. */
const deepest = 4;
/** Folders of `server/src` and `shop/src`. */
const sourceLevels = 2;

/** The text of `biome.boundaries.json`. */
export function biomeBoundaries(): string {
  const overrides = [
    override(
      ["protocol/src/**"],
      [
        {
          group: ["**", "!./**"],
          message: "The protocol imports nothing: every program may depend on it.",
        },
      ],
    ),
    override(
      ["protocol/src/*/**"],
      [
        {
          group: ["**", "!./**", "!../*"],
          message: "The protocol imports nothing: every program may depend on it.",
        },
      ],
    ),
    override(
      ["sdk/src/**"],
      [
        {
          group: ["**", "!./**", "!node:*", "!@weir/protocol"],
          message: "The SDK has no dependencies and uses only types of the protocol.",
        },
      ],
    ),
    override(
      ["dashboard/**"],
      [
        {
          group: [
            "@weir/*",
            "!@weir/protocol",
            "**/server/**",
            "**/sdk/**",
            "**/protocol/**",
            "**/shop/**",
          ],
          message:
            "The dashboard uses HTTP and WebSocket; from this repository it imports only the protocol.",
        },
      ],
    ),
    override([`${serverSource}/*.ts`], libraryPatterns({ path: serverSource })),
    override([`${shopSource}/*.ts`], libraryPatterns({ path: shopSource })),
    ...[...rooms, ...shopRooms].flatMap(roomOverrides),
    ...testOverrides(),
  ];
  return `${JSON.stringify({ overrides }, null, 2)}\n`;
}

/**
 * Tests may import what they test, whatever room it is in. What tests, benchmarks and scripts share
 * is in testing/, so that none of them imports another. They come last, as later overrides win.
 */
function testOverrides(): Override[] {
  const notBench: Pattern = {
    group: ["**/bench/**"],
    message: "Only a benchmark imports bench/; what it shares with tests belongs in testing/.",
  };
  const notServerTest: Pattern = {
    group: ["**/server/test/**"],
    message: "Only the server's tests import server/test/; what is shared belongs in testing/.",
  };
  return [
    override(["**/*.test.ts", "**/*.test.tsx", "server/test/**"], [notBench]),
    override(["shop/src/**/*.test.ts", "shop/test/**"], [notBench, notServerTest]),
    override(["bench/**"], [notServerTest]),
    override(["scripts/**", "testing/**"], [notBench, notServerTest]),
  ];
}

/** One override per level, because a relative import depends on the depth of the file. */
function roomOverrides(room: Room): Override[] {
  const last = room.path.endsWith("/*") ? deepest - 1 : deepest;
  return Array.from({ length: last }, (_, depth) => {
    const below = "/*".repeat(depth) + (depth === last - 1 ? "/**" : "/*");
    return override([`${room.path}${below}`], roomPatterns(room, depth));
  });
}

function roomPatterns(room: Room, depth: number): Pattern[] {
  const out = "../".repeat(depth + 1);
  const levels = room.path.split("/").length - sourceLevels;
  const source = "../".repeat(depth + levels);
  const patterns: Pattern[] = [
    {
      group: [`${out}**`, ...room.imports.map((name) => `!${source}${name}/**`)],
      message: room.because,
    },
  ];
  if (room.nodeModules !== undefined) {
    patterns.push({
      group: ["node:*", "node:*/**", ...room.nodeModules.map((name) => `!node:${name}`)],
      message: room.because,
    });
  }
  return [...patterns, ...libraryPatterns(room)];
}

function libraryPatterns({
  path,
  libraries = [],
  packages = [],
}: Pick<Room, "path"> & Partial<Room>): Pattern[] {
  const ofShop = path.startsWith(shopSource);
  return [
    {
      group: restrictedLibraries.filter((library) => !libraries.includes(library)),
      message: "Only one room may import this library: see scripts/boundaries/rooms.ts.",
    },
    {
      group: [
        "@weir/*",
        ...(ofShop ? [] : ["!@weir/protocol"]),
        ...packages.map((name) => `!${name}`),
      ],
      message: ofShop
        ? "The shop is a user of Weir: its foundation imports the SDK, and nothing else of Weir is imported."
        : "From the workspace the server imports only the protocol.",
    },
  ];
}

function override(includes: readonly string[], patterns: readonly Pattern[]): Override {
  return {
    includes,
    linter: {
      rules: { style: { noRestrictedImports: { level: "error", options: { patterns } } } },
    },
  };
}
