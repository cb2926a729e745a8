import type { Command } from "commander";
import { type Values, valuesByPlace } from "./values.ts";

/**
 * A POSIX shell function `_weir_candidates` that prints what can follow: its arguments are the words after
 * `weir`, the last one being completed. Each line is a candidate and its description, separated by a tab;
 * `:file` and `:folder` stand for names of files and folders. All three shells use it, so that they complete
 * the same.
 */
export function candidatesFunction(program: Command): string {
  const places = commandPlaces(program);
  const help = { name: "--help", description: "show the help" };
  const everywhere = [...optionsOf(program), help];
  const values = valuesByPlace();
  return `_weir_candidates() (
  at= want= count=0
  while [ "$#" -gt 1 ]; do
    word=$1
    shift
    if [ "$word" = "=" ]; then continue; fi
    if [ -n "$want" ]; then want=; continue; fi
    case "$word" in
      -*=*) ;;
      -*) if _weir_takes_value "$at" "$word"; then want=$word; fi ;;
      *) if _weir_has_command "$at" "$word"; then at="\${at:+$at }$word"; else count=$((count + 1)); fi ;;
    esac
  done
  word=$1
  case "$word" in
    =) word= ;;
    --*=*) want=\${word%%=*} ;;
  esac
  if [ -n "$want" ]; then
    case "$word" in --*=*) prefix="$want=" word=\${word#*=} ;; *) prefix= ;; esac
    case "$want" in --data) place=$want ;; *) place="$at $want" ;; esac
    _weir_values "$place" "$word" "$prefix"
    return
  fi
  case "$word" in
    -*) _weir_options "$at" ;;
    *) _weir_commands "$at"; _weir_values "$at $((count + 1))" "$word" "" ;;
  esac
)
_weir_has_command() {
  case "$1/$2" in
${caseOf(places.flatMap(({ path, commands }) => commands.map(({ name }) => `${path}/${name}`)))}
    *) return 1 ;;
  esac
}
_weir_takes_value() {
  case "$2" in --data) return 0 ;; esac
  case "$1 $2" in
${caseOf(places.flatMap(({ path, options }) => options.filter((option) => option.takesValue).map(({ name }) => `${path} ${name}`)))}
    *) return 1 ;;
  esac
}
_weir_commands() {
  case "$1" in
${places.map(({ path, commands }) => printed(path, commands)).join("")}  esac
}
_weir_options() {
  case "$1" in
${places.map(({ path, options }) => printed(path, options)).join("")}  esac
  ${printing(everywhere)}
}
_weir_values() {
  case "$1" in
${Object.entries(values)
  .map(([place, known]) => `    ${quoted(place)}) ${valuesCommand(known)} ;;\n`)
  .join("")}  esac
}
_weir_print() {
  before=$1
  shift
  for name in "$@"; do printf '%s%s\\n' "$before" "$name"; done
}
_weir_list() {
  typed=$1 before=$2
  shift 2
  chosen=
  case "$typed" in *,*) chosen="\${typed%,*}," ;; esac
  for name in "$@"; do
    case ",$chosen" in *",$name,"*) ;; *) printf '%s%s%s\\n' "$before" "$chosen" "$name" ;; esac
  done
}
`;
}

interface Described {
  readonly name: string;
  readonly description: string;
}

interface Place {
  /** `dlq list`; empty for weir itself. */
  readonly path: string;
  readonly commands: readonly Described[];
  readonly options: readonly (Described & { readonly takesValue: boolean })[];
}

/** Every command with what can follow it, besides the global options. */
function commandPlaces(program: Command): readonly Place[] {
  const visit = (command: Command, path: string): Place[] => {
    const options = command === program ? [] : optionsOf(command);
    const commands = command.commands.map((sub) => ({
      name: sub.name(),
      description: sub.description(),
    }));
    return [
      { path, commands, options },
      ...command.commands.flatMap((sub) => visit(sub, `${path} ${sub.name()}`.trim())),
    ];
  };
  return visit(program, "");
}

function optionsOf(command: Command): Place["options"] {
  return command.options.flatMap(({ long, description, required, optional }) =>
    long === undefined || long === null
      ? []
      : [{ name: long, description, takesValue: required || optional }],
  );
}

function caseOf(patterns: readonly string[]): string {
  return `    ${patterns.map(quoted).join(" | ")}) ;;`;
}

function printed(path: string, lines: readonly Described[]): string {
  return lines.length === 0 ? "" : `    ${quoted(path)}) ${printing(lines)} ;;\n`;
}

function printing(lines: readonly Described[]): string {
  const texts = lines.map(({ name, description }) => quoted(`${name}\t${description}`));
  return `printf '%s\\n' ${texts.join(" ")}`;
}

function valuesCommand(values: Values): string {
  switch (values.kind) {
    case "names":
      return `_weir_print "$3" ${values.names.map(quoted).join(" ")}`;
    case "list":
      return `_weir_list "$2" "$3" ${values.names.map(quoted).join(" ")}`;
    default:
      return `printf ':${values.kind}\\n'`;
  }
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
