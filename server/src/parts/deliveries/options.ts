import type { Database, Notifications } from "../../core/ports/database.ts";
import type { OpenDestination } from "../../core/ports/destination.ts";
import type { Attempt } from "./lane.ts";
import type { OpenReader, ReaderRegister, WriteAudit } from "./ports.ts";

export interface DeliveriesOptions {
  /** At least six connections; sessions in the order of the log (parts/log/logged-events.ts). */
  readonly database: Database;
  readonly notifications: Notifications;
  readonly openReader: OpenReader;
  readonly readers: ReaderRegister;
  readonly audit: WriteAudit;
  readonly openDestination: OpenDestination;
  /** Unique among processes, and readable: host, pid. */
  readonly owner: string;
  /** Read at each use. */
  readonly limits: () => Limits;
  /** Before the attempt after the `attempt`-th, from 1. */
  readonly retryDelayMs: (attempt: number) => number;
  readonly now?: () => number;
  readonly onAttempt?: (attempt: Attempt) => void;
  /** A subscription was paused or disabled, or deliveries died: for people. */
  readonly onNotice?: (notice: Notice) => void;
  readonly onError?: (error: unknown) => void;
}

export interface Notice {
  readonly kind: "paused" | "disabled" | "dead";
  readonly subscription: string;
  readonly reason: string;
}

export interface Limits {
  readonly pageEvents: number;
  readonly intervalMs: number;
  /** Deliveries on their way at once, in all. */
  readonly concurrency: number;
  /** Of bodies that are read ahead, in all. */
  readonly bufferBytes: number;
  /** Pending deliveries of a subscription above which it reads the log by itself. */
  readonly queueDeliveries: number;
  readonly giveUpAfterHours: number;
  readonly pauseAfterHours: number;
  readonly disableAfterDays: number;
  readonly logHours: number;
  readonly logDeliveries: number;
}
