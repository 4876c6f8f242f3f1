import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { assignmentOf, startMachine } from '../../testing/test-machine.ts'

test.skipIf(process.platform !== 'linux')('what a workspace runs is ended before its daemon when memory runs out', async () => {
  const tell = (name: string): string => `cat /proc/self/oom_score_adj > ../home/${name}.new; mv ../home/${name}.new ../home/${name}; exec sleep 1000`
  const machine = await startMachine({ assignment: { agent: { ...assignmentOf({}).agent, command: tell('agent') }, services: [{ name: 'web', command: `sleep 0.2; ${tell('web')}` }] } })
  try {
    const adjustment = async (name: string): Promise<number> => {
      for (;;) {
        const text = await Bun.file(join(machine.boot.homeDir, name)).text().catch(() => '')
        if (text !== '') return Number(text)
        await Bun.sleep(20)
      }
    }
    await machine.event((body) => body.type === 'workspace.step' && body.step === 'services' && body.state === 'done')
    const own = Number(readFileSync('/proc/self/oom_score_adj', 'utf8'))
    for (const pid of [machine.supervisor.pid, machine.runPid()]) expect(Number(readFileSync(`/proc/${pid}/oom_score_adj`, 'utf8'))).toBe(own)
    for (const name of ['agent', 'web']) expect(await adjustment(name)).toBeGreaterThan(own)
  } finally {
    await machine.close()
  }
}, 60_000)
