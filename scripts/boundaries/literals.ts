import { SyntaxKind } from "typescript/unstable/ast";
import { createScanner } from "typescript/unstable/ast/scanner";

export interface Literal {
  /** A template has `hole` where an expression stands. */
  readonly text: string;
  readonly line: number;
}

/** Stands for `${...}` in the text of a template. */
export const hole = "\u2026";

/**
 * The string and template literals of a TypeScript file, comments left out.
 * @throws when the source does not end where its tokens end: then literals may be missing
 */
export function literalsOf(source: string): Literal[] {
  const scanner = createScanner(true);
  scanner.setText(source);
  const literals: Literal[] = [];
  /** One entry per open template: its text so far, and the braces open within its expression. */
  const templates: { text: string; start: number; braces: number }[] = [];
  /** After an operand a slash divides; elsewhere it begins a regular expression. */
  let afterOperand = false;
  const add = (text: string, start: number): void => {
    literals.push({ text, line: source.slice(0, start).split("\n").length });
  };
  for (;;) {
    let token = scanner.scan();
    const template = templates.at(-1);
    if (token === SyntaxKind.EndOfFile) break;
    if (isSlash(token) && !afterOperand) token = scanner.reScanSlashToken();
    if (token === SyntaxKind.OpenBraceToken && template !== undefined) template.braces += 1;
    if (token === SyntaxKind.CloseBraceToken && template !== undefined) {
      if (template.braces > 0) template.braces -= 1;
      else token = scanner.reScanTemplateToken(false);
    }
    if (scanner.isUnterminated()) break;
    if (token === SyntaxKind.StringLiteral || token === SyntaxKind.NoSubstitutionTemplateLiteral) {
      add(scanner.getTokenValue(), scanner.getTokenStart());
    } else if (token === SyntaxKind.TemplateHead) {
      const start = scanner.getTokenStart();
      templates.push({ text: scanner.getTokenValue() + hole, start, braces: 0 });
    } else if (token === SyntaxKind.TemplateMiddle && template !== undefined) {
      template.text += scanner.getTokenValue() + hole;
    } else if (token === SyntaxKind.TemplateTail && template !== undefined) {
      templates.pop();
      add(template.text + scanner.getTokenValue(), template.start);
    }
    // words such as `from` are names here and keywords there
    afterOperand = operandEnds.has(token) || scanner.isIdentifier();
  }
  if (scanner.isUnterminated() || templates.length > 0) throw new Error("cannot read its literals");
  return literals;
}

function isSlash(token: SyntaxKind): boolean {
  return token === SyntaxKind.SlashToken || token === SyntaxKind.SlashEqualsToken;
}

const operandEnds: ReadonlySet<SyntaxKind> = new Set([
  SyntaxKind.PrivateIdentifier,
  SyntaxKind.NumericLiteral,
  SyntaxKind.BigIntLiteral,
  SyntaxKind.StringLiteral,
  SyntaxKind.NoSubstitutionTemplateLiteral,
  SyntaxKind.TemplateTail,
  SyntaxKind.RegularExpressionLiteral,
  SyntaxKind.CloseParenToken,
  SyntaxKind.CloseBracketToken,
  SyntaxKind.CloseBraceToken,
  SyntaxKind.ThisKeyword,
  SyntaxKind.PlusPlusToken,
  SyntaxKind.MinusMinusToken,
]);
