/** A daemon's link and journal without a machine: it says once what a daemon with an agent that waits says, and then nothing. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ActivityReport, Assignment, BootFile } from '@berth/wire/daemon'
import type { CallHandlers, Link } from '../../../apps/daemon/src/contracts.ts'
import { openJournal } from '../../../apps/daemon/src/journal/journal.ts'
import type { UploadJournal } from '../../../apps/daemon/src/journal/journal.ts'
import { createLink } from '../../../apps/daemon/src/link/link.ts'

const IDLE: ActivityReport = { agent: 'idle', turnProgressAgeMs: null, backgroundTasks: 0, humanInputAgeMs: null, cpuCores: 0, previewAgeMs: null, waitingSinceAgeMs: null, memoryBytes: 0, ports: [] }

export interface IdleLink { readonly link: Link; close(): Promise<void> }

/** `dir`: where its state is kept. */
export function startIdleLink(given: BootFile, dir: string, onRejected: () => void = () => {}): IdleLink {
  const stateDir = join(dir, given.workspaceId)
  mkdirSync(stateDir, { recursive: true })
  const boot: BootFile = { ...given, stateDir, runDir: stateDir, workDir: stateDir, homeDir: stateDir }
  const bootPath = join(stateDir, 'boot.json')
  writeFileSync(bootPath, JSON.stringify(boot), { mode: 0o600 })
  const journal = openJournal({ path: join(stateDir, 'journal.sqlite') })
  const calls = new Proxy({} as CallHandlers, { get: (_, name) => () => Promise.reject(new Error(`there is no machine here: ${String(name)}`)) })
  const link = createLink({
    context: { boot, journal, machineBoot: boot.workspaceId, log: () => {}, signal: new AbortController().signal }, journal, bootPath, tmux: false,
    handlers: { calls, onAssignment: (assignment) => { arrive(journal, assignment) }, onStream: (_, stream) => { stream.abort('there is no machine here') }, activity: () => IDLE, onRejected },
  })
  return { link, close: () => link.close().then(() => { journal.close() }) }
}

/** What a daemon with an agent that waits says once. */
function arrive(journal: UploadJournal, { agent: { sessionId, kind } }: Assignment): void {
  const done = (step: 'code' | 'agent', title: string): void => { journal.append({ type: 'workspace.step', step, title, state: 'done', durationMs: 1, detail: null }, { key: `step ${step}` }) }
  done('code', 'Code')
  journal.append({ type: 'session.started', sessionId, agent: kind, driver: 'plain', resumed: false, agentVersion: null }, { key: 'started' })
  journal.append({ type: 'session.state', sessionId, state: 'idle', detail: null }, { key: 'idle' })
  done('agent', 'Agent')
}
