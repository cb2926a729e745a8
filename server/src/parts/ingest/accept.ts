/** The accept path that all entry points share: rate limit, group commit, verdicts. */
import type { EventResult, Verdict } from "@weir/protocol";
import type { RateDecision, RateLimiter, RatePolicy } from "../../core/access/rate-limit.ts";
import { WeirError } from "../../core/errors.ts";
import type {
  Checked,
  EventRecord,
  Receipt,
  ReceiptClock,
  Rejection,
} from "../../core/event/record.ts";
import type { RouteReply, RouteRequest } from "../../core/ports/route.ts";
import { uuidOfText } from "../../core/uuid.ts";
import type { Outcome } from "./append-group.ts";
import type { GroupCommit } from "./group-commit.ts";
import type { EntryPoint, IngestObserver, StorageGate } from "./ports.ts";

export interface AcceptContext {
  readonly commit: GroupCommit;
  readonly rateLimiter: RateLimiter;
  readonly ratePolicy: () => RatePolicy;
  readonly observer: IngestObserver;
  readonly storage: StorageGate;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly clock: ReceiptClock;
  /** Monotonic milliseconds, for rate limits. */
  readonly monotonic: () => number;
  readonly newId: (now: number) => string;
}

/** A request that is within its key's rate. */
export interface Admitted {
  readonly receipt: Receipt;
  readonly headers: Readonly<Record<string, string>>;
}

/** By then PostgreSQL is usually back, or the queue is shorter. */
export const retryAfterSeconds = 1;
/** Disks are rarely freed sooner. */
const storageRetrySeconds = 5;
/** Clocks that contradict each other are set right by people. */
const retryInDoubtSeconds = 30;

/**
 * Refuses the request while there is no disk space, and counts `events` against the key's rate limit. A batch larger
 * than what remains is refused as a whole, so that senders need not find out which half was accepted.
 * @throws WeirError storage_full, rate_limited
 */
export async function admit(
  context: AcceptContext,
  request: RouteRequest,
  options: { readonly entryPoint: EntryPoint; readonly events: number },
): Promise<Admitted> {
  const { events, entryPoint } = options;
  const { refusal } = context.storage;
  if (refusal !== undefined) {
    context.observer.verdict(entryPoint, "retry", events);
    throw storageFull(refusal);
  }
  const now = context.now();
  const policy = context.ratePolicy();
  const { keyId, serviceId } = request.principal;
  const taken = context.rateLimiter.take(keyId, {
    events,
    policy,
    now: context.monotonic(),
  });
  const decision = taken instanceof Promise ? await taken : taken;
  const headers = rateHeaders(decision, policy);
  if (decision.allowed) {
    const { clock } = context;
    const { repeatId } = request;
    const newId = repeatId === undefined ? () => context.newId(now) : repeatableIds(repeatId);
    return { receipt: { serviceId, now, clock, newId }, headers };
  }
  context.observer.rateLimited(entryPoint, events);
  throw new WeirError("rate_limited", {
    detail:
      events > policy.burstEvents
        ? `${events} events at once exceed the burst size of this key; send at most ${policy.burstEvents}`
        : `this key may send ${decision.remaining} more events now and ${policy.eventsPerSecond} more per second; no event of this request was accepted`,
    retryAfterSeconds: decision.retryAfterSeconds,
    headers,
  });
}

/**
 * Ids for the events of a request that were sent without one. A proxy that gets no answer sends the request to
 * another process: the same ids make the second time a duplicate (docs/decisions/0051).
 */
function repeatableIds(repeatId: string): () => string {
  let made = 0;
  return () => uuidOfText(`${repeatId} ${made++}`);
}

function storageFull(detail: string, headers: Admitted["headers"] = {}): WeirError {
  return new WeirError("storage_full", { detail, retryAfterSeconds: storageRetrySeconds, headers });
}

/** draft-ietf-httpapi-ratelimit-headers-10 */
function rateHeaders(decision: RateDecision, policy: RatePolicy): Record<string, string> {
  const window = Math.max(1, Math.round(policy.burstEvents / policy.eventsPerSecond));
  return {
    "ratelimit-policy": `"events";q=${policy.burstEvents};w=${window}`,
    ratelimit: `"events";r=${decision.remaining};t=${decision.resetSeconds}`,
  };
}

/** Stores one event and answers `202 {event_id, verdict}`. @throws WeirError for every other verdict */
export async function acceptOne(
  context: AcceptContext,
  checked: Checked,
  options: { readonly entryPoint: EntryPoint; readonly headers: Admitted["headers"] },
): Promise<{ readonly answerId: string; readonly verdict: "accepted" | "duplicate" }> {
  const { entryPoint, headers } = options;
  if (checked.kind === "rejection") {
    context.observer.verdict(entryPoint, verdictOf(checked), 1);
    throw rejectionError(checked, headers);
  }
  const submitted = context.commit.submit([checked]);
  const outcome = submitted === undefined ? "overloaded" : ((await submitted)[0] as Outcome);
  context.observer.verdict(entryPoint, verdictOfOutcome(outcome), 1);
  switch (outcome) {
    case "accepted":
    case "duplicate":
      return { answerId: checked.answerId, verdict: outcome };
    case "conflict":
      throw new WeirError("conflict", { detail: conflictDetail(checked), headers });
    case "rejected":
      throw new WeirError("invalid_event", { detail: refusedDetail, headers });
    case "blocked":
      throw new WeirError("user_erased", { detail: erasedDetail, headers });
    case "retry":
      throw new WeirError("unavailable", { detail: unavailableDetail, retryAfterSeconds, headers });
    case "full":
      throw storageFull(fullDetail, headers);
    case "overloaded":
      throw new WeirError("overloaded", { detail: overloadedDetail, retryAfterSeconds, headers });
  }
}

function verdictOfOutcome(outcome: Outcome | "overloaded"): Verdict {
  if (outcome === "overloaded" || outcome === "full") return "retry";
  return outcome === "blocked" ? "rejected" : outcome;
}

function rejectionError(
  { code, detail, pointer }: Rejection,
  headers: Readonly<Record<string, string>>,
): WeirError {
  const retryAfterSeconds = code === "unavailable" ? retryInDoubtSeconds : undefined;
  return new WeirError(code, {
    detail,
    errors: [{ pointer, detail }],
    headers,
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
  });
}

function verdictOf({ code }: Rejection): "rejected" | "retry" {
  return code === "unavailable" ? "retry" : "rejected";
}

/**
 * Stores the valid events of a batch and answers for each event in the order sent.
 * @throws WeirError storage_full when none was stored for lack of space
 */
export async function acceptMany(
  context: AcceptContext,
  entryPoint: EntryPoint,
  checked: readonly Checked[],
): Promise<EventResult[]> {
  const records = checked.filter((one): one is EventRecord => one.kind === "record");
  const submitted = context.commit.submit(records);
  const outcomes = await submitted;
  if (outcomes?.every((outcome) => outcome === "full") && records.length > 0) {
    context.observer.verdict(entryPoint, "retry", checked.length);
    throw storageFull(fullDetail);
  }
  let next = 0;
  const results = checked.map((one): EventResult => {
    if (one.kind === "rejection") {
      const { answerId, code, detail } = one;
      return { event_id: answerId, verdict: verdictOf(one), code, detail };
    }
    const outcome = outcomes?.[next++];
    return outcome === undefined ? overloaded(one) : resultOf(one, outcome);
  });
  countVerdicts(context.observer, entryPoint, results);
  return results;
}

function resultOf(record: EventRecord, outcome: Outcome): EventResult {
  const event_id = record.answerId;
  switch (outcome) {
    case "accepted":
    case "duplicate":
      return { event_id, verdict: outcome };
    case "conflict":
      return { event_id, verdict: outcome, code: "conflict", detail: conflictDetail(record) };
    case "rejected":
      return { event_id, verdict: outcome, code: "invalid_event", detail: refusedDetail };
    case "blocked":
      return { event_id, verdict: "rejected", code: "user_erased", detail: erasedDetail };
    case "retry":
      return { event_id, verdict: outcome, code: "unavailable", detail: unavailableDetail };
    case "full":
      return { event_id, verdict: "retry", code: "storage_full", detail: fullDetail };
  }
}

function overloaded({ answerId }: EventRecord): EventResult {
  return { event_id: answerId, verdict: "retry", code: "overloaded", detail: overloadedDetail };
}

function countVerdicts(
  observer: IngestObserver,
  entryPoint: EntryPoint,
  results: readonly EventResult[],
): void {
  const counts = new Map<EventResult["verdict"], number>();
  for (const { verdict } of results) counts.set(verdict, (counts.get(verdict) ?? 0) + 1);
  for (const [verdict, events] of counts) observer.verdict(entryPoint, verdict, events);
}

/** 202 when any event was stored, 503 when a retry may help, else 422. */
export function batchStatus(results: readonly EventResult[]): 202 | 422 | 503 {
  if (results.some(({ verdict }) => verdict === "accepted" || verdict === "duplicate")) return 202;
  return results.some(({ verdict }) => verdict === "retry") ? 503 : 422;
}

export function batchReply(results: EventResult[], headers: Admitted["headers"]): RouteReply {
  const status = batchStatus(results);
  return {
    status,
    headers: status === 503 ? { ...headers, "retry-after": String(retryAfterSeconds) } : headers,
    body: { results },
  };
}

function conflictDetail(record: EventRecord): string {
  return `an event with the id ${JSON.stringify(record.answerId)} and different content already exists and is kept; send a correction under a new id`;
}

const refusedDetail =
  "the database rejected this event although it passed validation; please report this with the event";
const erasedDetail =
  "the user of this event was erased and is blocked; stop sending the user's events, or lift the block";
const unavailableDetail =
  "the event could not be stored in time; send it again with the same event_id";
const fullDetail =
  "the database has no disk space left; nothing was stored, send it again with the same event_id";
const overloadedDetail = "the queue of events is full; send the event again later";
