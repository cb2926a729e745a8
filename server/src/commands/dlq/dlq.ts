import type { Command } from "commander";
import { registerDiscard } from "./discard.ts";
import { registerEdit } from "./edit.ts";
import { registerList } from "./list.ts";
import { registerReplay } from "./replay.ts";
import { registerShow } from "./show.ts";

export function registerDlq(program: Command): void {
  const dlq = program
    .command("dlq")
    .description("list, inspect, edit, replay and discard dead letters");
  registerList(dlq);
  registerShow(dlq);
  registerEdit(dlq);
  registerReplay(dlq);
  registerDiscard(dlq);
}
