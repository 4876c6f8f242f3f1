/** The released program under the documented unit, in a machine with a real systemd. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createMachines, docker } from '@berth/sim-machine'
import { eventually, root } from '../product.ts'

setDefaultTimeout(300_000)
const machines = createMachines('deploy')
let dir: string
const sh = (text: string) => machines.exec('host', ['bash', '-c', text])

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'berth-deploy-'))
  const program = process.env['BERTH_E2E_BINARY'] ?? join(dir, `berth-linux-${process.arch}`)
  if (process.env['BERTH_E2E_BINARY'] === undefined) {
    const build = Bun.spawn([process.execPath, 'run', 'build', '--out', dir], { cwd: root, stdout: 'ignore', stderr: 'pipe' })
    const said = await new Response(build.stderr).text()
    if ((await build.exited) !== 0) throw new Error(said)
  }
  await machines.create({ name: 'host', hostname: 'host', instanceId: 'i-1', userData: '#cloud-config\n{}\n', volumes: {} })
  await eventually(async () => /running|degraded/.test((await sh('systemctl is-system-running')).stdout), 'systemd')
  await docker(['cp', program, 'deploy-host:/usr/local/bin/berth'])
  await docker(['cp', join(root, 'deploy/systemd/berth.service'), 'deploy-host:/etc/systemd/system/berth.service'])
})
afterAll(async () => {
  await machines.close()
  await rm(dir, { recursive: true, force: true })
})

test('the service starts, answers, comes back after a crash, and ends in order', async () => {
  const { exitCode, stdout } = await sh('useradd --system --create-home --home-dir /var/lib/berth berth && systemctl daemon-reload && systemctl enable --now berth 2>&1')
  expect([exitCode, stdout]).toEqual([0, expect.anything()])
  const ready = () => eventually(async () => (await sh('curl -fsS http://127.0.0.1:7420/readyz')).stdout.includes('"ready":true'), 'readiness')
  await ready()
  const first = (await sh('systemctl show -p MainPID --value berth')).stdout.trim()
  await sh('systemctl kill -s KILL berth')
  await eventually(async () => { const pid = (await sh('systemctl show -p MainPID --value berth')).stdout.trim(); return pid !== '0' && pid !== first }, 'another process')
  await ready()
  expect((await sh('systemctl stop berth; systemctl show -p Result --value berth')).stdout.trim()).toBe('success')
  expect((await sh('pgrep -u berth -l')).stdout).toBe('')
  expect((await sh('find /var/lib/berth -maxdepth 1 -perm /077 ! -name ".*" ! -path /var/lib/berth')).stdout).toBe('')
})
