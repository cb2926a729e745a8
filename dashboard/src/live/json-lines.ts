/** JSON as lines of coloured pieces, without building HTML from strings. */
export interface Piece {
  readonly kind: "name" | "string" | "number" | "word" | "mark";
  readonly text: string;
}
export interface Line {
  readonly depth: number;
  readonly pieces: readonly Piece[];
}

const deepest = 64;

export function jsonLines(value: unknown): Line[] {
  const lines: Line[] = [];
  write(value, { depth: 0, lead: [], tail: [] }, lines);
  return lines;
}

interface Place {
  readonly depth: number;
  readonly lead: readonly Piece[];
  readonly tail: readonly Piece[];
}

function write(value: unknown, place: Place, lines: Line[]): void {
  const { depth, lead, tail } = place;
  const entries = entriesOf(value);
  if (entries === undefined || entries.length === 0 || depth >= deepest) {
    lines.push({ depth, pieces: [...lead, scalar(value), ...tail] });
    return;
  }
  const [open, close] = Array.isArray(value) ? ["[", "]"] : ["{", "}"];
  lines.push({ depth, pieces: [...lead, mark(open)] });
  for (const [index, [name, member]] of entries.entries()) {
    const label: Piece[] =
      name === undefined ? [] : [{ kind: "name", text: JSON.stringify(name) }, mark(": ")];
    const comma = index < entries.length - 1 ? [mark(",")] : [];
    write(member, { depth: depth + 1, lead: label, tail: comma }, lines);
  }
  lines.push({ depth, pieces: [mark(close), ...tail] });
}

function entriesOf(value: unknown): [string | undefined, unknown][] | undefined {
  if (Array.isArray(value)) return value.map((member) => [undefined, member]);
  return typeof value === "object" && value !== null ? Object.entries(value) : undefined;
}

function scalar(value: unknown): Piece {
  const text = JSON.stringify(value) ?? "null";
  if (typeof value === "string") return { kind: "string", text };
  if (typeof value === "number") return { kind: "number", text };
  return { kind: typeof value === "object" && value !== null ? "mark" : "word", text };
}

function mark(text: string | undefined): Piece {
  return { kind: "mark", text: text ?? "" };
}

/** Members that the list shows in columns of their own. */
const shownElsewhere = new Set([
  "event_id",
  "event_type",
  "timestamp",
  "user_id",
  "anonymous_id",
  "session_id",
  "messageId",
]);

/** One line of a payload: the members that the row does not show elsewhere, truncated. */
export function previewOf(payload: unknown): string {
  if (typeof payload !== "object" || payload === null || Array.isArray(payload)) {
    return cut(JSON.stringify(payload) ?? "");
  }
  const rest = Object.entries(payload).filter(
    ([name, value]) => value !== null && !shownElsewhere.has(name),
  );
  return cut(rest.map(([name, value]) => `${name} ${JSON.stringify(value)}`).join("  "));
}

function cut(text: string): string {
  return text.slice(0, 240);
}
