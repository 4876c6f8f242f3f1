/** Where a workspace may go, of a sandboxed local machine and a container: asked, listed, nowhere, and changed while it runs. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Approval } from '@berth/wire'
import type { EgressRefusal } from '@berth/wire/egress'
import { startGitServer, type GitServer } from './git-server.ts'
import { eventually, startProduct, type Product } from './product.ts'
import { repositoryOf } from './repository.ts'

const PLAIN = ['--agent', 'plain', '--command', 'cat', '--no-open', '-y']
let product: Product
let host: Bun.Server<undefined>
let port = 0
let gitHost: GitServer
let hosted = ''
let seed: { readonly dir: string; remove(): void }
const TOKEN = 'longlived-canary-none-31'

beforeAll(async () => {
  host = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: ({ headers }) => new Response(`host ${headers.get('host') ?? ''}`) })
  port = host.port ?? 0
  hosted = mkdtempSync(join(tmpdir(), 'berth-egress-git-'))
  gitHost = startGitServer(hosted, { username: 'x-access-token', token: TOKEN })
  seed = await repositoryOf({ 'README.md': '# seed\n' })
  product = startProduct()
  writeFileSync(join(product.home, 'config.yaml'), 'egress:\n  names:\n    listed.test: 127.0.0.1\n    asked.test: 127.0.0.1\n')
  await product.cli(['provider', 'setup', 'local'])
  writeFileSync(join(product.home, 'providers/docker.yaml'), 'baseImage: host-usr\n')
}, 60_000)
afterAll(async () => {
  await product?.close()
  await host?.stop(true)
  await gitHost?.close()
  seed?.remove()
  if (hosted !== '') rmSync(hosted, { recursive: true, force: true })
}, 60_000)

for (const provider of ['local', 'docker'] as const) {
  describe(provider, () => {
    const inside = async (script: string): Promise<string> => (await product.cli(['ssh', provider, script], { exit: null })).stdout
    const get = (name: string): Promise<string> => inside(`curl -s -m 100 http://${name}:${port}/`)

    test('reaches what is listed, asks about the rest, and nothing beside the way out', async () => {
      await product.cli(['up', '--provider', provider, '--name', provider, '--egress', 'allowlist', '--allow-host', `listed.test:${port}`, ...PLAIN])
      expect(await get('listed.test')).toBe(`host listed.test:${port}`)
      const asking = get('asked.test')
      const question = await eventually(async () => (await product.json<Approval[]>(['approvals'])).find(({ tool }) => tool === 'berth:host'), 'the question')
      expect(question.title).toContain(`asked.test:${port}`)
      await product.cli(['approve', question.approvalId])
      expect(await asking).toBe(`host asked.test:${port}`)
      for (const address of ['169.254.169.254', '127.0.0.1', '10.0.0.1']) expect(await inside(`curl -s --noproxy "" -m 20 http://${address}:${port}/`)).toContain('it is a private address')
      expect((await inside(`curl -s --noproxy "*" -m 5 -o /dev/null -w "%{http_code}" http://1.1.1.1/; curl -s --noproxy "*" -m 5 -o /dev/null -w "%{http_code}" http://host.docker.internal:${port}/; timeout 5 getent hosts exfil.example || echo unknown`)).trim()).toBe('000000unknown')
    }, 170_000)

    test('is changed while it runs, and says where it was not let go', async () => {
      await product.cli(['egress', provider, '--deny', `asked.test:${port}`])
      expect(await get('asked.test')).toContain('its people do not let it there')
      expect((await product.json<EgressRefusal[]>(['egress', provider, '--log'])).map(({ host: name }) => name)).toContain('asked.test')
      await product.cli(['egress', provider, '--mode', 'none'])
      expect(await get('listed.test')).toContain('this workspace has no network')
    }, 120_000)

    test('without any network, git still clones and pushes by the server', async () => {
      const url = `http://127.0.0.1:${gitHost.port}/private-${provider}.git`
      Bun.spawnSync(['git', 'clone', '-q', '--bare', seed.dir, join(hosted, `private-${provider}.git`)])
      const added = await product.fetch('/api/v1/git-hosts', { method: 'POST', body: JSON.stringify({ origin: new URL(url).origin, token: TOKEN, check: `private-${provider}` }) })
      expect(added.status).toBe(200)
      await product.cli(['git-access', provider, '--repo', `${url}:write`])
      expect(await get('listed.test')).toContain('this workspace has no network')
      const said = await eventually(async () => {
        const { stdout, stderr, exitCode } = await product.cli(['ssh', provider, `rm -rf ~/none && git clone -q ${url} ~/none && cd ~/none && cat README.md && git -c user.name=a -c user.email=a@b commit -q --allow-empty -m "from no network" && git push -q origin HEAD:refs/heads/berth/${provider}`], { exit: null })
        return exitCode === 0 ? stdout : stderr.includes('this workspace has no network') || stderr.includes('Failed to connect') ? null : `${exitCode}: ${stderr}`
      }, 'git learns of the host')
      expect(said).toBe('# seed\n')
      expect(Bun.spawnSync(['git', '--git-dir', join(hosted, `private-${provider}.git`), 'log', '-1', '--format=%s', `berth/${provider}`]).stdout.toString()).toBe('from no network\n')
    }, 120_000)
  })
}
