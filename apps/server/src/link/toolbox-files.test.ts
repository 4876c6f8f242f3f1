import { afterEach, beforeEach, expect, test } from 'bun:test'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createToolboxFiles, type ToolboxFiles } from './toolbox-files.ts'

const [OLD, NEW] = ['aaaaaaaaaaaaaaaa', 'bbbbbbbbbbbbbbbb']
const BINARY = Buffer.from('the same words again and again; '.repeat(50_000))
let dir: string
let files: ToolboxFiles
let server: ReturnType<typeof Bun.serve>

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'toolbox-files-'))
  for (const hash of [OLD, NEW]) {
    await mkdir(join(dir, hash))
    await writeFile(join(dir, hash, 'berth-daemon'), BINARY)
  }
  files = createToolboxFiles({ dir, links: { knowsBootToken: async () => false }, imageToken: 'of-images' })
  server = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: (request) => files.daemon(request, new URL(request.url).pathname), error: (error) => Response.json(String(error), { status: 500 }) })
})
afterEach(async () => {
  await server.stop(true)
  await rm(dir, { recursive: true, force: true })
})

/** As a machine that boots asks, which may have a curl that was built without zstd. */
async function curl(hash: string, ...more: readonly string[]): Promise<{ bytes: Buffer; sent: number }> {
  const to = join(dir, 'fetched')
  const asking = Bun.spawn(['curl', '--fail', '--silent', '--show-error', '--compressed', ...more, '--header', 'authorization: Bearer of-images', '--output', to, '--write-out', '%{size_download}', `http://127.0.0.1:${server.port}/toolbox/${hash}/berth-daemon`])
  const [sent, exitCode] = await Promise.all([new Response(asking.stdout).text(), asking.exited])
  expect(exitCode).toBe(0)
  return { bytes: await readFile(to), sent: Number(sent) }
}
const packs = async (): Promise<string[]> => readdir(join(dir, 'packed')).catch(() => [])

test('the daemon comes packed to whoever takes that, and as it is to others', async () => {
  const packed = await curl(NEW)
  expect([packed.bytes.equals(BINARY), packed.sent < BINARY.length / 10]).toEqual([true, true])
  const plain = await curl(NEW, '--header', 'accept-encoding: gzip, br')
  expect([plain.bytes.equals(BINARY), plain.sent]).toEqual([true, BINARY.length])
}, 30_000)

test('it is packed once, also for those who ask at once, and goes with the daemon that it was made of', async () => {
  const asked = Array.from({ length: 5 }, () => files.daemon(new Request('http://link/', { headers: { authorization: 'Bearer of-images', 'accept-encoding': 'zstd' } }), `/toolbox/${OLD}/berth-daemon`))
  for (const answer of await Promise.all(asked)) expect(Bun.zstdDecompressSync(await answer.bytes()).equals(BINARY)).toBe(true)
  expect(await packs()).toEqual([`berth-daemon-${OLD}.zst`])
  await rm(join(dir, OLD), { recursive: true })
  await curl(NEW)
  expect(await packs()).toEqual([`berth-daemon-${NEW}.zst`])
}, 30_000)

test('one that this server does not have is said so, and nobody gets one without a token', async () => {
  await rm(join(dir, OLD), { recursive: true })
  await expect(files.daemon(new Request('http://link/', { headers: { authorization: 'Bearer of-images', 'accept-encoding': 'zstd' } }), `/toolbox/${OLD}/berth-daemon`)).rejects.toThrow(/not in the toolbox/)
  expect((await files.daemon(new Request('http://link/', { headers: { authorization: 'Bearer of-imageS' } }), `/toolbox/${NEW}/berth-daemon`)).status).toBe(401)
  expect(await packs()).toEqual([])
})
