/** Every deadline and default in one table, derived from one another; `berth doctor` prints it. All in ms. */
const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

const daemonReport = MINUTE
const dialHome = 2 * MINUTE
/** A computer whose instructions are translated boots some ten times slower. */
const dialHomeSlow = 10 * dialHome
const provision = 30 * MINUTE

export const deadlines = {
  /** A claim of the reconciler: longer than any single provider call may take. */
  tickLease: 60 * SECOND,
  providerCall: 45 * SECOND,
  /** A settled workspace is looked at this often even when nothing happens. */
  tickIdle: 30 * SECOND,
  tickBusy: SECOND,
  /** While its daemon speaks to us, a machine that works is asked for at its provider this seldom: vendors count calls. */
  observeLinked: 5 * MINUTE,
  daemonReport,
  /** Two missed reports and a bit: the link is half-open. */
  linkSilent: 45 * SECOND,
  dialHome,
  dialHomeSlow,
  /** From the wish to the agent started: clone, image build and upload included. */
  provision,
  /** Between two signs of the code that a person sends. */
  uploadIdle: 10 * MINUTE,
  stopSave: 20 * SECOND,
  stopTotal: 30 * SECOND,
  autoStop: 30 * MINUTE,
  /** Of idle or waiting time. A keep-alive, which a person gave an end, may be longer. */
  idleCap: 12 * HOUR,
  waitingSleep: 2 * HOUR,
  backgroundHold: 2 * HOUR,
  turnStalled: HOUR,
  humanInput: 15 * MINUTE,
  previewTraffic: 15 * MINUTE,
  unreachable: 30 * MINUTE,
  /** A gap between two ticks of the server above this resets idle and unreachable counters. */
  serverGap: 30 * SECOND,
  reaperMinimumAge: 15 * MINUTE,
  reaperInterval: 5 * MINUTE,
  approvalPreapproval: HOUR,
  /** What the server itself asks, and nobody answers, is refused after it. */
  serverAsk: 15 * MINUTE,
  /** How long the agent's hook may wait for a person: longer than any vacation. */
  hookTimeout: 30 * 24 * HOUR,
  viewerHeartbeat: 30 * SECOND,
  viewerGone: 75 * SECOND,
  signInLink: 10 * MINUTE,
  /** From the code that a program shows to the person's word. */
  deviceLogin: 10 * MINUTE,
  deviceSession: 90 * 24 * HOUR,
  /** A challenge, or the way to GitHub and back. */
  signInStep: 10 * MINUTE,
  browserSession: 30 * 24 * HOUR,
  /** From one origin to the other, by redirects. */
  previewTicket: MINUTE,
  /** A visitor is let in so long; the session or the link may end it earlier. */
  previewVisit: 30 * 24 * HOUR,
  previewShare: 7 * 24 * HOUR,
  pasteAcknowledged: 3 * SECOND,
  journalKeep: 7 * 24 * HOUR,
  /** A viewer's row that nobody renewed. */
  viewerForgotten: 24 * HOUR,
  pruneInterval: HOUR,
  /** Between two looks for saved workspaces that have come to their end. */
  savedRound: 15 * MINUTE,
  /** Between two looks at what was spent: above a hard limit machines run on at most so long. */
  costRound: 30 * SECOND,
  /** Between two looks at pools of prepared workspaces. */
  poolRound: 15 * SECOND,
  /** After one of them could not be prepared. */
  poolRetry: 10 * MINUTE,
  /** Code and programs of an older one are too old; another takes its place. */
  poolMemberAge: 12 * HOUR,
  /** Between two looks for workspaces whose origin is to be asked; each is asked far less often. */
  originRound: MINUTE,
  /** What GitHub's webhooks did not bring is asked for. */
  githubDeliveries: 2 * MINUTE,
  /** A host that tells nothing is asked for the checks of a workspace; Bitbucket lets a token ask a thousand times an hour. */
  checksRound: 2 * MINUTE,
  /** An image that was made for a project and that no machine was made from since. */
  projectImageUnused: 14 * 24 * HOUR,
} as const satisfies Record<string, number>
