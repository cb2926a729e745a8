import type { RetailLine } from "../../server/src/parts/demo/uci.ts";
import { nearest } from "../../testing/quality/nearest.ts";

/**
 * How much more often a product and its nearest neighbours share an invoice than two random products.
 */
export function basketLift(input: {
  readonly lines: readonly RetailLine[];
  readonly names: readonly string[];
  readonly vectors: readonly Float32Array[];
  readonly neighbours: number;
}): number {
  const { lines, names, vectors, neighbours } = input;
  const invoices = names.map(() => new Set<string>());
  const indexes = new Map(names.map((name, index) => [name, index]));
  for (const { description, invoice } of lines) {
    invoices[indexes.get(description) as number]?.add(invoice);
  }
  const shares = (a: number, b: number) => !invoices[a]?.isDisjointFrom(invoices[b] as Set<string>);
  let near = 0;
  let random = 0;
  for (let a = 0; a < names.length; a++) {
    for (const b of nearest(a, vectors, neighbours)) if (shares(a, b)) near++;
    for (let b = a + 1; b < names.length; b++) if (shares(a, b)) random++;
  }
  const pairs = (names.length * (names.length - 1)) / 2;
  return near / (names.length * neighbours) / (random / pairs);
}
