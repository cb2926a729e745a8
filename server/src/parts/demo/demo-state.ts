import { existsSync, readFileSync } from "node:fs";
import { sampleDays } from "./history.ts";

/** How far the demo has come, so that a restart continues and repeats nothing. */
export interface DemoState {
  /** The demo's first start, as RFC 3339: the same at every start, so that it sends the same events. */
  readonly anchor: string;
  /** Parts of the history that were sent. */
  readonly parts: number;
  /** Up to when the live traffic was sent, as RFC 3339; a restart catches up from there. */
  readonly live_until: string | null;
}

export interface DemoStateFile {
  readonly state: DemoState;
  save(changed: Partial<DemoState>): void;
}

/** The state in `file`, which is created when it is missing. */
export function openDemoState(
  file: string,
  {
    now,
    write: writeFile,
  }: {
    readonly now: Date;
    /** Writes a whole file or nothing, and creates its folder. */
    readonly write: (path: string, text: string) => void;
  },
): DemoStateFile {
  let state: DemoState = existsSync(file)
    ? fromFile(JSON.parse(readFileSync(file, "utf8")))
    : { anchor: now.toISOString(), parts: 0, live_until: null };
  const write = () => writeFile(file, JSON.stringify(state));
  write();
  return {
    get state() {
      return state;
    },
    save(changed) {
      state = { ...state, ...changed };
      write();
    },
  };
}

/** Earlier versions wrote `{ anchor, replayed }`: their history is not sent twice. */
function fromFile(found: Partial<DemoState> & { readonly anchor: string; replayed?: boolean }) {
  return {
    anchor: found.anchor,
    parts: found.parts ?? (found.replayed === true ? Number.MAX_SAFE_INTEGER : 0),
    live_until: found.live_until ?? null,
  };
}

/**
 * The options of `runDemo` that continue where the file says, and keep it up to date. Days that
 * retention would drop at once are not sent.
 */
export function demoResume(
  file: DemoStateFile,
  { historyDays, keptDays }: { readonly historyDays: number; readonly keptDays: number },
) {
  const { anchor, parts, live_until } = file.state;
  return {
    anchor: new Date(anchor),
    historyDays: Math.max(0, Math.min(historyDays, keptDays - sampleDays - 2)),
    sentParts: parts,
    ...(live_until === null ? {} : { liveUntil: new Date(live_until) }),
    onSent(marks: { readonly parts?: number; readonly liveUntil?: Date }) {
      file.save({
        ...(marks.parts === undefined ? {} : { parts: marks.parts }),
        ...(marks.liveUntil === undefined ? {} : { live_until: marks.liveUntil.toISOString() }),
      });
    },
  };
}
