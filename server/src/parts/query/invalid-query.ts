import { WeirError } from "../../core/errors.ts";

/** An error that names the parameter and says how to fix it. */
export function invalidQuery(parameter: string, detail: string): WeirError {
  return new WeirError("invalid_query", {
    detail: `${parameter}: ${detail}`,
    errors: [{ pointer: parameter, detail }],
  });
}
