export interface Block {
  readonly document: string;
  /** Line number of the opening fence, from 1. */
  readonly line: number;
  readonly language: string;
  /** The words after the language on the opening fence. */
  readonly words: readonly string[];
  readonly text: string;
}

/** The fenced code blocks of a Markdown document, including those in lists. */
export function blocksOf(document: string, markdown: string): Block[] {
  const blocks: Block[] = [];
  let open:
    | { line: number; fence: string; indent: number; info: string[]; text: string[] }
    | undefined;
  for (const [index, line] of markdown.split("\n").entries()) {
    const [, indent = "", fence, info = ""] = /^(\s*)(`{3,}|~{3,})(.*)$/.exec(line) ?? [];
    if (open === undefined) {
      if (fence === undefined) continue;
      const words = info.trim().split(/\s+/);
      open = { line: index + 1, fence, indent: indent.length, info: words, text: [] };
    } else if (fence?.startsWith(open.fence) && info.trim() === "") {
      const [language = "", ...words] = open.info;
      blocks.push({ document, line: open.line, language, words, text: open.text.join("\n") });
      open = undefined;
    } else {
      open.text.push(line.slice(Math.min(open.indent, line.length - line.trimStart().length)));
    }
  }
  if (open !== undefined) throw new Error(`${document}:${open.line}: the code block is not closed`);
  return blocks;
}
