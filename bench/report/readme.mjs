/**
 * Fills the generated parts of a Markdown text: what stands between `<!-- begin name -->` and `<!-- end name -->`.
 * Everything else is left as it is.
 */
export function fillBlocks(text, blocks) {
  return Object.entries(blocks).reduce((filled, [name, block]) => {
    const begin = `<!-- begin ${name} -->`;
    const end = `<!-- end ${name} -->`;
    const from = filled.indexOf(begin);
    const to = filled.indexOf(end);
    if (from < 0 || to < from) throw new Error(`the text has no place for "${name}": ${begin} … ${end}`);
    return `${filled.slice(0, from + begin.length)}\n\n${block}\n\n${filled.slice(to)}`;
  }, text);
}
