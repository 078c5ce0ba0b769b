/** What is said about a set of samples. */

/** The value below which the given share (0 to 1) of the samples lies: the nearest rank, never interpolated. */
export function quantile(samples, share) {
  const sorted = Float64Array.from(samples).sort();
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
}

export function median(samples) {
  return quantile(samples, 0.5);
}

/** Median, p99 and number. Of fewer than a hundred samples, the p99 is the slowest. */
export function summary(samples) {
  return {
    median: significant(median(samples)),
    p99: significant(quantile(samples, 0.99)),
    samples: samples.length,
  };
}

/** Four digits: as many as a measurement on a busy machine can bear. */
export function significant(value) {
  return Number(value.toPrecision(4));
}
