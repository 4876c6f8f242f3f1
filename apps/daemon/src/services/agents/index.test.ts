import { expect, it } from 'bun:test'
import { AgentKind } from '@berth/wire'
import { AGENT_KINDS } from '@berth/wire/agents'
import { Assignment } from '@berth/wire/daemon'
import { driverFor } from './index.ts'

it('has a driver for every agent', () => {
  for (const kind of AgentKind.options) expect(typeof driverFor(kind)).toBe('function')
  expect(Object.keys(AGENT_KINDS).toSorted()).toEqual(AgentKind.options.toSorted())
})

it('takes an assignment with the agent of a newer server, and says that it does not know it', () => {
  const agent = Assignment.shape.agent.parse({ kind: 'from-the-future', sessionId: 'ses_aaaabbbbcccc', command: null, approvalMode: 'ask', executable: null, version: null })
  for (const kind of [agent.kind, 'constructor' as never]) expect(() => driverFor(kind)).toThrow(expect.objectContaining({ code: 'agent_unavailable', hint: expect.stringContaining('stop and start') }))
  expect(Assignment.shape.agent.shape.kind.safeParse(7).success).toBe(false)
})
