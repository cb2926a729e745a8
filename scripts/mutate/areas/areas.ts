import type { Area } from "../mutant.ts";
import { groupCommit } from "./group-commit.ts";

/** In the order in which a run without arguments takes them. */
export const areas: readonly Area[] = [groupCommit];
