import { afterEach, expect, jest, test } from 'bun:test'
import { randomIds, type Workspace } from '@berth/wire'
import { putWorkspace, putWorkspaces, putWorkspaceSoon, workspaceOf, workspaces } from './session.ts'

const id = randomIds.workspace()
const named = (name: string) => ({ id, name, phase: 'running' }) as Workspace
const rested = () => jest.advanceTimersByTime(1000)

afterEach(() => {
  jest.useRealTimers()
  workspaces.value = null
})

test('what is told of a workspace is shown when the page rests, the last of it', () => {
  jest.useFakeTimers()
  putWorkspaces([named('first')])
  putWorkspaceSoon(named('second'))
  putWorkspaceSoon(named('third'))
  expect(workspaceOf(id)?.name).toBe('first')
  rested()
  expect(workspaceOf(id)?.name).toBe('third')
})

test('what came after it is not taken back', () => {
  jest.useFakeTimers()
  putWorkspaceSoon(named('told'))
  putWorkspace(named('done by hand'))
  rested()
  expect(workspaceOf(id)?.name).toBe('done by hand')
  putWorkspaceSoon(named('told'))
  putWorkspaces([named('listed anew')])
  rested()
  expect(workspaceOf(id)?.name).toBe('listed anew')
  putWorkspaceSoon(named('told again'))
  rested()
  expect(workspaceOf(id)?.name).toBe('told again')
})
