/** Runs checkouts: for the client that waits, and for those whose process died. */
import { setTimeout as delay } from "node:timers/promises";
import type { Database } from "../../foundation/database.ts";
import { DatabaseUnavailableError } from "../../foundation/database-failures.ts";
import type { Logger } from "../../foundation/logger.ts";
import { ServiceUnavailableError } from "../../foundation/service-client.ts";
import { type Accepted, acceptCheckout } from "./accept-checkout.ts";
import type { Answer, Checkout, CheckoutRequest } from "./checkout.ts";
import { abandonCheckout, claimSilent, giveBack, LeaseLostError } from "./checkout-store.ts";
import type { TakeStep } from "./take-step.ts";

export interface CheckoutsOptions {
  readonly database: Database;
  readonly takeStep: TakeStep;
  readonly logger: Logger;
  /** How long the process may be silent before another one continues. */
  readonly leaseMs: number;
  /** How long an Idempotency-Key is remembered. */
  readonly keyLifeMs: number;
  /** How long a request waits for another one with the same key. */
  readonly waitMs: number;
  /** Called after each step: messages may have been written. */
  readonly onStep: () => void;
}

export type CheckoutResult =
  | { readonly kind: "answered"; readonly answer: Answer; readonly replayed: boolean }
  | Exclude<Accepted, { readonly kind: "claimed" | "answered" }>;

export interface Checkouts {
  /** Throws a ServiceUnavailableError while the product service is down. */
  run(about: { readonly key: string; readonly request: CheckoutRequest }): Promise<CheckoutResult>;
  /** Takes over checkouts that no process works on, and continues them; returns their number. */
  recover(): Promise<number>;
  /** Waits for the work that continues behind the answers. */
  settled(): Promise<void>;
}

const waitStepMs = 50;
const recoveryBatch = 10;
const shortestPauseMs = 500;
const longestPauseMs = 30_000;

export function createCheckouts(options: CheckoutsOptions): Checkouts {
  const { database, takeStep, logger, leaseMs, keyLifeMs } = options;
  const background = new Set<Promise<void>>();
  /** Orders that this process works on. */
  const running = new Set<string>();

  /** Takes steps until `isEnough`. What it could not finish is left to a later run, and the error thrown. */
  async function advance(
    claimed: Checkout,
    isEnough: (checkout: Checkout) => boolean,
  ): Promise<Checkout> {
    let checkout = claimed;
    running.add(claimed.orderId);
    try {
      while (!isEnough(checkout)) {
        checkout = await takeStep(checkout);
        options.onStep();
      }
      return checkout;
    } catch (error) {
      await leave(checkout, error);
      throw error;
    } finally {
      running.delete(claimed.orderId);
    }
  }

  async function leave(checkout: Checkout, error: unknown): Promise<void> {
    if (error instanceof LeaseLostError) return;
    const isDown =
      error instanceof ServiceUnavailableError || error instanceof DatabaseUnavailableError;
    const reason = isDown || !(error instanceof Error) ? String(error) : error.stack;
    const { orderId, step, failures } = checkout;
    logger[isDown ? "warn" : "error"]({ order_id: orderId, step, reason }, "a checkout must wait");
    const pauseMs = Math.min(longestPauseMs, shortestPauseMs * 2 ** Math.min(failures, 10));
    const left =
      step === "reserving"
        ? abandonCheckout(database, checkout)
        : giveBack(database, checkout, pauseMs);
    // while the database is down nothing can be written: then the lease ends by itself
    await left.catch(() => {});
  }

  function inBackground(work: Promise<unknown>): void {
    // `advance` has logged the error and left the checkout to the next run
    const noted = work.then(
      () => {},
      () => {},
    );
    background.add(noted);
    void noted.finally(() => background.delete(noted));
  }

  const isDone = ({ step }: Checkout): boolean => step === "done";

  async function answer(claimed: Checkout): Promise<Answer | undefined> {
    try {
      const checkout = await advance(claimed, (current) => current.answer !== undefined);
      if (!isDone(checkout)) inBackground(advance(checkout, isDone));
      return checkout.answer;
    } catch (error) {
      if (error instanceof LeaseLostError) return undefined;
      throw error;
    }
  }

  return {
    async run(about) {
      const deadline = performance.now() + options.waitMs;
      for (;;) {
        const accepted = await acceptCheckout(database, {
          ...about,
          leaseMs,
          keyLifeMs,
          isRunningHere: (orderId) => running.has(orderId),
        });
        if (accepted.kind === "answered") return { ...accepted, replayed: true };
        if (accepted.kind === "claimed") {
          const first = await answer(accepted.checkout);
          if (first !== undefined) return { kind: "answered", answer: first, replayed: false };
        } else if (accepted.kind !== "running" || performance.now() > deadline) {
          return accepted;
        }
        await delay(waitStepMs);
      }
    },
    async recover() {
      const silent = await claimSilent(database, {
        limit: recoveryBatch,
        leaseMs,
        except: [...running],
      });
      await Promise.allSettled(
        silent.map(async (checkout) => {
          const { orderId, step } = checkout;
          logger.info({ order_id: orderId, step }, "taking over a checkout");
          // the client may be gone: before there is an order, nothing is bought in its absence
          if (step === "reserving") await abandonCheckout(database, checkout);
          else await advance(checkout, isDone);
        }),
      );
      return silent.length;
    },
    async settled() {
      while (background.size > 0) await Promise.all(background);
    },
  };
}
