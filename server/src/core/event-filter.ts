/**
 * Filter expressions over events: a small language written as JSON. It is data, not code: no functions, no patterns, and
 * the cost of a match is bounded by the size of the expression. docs/guides/webhooks.md describes it for users.
 */
import { isObject } from "./event/facts.ts";
import { textFlaw } from "./text-flaw.ts";

/** What a path can name. `event` is the event as it was sent. */
export interface FilteredEvent {
  readonly event_type: string;
  readonly source: string;
  readonly user_id: string | null;
  readonly product_id: string | null;
  /** As text, exact; compared as a number. */
  readonly amount: string | null;
  readonly currency: string | null;
  readonly occurred_at: string;
  readonly received_at: string;
  readonly event: unknown;
}

export const filterLimits = {
  bytes: 8_192,
  depth: 6,
  conditions: 50,
  values: 200,
  segments: 16,
} as const;

const roots: readonly string[] = [
  "event_type",
  "source",
  "user_id",
  "product_id",
  "amount",
  "currency",
  "occurred_at",
  "received_at",
  "event",
] satisfies readonly (keyof FilteredEvent)[];

const operators = ["eq", "ne", "in", "gt", "gte", "lt", "lte", "contains", "exists"] as const;
type Operator = (typeof operators)[number];

type Scalar = string | number | boolean | null;
type Matches = (event: FilteredEvent) => boolean;

export interface CompiledFilter {
  matches: Matches;
  /** Whether it looks into the event as it was sent, which then has to be parsed. */
  readonly readsEvent: boolean;
}

/** Where an expression is wrong. */
export interface FilterProblem {
  /** JSON Pointer into the expression. */
  readonly pointer: string;
  readonly detail: string;
}

/** The filter of an expression as it was parsed from JSON, or what is wrong with it. */
export function compileFilter(expression: unknown): CompiledFilter | FilterProblem {
  if (Buffer.byteLength(JSON.stringify(expression) ?? "") > filterLimits.bytes) {
    return { pointer: "", detail: `must be at most ${filterLimits.bytes} bytes of JSON` };
  }
  const compiler = new Compiler();
  try {
    const matches = compiler.compile(expression, { pointer: "", depth: 1 });
    return { matches, readsEvent: compiler.readsEvent };
  } catch (error) {
    if (error instanceof Mistake) return { pointer: error.pointer, detail: error.message };
    throw error;
  }
}

class Mistake extends Error {
  readonly pointer: string;

  constructor(pointer: string, detail: string) {
    super(detail);
    this.pointer = pointer;
  }
}

interface Place {
  readonly pointer: string;
  readonly depth: number;
}

class Compiler {
  readsEvent = false;
  #conditions = 0;

  compile(expression: unknown, place: Place): Matches {
    const { pointer, depth } = place;
    if (depth > filterLimits.depth) {
      throw new Mistake(pointer, `must not be nested deeper than ${filterLimits.depth}`);
    }
    if (!isObject(expression)) throw new Mistake(pointer, "must be an object");
    const names = Object.keys(expression);
    if (names.length === 1 && (names[0] === "and" || names[0] === "or")) {
      return this.#group(names[0], expression[names[0]], place);
    }
    if (names.length === 1 && names[0] === "not") {
      const inner = this.compile(expression["not"], {
        pointer: `${pointer}/not`,
        depth: depth + 1,
      });
      return (event) => !inner(event);
    }
    return this.#condition(expression, pointer);
  }

  #group(kind: "and" | "or", members: unknown, { pointer, depth }: Place): Matches {
    const at = `${pointer}/${kind}`;
    if (!Array.isArray(members) || members.length === 0) {
      throw new Mistake(at, "must be a list of at least one expression");
    }
    const compiled = members.map((member: unknown, index) =>
      this.compile(member, { pointer: `${at}/${index}`, depth: depth + 1 }),
    );
    return kind === "and"
      ? (event) => compiled.every((matches) => matches(event))
      : (event) => compiled.some((matches) => matches(event));
  }

  #condition(expression: Readonly<Record<string, unknown>>, pointer: string): Matches {
    if (++this.#conditions > filterLimits.conditions) {
      throw new Mistake("", `must hold at most ${filterLimits.conditions} conditions`);
    }
    const { path, op, value, ...rest } = expression;
    const [unknown] = Object.keys(rest);
    if (unknown !== undefined) {
      throw new Mistake(
        pointer,
        `has the unknown member "${unknown.slice(0, 40)}"; use and, or, not, or path, op and value`,
      );
    }
    const segments = readPath(path, `${pointer}/path`);
    if (segments[0] === "event") this.readsEvent = true;
    const operator = operators.find((known) => known === op);
    if (operator === undefined) {
      throw new Mistake(`${pointer}/op`, `must be one of ${operators.join(", ")}`);
    }
    const test = tests[operator](value, `${pointer}/value`);
    return (event) => test(valueAt(event, segments));
  }
}

/** `event.properties.plan`, or a list of names for names with dots. */
function readPath(path: unknown, pointer: string): readonly string[] {
  const segments = typeof path === "string" ? path.split(".") : path;
  if (
    !Array.isArray(segments) ||
    !segments.every((name): name is string => typeof name === "string" && name !== "")
  ) {
    throw new Mistake(pointer, 'must be a path such as "event.properties.plan"');
  }
  for (const name of segments) demandText(name, pointer);
  if (segments.length > filterLimits.segments) {
    throw new Mistake(pointer, `must have at most ${filterLimits.segments} names`);
  }
  const [root = ""] = segments;
  if (!roots.includes(root) || (root !== "event" && segments.length > 1)) {
    throw new Mistake(
      pointer,
      `must begin with one of ${roots.join(", ")}; only event has members`,
    );
  }
  return segments;
}

/** Undefined when there is nothing at the path. Members of prototypes do not exist. */
function valueAt(event: FilteredEvent, segments: readonly string[]): unknown {
  let value: unknown = event;
  for (const name of segments) {
    if (Array.isArray(value)) {
      value = /^(0|[1-9]\d{0,5})$/.test(name) ? value[Number(name)] : undefined;
    } else if (isObject(value) && Object.hasOwn(value, name)) {
      value = value[name];
    } else return undefined;
  }
  return value;
}

type Test = (found: unknown) => boolean;

const tests: Readonly<Record<Operator, (value: unknown, pointer: string) => Test>> = {
  eq(value, pointer) {
    const wanted = scalar(value, pointer);
    return (found) => equals(found, wanted);
  },
  ne(value, pointer) {
    const wanted = scalar(value, pointer);
    return (found) => !equals(found, wanted);
  },
  in(value, pointer) {
    if (!Array.isArray(value) || value.length === 0 || value.length > filterLimits.values) {
      throw new Mistake(pointer, `must be a list of 1 to ${filterLimits.values} values`);
    }
    const wanted = value.map((one: unknown, index) => scalar(one, `${pointer}/${index}`));
    return (found) => wanted.some((one) => equals(found, one));
  },
  gt: (value, pointer) => comparison(value, pointer, (order) => order > 0),
  gte: (value, pointer) => comparison(value, pointer, (order) => order >= 0),
  lt: (value, pointer) => comparison(value, pointer, (order) => order < 0),
  lte: (value, pointer) => comparison(value, pointer, (order) => order <= 0),
  contains(value, pointer) {
    const wanted = scalar(value, pointer);
    return (found) =>
      Array.isArray(found)
        ? found.some((one: unknown) => equals(one, wanted))
        : typeof found === "string" && typeof wanted === "string" && found.includes(wanted);
  },
  exists(value, pointer) {
    if (typeof value !== "boolean") throw new Mistake(pointer, "must be true or false");
    return (found) => (found !== undefined && found !== null) === value;
  },
};

function demandText(text: string, pointer: string): void {
  const flaw = textFlaw(text);
  if (flaw !== undefined) throw new Mistake(pointer, flaw);
}

function scalar(value: unknown, pointer: string): Scalar {
  if (typeof value === "string") demandText(value, pointer);
  if (
    value === null ||
    typeof value === "string" ||
    typeof value === "number" ||
    typeof value === "boolean"
  ) {
    return value;
  }
  throw new Mistake(pointer, "must be a text, a number, true, false or null");
}

/** An absent value equals null. A number equals a text that is the same decimal number, as money is text. */
function equals(found: unknown, wanted: Scalar): boolean {
  if (wanted === null) return found === null || found === undefined;
  if (typeof wanted === "number" && typeof found === "string") return numberIn(found) === wanted;
  return found === wanted;
}

function comparison(value: unknown, pointer: string, fits: (order: number) => boolean): Test {
  if (typeof value === "number") {
    return (found) => {
      const number = typeof found === "string" ? numberIn(found) : found;
      return typeof number === "number" && !Number.isNaN(number) && fits(number - value);
    };
  }
  if (typeof value === "string") {
    demandText(value, pointer);
    return (found) => typeof found === "string" && fits(found < value ? -1 : found > value ? 1 : 0);
  }
  throw new Mistake(pointer, "must be a number or a text");
}

function numberIn(text: string): number {
  return /^-?\d{1,40}(\.\d{1,40})?$/.test(text) ? Number(text) : Number.NaN;
}
