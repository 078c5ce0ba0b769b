// What `index.d.ts` promises to readers: every public member has a comment, and nothing in it breaks `isolatedModules`.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';

/** The members that a declaration, or a type written in place, shows to its users. */
function membersOf(node) {
  if (ts.isInterfaceDeclaration(node) || ts.isClassDeclaration(node) || ts.isTypeLiteralNode(node)) {
    return node.members;
  }
  return [];
}

/** Names of what is public and has no comment, with the names of what it is in: `Options.dataDir`. */
function findUndocumented(text) {
  const source = ts.createSourceFile('index.d.ts', text, ts.ScriptTarget.Latest, true);
  const found = [];
  const visit = (node, within) => {
    const isStatement = ts.isSourceFile(node.parent) && !ts.isExportDeclaration(node);
    let name = within;
    if (isStatement || membersOf(node.parent).includes(node)) {
      name = [within, ts.isConstructorDeclaration(node) ? 'constructor' : node.name?.getText()]
        .filter(Boolean)
        .join('.');
      const isGlobal = ts.isModuleDeclaration(node);
      if (!isGlobal && !ts.getJSDocCommentsAndTags(node).some((doc) => ts.isJSDoc(doc) && doc.comment)) {
        found.push(name);
      }
    }
    node.forEachChild((child) => visit(child, name));
  };
  source.statements.forEach((statement) => visit(statement, ''));
  return found;
}

describe('index.d.ts', () => {
  const text = readFileSync(fileURLToPath(new URL('../index.d.ts', import.meta.url)), 'utf8');

  test('has a comment for every declaration and every member', () => {
    expect(findUndocumented(text)).toEqual([]);
  });

  test('has no const enum, and imports nothing', () => {
    expect(text).not.toMatch(/\benum\b/);
    expect(text).not.toMatch(/^\s*(import|\/\/\/ <reference)/m);
  });
});

describe('the search for what has no comment', () => {
  test('finds it among declarations, members and members of types written in place', () => {
    const sample = `
      export type A = string;
      /** Has one. */
      export interface B {
        b: {
          c: string;
          /** Has one. */
          d: string;
        };
        /** Has one. */
        e(): void;
        f?(): void;
        /** */
        g: string;
      }
      /** Has one. */
      export class C {
        constructor();
        /** Has one. */
        h: number;
      }
      export function i(): void;`;
    expect(findUndocumented(sample)).toEqual(['A', 'B.b', 'B.b.c', 'B.f', 'B.g', 'C.constructor', 'i']);
  });
});
