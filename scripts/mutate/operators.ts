/**
 * Generic mutants: small changes of the program that a mistake could make. TypeScript is parsed, so
 * strings, comments and types stay as they are; the operators keep the types of what they change.
 */
import {
  type ArrowFunctionExpression,
  type BinaryExpression,
  type Function as FunctionNode,
  type LogicalExpression,
  parseSync,
  Visitor,
} from "oxc-parser";
import type { Edit } from "./mutant.ts";

const swappedOperators: Readonly<Record<string, string>> = {
  "<": "<=",
  "<=": "<",
  ">": ">=",
  ">=": ">",
  "===": "!==",
  "!==": "===",
  "+": "-",
  "-": "+",
  "&&": "||",
  "||": "&&",
};

const swappedCalls: Readonly<Record<string, string>> = {
  some: "every",
  every: "some",
  min: "max",
  max: "min",
};

interface Place {
  readonly start: number;
  readonly end: number;
}

/** All mutants of a TypeScript file, in the order of their places. */
export function mutateTypeScript(file: string, text: string): Edit[] {
  const { program, errors } = parseSync(file, text);
  if (errors.length > 0) throw new Error(`${file} cannot be parsed: ${errors[0]?.message}`);
  const edits: Edit[] = [];
  const types: Place[] = [];
  const add = (operator: string, { start, end }: Place, replacement: string): void => {
    edits.push({ operator, start, end, replacement });
  };
  const source = ({ start, end }: Place): string => text.slice(start, end);

  const swapOperator = (node: BinaryExpression | LogicalExpression): void => {
    const to = swappedOperators[node.operator];
    if (to === undefined || isAboutText(node)) return;
    const start = text.indexOf(node.operator, node.left.end);
    add(`${node.operator} to ${to}`, { start, end: start + node.operator.length }, to);
  };
  const negate = ({ test }: { readonly test: Place & { readonly type: string } }): void => {
    const isEquality = "operator" in test && /^[!=]==$/.test(String(test.operator));
    if (isEquality) return; // swapping the operator is the same change
    add("negate the condition", test, `!(${source(test)})`);
  };
  const addType = (place: Place): void => void types.push(place);

  let classes = 0;
  // Whether the function returns a value or only throws: one that does cannot return early.
  const functions: { hasValue: boolean }[] = [];
  const enterFunction = (): void => void functions.push({ hasValue: false });
  const setHasValue = (): void => {
    const inner = functions.at(-1);
    if (inner !== undefined) inner.hasValue = true;
  };
  const leaveFunction = ({ body }: FunctionNode | ArrowFunctionExpression): void => {
    if (functions.pop()?.hasValue !== false) return;
    if (body?.type !== "BlockStatement" || body.body.length === 0) return;
    add("return early", { start: body.start, end: body.start + 1 }, "{ return;");
  };

  new Visitor({
    BinaryExpression: swapOperator,
    LogicalExpression: swapOperator,
    IfStatement: negate,
    ConditionalExpression: negate,
    WhileStatement: negate,
    UnaryExpression(node) {
      if (node.operator === "!") add("remove !", node, source(node.argument));
    },
    Literal(node) {
      if (typeof node.value === "boolean") add("swap true and false", node, `${!node.value}`);
      if (typeof node.value === "number" && isTelling(source(node), classes + functions.length)) {
        add("+ 1", node, `(${source(node)} + 1)`);
        add("- 1", node, `(${source(node)} - 1)`);
      }
    },
    CallExpression({ callee }) {
      if (callee.type !== "MemberExpression" || callee.computed) return;
      const name = source(callee.property);
      const to = swappedCalls[name];
      if (to !== undefined) add(`${name} to ${to}`, callee.property, to);
    },
    ExpressionStatement(node) {
      const { expression } = node;
      if (expression.type === "AwaitExpression") {
        add("remove await", expression, `void ${source(expression.argument)}`);
      }
      if (effects.has(expression.type)) add("remove the statement", node, ";");
    },
    ReturnStatement({ argument }) {
      if (argument !== null) setHasValue();
    },
    ThrowStatement: setHasValue,
    ClassDeclaration: () => void classes++,
    "ClassDeclaration:exit": () => void classes--,
    FunctionDeclaration: enterFunction,
    "FunctionDeclaration:exit": leaveFunction,
    FunctionExpression: enterFunction,
    "FunctionExpression:exit": leaveFunction,
    ArrowFunctionExpression: enterFunction,
    "ArrowFunctionExpression:exit": leaveFunction,
    TSLiteralType: addType,
    TSTypeAliasDeclaration: addType,
    TSInterfaceDeclaration: addType,
  }).visit(program);
  return inOrder(
    edits.filter(({ start }) => !types.some((type) => type.start <= start && start < type.end)),
  );
}

/** Sizes and times that are tuned may as well be one more or less; small numbers and bit patterns may not. */
function isTelling(number: string, depth: number): boolean {
  return number.startsWith("0x") || (depth > 0 && Number(number) <= 10);
}

/** Statements that are there for what they do. */
const effects: ReadonlySet<string> = new Set([
  "CallExpression",
  "AwaitExpression",
  "AssignmentExpression",
  "UpdateExpression",
]);

const sqlSwaps: readonly (readonly [operator: RegExp, to: string])[] = [
  [/ < /g, " <= "],
  [/ <= /g, " < "],
  [/ > /g, " >= "],
  [/ >= /g, " > "],
  [/ <> /g, " = "],
  [/ \+ /g, " - "],
  [/ - /g, " + "],
  [/\bor\b/g, "and"],
  [/\bgreatest\b/g, "least"],
  [/\bleast\b/g, "greatest"],
  [/\bmin(?=\()/g, "max"],
  [/\bmax(?=\()/g, "min"],
  [/\bnot (?=exists\b)/g, ""],
  [/\bis not null\b/g, "is null"],
  [/\bis null\b/g, "is not null"],
  [/\btrue\b/g, "false"],
  [/\bfalse\b/g, "true"],
  [/\bdesc\b/g, "asc"],
  [/'30 minutes'/g, "'29 minutes'"],
  [/\bdelete from .*;/g, "perform 1;"],
];
const sqlConjunction = /\band\b/g;
const sqlNumber = /(?<![\w$.':])\d+(?![\w.:'])/g;

/** All mutants of the body of one SQL function, in the order of their places. */
export function mutateSql(text: string): Edit[] {
  const code = withoutComments(text);
  const from = code.indexOf("$$");
  const edits: Edit[] = [];
  const add = (pattern: RegExp, to: (found: string) => string): void => {
    for (const { index, 0: found } of code.matchAll(pattern)) {
      if (index <= from) continue;
      const replacement = to(found);
      const operator = `${found.trim()} to ${replacement.trim() || "nothing"}`;
      edits.push({ operator, start: index, end: index + found.length, replacement });
    }
  };
  for (const [pattern, to] of sqlSwaps) add(pattern, () => to);
  add(sqlConjunction, () => "or");
  add(sqlNumber, (found) => String(Number(found) + 1));
  return inOrder(edits.filter(({ start }) => !isBetween(code, start)));
}

/** Comments blanked out, every character at its place. */
function withoutComments(text: string): string {
  return text.replace(/--.*$/gm, (comment) => " ".repeat(comment.length));
}

/** The `and` of `between a and b` is no conjunction. */
function isBetween(code: string, start: number): boolean {
  return /^and\b/.test(code.slice(start)) && /\bbetween [^\s]+ $/.test(code.slice(0, start));
}

/** `+` also joins texts, and there `-` is no mistake that anyone makes. */
function isAboutText(node: BinaryExpression | LogicalExpression): boolean {
  return (node.operator === "+" || node.operator === "-") && [node.left, node.right].some(isText);
}

function isText(node: { readonly type: string }): boolean {
  if (node.type === "TemplateLiteral") return true;
  if ("value" in node) return typeof node.value === "string";
  if (!("left" in node && "right" in node)) return false;
  return [node.left, node.right].some((side) => isText(side as { type: string }));
}

function inOrder(edits: Edit[]): Edit[] {
  return edits.sort((a, b) => a.start - b.start || a.operator.localeCompare(b.operator));
}
