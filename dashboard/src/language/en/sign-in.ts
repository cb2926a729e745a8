import type { Texts } from "../message.ts";

export const signIn = {
  "sign-in.title": "Sign in",
  "sign-in.lead": "Authorised events in, exact analytics out.",
  "sign-in.opening": "Signing in…",
  "sign-in.key": "API key",
  "sign-in.key.hint": "Starts with weir_. It was shown once, when it was created.",
  "sign-in.submit": "Sign in",
  "sign-in.busy": "Signing in…",
  "sign-in.link.title": "No API key at hand?",
  "sign-in.link.text":
    "Weir prints a one-time sign-in link when it starts. The link works once and expires after a short time.",
  "sign-in.link.used":
    "This link has already been used or has expired. Restart Weir to get a new link, or sign in with an API key.",
  "sign-in.key.empty": "Enter an API key.",
  "sign-in.key.form": "This is not a Weir API key. Keys start with weir_.",
  "sign-in.private":
    "The key is sent to this server only, and exchanged for a session cookie that scripts cannot read.",
  "sign-in.over": "Sign in to continue to the page you requested.",
} as const satisfies Texts;
