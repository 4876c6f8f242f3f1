/** A command answers fast because it loads its own verb and nothing else: no schemas, no other verb. */
import { expect, it } from 'bun:test'
import { join } from 'node:path'

const LOADED = `const { createRequire } = await import('node:module')
const { main } = await import(process.env.MAIN)
process.exitCode = await main(JSON.parse(process.env.ARGV))
console.log(JSON.stringify(Object.keys(createRequire(process.env.MAIN).cache)))`

async function loadedBy(argv: readonly string[]): Promise<string[]> {
  const answers = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => Response.json([]) })
  try {
    const child = Bun.spawn([process.execPath, '-e', LOADED], {
      cwd: import.meta.dir, stdin: 'ignore', stdout: 'pipe', stderr: 'inherit',
      env: { PATH: process.env['PATH'] ?? '', MAIN: join(import.meta.dir, 'main.ts'), ARGV: JSON.stringify(argv), BERTH_URL: `http://127.0.0.1:${answers.port}`, BERTH_TOKEN: 't', BERTH_HOME: '/nonexistent' },
    })
    const lines = (await new Response(child.stdout).text()).trim().split('\n')
    expect(await child.exited).toBe(0)
    return JSON.parse(lines.at(-1) ?? '[]') as string[]
  } finally {
    await answers.stop(true)
  }
}

it.each(['list', 'approvals', 'up --help', 'attach --help'])('berth %s loads one verb and no schema', async (words) => {
  const argv = words.split(' ')
  const loaded = await loadedBy(argv)
  const verbs = loaded.filter((path) => path.includes('/cli/src/commands/') && !path.endsWith('/index.ts'))
  expect(verbs.map((path) => path.replace(/^.*\//, ''))).toEqual([`${argv[0]}.ts`])
  expect(loaded.filter((path) => /node_modules|server-process\/st(art|op)\.ts/.test(path))).toEqual([])
})
