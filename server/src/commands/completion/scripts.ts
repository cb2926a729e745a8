import type { Command } from "commander";
import { candidatesFunction } from "./candidates.ts";
import type { Shell } from "./values.ts";

/** The script that a shell loads to complete `weir`. */
export function completionScript(program: Command, shell: Shell): string {
  const candidates = candidatesFunction(program);
  switch (shell) {
    case "bash":
      return bash(candidates);
    case "zsh":
      return zsh(candidates);
    case "fish":
      return fish(candidates);
  }
}

/** Bash splits words at "=", so a value after it is a word of its own. */
function bash(candidates: string): string {
  return `# Completion of weir for bash: source it, or save it as
# ~/.local/share/bash-completion/completions/weir
${candidates}
_weir() {
  local word=\${COMP_WORDS[COMP_CWORD]} line
  COMPREPLY=()
  [ "$word" = "=" ] && word=
  while IFS= read -r line; do
    line=\${line%%$'\\t'*}
    case "$line" in
      :file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
      :folder) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$word") ;;
      "$word"*) COMPREPLY+=("$line") ;;
    esac
  done < <(_weir_candidates "\${COMP_WORDS[@]:1:COMP_CWORD}")
}
complete -F _weir weir
`;
}

function zsh(candidates: string): string {
  return `#compdef weir
# Completion of weir for zsh: save it as _weir in a folder of $fpath, or source it after compinit
${inZsh(candidates)}
_weir() {
  local line name
  local -a described
  for line in "\${(@f)$(_weir_candidates "\${(@)words[2,CURRENT]}")}"; do
    name=\${line%%$'\\t'*}
    case "$name" in
      "") ;;
      :file) _files ;;
      :folder) _files -/ ;;
      *) described+=("\${name//:/\\\\:}:\${line#*$'\\t'}") ;;
    esac
  done
  (( \${#described} )) && _describe -o weir described
}
if [ "\${funcstack[1]}" = _weir ]; then _weir "$@"; else compdef _weir weir; fi
`;
}

/** Each function runs with the rules of POSIX shells. */
function inZsh(candidates: string): string {
  return candidates.replaceAll(/^(_weir_\w+\(\) [{(])$/gm, "$1\n  emulate -L sh");
}

function fish(candidates: string): string {
  const script = `${candidates}_weir_candidates "$@"\n`;
  const literal = script.replaceAll("\\", "\\\\").replaceAll("'", "\\'");
  return `# Completion of weir for fish: save it as ~/.config/fish/completions/weir.fish
set -g __weir_candidates '${literal}'
function __weir_complete
    set -l before (commandline -opc)
    set -l word (commandline -ct)
    for line in (sh -c $__weir_candidates weir $before[2..-1] "$word")
        switch $line
            case :file
                __fish_complete_path "$word"
            case :folder
                __fish_complete_directories "$word"
            case '*'
                echo $line
        end
    end
end
complete -c weir -f -a '(__weir_complete)'
`;
}
