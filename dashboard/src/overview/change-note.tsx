"use client";
import type { Formats } from "../format/formats.ts";
import { useLanguage } from "../language/language-context.tsx";
import { type Change, directionOf } from "./change.ts";

const looks = { up: "text-up", down: "text-down", flat: "text-muted" } as const;
const arrows = { up: "↑", down: "↓", flat: "" } as const;

/** A change from the previous period. The arrow shows the direction without relying on colour. */
export function ChangeNote(props: { change: Change; before: string; formats: Formats }) {
  const { change, before, formats } = props;
  const { t } = useLanguage();
  const direction = directionOf(change);
  const text =
    change.kind === "ratio"
      ? formats.change(change.ratio)
      : change.kind === "points"
        ? t("overview.change.points", { points: formats.points(change.difference) })
        : t(`overview.change.${change.kind}`);
  return (
    <span
      className={`whitespace-nowrap ${looks[direction]}`}
      title={t("overview.change.from", { value: before })}
    >
      {arrows[direction] === "" ? null : <span aria-hidden="true">{arrows[direction]} </span>}
      {text}
    </span>
  );
}
