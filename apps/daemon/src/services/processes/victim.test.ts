import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { assignmentOf, startMachine } from '../../testing/test-machine.ts'

test.skipIf(process.platform !== 'linux')('what a workspace runs is ended before its daemon when memory runs out', async () => {
  const tell = (name: string): string => `echo $$ > ../home/${name}.new; mv ../home/${name}.new ../home/${name}; exec sleep 1000`
  const machine = await startMachine({ assignment: { agent: { ...assignmentOf({}).agent, command: tell('agent') }, services: [{ name: 'web', command: tell('web') }] } })
  try {
    const scoreOf = (pid: number | string): number => Number(readFileSync(`/proc/${pid}/oom_score_adj`, 'utf8'))
    const pidOf = async (name: string): Promise<string> => {
      for (;; await Bun.sleep(20)) {
        const text = await Bun.file(join(machine.boot.homeDir, name)).text().catch(() => '')
        if (text !== '') return text.trim()
      }
    }
    await machine.event((body) => body.type === 'workspace.step' && body.step === 'services' && body.state === 'done')
    const own = scoreOf('self')
    const raised = Math.min(1000, own + 500)
    for (const pid of [machine.supervisor.pid, machine.runPid()]) expect(scoreOf(pid)).toBe(own)
    // It is raised right after the start, not before it.
    for (const name of ['agent', 'web']) {
      const pid = await pidOf(name)
      while (scoreOf(pid) !== raised) await Bun.sleep(20)
    }
  } finally {
    await machine.close()
  }
}, 60_000)
