/** Parsers for the values of options and arguments. */
import { InvalidArgumentError } from "commander";
import { exitCodes, UserError } from "./context.ts";

export function readNumber(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isFinite(value)) return value;
  throw new InvalidArgumentError("It must be a number.");
}

/** A whole number of at least 1. */
export function readCount(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isSafeInteger(value) && value > 0) return value;
  throw new InvalidArgumentError("It must be a whole number of at least 1.");
}

export function readInstant(text: string): Date {
  const at = new Date(text);
  if (!Number.isNaN(at.getTime())) return at;
  throw new UserError(`"${text}" is not a valid instant`, {
    exitCode: exitCodes.usage,
    hint: "use RFC 3339, such as 2027-01-31T12:00:00Z",
  });
}
