// Some tests need what not every machine has. They say so, and are skipped.

/** Skips the test of this context with a line that says why, if there is a reason. */
export function skipIf(reason, context) {
  if (!reason) return;
  console.warn(`skipped: ${context.task.name} (${reason})`);
  context.skip(reason);
}
