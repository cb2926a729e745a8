import type { Area } from "../mutant.ts";
import { deadLetters } from "./dead-letters.ts";
import { groupCommit } from "./group-commit.ts";
import { identity } from "./identity.ts";
import { incarnations } from "./incarnation.ts";
import { logPosition } from "./log-position.ts";
import { pageFencing } from "./page-fencing.ts";
import { policyDecision } from "./policy-decision.ts";
import { search } from "./search.ts";
import { signIn } from "./sign-in.ts";
import { visits } from "./visits.ts";
import { windows } from "./windows.ts";

/** In the order in which a run without arguments takes them. */
export const areas: readonly Area[] = [
  policyDecision,
  groupCommit,
  identity,
  windows,
  visits,
  logPosition,
  pageFencing,
  incarnations,
  deadLetters,
  search,
  signIn,
];
