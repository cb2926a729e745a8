import type { Command } from "commander";
import { withHelp } from "../help.ts";
import { registerDiscard } from "./discard.ts";
import { registerEdit } from "./edit.ts";
import { registerList } from "./list.ts";
import { registerReplay } from "./replay.ts";
import { registerShow } from "./show.ts";

export function registerDlq(program: Command): void {
  const dlq = withHelp(
    program.command("dlq").description("list, inspect, edit, replay and discard dead letters"),
    { examples: ["weir dlq list", "weir dlq replay --part stream"] },
  );
  registerList(dlq);
  registerShow(dlq);
  registerEdit(dlq);
  registerReplay(dlq);
  registerDiscard(dlq);
}
