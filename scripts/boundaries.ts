/**
 * Who may import whom (design §4), with the reason beside each rule. `bun scripts/boundaries.ts` prints what breaks it.
 *
 * Two checks, because bundlers do not see type-only imports: each package.json may depend only on what the table
 * allows (the isolated linker refuses undeclared packages at run time and in types), and no import may leave its
 * package by a relative path.
 */
import { Glob } from 'bun'
import { dirname, join, relative, resolve } from 'node:path'

const root = resolve(import.meta.dir, '..')

/** package → the packages of ours it may import. The value's comment is the reason for what is missing. */
const TABLE: Record<string, readonly string[]> = {
  wire: [], // every process speaks it, so it depends on none
  client: ['wire'], // is shipped to browsers
  core: ['wire'], // the rules of the product, without I/O, so that they can be tested whole
  'aws-signature': [], // how AWS signs, and nothing of what is signed
  store: ['wire', 'core', 'aws-signature'], // an adapter: knows the ports, not its neighbours
  providers: ['wire', 'core', 'aws-signature'],
  toolbox: ['wire'],
  testkit: ['wire', 'client', 'core', 'store', 'providers', 'toolbox', 'sim-vendor'], // never imported outside tests
  daemon: ['wire'], // runs on hostile ground: it carries no server code and no client credentials
  cli: ['wire', 'client'], // speaks to any server, so it links none
  web: ['wire', 'client'],
  server: ['wire', 'core', 'aws-signature', 'web', 'store', 'providers', 'toolbox'], // adapters in main.ts only, see below
  bench: ['wire', 'client', 'core', 'store', 'providers', 'toolbox', 'testkit', 'sim-hetzner'],
  e2e: ['wire', 'client', 'core', 'store', 'providers', 'toolbox', 'testkit', 'server', 'sim-bitbucket', 'sim-cloudflare', 'sim-github', 'sim-gitlab', 'sim-hetzner', 'sim-machine', 'sim-ec2', 'sim-fly', 'sim-freestyle', 'sim-kubernetes'], // a server that is broken on purpose
  'sim-spec': [],
  'sim-cloudflare': [],
  'sim-bitbucket': ['sim-spec', 'sim-vendor'],
  'sim-gitlab': [],
  'sim-github': ['sim-spec', 'sim-vendor'], // speaks a vendor's API as the vendor describes it, and knows nothing of who asks
  'sim-machine': [],
  'sim-vendor': [],
  'sim-hetzner': ['sim-spec', 'sim-machine', 'sim-vendor'],
  'sim-ec2': ['sim-machine', 'sim-vendor'],
  'sim-freestyle': ['sim-machine', 'sim-vendor'],
  'sim-fly': ['sim-spec', 'sim-machine', 'sim-vendor'],
  'sim-kubernetes': ['sim-machine', 'sim-vendor'], // reads its descriptions from the official client's classes
}
/** Concrete adapters are named by the composition root (and by tests) only. */
const ADAPTERS = ['store', 'providers', 'toolbox']
const onlyForTests = (name: string): boolean => name === 'testkit' || name.startsWith('sim-')
const COMPOSITION = /src\/main\.ts$|src\/compose\//
/** Their tests put several rooms together. */
const TESTS_MAY_REACH = new Set(['server', 'core', 'daemon', 'cli', 'client'])
const IMPORT = /(?:from\s*|import\s*\(\s*|import\s+)['"]([^'"\n]+)['"]/g

const problems: string[] = []
const packages = new Map<string, string>()
for (const path of new Glob('{apps,packages}/*/package.json').scanSync(root)) packages.set(dirname(path).split('/')[1] ?? '', dirname(path))
for (const path of ['bench', 'e2e']) packages.set(path, path)
for (const path of new Glob('sim/*/package.json').scanSync(root)) packages.set(`sim-${path.split('/')[1]}`, dirname(path))

for (const [name, dir] of packages) {
  const allowed = TABLE[name]
  if (!allowed) {
    problems.push(`${dir}: not in the import table of scripts/boundaries.ts`)
    continue
  }
  await checkManifest(name, dir, allowed)
  await checkSources(name, dir, allowed)
}
for (const problem of problems) console.error(problem)
console.error(problems.length === 0 ? `boundaries hold for ${packages.size} packages` : `${problems.length} boundary problems`)
process.exit(problems.length === 0 ? 0 : 1)

async function checkManifest(name: string, dir: string, allowed: readonly string[]): Promise<void> {
  const manifest = (await Bun.file(join(root, dir, 'package.json')).json()) as { dependencies?: Record<string, string>; devDependencies?: Record<string, string> }
  for (const [dependency, version] of Object.entries(manifest.dependencies ?? {})) {
    const ours = dependency.match(/^@berth\/(.+)$/)?.[1]
    if (ours && !allowed.includes(ours)) problems.push(`${dir}/package.json: ${name} may not depend on ${ours}`)
    if (!ours && name === 'core') problems.push(`${dir}/package.json: core has no npm dependencies (${dependency})`)
    if (!ours && !/^\d/.test(version)) problems.push(`${dir}/package.json: ${dependency} is not pinned (${version})`)
  }
}

async function checkSources(name: string, dir: string, allowed: readonly string[]): Promise<void> {
  for (const path of new Glob('**/*.{ts,tsx}').scanSync(join(root, dir))) {
    if (path.includes('node_modules/')) continue
    const file = join(dir, path)
    const isTest = /\.test\.tsx?$|(^|\/)test(ing|-support)?\/|testing\.ts$/.test(path) || name === 'testkit' || name === 'bench' || name === 'e2e'
    const text = await Bun.file(join(root, file)).text()
    for (const [, target = ''] of text.matchAll(IMPORT)) checkImport({ name, dir, file, target, isTest, allowed })
  }
}

interface Import { name: string; dir: string; file: string; target: string; isTest: boolean; allowed: readonly string[] }

function checkImport(at: Import): void {
  if (at.target.startsWith('.')) return checkRelative(at)
  const ours = at.target.match(/^@berth\/([^/]+)/)?.[1]
  if (!ours) return
  if (at.isTest && TESTS_MAY_REACH.has(at.name)) return
  if (onlyForTests(ours) && at.isTest) return
  if (!at.allowed.includes(ours)) problems.push(`${at.file}: ${at.name} may not import ${ours}`)
  if (at.name === 'server' && ADAPTERS.includes(ours) && !at.isTest && !COMPOSITION.test(at.file)) problems.push(`${at.file}: names the adapter ${ours}; only the composition root may`)
}

function checkRelative(at: Import): void {
  const resolved = relative(join(root, at.dir), resolve(root, dirname(at.file), at.target))
  if (resolved.startsWith('..') && !at.isTest) problems.push(`${at.file}: leaves its package by ${at.target}`)
}
