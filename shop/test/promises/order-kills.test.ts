/**
 * Promise: kill -9 of the order service at any step of a checkout leaves an order that is paid or cancelled
 * or none, no reservation, no lost message, and one purchase in Weir for each paid order.
 * `WEIR_TEST_SHOP_KILLS` is how often at each step (25 in the full run); without it, once at some of them.
 */
import assert from "node:assert/strict";
import { dirname } from "node:path";
import { test } from "node:test";
import { until } from "../../../testing/until.ts";
import { buildShopWith, type Mistake } from "../helpers/mutated-build.ts";
import {
  boughtProduct,
  type OrderProcess,
  type OrderShop,
  openOrderShop,
} from "../helpers/order-shop.ts";
import type { Answer } from "../helpers/orders.ts";

type Simulate = "success" | "decline" | "time_out";
/** The last is which time the step is reached, if not the first. */
type Step = readonly [Simulate, "before" | "after", string, number?];

/** Each call of another system and each statement of the three ways that a checkout can take. */
const steps: readonly Step[] = [
  ["success", "before", "accept"],
  ["success", "after", "accept"],
  ["success", "after", "commit accept"],
  ["success", "before", "reserve"],
  ["success", "after", "reserve"],
  ["success", "after", "store paying"],
  ["success", "after", "insert order"],
  ["success", "after", "insert items"],
  ["success", "after", "insert history"],
  ["success", "after", "insert messages"],
  ["success", "after", "commit store paying"],
  ["success", "before", "charge"],
  ["success", "after", "charge"],
  ["success", "after", "store confirming"],
  ["success", "before", "confirm"],
  ["success", "after", "confirm"],
  ["success", "after", "move order"],
  ["success", "after", "take from cart"],
  ["success", "after", "store done"],
  ["success", "after", "commit move order"],
  ["success", "before", "publish"],
  ["success", "after", "publish"],
  ["success", "after", "mark sent"],
  ["success", "after", "commit mark sent"],
  ["success", "before", "weir send"],
  ["success", "after", "weir send"],
  ["success", "after", "publish", 2],
  ["success", "after", "weir send", 2],
  ["success", "after", "commit mark sent", 3],
  ["decline", "after", "charge"],
  ["decline", "after", "move order"],
  ["decline", "after", "store releasing"],
  ["decline", "after", "commit move order"],
  ["decline", "before", "release"],
  ["decline", "after", "release"],
  ["decline", "after", "end releasing"],
  ["time_out", "after", "store voiding"],
  ["time_out", "before", "voidCharge"],
  ["time_out", "after", "voidCharge"],
];
const rounds = Number(process.env["WEIR_TEST_SHOP_KILLS"] ?? 0);
const chosen = rounds > 0 ? steps : steps.filter((_, n) => n % 5 === 4);

test(`killed at ${chosen.length} steps of a checkout: every order is paid or cancelled, everywhere`, async (t) => {
  const shop = await openOrderShop(t);
  let victim = await shop.startOrders();
  for (let round = 0; round < Math.max(1, rounds); round++) {
    for (const [n, step] of chosen.entries()) {
      const attempt = await attemptCheckout(victim, `user-${round}-${n}`, step);
      victim = await shop.startOrders();
      // every other client asks again; what the rest left is finished without them
      if ((n + round) % 2 === 0) {
        const { status, body } = await attempt.again(victim);
        assert.equal(status, step[0] === "success" ? 201 : 422, JSON.stringify(body));
      }
      await shop.untilQuiet();
    }
  }
  await untilAllAgree(shop);
  const twice = await shop.query("select from orders group by user_id having count(*) > 1");
  assert.deepEqual(twice, []);
  t.diagnostic(`${chosen.length * Math.max(1, rounds)} kills`);
});

test("a checkout that is sent 100 times, at the same time and through kills, is one order", async (t) => {
  const shop = await openOrderShop(t);
  const sent = await sendThroughKills(shop);
  assert.deepEqual(new Set(sent.map(({ status }) => status)), new Set([201]));
  assert.equal(new Set(sent.map(({ body }) => body.id)).size, 1);
  await shop.untilQuiet();
  assert.equal((await shop.query("select from orders")).length, 1);
  await untilAllAgree(shop);
});

const controls: readonly {
  readonly what: string;
  readonly step: Step;
  readonly mistake: Mistake;
  readonly isQuietLater: boolean;
  readonly shows: RegExp;
}[] = [
  {
    what: "without the recovery a killed checkout stays as it is",
    step: ["success", "after", "commit store paying"],
    mistake: {
      in: "src/orders/create-orders.ts",
      from: "(await checkouts.recover()) > 0",
      to: "false",
    },
    isQuietLater: false,
    shows: /is created/,
  },
  {
    what: "with ids that are made when an event is sent, a purchase counts twice",
    // the first event is order.placed
    step: ["success", "after", "weir send", 2],
    mistake: {
      in: "src/orders/create-orders.ts",
      from: "sendToWeir(payloads as readonly WeirEvent[])",
      to: "sendToWeir((payloads as readonly WeirEvent[]).map((e) => ({ ...e, event_id: crypto.randomUUID() })))",
    },
    isQuietLater: true,
    shows: /2 purchases of 1/,
  },
  {
    what: "a message that is marked as sent before it is confirmed gets lost",
    step: ["success", "after", "commit mark sent"],
    mistake: {
      in: "src/orders/create-orders.ts",
      from: "await publish(payloads as readonly OrderMessage[]);",
      to: "setTimeout(() => void publish(payloads as readonly OrderMessage[]), 200);",
    },
    isQuietLater: true,
    shows: /no message created/,
  },
];

for (const { what, step, mistake, isQuietLater, shows } of controls) {
  test(`control: ${what}`, async (t) => {
    const shop = await openOrderShop(t);
    const source = dirname(await buildShopWith(t, [mistake]));
    const victim = await shop.startOrders(source);
    await attemptCheckout(victim, "user-1", step);
    const next = await shop.startOrders(source);
    if (isQuietLater) await shop.untilQuiet();
    else assert.equal((await buyWith(next, "user-2")).status, 201);
    assert.match((await shop.contradictions()).join("\n"), shows);
  });
}

test("control: without a look-up of keys the same request has another answer", async (t) => {
  const shop = await openOrderShop(t);
  const mistake = {
    in: "src/orders/checkout/accept-checkout.ts",
    from: "if (row === undefined) return undefined;",
    to: "if (Number(row?.run ?? 0) >= 0) return undefined;\n  if (row === undefined) return undefined;",
  };
  const source = dirname(await buildShopWith(t, [mistake]));
  const orders = await shop.startOrders(source);
  const cart = await orders.makeCart({ [boughtProduct]: 1 });
  const request = { key: "key-1", user: "user-1" };
  assert.equal((await orders.checkout(cart, request)).status, 201);
  assert.notEqual((await orders.checkout(cart, request)).status, 201);
});

/** The bus delivers a moment after it has confirmed. */
async function untilAllAgree(shop: OrderShop): Promise<void> {
  let found: readonly string[] = [];
  const agree = async (): Promise<boolean> => {
    found = await shop.contradictions();
    return found.length === 0;
  };
  await until(agree, { what: () => `all systems to agree: ${found.join("; ")}` });
}

interface Attempt {
  /** The same request, as a client sends it that got no answer. */
  again(orders: OrderProcess): Promise<Answer>;
}

/** Checks out with a process that dies at the step. */
async function attemptCheckout(
  victim: OrderProcess,
  user: string,
  [simulate, when, step, nth = 1]: Step,
): Promise<Attempt> {
  const cart = await victim.makeCart({ [boughtProduct]: 1 });
  await victim.arm({ when, step, nth });
  const request = { key: `key of ${user}`.replaceAll(" ", "-"), user, simulate };
  // it may have been answered before the process dies
  await victim.checkout(cart, request).catch(() => undefined);
  await until(() => victim.endedBy() === "SIGKILL", { what: `a kill ${when} ${step}` });
  return { again: (orders) => orders.checkout(cart, request) };
}

async function buyWith(orders: OrderProcess, user: string): Promise<Answer> {
  return orders.checkout(await orders.makeCart({ [boughtProduct]: 1 }), { user });
}

/** Four processes die with 20 equal requests each; the answers are those of the fifth. */
async function sendThroughKills(shop: OrderShop): Promise<readonly Answer[]> {
  const request = { key: "key-1", user: "user-1" };
  let orders = await shop.startOrders();
  const cart = await orders.makeCart({ [boughtProduct]: 1 });
  const places = ["commit accept", "reserve", "charge", "confirm"];
  const send = () =>
    Array.from({ length: 20 }, () => orders.checkout(cart, request).catch(() => undefined));
  for (const step of places) {
    await orders.arm({ when: "after", step, nth: 1 });
    await Promise.all(send());
    await orders.kill();
    orders = await shop.startOrders();
  }
  return (await Promise.all(send())).filter((answer) => answer !== undefined);
}
