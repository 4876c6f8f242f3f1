/** An engine that reaches no registry, on a host that cannot make an image: what a project of compose services is told. */
import { afterEach, expect, it } from 'bun:test'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { createEngine } from '../../engine.ts'
import { prepareDevcontainer } from '../prepare.ts'

const path = process.env['PATH']
afterEach(() => { process.env['PATH'] = path })

it('is refused with what to do, which gives its people a machine to repair it in', async () => {
  const dir = await mkdtemp('/tmp/berth-without-')
  const socket = join(dir, 'docker.sock')
  const server = Bun.serve({
    unix: socket,
    fetch: (request) => (new URL(request.url).pathname === '/version' ? Response.json({ ApiVersion: '1.41' }) : Response.json({ message: 'no such host' }, { status: request.url.endsWith('/json') ? 404 : 500 })),
  })
  try {
    const engine = createEngine(socket)
    const file = '.devcontainer/devcontainer.json'
    const says = {
      kind: 'devcontainer' as const, path: file, others: [], contentOf: async () => null,
      async checkOut(folder: string) {
        await mkdir(dirname(join(folder, file)), { recursive: true })
        await writeFile(join(folder, file), '{ "dockerComposeFile": "compose.yml", "service": "app" }')
      },
    }
    process.env['PATH'] = dir
    const refused = prepareDevcontainer({ engine, dir, cli: async () => '', images: { engine, engineIsHere: true, base: 'auto' } }, says, { signal: new AbortController().signal, log: () => {} })
    await expect(refused).rejects.toMatchObject({ category: 'unsupported', message: expect.stringContaining('made of compose services, and there is no compose to read them with'), hint: expect.stringContaining('mmdebstrap') })
  } finally {
    await server.stop(true)
    await rm(dir, { recursive: true, force: true })
  }
})
