import { createHash, timingSafeEqual } from "node:crypto";
import { Problem, problemKinds } from "./problems.ts";

/** What a request must have in its header, by the name of the caller. */
export type CallerTokens = Readonly<Record<string, string>>;

/**
 * Finds the caller of a bearer token. Compares with every token, in a time that does not depend on the
 * content. @throws Problem `unauthenticated`
 */
function identifyCaller(header: string | undefined, tokens: CallerTokens): string {
  const given = /^Bearer ([\x21-\x7e]+)$/i.exec(header ?? "")?.[1];
  let caller: string | undefined;
  if (given !== undefined) {
    const digest = sha256(given);
    for (const [name, expected] of Object.entries(tokens)) {
      if (timingSafeEqual(digest, sha256(expected))) caller = name;
    }
  }
  if (caller !== undefined) return caller;
  const detail =
    given === undefined
      ? "This route needs the header Authorization: Bearer <token of a service>."
      : "The token is not one of a known caller.";
  throw new Problem(problemKinds.unauthenticated, detail);
}

/** A hook for `onRequest`: lets only `allowed` callers pass. */
export function requireCaller(
  tokens: CallerTokens,
  allowed: readonly string[],
): (request: {
  readonly headers: { readonly authorization?: string | undefined };
}) => Promise<void> {
  return async ({ headers }) => {
    const caller = identifyCaller(headers.authorization, tokens);
    if (!allowed.includes(caller)) {
      throw new Problem(
        problemKinds.forbidden,
        `The caller ${caller} may not use this route; it is for ${allowed.join(", ")}.`,
      );
    }
  };
}

function sha256(value: string): Buffer {
  return createHash("sha256").update(value).digest();
}
