import { UserError } from "./context.ts";

/** For options that take an instant. */
export function readInstant(text: string): Date {
  const at = new Date(text);
  if (!Number.isNaN(at.getTime())) return at;
  throw new UserError(`"${text}" is not an instant`, {
    exitCode: 2,
    hint: "write it as 2027-01-31T12:00:00Z",
  });
}
