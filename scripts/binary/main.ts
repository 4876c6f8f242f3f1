/** The entry of the one binary: the CLI, or the server when the CLI starts it. From source each has an entry of its own. */
import { runProcess } from '../../apps/cli/src/main.ts'
import { SERVER_ROLE } from '../../apps/cli/src/self.ts'

async function main(): Promise<void> {
  if (process.argv[2] !== SERVER_ROLE) return runProcess()
  const [server, { readCarried }] = await Promise.all([import('../../apps/server/src/main.ts'), import('./carried.ts')])
  process.exit(await server.main(process.argv.slice(3), await readCarried()))
}

void main()
