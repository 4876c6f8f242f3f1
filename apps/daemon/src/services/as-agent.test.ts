import { expect, test } from 'bun:test'
import type { BootFile } from '@berth/wire/daemon'
import { createAsAgent } from './as-agent.ts'

const boot = { workspaceId: 'ws_1', homeDir: '/tmp', agentUser: null, isolation: 'container', env: {} } as unknown as BootFile
const withPath = (hostEnv: Record<string, string>, workspace: Record<string, string>) => createAsAgent({ boot, machineBoot: 'm', hostEnv, workspaceEnv: () => workspace, programs: '/agents' })

test('a PATH of the project goes first and takes no program of the system away', async () => {
  for (const asAgent of [withPath({ PATH: '/opt/x' }, {}), withPath({}, { PATH: '/opt/x' }), withPath({ PATH: '/opt/x:/bin' }, { PATH: '/opt/x' })]) {
    expect(asAgent.environment()['PATH']).toMatch(/^\/opt\/x:.*\/usr\/bin.*:\/agents$/)
    expect(await asAgent.run(['sh', '-c', 'git --version'], {})).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('git') })
  }
  expect(withPath({}, { PATH: '' }).environment()['PATH']).toMatch(/^\/usr\/local\/sbin:/)
  expect(withPath({}, { PATH: '/bin:/usr/bin:/usr/local/bin:/sbin:/usr/sbin:/usr/local/sbin' }).environment()['PATH']).toBe('/bin:/usr/bin:/usr/local/bin:/sbin:/usr/sbin:/usr/local/sbin:/agents')
})
