import { spawn } from "node:child_process";

/** Ends a process of PostgreSQL when the process that started it ends, however that happens. */
export interface Lifeline {
  /** The process to end; its working directory is the folder of the lifeline. */
  guard(pid: number): void;
  /** Ends the lifeline and leaves the process alone. */
  release(): void;
}

/**
 * A shell that waits on a pipe, which the kernel closes with the process at its other end. PostgreSQL runs in
 * a session of its own and gets no signal when its supervisor is killed, and Node.js cannot ask Linux for one
 * (`PR_SET_PDEATHSIG`). The working directory shows that the process id still belongs to the same process.
 * Fast shutdown first, then immediate, then SIGKILL. SIGCONT first: a stopped process receives no other signal.
 */
const script = `
  trap '' HUP INT TERM
  read -r pid || exit 0
  while read -r line; do :; done
  is_running() {
    if [ -d /proc/self ]; then
      case "$(readlink "/proc/$pid/cwd")" in "$folder" | "$folder (deleted)") true ;; *) false ;; esac
    else
      ps -o command= -p "$pid" | grep -qF "$folder"
    fi
  }
  for step in "INT 150" "QUIT 75" "KILL 25"; do
    is_running || exit 0
    kill -CONT "$pid"
    kill "-\${step% *}" "$pid"
    left=\${step#* }
    while [ "$left" -gt 0 ] && is_running; do sleep 0.2; left=$((left - 1)); done
  done`;

/** @param folder the working directory of the process, without links; it is also named in its arguments */
export function startLifeline(folder: string): Lifeline {
  const shell = spawn("/bin/sh", ["-c", script, "weir-lifeline"], {
    // a Ctrl-C in the terminal, or a kill of the whole group, must not reach it
    detached: true,
    cwd: "/",
    stdio: ["pipe", "ignore", "ignore"],
    env: { PATH: process.env["PATH"] ?? "", folder },
  });
  // without it PostgreSQL runs as well; the next start takes over a server that was left behind
  shell.on("error", () => {});
  shell.stdin.on("error", () => {});
  shell.unref();
  // a pipe to a child is a socket in Node.js; the types do not say so
  (shell.stdin as unknown as { unref(): void }).unref();
  return {
    guard: (pid) => void shell.stdin.write(`${pid}\n`),
    release: () => void shell.kill("SIGKILL"),
  };
}
