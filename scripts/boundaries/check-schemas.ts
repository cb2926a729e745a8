import type { DatabaseRoom } from "./database-rooms.ts";
import { literalsOf } from "./literals.ts";
import { type Access, accessesIn, type Catalog } from "./sql-access.ts";

export interface SourceFile {
  /** From the root of the repository. */
  readonly path: string;
  readonly text: string;
}

export interface SchemaFindings {
  readonly problems: readonly string[];
  /** Texts that name an object of the database. */
  readonly statements: number;
}

interface Place {
  readonly path: string;
  readonly line: number;
}

const functionFile = /^server\/sql\/functions\/(\w+)\/\w+\.sql$/;

/** Compares what SQL in the files names with what the rooms may name. */
export function checkSchemas(
  files: readonly SourceFile[],
  catalog: Catalog,
  rooms: readonly DatabaseRoom[],
): SchemaFindings {
  const problems = ownershipProblems(catalog, rooms);
  const used = new Set<string>();
  let statements = 0;
  const check = (text: string, place: Place): void => {
    const accesses = accessesIn(text, catalog);
    if (accesses.length === 0) return;
    statements += 1;
    const room = roomOf(place.path, rooms);
    for (const access of accesses) {
      if (room?.owns?.includes(access.schema) === true) continue;
      const { list, entry } = entryFor(access);
      if (room?.[list]?.[entry] === undefined) problems.push(refusal(access, place, room));
      else used.add(`${room.path} ${list} ${entry}`);
    }
  };
  for (const { path, text } of files) {
    if (functionFile.test(path)) check(text, { path, line: 1 });
    else for (const literal of literalsOf(text)) check(literal.text, { path, line: literal.line });
  }
  return { problems: [...new Set(problems), ...unusedEntries(rooms, used)], statements };
}

/** The deepest folder that holds the file; a function belongs to the owner of its schema. */
function roomOf(path: string, rooms: readonly DatabaseRoom[]): DatabaseRoom | undefined {
  const schema = functionFile.exec(path)?.[1];
  if (schema !== undefined) return rooms.find(({ owns }) => owns?.includes(schema));
  return rooms
    .filter((room) => path.startsWith(`${room.path}/`))
    .sort((a, b) => b.path.length - a.path.length)[0];
}

type List = "reads" | "writes" | "calls";

function entryFor({ kind, schema, object }: Access): { list: List; entry: string } {
  return kind === "call" ? { list: "calls", entry: object } : { list: `${kind}s`, entry: schema };
}

function refusal(access: Access, { path, line }: Place, room: DatabaseRoom | undefined): string {
  const { list, entry } = entryFor(access);
  const what = `${path}:${line} ${access.kind}s ${access.object}`;
  return room === undefined
    ? `${what}, and no row of databaseRooms covers this file`
    : `${what}: ${room.path} neither owns the schema ${access.schema} nor lists ${entry} in \`${list}\``;
}

function ownershipProblems({ schemas }: Catalog, rooms: readonly DatabaseRoom[]): string[] {
  const owned = rooms.flatMap(({ owns = [] }) => owns);
  return [
    ...schemas
      .filter((schema) => owned.filter((name) => name === schema).length !== 1)
      .map((schema) => `the schema ${schema} needs exactly one owner`),
    ...owned
      .filter((schema) => !schemas.includes(schema))
      .map((schema) => `the database has no schema ${schema}, which a room owns`),
  ];
}

function unusedEntries(rooms: readonly DatabaseRoom[], used: ReadonlySet<string>): string[] {
  return rooms.flatMap((room) =>
    (["reads", "writes", "calls"] as const).flatMap((list) =>
      Object.keys(room[list] ?? {})
        .filter((entry) => !used.has(`${room.path} ${list} ${entry}`))
        .map((entry) => `${room.path} lists ${entry} in \`${list}\`, and none of its SQL needs it`),
    ),
  );
}
