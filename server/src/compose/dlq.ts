/** Dead letters: their routes, their health and metrics, and the part that replays them. */

import type { Metrics } from "../adapters/telemetry/metrics.ts";
import type { Config } from "../config/schema.ts";
import { checkKeptEvent } from "../core/event/kept.ts";
import type { Database, Notifications } from "../core/ports/database.ts";
import type { Part } from "../core/ports/part.ts";
import type { Route } from "../core/ports/route.ts";
import { writeAudit } from "../parts/auth/administration.ts";
import { createDlq } from "../parts/dlq/dlq.ts";
import { type LetterFigures, readFigures } from "../parts/dlq/figures.ts";
import type { Replayer, Validators } from "../parts/dlq/ports.ts";
import { type RetentionSettings, roomWarning } from "../parts/dlq/retention.ts";
import { dlqRoutes } from "../parts/dlq/routes.ts";
import type { Check } from "../parts/health/health-routes.ts";
import { inTime } from "./checks.ts";
import type { ComposeOptions } from "./options.ts";

const checkTimeoutMs = 1_500;
/** Counting reads an index entry a letter: not at every scrape. */
const figuresAgeMs = 10_000;

export interface DlqHttp {
  readonly routes: readonly Route[];
  readonly checks: Readonly<Record<string, Check>>;
}

export function composeDlqHttp(options: ComposeOptions, database: Database): DlqHttp {
  const figures = cached(() => readFigures(database, { timeoutMs: checkTimeoutMs }));
  const settings = () => retentionOf(options.config());
  observeLetters(options.metrics, figures, settings);
  return {
    routes: dlqRoutes({ database, validators: letterValidators, audit: writeAudit }),
    checks: { dlq: letterCheck(figures, settings) },
  };
}

/** The part `dlq`, for the process whose parts can process their letters again. */
export function composeDlqPart(
  options: ComposeOptions,
  shared: {
    /** As `weir_app`, with `config.dlq.workers` + 1 connections to spare. */
    readonly database: Database;
    readonly notifications: Notifications;
    readonly replayers: readonly Replayer[];
  },
): Part {
  const { logger, metrics } = options;
  const replays = metrics.counter({
    name: "weir_dlq_replayed_total",
    help: "Dead letters replayed, by what became of them",
    labels: ["result"],
  });
  const deleted = metrics.counter({
    name: "weir_dlq_deleted_total",
    help: "Dead letters deleted: expired and settled ones were resolved or discarded, open ones are lost",
    labels: ["kind"],
  });
  return createDlq({
    ...shared,
    workers: options.config().dlq.workers,
    retention: () => retentionOf(options.config()),
    onReplayed({ part, reason }) {
      replays.inc({ result: reason === undefined ? "done" : "failed" });
      if (reason !== undefined) logger.warn({ from: part, reason }, "a dead letter failed again");
    },
    onSwept({ expired, settled, open }) {
      deleted.inc({ kind: "expired" }, expired);
      deleted.inc({ kind: "settled" }, settled);
      deleted.inc({ kind: "open" }, open);
      if (expired + settled > 0) logger.info({ expired, settled }, "dead letters deleted");
      if (open > 0) {
        logger.error(
          { open },
          "open dead letters were deleted for room, and what they held is lost; raise dlq.max_mib",
        );
      }
    },
    onWarning: (warning) => logger.warn({}, warning),
    onError: (error) => logger.error({ err: error }, "dlq"),
  });
}

/** What an edited letter must be, by part. */
export const letterValidators: Validators = {
  stream: (bytes, { source }) => eventProblem(bytes, source),
};

/** A letter of the stream is an event of the raw log: the edition must be one too, of the same format. */
function eventProblem(bytes: Buffer, source: unknown): string | undefined {
  const checked = checkKeptEvent(bytes, (source as { format?: unknown } | null)?.format);
  if (checked === undefined) return "not the JSON of one event";
  return checked.kind === "rejection" ? checked.detail : undefined;
}

function retentionOf({ dlq }: Config): RetentionSettings {
  return { retentionDays: dlq.retention_days, maxBytes: dlq.max_mib * 1024 * 1024 };
}

type Figures = () => Promise<LetterFigures>;

/** One question at a time, whoever asks; a failure is not kept. */
function cached(read: Figures): Figures {
  let kept: { readonly at: number; readonly figures: Promise<LetterFigures> } | undefined;
  return () => {
    if (kept === undefined || performance.now() - kept.at > figuresAgeMs) {
      const asked = { at: performance.now(), figures: read() };
      asked.figures.catch(() => {
        if (kept === asked) kept = undefined;
      });
      kept = asked;
    }
    return kept.figures;
  };
}

/** Letters are no illness of the system; that they may be deleted unseen is. */
function letterCheck(figures: Figures, settings: () => RetentionSettings): Check {
  return inTime({ status: "degraded", detail: unknownLetters }, async () => {
    try {
      const now = await figures();
      const facts = {
        ...now.letters,
        bytes: now.bytes,
        limit_bytes: settings().maxBytes,
        oldest_open_s: now.oldestOpenSeconds === null ? null : Math.round(now.oldestOpenSeconds),
      };
      const warning = roomWarning(now, settings());
      return warning === undefined
        ? { status: "ok", facts }
        : { status: "degraded", detail: warning, facts };
    } catch {
      return { status: "degraded", detail: unknownLetters };
    }
  });
}

const unknownLetters = "the dead letters cannot be counted";

function observeLetters(
  metrics: Metrics,
  figures: Figures,
  settings: () => RetentionSettings,
): void {
  const letters = metrics.gauge({
    name: "weir_dlq_letters",
    help: "Dead letters, by the part that could not process them, reason and state",
    labels: ["from", "reason", "state"],
  });
  const bytes = metrics.gauge({
    name: "weir_dlq_bytes",
    help: "Room that the dead letters take",
  });
  const limit = metrics.gauge({
    name: "weir_dlq_limit_bytes",
    help: "Above this, dead letters are deleted; a warning comes at 80 %",
  });
  const oldest = metrics.gauge({
    name: "weir_dlq_oldest_open_seconds",
    help: "Age of the open dead letter that waits longest",
  });
  metrics.onCollect(async () => {
    limit.set(settings().maxBytes);
    const now = await figures().catch(() => undefined);
    if (now === undefined) return;
    letters.reset();
    for (const { part, reason, state, letters: count } of now.groups) {
      letters.set({ from: part, reason, state }, count);
    }
    bytes.set(now.bytes);
    oldest.set(now.oldestOpenSeconds ?? 0);
  });
}
