/** Dead letters: the routes and health check of the HTTP process, and the part that replays them. */
import type { Config } from "../config/schema.ts";
import type { Database, Notifications } from "../core/ports/database.ts";
import { checkTimeoutMs, type HealthCheck } from "../core/ports/health-check.ts";
import type { Part } from "../core/ports/part.ts";
import type { Route } from "../core/ports/route.ts";
import { writeAudit } from "../parts/auth/administration.ts";
import { createDlq, createReplays } from "../parts/dlq/dlq.ts";
import { createFiguresReader } from "../parts/dlq/figures.ts";
import { dlqCheck } from "../parts/dlq/health.ts";
import { observeDeadLetters, observeDlq } from "../parts/dlq/metrics.ts";
import type { Replayer, Validators } from "../parts/dlq/ports.ts";
import type { RetentionSettings } from "../parts/dlq/retention.ts";
import { dlqRoutes } from "../parts/dlq/routes.ts";
import { partName as intake } from "../parts/intake/dead-messages.ts";
import { checkEditedMessage } from "../parts/intake/replay.ts";
import { checkEditedEvent } from "../parts/stream/check-edited-event.ts";
import type { ComposeOptions } from "./options.ts";
import { usesIntake } from "./uses-intake.ts";

/** By part: what checks an edited dead letter before it is stored. */
export const deadLetterValidators: Validators = {
  stream: checkEditedEvent,
  intake: checkEditedMessage,
};

export interface DlqHttp {
  readonly routes: readonly Route[];
  readonly checks: Readonly<Record<string, HealthCheck>>;
}

export function composeDlqHttp(options: ComposeOptions, database: Database): DlqHttp {
  const figures = createFiguresReader(database, checkTimeoutMs);
  const settings = () => retentionOf(options.config());
  observeDeadLetters(options.metrics.installation, figures, settings);
  return {
    routes: dlqRoutes({ database, validators: deadLetterValidators, audit: writeAudit }),
    checks: { dlq: dlqCheck(figures, settings) },
  };
}

interface ReplayShared {
  /** As `weir_app`, with `config.dlq.workers` + 1 free connections. */
  readonly database: Database;
  readonly notifications: Notifications;
  readonly replayers: readonly Replayer[];
}

/** The part `dlq`, in the process of the parts that can replay their dead letters. */
export function composeDlqPart(options: ComposeOptions, shared: ReplayShared): Part {
  return createDlq({
    ...shared,
    // the process of intake replays its own
    ...(usesIntake(options.config()) ? { scope: { except: [intake] } } : {}),
    workers: options.config().dlq.workers,
    retention: () => retentionOf(options.config()),
    ...observe(options),
  });
}

/** Replays of intake's dead letters, in its process. */
export function composeIntakeReplays(options: ComposeOptions, shared: ReplayShared): Part {
  return createReplays({
    ...shared,
    scope: { only: [intake] },
    workers: options.config().dlq.workers,
    ...observe(options),
  });
}

/** By the metrics of their process: `weir serve` composes several entries of the table in one process. */
const observers = new WeakMap<object, ReturnType<typeof observeDlq>>();

function observe({ metrics, logger }: ComposeOptions): ReturnType<typeof observeDlq> {
  const observer = observers.get(metrics) ?? observeDlq(metrics, logger);
  observers.set(metrics, observer);
  return observer;
}

function retentionOf({ dlq }: Config): RetentionSettings {
  return { retentionDays: dlq.retention_days, maxBytes: dlq.max_mib * 1024 * 1024 };
}
