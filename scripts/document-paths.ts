/** What a document names must exist: links, code spans that look like paths, and metrics. */
import { existsSync, globSync } from "node:fs";
import { dirname, join, normalize } from "node:path";

const topFolders =
  /^(?:server|protocol|sdk|dashboard|bench|docs|scripts|testing|policies|data|extras|\.ci|\.github)\/[\w./{},*-]*$/;
/** As the documents name files of the server, without `server/src/`. */
const serverRooms =
  /^(?:core|timing|config|adapters|parts|process|compose|commands)\/[\w./{},*-]+\.\w+$/;

/** `[line, path]` of each path that does not exist below `root`. */
export function missingPaths(document: string, markdown: string, root: string): [number, string][] {
  return markdown.split("\n").flatMap((line, index) =>
    pathsOf(document, line)
      .filter((path) => !exists(join(root, path)))
      .map((path): [number, string] => [index + 1, path]),
  );
}

/** `[line, metric]` of each `weir_…` name in a runbook or guide that `sources`, the code as one text, lacks. */
export function missingMetrics(markdown: string, sources: string): [number, string][] {
  return markdown.split("\n").flatMap((line, index) =>
    [...line.matchAll(/`[^`]*?\b(weir_[a-z]+(?:_[a-z]+)+)\b[^`]*`/g)]
      .map(([, name = ""]) => name)
      .filter((name) => !sources.includes(name))
      .map((name): [number, string] => [index + 1, name]),
  );
}

function pathsOf(document: string, line: string): string[] {
  const links = [...line.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = ""]) => target.replace(/#.*$/, ""))
    .filter((target) => target !== "" && !/^[a-z]+:/.test(target))
    .map((target) => normalize(join(dirname(document), target)));
  const spans = [...line.matchAll(/`([^`\s]+)`/g)].flatMap(([, text = ""]) => {
    if (topFolders.test(text)) return [text];
    return serverRooms.test(text) ? [`server/src/${text}`] : [];
  });
  return [...links, ...spans];
}

function exists(path: string): boolean {
  return /[*{]/.test(path) ? globSync(path).length > 0 : existsSync(path);
}
