import type { ErrorCode } from "@weir/protocol";
import { WeirError } from "../../core/errors.ts";

/** A parameter that its schema does not allow. The error says how to fix it. */
export function invalidQuery(parameter: string, detail: string): WeirError {
  return about("invalid_query", parameter, detail);
}

/**
 * A parameter that its schema allows, but that makes no sense beside the others or the data: a range
 * that ends before it starts, an unknown time zone, the cursor of another list.
 */
export function unanswerable(parameter: string, detail: string): WeirError {
  return about("unanswerable_query", parameter, detail);
}

function about(code: ErrorCode, parameter: string, detail: string): WeirError {
  return new WeirError(code, {
    detail: `${parameter}: ${detail}`,
    errors: [{ pointer: parameter, detail }],
  });
}
