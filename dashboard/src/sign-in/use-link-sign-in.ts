"use client";
import { useEffect, useState } from "react";
import { asFailure, type Failure } from "../data/request.ts";
import type { SessionStore } from "../data/session-store.ts";
import { linkToken } from "./return-path.ts";

type LinkSignIn =
  | { readonly state: "none" }
  | { readonly state: "busy" }
  | { readonly state: "failed"; readonly failure: Failure };

/** A token works once, and React may run effects twice: both runs share one request. */
const attempts = new Map<string, Promise<void>>();

function signInOnce(token: string, store: SessionStore): Promise<void> {
  let attempt = attempts.get(token);
  if (attempt === undefined) {
    attempt = store.signIn({ token }).finally(() => attempts.delete(token));
    attempts.set(token, attempt);
  }
  return attempt;
}

/**
 * Signs in with the token of a one-time link in the address of the page. A link that is opened in a
 * tab which already shows this page only changes the fragment, and the browser loads nothing.
 */
export function useLinkSignIn(store: SessionStore): LinkSignIn {
  const [link, setLink] = useState(readLink);
  const [failure, setFailure] = useState<Failure>();
  useEffect(() => {
    const read = () => {
      const next = readLink();
      if (next !== undefined) setLink(next);
    };
    window.addEventListener("hashchange", read);
    return () => window.removeEventListener("hashchange", read);
  }, []);
  useEffect(() => {
    if (link === undefined) return;
    let isOutdated = false;
    // The token must not stay in the address or in the history.
    window.history.replaceState(null, "", "/signin/");
    setFailure(undefined);
    signInOnce(link.token, store).catch((error: unknown) => {
      if (!isOutdated) setFailure(asFailure(error));
    });
    return () => {
      isOutdated = true;
    };
  }, [link, store]);
  if (failure !== undefined) return { state: "failed", failure };
  return { state: link === undefined ? "none" : "busy" };
}

/** A new object for each reading: the same link opened again is tried again. */
function readLink(): { readonly token: string } | undefined {
  const token = linkToken(window.location);
  return token === null ? undefined : { token };
}
