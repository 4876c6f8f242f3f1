/** Lets a command write DNS records: `<command> add|remove <name> <value>`, ended with 0 when it is done. */
import { AcmeProblem } from './problem.ts'
import type { TxtWriter } from './dns-challenge.ts'

const COMMAND_WITHIN_MS = 120_000
const SAID_LIMIT = 500

export function createCommandWriter(command: readonly string[]): TxtWriter {
  async function run(action: 'add' | 'remove', name: string, value: string): Promise<void> {
    let said: string
    let code: number
    try {
      const child = Bun.spawn([...command, action, name, value], { stdin: 'ignore', stdout: 'pipe', stderr: 'pipe', timeout: COMMAND_WITHIN_MS })
      const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
      said = `${err}\n${out}`.trim().slice(0, SAID_LIMIT)
      code = await child.exited
    } catch (cause) {
      throw new AcmeProblem('dnsHook', `${command[0]} cannot be run`, { hint: 'name a program by its whole path in tls.acme.dns.command', cause })
    }
    if (code !== 0) throw new AcmeProblem('dnsHook', `${command[0]} ${action} ${name} ended with ${code}: ${said.replace(/\s+/g, ' ') || 'it said nothing'}`)
  }
  return {
    async write(name, value) {
      await run('add', name, value)
      return () => run('remove', name, value)
    },
  }
}
