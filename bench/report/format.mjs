/** Figures as people read them. */

/** Three digits at most, without an exponent: 0.0123, 1.23, 12.3, 1,234. */
export function number(value) {
  if (value >= 100) return Math.round(value).toLocaleString('en');
  const digits = value > 0 ? Math.max(0, 2 - Math.floor(Math.log10(value))) : 0;
  return value.toFixed(Math.min(digits, 5));
}

export function times(ratio) {
  return `${number(ratio)}x`;
}

/** Median and p99 in milliseconds. `≈`: a tenth of a burst was measured, and multiplied by ten. */
export function wall(cell) {
  if (!cell) return '–';
  return `${cell.scaled ? '≈ ' : ''}${number(cell.wall.median)} (${number(cell.wall.p99)})`;
}

export function busy(cell) {
  if (!cell) return '–';
  return `${cell.scaled ? '≈ ' : ''}${number(cell.busy)}`;
}

export function megabytes(value) {
  return value === undefined ? '–' : number(value);
}
