/** A test's title; where it is skipped, with the reason. */
export const titled = (title: string, reason: string | undefined): string =>
  reason === undefined ? title : `${title} (skipped: ${reason})`
