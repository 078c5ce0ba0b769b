/**
 * Licences of what is linked into a binary, for the package that it is published in.
 *
 * Usage: `node scripts/notices.mjs make [target]` writes `file-process-store.<platform>.notices.md` beside the binary, for
 * one of the compiler's targets, or the one at hand; `place <artifacts> <packages>` puts these files into the packages.
 */

import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { PLATFORMS } from './platforms.mjs';
import { root } from './programs.mjs';

const NAME = 'file-process-store';
/** What the file is called in a package. */
export const NOTICES = 'THIRD-PARTY-NOTICES.md';

/**
 * @param {string} command
 * @param {string[]} args
 */
function output(command, ...args) {
  const { status, error, stdout, stderr } = spawnSync(command, args, {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (error || status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? stderr}`);
  return stdout;
}

/**
 * The crates that are linked into the addon for a target: what it depends on, but for what only runs in the compiler.
 * @param {string} target
 * @returns {{ name: string, version: string, license: string, authors: string[], manifest_path: string }[]}
 */
export function linkedCrates(target) {
  const args = ['--format-version', '1', '--locked', '--filter-platform', target];
  const { packages, resolve } = JSON.parse(output('cargo', 'metadata', ...args));
  const crates = new Map(packages.map((/** @type {any} */ each) => [each.id, each]));
  const nodes = new Map(resolve.nodes.map((/** @type {any} */ each) => [each.id, each]));
  const isMacro = (/** @type {string} */ id) =>
    crates.get(id).targets.some((/** @type {any} */ { kind }) => kind.includes('proc-macro'));
  const seen = new Set([resolve.root]);
  for (const id of seen) {
    for (const { pkg, dep_kinds } of nodes.get(id).deps) {
      const linked = dep_kinds.some((/** @type {any} */ { kind }) => kind === null);
      if (linked && !isMacro(pkg)) seen.add(pkg);
    }
  }
  return [...seen]
    .map((id) => crates.get(id))
    .filter(({ source }) => source !== null)
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** @param {string} target */
export function noticesOf(target) {
  const crates = linkedCrates(target);
  const texts = crates.map((crate) => {
    const folder = dirname(crate.manifest_path);
    const files = readdirSync(folder).filter((file) =>
      /^(licen[sc]e|copying|copyright|notice|unlicense)/i.test(file),
    );
    // Where there is a choice, the short one is taken.
    const isChosen = crate.license?.includes(' OR ') && files.some((file) => /mit/i.test(file));
    const kept = isChosen ? files.filter((file) => !/apache|unlicense|zlib/i.test(file)) : files;
    const found = kept.map((file) => readFileSync(join(folder, file), 'utf8').trim());
    const text = found.length > 0 ? found.join('\n\n---\n\n') : mit(crate);
    return `## ${crate.name} ${crate.version}\n\n${crate.license}\n\n\`\`\`\`text\n${text}\n\`\`\`\`\n`;
  });
  const intro = `# Third-party notices\n\nThe binary for ${target} has these libraries linked in, and Rust's own.\n`;
  return [intro, ...texts, standardLibrary()].join('\n');
}

/**
 * Some crates say which licence they are under, and leave its text out.
 * @param {{ name: string, license: string, authors: string[] }} crate
 */
function mit({ name, license, authors }) {
  if (!/\bMIT\b/.test(license ?? '')) throw new Error(`${name} has no licence file, and is under ${license}`);
  const text = readFileSync(join(root, 'LICENSE'), 'utf8').trim();
  return text.replace(/^Copyright .*$/m, `Copyright (c) ${authors.join(', ') || `the authors of ${name}`}`);
}

/** What the toolchain says of the standard library and the crates in it; some toolchains come without. */
function standardLibrary() {
  const license = mit({
    name: 'std',
    license: 'MIT OR Apache-2.0',
    authors: ['The Rust Project Contributors'],
  });
  const heading =
    "## Rust's standard library\n\nMIT OR Apache-2.0; see https://www.rust-lang.org/policies/licenses\n";
  const file = join(output('rustc', '--print', 'sysroot').trim(), 'share/doc/rust/COPYRIGHT-library.html');
  const page = existsSync(file) ? readFileSync(file, 'utf8').replace(/<[^>]*>/g, '') : '';
  const plain = page
    .replaceAll('&#60;', '<')
    .replaceAll('&#62;', '>')
    .replaceAll('&#34;', '"')
    .replaceAll('&#38;', '&');
  const facts = plain
    .split('\n')
    .filter((line) => /^\s*(📦|File\/Directory:|Copyright:|Authors:|License:)/u.test(line));
  const parts = facts.map((line) => line.trim().replace('📦', '\n')).join('\n');
  return `${heading}\n\`\`\`\`text\n${license}\n\n${parts}\n\`\`\`\`\n`;
}

/**
 * Puts the licence and the notices into the packages with the binaries, as `napi create-npm-dirs` has made them.
 * @param {string} artifacts where the files of `make` are
 * @param {string} packages
 */
export function placeNotices(artifacts, packages) {
  for (const platform of readdirSync(packages)) {
    const folder = join(packages, platform);
    cpSync(join(root, 'LICENSE'), join(folder, 'LICENSE'));
    cpSync(join(artifacts, fileOf(platform)), join(folder, NOTICES));
    const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    manifest.files = [...new Set([...manifest.files, 'LICENSE', NOTICES])];
    writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  }
}

/** @param {string} platform */
export function fileOf(platform) {
  return `${NAME}.${platform}.notices.md`;
}

/** @param {string} [target] */
function make(target = /^host: (.*)$/m.exec(output('rustc', '-vV'))?.[1]) {
  const [platform] = Object.entries(PLATFORMS).find(([, each]) => each === target) ?? [];
  // Where a checkout builds for a system of its own, nothing is published.
  if (platform && target) writeFileSync(join(root, fileOf(platform)), noticesOf(target));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [command, ...args] = process.argv.slice(2);
  if (command === 'make') make(args[0]);
  else if (command === 'place') placeNotices(args[0], args[1]);
  else throw new Error('usage: node scripts/notices.mjs make [target] | place <artifacts> <packages>');
}
