import { expect, test } from 'bun:test'
import type { Observed } from '@berth/core'
import { parseMachine } from './rows.ts'

const row = {
  workspaceId: 'ws_0000000000aa', generation: 1, provider: 'local', ref: null, poll: null, observedAt: 1, isolation: null, ensuringSince: null, stoppingSince: null,
  saveState: 'none', attempts: 0, retryAt: null, linkEpoch: 0, linkedAt: null, lastSeenAt: null, daemonVersion: null, createdAt: 1, endedAt: null,
}

test('what was observed of a machine comes back whole, whatever it was', () => {
  const all: Observed[] = [
    { state: 'absent' }, { state: 'creating' }, { state: 'running', startedAt: null }, { state: 'running', startedAt: 5, slow: true },
    { state: 'stopped', exitCode: 1, detail: 'killed' }, { state: 'stopped', exitCode: null, detail: null, charged: true }, { state: 'failed', detail: 'no disk' }, { state: 'unknown', raw: '?' },
  ]
  for (const observed of all) expect(parseMachine({ ...row, observed }).observed).toEqual(observed)
})
