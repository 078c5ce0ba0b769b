/** What may be pruned. */
export const TERMINAL_STATUSES = ['completed', 'failed', 'cancelled'];

/** Takes the oldest finished entries out of the array, as many as there are beyond the cap. */
export function prune(entries, cap) {
  for (let surplus = entries.length - cap; surplus > 0; surplus -= 1) {
    let oldest = -1;
    entries.forEach(({ process }, index) => {
      if (!TERMINAL_STATUSES.includes(process.status)) return;
      if (oldest < 0 || process.startTime < entries[oldest].process.startTime) oldest = index;
    });
    if (oldest < 0) return;
    entries.splice(oldest, 1);
  }
}
