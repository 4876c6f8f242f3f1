/** What the contract does to machines that are processes of this host, whatever the processes are. */
import { readFile } from 'node:fs/promises'
import type { Owner, Provider } from '@berth/core'
import { ownerKey, readProcess } from '../local/machine-dir.ts'
import { isAlive, markedProcesses, sweep, type Mark } from '../local/process-tree.ts'
import { eventually } from './stand-in.ts'

export function processMachines(provider: Provider, mark: Mark) {
  const signal = new AbortController().signal
  const commandsOf = async (owner: Owner, file: 'cmdline' | 'environ'): Promise<string[]> => {
    const marked = await markedProcesses(mark, (value) => value === ownerKey(owner))
    return Promise.all(marked.map(({ pid }) => readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '')))
  }
  const dirOf = async (owner: Owner): Promise<string> => String((await provider.observe(owner, signal)).ref['dir'])
  return {
    dirOf,
    commands: (owner: Owner) => commandsOf(owner, 'cmdline'),
    shown: async (owner: Owner) => [...await commandsOf(owner, 'cmdline'), ...await commandsOf(owner, 'environ')].join('\n'),
    /** Its first process, and all that belongs to it. */
    async crash(owner: Owner) {
      const file = await readProcess(await dirOf(owner))
      if (file === null) throw new Error('no process file')
      process.kill(file.pid, 'SIGKILL')
      await sweep(mark, ownerKey(owner), signal)
      // A process that ends has no environment any more a moment before it has ended.
      await eventually(async () => !isAlive(file))
    },
    async removeAll(installation: string) {
      for (const { value } of await markedProcesses(mark, (one) => one.startsWith(`${installation}/`))) await sweep(mark, value, signal)
      for (const { owner } of (await provider.list(installation, signal)).items) if (typeof owner === 'object') await provider.destroy(owner, { signal })
    },
  }
}
