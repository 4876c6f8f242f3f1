/** How long the CLI waits by itself. The server's own deadlines are in `berth doctor`. */
export const deadlineDefaults = {
  /** A little more than the server gives to provisioning, so that its reason arrives. */
  upWaitMs: 32 * 60_000,
} as const
