/** Sends the assignment when it changed; changes that come while one is being read are sent by one more. */
export interface Reassigning {
  /** Resolves when what was current at the call has been sent, or at once while the daemon is not welcomed. */
  changed(): Promise<void>
  /** Something changed before the welcome was out. */
  readonly owed: boolean
}

export function createReassigning<Assignment>(deps: { ready(): boolean; read(): Promise<Assignment>; send(assignment: Assignment): void }): Reassigning {
  let running: Promise<void> | null = null
  let owed = false

  async function run(): Promise<void> {
    try {
      while (owed && deps.ready()) {
        owed = false
        const assignment = await deps.read()
        if (deps.ready()) deps.send(assignment)
      }
    } finally {
      running = null
    }
  }
  return {
    get owed() { return owed },
    changed() {
      owed = true
      if (!deps.ready()) return Promise.resolve()
      running ??= run()
      return running
    },
  }
}
