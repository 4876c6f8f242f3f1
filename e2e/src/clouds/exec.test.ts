/** The capability test on machines of a person's own commands: the documented example, set up by `berth provider setup exec`. */
import { afterAll, expect, test } from 'bun:test'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { capabilityOn } from '../capability-steps.ts'
import { modelHost, setUpProviders } from '../providers.ts'
import { openWayIn } from './way-in.ts'

const EXAMPLE = resolve(import.meta.dir, '../../../docs/exec/machines.py')
const root = mkdtempSync('/tmp/berth-exec-e2e-')
chmodSync(root, 0o711)
const machines = join(root, 'machines')
const host = modelHost('local')
const wayIn = openWayIn(host)

afterAll(() => {
  wayIn.close()
  rmSync(root, { recursive: true, force: true })
})

/** Directories, records, and processes. */
function standing(): string[] {
  const processes = readdirSync('/proc').filter((pid) => /^\d+$/.test(pid)).flatMap((pid) => {
    try {
      return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').filter((line) => line.startsWith(`EXAMPLE_MACHINE=${machines}`)).map((line) => `process ${pid} ${line}`)
    } catch {
      return []
    }
  })
  return [...processes, ...(existsSync(machines) ? readdirSync(machines) : [])]
}

capabilityOn({
  provider: 'exec', modelHost: host,
  setUp(home, model) {
    setUpProviders(home, model)
    writeFileSync(join(home, 'config.yaml'), wayIn.config)
    mkdirSync(join(home, 'providers'), { recursive: true })
    // The machines share the host's network, where the model is.
    writeFileSync(join(home, 'providers/exec.yaml'), `command: ${JSON.stringify(['/usr/bin/python3', '-I', EXAMPLE, machines, `host.docker.internal=${host}`])}\nisolation: sandbox\nrunningMicrosPerHour: 45000\n`)
  },
  inventory: async (workspaceId) => standing().filter((line) => line.includes(workspaceId)),
})

test('nothing of it is left on the host', () => {
  expect(standing()).toEqual(['.lock'])
})
